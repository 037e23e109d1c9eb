"""Servers of libraries that people use, run by the environment that has them: ``python libraries.py KIND NAME…``.

As `tests.foreign.manners`: one member for each name, ports as one JSON list on stdout, and an end with stdin. A member
without a name sends none.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from typing import Any

FIELD = "X-Served-By"


def starlette(name: str) -> Any:
    """The loop of every FastAPI tutorial: it takes text alone, and a binary message ends it with an error."""
    from starlette.applications import Starlette  # noqa: PLC0415 - in its own environment alone
    from starlette.routing import WebSocketRoute  # noqa: PLC0415 - in its own environment alone
    from starlette.websockets import WebSocket, WebSocketDisconnect  # noqa: PLC0415 - in its own environment alone

    async def loop(tunnel: WebSocket) -> None:
        await tunnel.accept(headers=[(FIELD.lower().encode(), name.encode())] if name else [])
        try:
            while True:
                await tunnel.receive_text()
        except (KeyError, WebSocketDisconnect):
            return

    return Starlette(routes=[WebSocketRoute("/{path:path}", loop)])


def socketio(name: str) -> Any:
    """Socket.IO 5 on any path; who connected hears the name."""
    from socketio import ASGIApp, AsyncServer  # noqa: PLC0415 - in its own environment alone

    server = AsyncServer(async_mode="asgi", cors_allowed_origins="*")

    async def connect(sid: str, _environ: dict[str, Any]) -> None:
        if name:
            await server.emit("hello", {"node": name}, to=sid)

    server.on("connect", connect)
    app = ASGIApp(server, socketio_path="/")

    async def anywhere(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await app({**scope, "path": "/"} if "path" in scope else scope, receive, send)

    return anywhere


async def asgi(apps: list[Any], sockets: list[socket.socket]) -> None:
    from uvicorn import Config, Server  # noqa: PLC0415 - in its own environment alone

    servers = [Server(Config(app, ws="wsproto", log_level="critical", lifespan="off")) for app in apps]
    await asyncio.gather(*(server.serve(sockets=[one]) for server, one in zip(servers, sockets, strict=True)))


async def tornado(names: list[str], sockets: list[socket.socket]) -> None:
    from tornado.httpserver import HTTPServer  # noqa: PLC0415 - in its own environment alone
    from tornado.web import Application  # noqa: PLC0415 - in its own environment alone
    from tornado.websocket import WebSocketHandler  # noqa: PLC0415 - in its own environment alone

    class Echo(WebSocketHandler):
        def initialize(self, name: str) -> None:
            if name:
                self.set_header(FIELD, name)

        def on_message(self, message: str | bytes) -> None:
            self.write_message(message, binary=isinstance(message, bytes))

    for name, one in zip(names, sockets, strict=True):
        HTTPServer(Application([("/.*", Echo, {"name": name})])).add_socket(one)
    await asyncio.Event().wait()


async def main(kind: str, names: list[str]) -> None:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    for one in sockets:
        one.setblocking(False)
    sys.stdout.write(f"{json.dumps([one.getsockname()[1] for one in sockets])}\n")
    sys.stdout.flush()
    apps = {"starlette": starlette, "python-socketio": socketio}
    serving = asyncio.create_task(
        tornado(names, sockets) if kind == "tornado" else asgi([apps[kind](name) for name in names], sockets)
    )
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    serving.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
