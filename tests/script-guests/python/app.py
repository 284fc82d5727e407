"""A check in Python, as an author would write it: how long until something expires?

It reads the clock through WASI, asks for no grant, and needs one setting, so it doesn't run by
itself when it is dropped into the plugins directory.
"""

import json
from datetime import datetime, timezone

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import reporting
from wit_world.imports.types import (
    Bound_Below,
    Description,
    Detail,
    Measurement,
    Outcome,
    Request,
    Status,
    Value_Boolean,
    Value_Integer,
    Value_Json,
    Value_Text,
)

DAY = 86_400

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["expires"],
    "properties": {
        "expires": {
            "type": "string",
            "description": "When it expires, as a date or a date and time in ISO 8601; UTC where no offset is given.",
        },
        "degraded_below_days": {
            "type": "integer",
            "minimum": 0,
            "default": 30,
            "description": "Degraded when fewer days are left.",
        },
    },
}


class HealthCheck(exports.HealthCheck):
    def describe(self) -> Description:
        return Description(
            code="expiry",
            version="1.0.0",
            summary="Tells how long it is until something expires.",
            config_schema=json.dumps(SCHEMA),
            annotations=[("language", "Python")],
        )

    def check(self, request: Request) -> Outcome:
        settings = json.loads(request.config)
        try:
            expires = datetime.fromisoformat(settings["expires"])
        except ValueError as error:
            # The error arm of the contract: no check could be made.
            raise Err(f"cannot read `expires`: {error}") from error
        if expires.tzinfo is None:
            expires = expires.replace(tzinfo=timezone.utc)
        degraded_below = settings.get("degraded_below_days", 30) * DAY

        now = datetime.now(timezone.utc)
        left = (expires - now).total_seconds()
        if left <= 0:
            status, message = Status.UNHEALTHY, f"expired on {expires.date()}"
        elif left < degraded_below:
            status, message = Status.DEGRADED, f"expires in {left // DAY:.0f} days"
        else:
            status, message = Status.HEALTHY, f"valid until {expires.date()}"
        reporting.log(reporting.Level.INFO, f"{request.check}: {message}")

        return Outcome(
            status=status,
            message=message,
            details=[
                Detail("expires", Value_Text(expires.isoformat())),
                Detail("days_left", Value_Integer(int(left // DAY))),
                Detail("expired", Value_Boolean(left <= 0)),
                Detail("previous", Value_Json(json.dumps(request.previous and request.previous.name.lower()))),
            ],
            measurements=[
                Measurement(
                    name="time_left",
                    value=max(left, 0.0),
                    unit="seconds",
                    degraded_at=Bound_Below(float(degraded_below)),
                    unhealthy_at=None,
                )
            ],
        )
