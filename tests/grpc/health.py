"""A gRPC server for the tests of the plugin `grpc`. The name of a service says how it answers.

health.py ADDRESS [CHAIN KEY]
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

METHOD = "/grpc.health.v1.Health/Check"

# The field `status` of a HealthCheckResponse; the status 0 is not written.
STATUSES = {
    "": b"\x08\x01",
    "up": b"\x08\x01",
    "down": b"\x08\x02",
    "unsure": b"",
    "gone": b"\x08\x03",
    "garbage": b"\x0a\x09",
    # An unknown field of 100,000 bytes.
    "large": b"\x08\x01\x12\xa0\x8d\x06" + b"x" * 100_000,
}

CODES = {
    "secret": (grpc.StatusCode.UNAUTHENTICATED, "no key"),
    "forbidden": (grpc.StatusCode.PERMISSION_DENIED, ""),
    "tired": (grpc.StatusCode.UNAVAILABLE, "come back\nlater: 100 % ü"),
}


def check(request, context):
    # The field `service` of a HealthCheckRequest.
    service = request[2:].decode()
    metadata = dict(context.invocation_metadata())
    if service == "secret" and metadata.get("authorization") == "Bearer key":
        return STATUSES["up"]
    if service == "deadline":
        left = round(context.time_remaining())
        context.abort(grpc.StatusCode.OUT_OF_RANGE, f"{left} s left")
    if service == "talkative":
        context.set_trailing_metadata([("x-long", "x" * 100_000)])
        return STATUSES["up"]
    if service in CODES:
        context.abort(*CODES[service])
    if service not in STATUSES:
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return STATUSES[service]


class Health(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method != METHOD:
            return None
        if "x-without-health" in dict(details.invocation_metadata):
            return None
        return grpc.unary_unary_rpc_method_handler(check)


def main(address, chain=None, key=None):
    server = grpc.server(ThreadPoolExecutor(4), handlers=[Health()])
    if chain is None:
        server.add_insecure_port(address)
    else:
        with open(chain, "rb") as chain, open(key, "rb") as key:
            pair = (key.read(), chain.read())
        server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
