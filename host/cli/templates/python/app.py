"""The interface to the host. The logic of the check is in `judge.py`."""

import json
import time

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import files
from wit_world.imports.types import (
    Bound_Above,
    Description,
    Detail,
    Measurement,
    Outcome,
    Request,
    Status,
    Value_Integer,
)

import judge


class HealthCheck(exports.HealthCheck):
    def describe(self) -> Description:
        return Description(
            code="my-check",
            version="0.1.0",
            summary="Checks that the clock is set and that a file is recent.",
            config_schema=json.dumps(judge.SCHEMA),
            annotations=[],
        )

    def check(self, request: Request) -> Outcome:
        now = time.time()
        result = judge.judge(json.loads(request.config), now, modified)
        measurements = []
        if result.age is not None:
            bound = Bound_Above(result.degraded_above)
            measurements.append(Measurement("age", result.age, "seconds", bound, None))
        return Outcome(
            status=Status[result.status.upper()],
            message=result.message,
            details=[Detail("unix_seconds", Value_Integer(int(now)))],
            measurements=measurements,
        )


def modified(file: str) -> float:
    """Returns the Unix time at which a file was modified."""
    try:
        return files.stat(file).modified
    except Err as error:
        # The value of `Err` is the message of an unhealthy result.
        if isinstance(error.value, files.FileError_NotFound):
            raise Err(f"there is no {file}") from error
        raise Err(f"cannot stat {file}: {error.value.value}") from error
