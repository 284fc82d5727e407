"""The interface to the host. The logic of the check is in `judge.py`."""

import json
from typing import Optional

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import http
from wit_world.imports.types import (
    Bound_Above,
    Description,
    Measurement,
    Outcome,
    Request,
    Status,
)

import judge


class HealthCheck(exports.HealthCheck):
    def describe(self) -> Description:
        return Description(
            code="my-check",
            version="0.1.0",
            summary="Checks that few jobs wait.",
            config_schema=json.dumps(judge.SCHEMA),
            annotations=[],
        )

    def check(self, request: Request) -> Outcome:
        settings = json.loads(request.config)
        # Shorter than the run, so that a timeout is a result with a reason.
        timeout_ms = request.timeout_ms * 9 // 10
        status, text = get(settings["url"], settings.get("token"), timeout_ms)
        try:
            result = judge.judge(settings, status, text)
        except ValueError as error:
            raise Err(str(error)) from error
        bound = Bound_Above(result.degraded_above)
        return Outcome(
            status=Status[result.status.upper()],
            message=result.message,
            details=[],
            measurements=[Measurement("waiting", result.waiting, "", bound, None)],
        )


def get(url: str, token: Optional[str], timeout_ms: int) -> tuple[int, str]:
    """Gets a URL with a bearer token. Returns the status and the text of the response."""
    headers = [("accept", b"application/json")]
    if token is not None:
        headers.append(("authorization", f"Bearer {token}".encode()))
    try:
        response = http.fetch(http.Request("GET", url, headers, None, timeout_ms, None))
    except Err as error:
        # The value of `Err` is the message of an unhealthy result.
        raise Err(reason(error.value)) from error
    return response.status, response.body.decode(errors="replace")


def reason(failure: http.Failure) -> str:
    """Says for a person why there is no response."""
    match failure.error:
        case http.HttpError_InvalidRequest(why):
            text = f"the request is not valid: {why}"
        case http.HttpError_NotResolved(why):
            text = f"cannot look up the host: {why}"
        case http.HttpError_Refused():
            text = "connection refused"
        case http.HttpError_Unreachable(why):
            text = f"cannot reach the host: {why}"
        case http.HttpError_Timeout(phase):
            text = f"timed out in the phase `{phase.name.lower().replace('_', '-')}`"
        case http.HttpError_TooLarge(what):
            text = f"too large: {what}"
        case http.HttpError_Redirect(why):
            text = f"cannot follow the redirect: {why}"
        case other:
            # The texts of `denied`, `tls` and `protocol` are complete.
            text = other.value
    return f"cannot get {failure.url}: {text}"
