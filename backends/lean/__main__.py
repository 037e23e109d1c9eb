"""A backend that costs little for each connection, for load: it plays Liberty or Node.js, on an asyncio protocol.

`python -m backends.lean --play liberty|node` takes the options of the backend that it plays; README.md is the contract.
What behaves well is answered within the callback that brought the bytes, without a task or a timer of its own; a
connection that shall suffer a fault has the same dialogue as in the stand-ins.
"""

import argparse
import asyncio
import dataclasses
import socket
import ssl
import sys
from typing import Literal

from backends.contract import daemon
from backends.contract.connection import HttpConnection, Service
from backends.contract.dialogue import Dialogue
from backends.contract.frames import framing
from backends.contract.profile import CL_MESSAGE_LIMIT, ECHO_MESSAGE_LIMIT, LIBERTY, NODE
from backends.contract.request import RequestHead, serialise_head
from backends.contract.sockets import BACKLOG
from backends.contract.stand_in import StandIn
from backends.contract.visit import Visit
from backends.lean.inbox import Inbox
from backends.lean.lines import Lines
from backends.lean.responder import Responder

PLAYS = {"liberty": LIBERTY, "node": NODE}


class LeanService(Service):
    """One listening socket and its connections."""

    server: asyncio.Server

    def __init__(self, backend: StandIn, listener: Literal["ws", "wss"], lines: Lines) -> None:
        super().__init__(backend, listener)
        self.lines = lines
        self.greeting = framing.serialise(framing.TEXT, backend.greeting.encode())

    async def stop_listening(self) -> None:
        """Accept nobody any more."""
        await super().stop_listening()
        self.server.close()


class LeanConnection(HttpConnection):
    """One TCP connection, from its first byte to its last."""

    __slots__ = ("open",)

    service: LeanService

    def __init__(self, service: LeanService) -> None:
        self.serve(service)
        self.open: Responder | Inbox | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        super().connection_lost(exc)
        if self.open is not None:
            self.open.lost()

    def pause_writing(self) -> None:
        """Read no more from a client that does not read."""
        if self.open is not None:
            self.open.pause_writing()

    def resume_writing(self) -> None:
        """Read on."""
        if self.open is not None:
            self.open.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take in bytes: of the request, then of frames."""
        if self.open is not None:
            self.open.received(data)
        else:
            super().data_received(data)

    def accept(self, visit: Visit, head: RequestHead, rest: bytes) -> None:
        """Accept a handshake."""
        service, transport = self.service, self.transport
        echo = visit.endpoint == "echo"
        deflate = echo and framing.chosen_deflate(head.values("Sec-WebSocket-Extensions"))
        headers = service.backend.switching(visit, extensions=framing.DEFLATE if deflate else None)
        visit.answered(101, headers)
        answer = serialise_head(101, "Switching Protocols", headers)
        manners, limit = service.backend.profile.manners, ECHO_MESSAGE_LIMIT if echo else CL_MESSAGE_LIMIT
        reader = framing.Reader(limit=limit, deflate=deflate, manners=manners)
        if visit.plan:
            transport.write(answer)
            inbox = self.open = Inbox(transport, reader, deflate=deflate, manners=manners)
            inbox.keep(asyncio.ensure_future(Dialogue(backend=service.backend, visit=visit, channel=inbox).run()))
        else:
            transport.write(answer if echo else answer + service.greeting)
            visit.entry.messages_sent = int(not echo)
            self.open = Responder(
                visit, transport, reader, deflate=deflate, backend=service.backend, lines=service.lines
            )
        if rest:
            self.open.received(rest)


async def serve(
    backend: StandIn, listener: Literal["ws", "wss"], sock: socket.socket, context: ssl.SSLContext | None
) -> LeanService:
    """Serve on a bound socket."""
    lines = Lines(backend.name)
    lines.take_over()
    service = LeanService(backend, listener, lines)
    service.server = await asyncio.get_running_loop().create_server(
        lambda: LeanConnection(service), sock=sock, ssl=context, backlog=BACKLOG
    )
    return service


def main() -> int:
    """Run the lean backend."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--play", choices=tuple(PLAYS), default="node")
    play, arguments = parser.parse_known_args(sys.argv[1:])
    profile = dataclasses.replace(
        PLAYS[play.play],
        program="lean",
        summary="Lean backend for load; --play liberty|node chooses whose part it takes.",
    )
    return daemon.main(["--name", play.play, *arguments], profile=profile, serve=serve, fast=True)


if __name__ == "__main__":
    raise SystemExit(main())
