"""The logic of the check: the clock must be set and the file must be recent. It does not use the host, so
that `python3 -m unittest` can run it."""

from dataclasses import dataclass
from typing import Callable, Optional

# The settings as JSON Schema. A value of a property with `x-vitals-grant` is granted to the check.
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "file": {
            "type": "string",
            "x-vitals-grant": "file",
            "description": "A file that is renewed regularly, such as the last backup.",
        },
        "degraded_above_hours": {
            "type": "number",
            "minimum": 0,
            "default": 26,
            "description": "The check is degraded if the file is older than this.",
        },
    },
}

# 2026-01-01 in Unix time. A clock that shows an earlier time is not set.
EARLIEST = 1_767_225_600


@dataclass
class Result:
    status: str
    message: str
    age: Optional[float] = None
    degraded_above: float = 0.0


def judge(settings: dict, now: float, modified: Callable[[str], float]) -> Result:
    """Judges the clock and the file.

    `now` is the Unix time, and `modified` returns the Unix time at which a file was modified.
    """
    if now < EARLIEST:
        return Result("unhealthy", "the clock is not set")
    file = settings.get("file")
    if file is None:
        return Result("healthy", "the clock is set")

    age = max(now - modified(file), 0.0)
    bound = settings.get("degraded_above_hours", 26) * 3600.0
    if age > bound:
        return Result("degraded", f"{file} is {age // 3600:.0f} hours old", age, bound)
    return Result("healthy", "the clock is set", age, bound)
