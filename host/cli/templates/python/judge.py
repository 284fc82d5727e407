"""The check itself: is the clock set, and is what has to be renewed young enough? It knows no host, so
that `python3 -m unittest` runs it."""

from dataclasses import dataclass
from typing import Callable, Optional

# The settings, as JSON Schema. What is marked `x-vitals-grant` is granted by being written there.
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "file": {
            "type": "string",
            "x-vitals-grant": "file",
            "description": "A file that something renews, such as the last backup.",
        },
        "degraded_above_hours": {
            "type": "number",
            "minimum": 0,
            "default": 26,
            "description": "A file that is older is degraded.",
        },
    },
}

# 2026-01-01: a clock that tells less was never set.
WRITTEN = 1_767_225_600


@dataclass
class Found:
    status: str
    message: str
    age: Optional[float] = None
    degraded_above: float = 0.0


def judge(settings: dict, now: float, modified: Callable[[str], float]) -> Found:
    """Takes settings, the time in seconds since 1970, and what tells when a file was changed."""
    if now < WRITTEN:
        return Found("unhealthy", "the clock is not set")
    file = settings.get("file")
    if file is None:
        return Found("healthy", "the clock is set")

    age = max(now - modified(file), 0.0)
    bound = settings.get("degraded_above_hours", 26) * 3600.0
    if age > bound:
        return Found("degraded", f"{file} is {age // 3600:.0f} hours old", age, bound)
    return Found("healthy", "the clock is set", age, bound)
