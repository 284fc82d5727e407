"""The logic of the check: what the response says. It does not use the host, so that `python3 -m unittest`
can run it."""

import json
from dataclasses import dataclass

# The settings as JSON Schema. A value of a property with `x-vitals-grant` is granted to the check.
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["url"],
    "properties": {
        "url": {
            "type": "string",
            "x-vitals-grant": "http",
            "description": "Answers with a JSON object in which `waiting` is the number of jobs that wait.",
        },
        "token": {
            "type": "string",
            "writeOnly": True,
            "description": "The bearer token that the server requires. The host never shows it.",
        },
        "degraded_above": {
            "type": "number",
            "minimum": 0,
            "default": 100,
            "description": "The check is degraded if more jobs wait.",
        },
    },
}


@dataclass
class Result:
    status: str
    message: str
    waiting: float
    degraded_above: float


def judge(settings: dict, status: int, text: str) -> Result:
    """Judges a response by its status and its text.

    A `ValueError` is for a response that cannot be judged; its text is for a person.
    """
    if status != 200:
        raise ValueError(f"the status is {status}")
    try:
        response = json.loads(text)
    except ValueError as error:
        raise ValueError(f"the response is not JSON: {error}") from error
    waiting = response.get("waiting") if isinstance(response, dict) else None
    if not isinstance(waiting, (int, float)):
        raise ValueError("the response does not say how many jobs wait")

    bound = settings.get("degraded_above", 100)
    verdict = "degraded" if waiting > bound else "healthy"
    return Result(verdict, f"{waiting} jobs wait", float(waiting), float(bound))
