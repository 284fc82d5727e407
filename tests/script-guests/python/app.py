"""A check in Python, as an author would write it: how long until something expires?

It reads the clock through WASI and needs a setting, so it doesn't run by itself when it is dropped
into the plugins directory. The end is in the settings, for which it needs no grant, or in a
file, or a server tells it.
"""

# `socket` needs it to look up a name, and a component imports nothing at run time.
import encodings.idna  # noqa: F401
import json
import socket
import urllib.request
from datetime import datetime, timezone
from urllib.parse import urlsplit

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import files, http, net, reporting
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
    "anyOf": [{"required": [name]} for name in ["expires", "file", "url", "ungranted_url"]],
    "properties": {
        "expires": {
            "type": "string",
            "description": "When it expires, as a date or a date and time in ISO 8601; UTC where no offset is given.",
        },
        "file": {
            "type": "string",
            "x-vitals-grant": "file",
            "description": "A file with an object of JSON that has `expires`.",
        },
        "url": {
            "type": "string",
            "x-vitals-grant": "http",
            "description": "Answers with an object of JSON that has `expires`.",
        },
        "ungranted_url": {
            "type": "string",
            "description": "The same, but writing it grants nothing.",
        },
        "token": {
            "type": "string",
            "writeOnly": True,
            "description": "The bearer token for the server.",
        },
        "by": {
            "enum": ["contract", "contract with options", "urllib", "socket"],
            "default": "contract",
            "description": "How to ask the server.",
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
        url = settings.get("url") or settings.get("ungranted_url")
        if "file" in settings:
            settings["expires"] = json.loads(by_file(settings["file"]))["expires"]
        elif url is not None:
            ask = {"urllib": by_urllib, "socket": by_socket}.get(settings.get("by"))
            token = settings.get("token")
            text = ask(url, token) if ask else by_contract(url, token, settings.get("by"))
            settings["expires"] = json.loads(text)["expires"]
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


def by_file(path):
    try:
        return files.read(path, 0, files.stat(path).size_bytes)
    except Err as error:
        text = getattr(error.value, "value", "")
        raise Err(f"{type(error.value).__name__}: {text}") from error


def by_contract(url, token, by):
    headers = [("authorization", f"Bearer {token}".encode())]
    options = OPTIONS if by == "contract with options" else None
    try:
        response = http.fetch(http.Request("GET", url, headers, None, 5_000, options))
    except Err as failure:
        error = failure.value.error
        raise Err(f"{type(error).__name__}: {error.value}") from failure
    return response.body


# All of them, because a record has no defaults of its own.
OPTIONS = http.Options(
    redirects=3,
    cookies=True,
    decode=True,
    body_max=4096,
    version=http.VersionOption.HTTP1,
    family=net.Family.IPV4,
    server_name=None,
    verification=net.Verification_ChainAndName(),
    client_certificate=None,
    proxy=None,
)


def by_urllib(url, token):
    request = urllib.request.Request(url, headers={"authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.read()
    except OSError as error:
        raise Err(f"{type(error).__name__}: {error}") from error


def by_socket(url, token):
    parts = urlsplit(url)
    head = f"GET {parts.path} HTTP/1.0\r\nauthorization: Bearer {token}\r\n\r\n"
    try:
        with socket.create_connection((parts.hostname, parts.port), timeout=5) as stream:
            stream.sendall(head.encode())
            with stream.makefile("rb") as received:
                return received.read().partition(b"\r\n\r\n")[2]
    except OSError as error:
        raise Err(f"{type(error).__name__}: {error}") from error
