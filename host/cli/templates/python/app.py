"""What the host calls, and what the check calls of the host. What it finds out stands in `judge.py`."""

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
            summary="The clock is set, and the file is young.",
            config_schema=json.dumps(judge.SCHEMA),
            annotations=[],
        )

    def check(self, request: Request) -> Outcome:
        now = time.time()
        found = judge.judge(json.loads(request.config), now, modified)
        measurements = []
        if found.age is not None:
            bound = Bound_Above(found.degraded_above)
            measurements.append(Measurement("age", found.age, "seconds", bound, None))
        return Outcome(
            status=Status[found.status.upper()],
            message=found.message,
            details=[Detail("unix_seconds", Value_Integer(int(now)))],
            measurements=measurements,
        )


def modified(file: str) -> float:
    """When a file was changed, in seconds since 1970."""
    try:
        return files.stat(file).modified
    except Err as error:
        # The message of an unhealthy result.
        if isinstance(error.value, files.FileError_NotFound):
            raise Err(f"there is no {file}") from error
        raise Err(f"cannot stat {file}: {error.value.value}") from error
