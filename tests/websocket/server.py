"""A WebSocket server for tests. It takes the address and the port as arguments.

The path determines what it does: `/echo` returns every message, `/greet` sends two, `/fails` raises
an error, `/closes` closes with the code of policies, `/forbidden` and `/login` refuse the opening
handshake. It speaks the subprotocol `v1`.
"""

import asyncio
import sys
from http import HTTPStatus

import websockets


async def refuse(path, headers):
    if path == "/forbidden" and headers.get("origin") != "https://shop.test":
        return HTTPStatus.FORBIDDEN, [], b""
    if path == "/login":
        return HTTPStatus.FOUND, [("location", "https://login.test/?token=secret-1")], b""
    return None


async def serve(socket, path):
    if path == "/greet":
        await socket.send("hello")
        await socket.send('{"status": "ready"}')
    elif path == "/fails":
        raise RuntimeError("this is expected")
    elif path == "/closes":
        await socket.close(1008, "no more guests")
    async for message in socket:
        await socket.send(message)


async def main(host, port):
    options = {"process_request": refuse, "subprotocols": ["v1"]}
    async with websockets.serve(serve, host, int(port), **options):
        await asyncio.Future()


asyncio.run(main(*sys.argv[1:]))
