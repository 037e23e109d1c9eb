"""Servers of other people's kinds, each with manners of its own: ``python -m tests.foreign.manners KIND NAME…``.

One member for each name, on a port of its own; an empty name is one that is not told. The ports are printed as one JSON
list, in that order. It ends with its standard input. `KINDS` says what a client has to be told of each, and by what it
knows who answered.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response

__all__ = ["KINDS", "LIBRARIES", "REFUSING", "Kind"]

Talk = Callable[[ServerConnection, str], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Manners of a server.

    Attributes:
        talk: what it says and does on a tunnel.
        told: by what ``wslb`` finds out by itself who answered; empty where nothing tells.
        options: what a client must be told.
        subprotocols: that the server speaks; without one of them it refuses to talk.
        field: of its 101 that has its name in it; None sends none.
        session: whether each 101 sets a JSESSIONID with the name behind its last dot.
        refuses: whether a name is the status that every handshake gets, or what it does instead.
        ending: payload of every Close that it sends; None answers as it was asked.
    """

    talk: Talk
    told: str = ""
    options: tuple[str, ...] = ()
    subprotocols: tuple[str, ...] = ()
    field: str | None = None
    session: bool = False
    refuses: bool = False
    ending: bytes | None = None


async def silent(tunnel: ServerConnection, _name: str) -> None:
    async for _ in tunnel:
        pass


async def echo(tunnel: ServerConnection, _name: str) -> None:
    async for message in tunnel:
        await tunnel.send(message)


async def json_only(tunnel: ServerConnection, _name: str) -> None:
    """A loop that takes text of its own form alone, and ends at anything else."""
    async for message in tunnel:
        json.loads(message)


async def greeter(tunnel: ServerConnection, name: str) -> None:
    if name:
        await tunnel.send(f"Connected to {name}")
    await silent(tunnel, name)


async def same(tunnel: ServerConnection, name: str) -> None:
    await tunnel.send("welcome")
    await silent(tunnel, name)


async def clock(tunnel: ServerConnection, name: str) -> None:
    await tunnel.send(f"{time.time_ns()}")
    await silent(tunnel, name)


async def json_greeter(tunnel: ServerConnection, name: str) -> None:
    known = {"node": name} if name else {}
    await tunnel.send(json.dumps({**known, "at": time.time_ns(), "id": secrets.token_hex(8)}))
    await silent(tunnel, name)


async def action_cable(tunnel: ServerConnection, name: str) -> None:
    """Welcomes, then pings all the while in messages of its own."""
    await tunnel.send('{"type":"welcome"}')
    listening = asyncio.create_task(silent(tunnel, name))
    while not listening.done():
        await tunnel.send(json.dumps({"type": "ping", "message": time.time_ns()}))
        await asyncio.wait([listening], timeout=0.05)


async def socket_io(tunnel: ServerConnection, name: str) -> None:
    await tunnel.send("0" + json.dumps({"sid": secrets.token_hex(10), "upgrades": [], "pingInterval": 25000}))
    async for message in tunnel:
        if message == "40":
            await tunnel.send("2")
            if name:
                await tunnel.send(f'42["hello",{{"node":"{name}"}}]')
            await tunnel.send("40" + json.dumps({"sid": secrets.token_hex(10)}))


async def graphql(tunnel: ServerConnection, name: str) -> None:
    if json.loads(await tunnel.recv()).get("type") != "connection_init":
        await tunnel.close(4400, "Invalid message")
        return
    known = {"payload": {"node": name}} if name else {}
    await tunnel.send(json.dumps({"type": "connection_ack", **known}))
    await silent(tunnel, name)


async def stomp(tunnel: ServerConnection, name: str) -> None:
    if str(await tunnel.recv()).startswith("CONNECT\n"):
        server = f"server:{name}\n" if name else ""
        await tunnel.send(f"CONNECTED\nversion:1.2\n{server}\n\0")
        await silent(tunnel, name)


async def mqtt(tunnel: ServerConnection, name: str) -> None:
    message = await tunnel.recv()
    if isinstance(message, bytes) and message[:1] == b"\x10":
        await tunnel.send(b"\x20\x02\x00\x00")
        await silent(tunnel, name)


FIELD = "X-Served-By"
KINDS: dict[str, Kind] = {
    "silent": Kind(talk=silent, told="header X-Served-By", field=FIELD),
    "echo": Kind(talk=echo, told="header X-Served-By", field=FIELD),
    "receive_text": Kind(talk=json_only, told="header X-Served-By", field=FIELD),
    "greeter": Kind(talk=greeter, told="the first message"),
    "same": Kind(talk=same),
    "clock": Kind(talk=clock),
    "json": Kind(talk=json_greeter, told="field node of a message"),
    "actioncable": Kind(
        talk=action_cable, told="header X-Cable-Host", field="X-Cable-Host",
        options=("--subprotocol", "actioncable-v1-json"), subprotocols=("actioncable-v1-json",),
    ),
    "socketio": Kind(talk=socket_io, told="field 1.node of a message", options=("--speak", "socketio")),
    "graphql-ws": Kind(
        talk=graphql, told="field payload.node of a message", options=("--speak", "graphql-ws"),
        subprotocols=("graphql-transport-ws",),
    ),
    "stomp": Kind(
        talk=stomp, told=r"a message, by server:(\S+)", subprotocols=("v12.stomp",),
        options=("--speak", "stomp", "--identify", r"message:server:(\S+)"),
    ),
    "mqtt": Kind(
        talk=mqtt, told="header X-Served-By", field=FIELD, options=("--speak", "mqtt"), subprotocols=("mqtt",)
    ),
    "session": Kind(talk=silent, told="the route in cookie JSESSIONID", session=True),
    "empty-close": Kind(talk=greeter, told="the first message", ending=b""),
    "other-code": Kind(talk=greeter, told="the first message", ending=b"\x03\xe9"),
}  # fmt: skip
"""Fifteen kinds: most of what speaks WebSocket behind other people's proxies."""

REFUSING = Kind(talk=silent, refuses=True)
"""Servers that refuse: ``404`` and other statuses, and ``hangs up``."""

LIBRARIES = {
    "starlette": Kind(talk=silent, told="header x-served-by", field=FIELD),
    "tornado": Kind(talk=echo, told="header X-Served-By", field=FIELD),
    "python-socketio": Kind(talk=socket_io, told="field 1.node of a message", options=("--speak", "socketio")),
}
"""What to expect of servers that ``libraries.py`` runs."""


class Mannered(ServerConnection):
    """A connection whose Close has a payload of its own."""

    ending: bytes | None = None

    def __init__(self, protocol: Any, *args: Any, **options: Any) -> None:
        send = protocol.send_frame

        def sent(frame: Frame) -> None:
            if frame.opcode is Opcode.CLOSE and self.ending is not None:
                frame = Frame(Opcode.CLOSE, self.ending)
            send(frame)

        protocol.send_frame = sent
        super().__init__(protocol, *args, **options)


async def serve_kind(kind: Kind, names: list[str]) -> None:
    connection = type("Connection", (Mannered,), {"ending": kind.ending})

    async def talked(name: str, tunnel: ServerConnection) -> None:
        try:
            if not kind.subprotocols or tunnel.subprotocol:
                await kind.talk(tunnel, name)
            else:
                await tunnel.close(4406, "Subprotocol not acceptable")
        except (ConnectionClosed, ValueError):
            await tunnel.close(1011)

    def signed(name: str, _tunnel: ServerConnection, _request: Request, response: Response) -> Response:
        fields = Headers((key, value) for key, value in response.headers.raw_items() if key != "Server")
        if kind.field and name:
            fields[kind.field] = name
        if kind.session and name:
            fields["Set-Cookie"] = f"JSESSIONID={secrets.token_hex(8)}.{name}; Path=/"
        response.headers = fields
        return response

    def answered(name: str, tunnel: ServerConnection, _request: Request) -> Response | None:
        if not kind.refuses:
            return None
        if name == "hangs up":
            tunnel.transport.abort()
            return tunnel.respond(HTTPStatus.BAD_REQUEST, "")
        return tunnel.respond(HTTPStatus(int(name)), f"{HTTPStatus(int(name)).phrase}\n")

    async with AsyncExitStack() as stack:
        ports = []
        for name in names:
            server = await stack.enter_async_context(
                serve(
                    partial(talked, name), "127.0.0.1", 0, create_connection=connection, compression=None,
                    process_request=partial(answered, name), process_response=partial(signed, name),
                    subprotocols=kind.subprotocols or None,  # type: ignore[arg-type]
                )
            )  # fmt: skip
            ports.append(server.sockets[0].getsockname()[1])
        sys.stdout.write(f"{json.dumps(ports)}\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve_kind({**KINDS, "refusing": REFUSING}[sys.argv[1]], sys.argv[2:]))
