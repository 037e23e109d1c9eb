"""Stand-in for WebSphere Liberty (article, Listing 1), on aiohttp.

`python -m backends.liberty --help` lists the options; README.md is the contract.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from backends.contract import daemon
from backends.contract.connection import HttpConnection, Service, library_handshake
from backends.contract.dialogue import Dialogue
from backends.contract.frames.gate import LINGER_SECONDS, Gate
from backends.contract.profile import CL_MESSAGE_LIMIT, ECHO_MESSAGE_LIMIT, LIBERTY
from backends.contract.request import RequestHead
from backends.contract.sockets import BACKLOG
from backends.contract.stand_in import StandIn
from backends.contract.visit import Visit
from backends.liberty.adapter import Gated, LibertyChannel, LibertySocket

CLOSE_SECONDS = 5.0
"""How long a client may take to answer a close frame."""


class LibertyRequest(web.BaseRequest):
    """A handshake whose answer is the original's."""

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        # aiohttp calls this when all header fields are set and none has left: the moment to journal.
        protocol = cast("LibertyProtocol", self.protocol)
        extensions = response.headers.get("Sec-WebSocket-Extensions")
        fields = protocol.backend.switching(protocol.visit, extensions=extensions)
        response.headers.clear()
        response.headers.extend(fields)
        protocol.visit.answered(response.status, fields)


class NoAnswer(web.StreamResponse):
    """A response that sends nothing, where nobody is left to read one."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002
        """Send nothing."""
        self.force_close()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Send nothing."""


async def accept(request: web.BaseRequest) -> web.StreamResponse:
    """Accept a handshake and hold the dialogue."""
    protocol = cast("LibertyProtocol", request.protocol)
    backend, visit = protocol.backend, protocol.visit
    limit = ECHO_MESSAGE_LIMIT if visit.endpoint == "echo" else CL_MESSAGE_LIMIT
    response = LibertySocket(
        request,
        timeout=CLOSE_SECONDS,
        autoclose=False,
        autoping=False,
        protocols=(visit.subprotocol,) if visit.subprotocol else (),
        compress=visit.endpoint == "echo",
        max_msg_size=limit + 1,
    )
    offered = visit.endpoint == "echo" and bool(visit.head.values("Sec-WebSocket-Extensions"))
    gate = protocol.gate = Gate(backend.profile.manners, limit=limit, deflate=offered)
    try:
        await response.prepare(request)
    except ConnectionError:  # a proxy whose own client has gone closes before it has read the answer
        visit.lost()
        return NoAnswer()
    channel = LibertyChannel(response, gate)
    await Dialogue(backend=backend, visit=visit, channel=channel).run()
    if channel.failed:
        with contextlib.suppress(TimeoutError):
            waits = gate.over is not None and gate.over.waits
            await asyncio.wait_for(protocol.lost.wait(), CLOSE_SECONDS if waits else LINGER_SECONDS)
    return response


class LibertyProtocol(web.RequestHandler):
    """The library's protocol, from an accepted handshake on; it knows when its connection is gone."""

    def __init__(self, server: web.Server, backend: StandIn, visit: Visit, **options: Any) -> None:
        super().__init__(server, **options)
        self.backend = backend
        self.visit = visit
        self.lost = asyncio.Event()
        self.gate: Gate | None = None

    def set_parser(self, parser: Any, data_received_cb: Callable[[], None] | None = None) -> None:
        """Put the gate before the library's reader of frames."""
        gated: Any = parser if self.gate is None else Gated(parser, self.gate)
        super().set_parser(gated, data_received_cb)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Note the end."""
        super().connection_lost(exc)
        self.lost.set()


class LibertyService(Service):
    """One listening socket; the library's low-level server has the accepted connections."""

    listening: asyncio.Server

    def __init__(self, backend: StandIn, listener: Literal["ws", "wss"]) -> None:
        super().__init__(backend, listener)
        loop = asyncio.get_running_loop()
        self.library = web.Server(accept, request_factory=partial(LibertyRequest, loop=loop))

    async def stop_listening(self) -> None:
        """Accept nobody any more."""
        await super().stop_listening()
        self.listening.close()

    async def stop(self) -> None:
        """End what is left."""
        await super().stop()
        await self.library.shutdown(timeout=0.1)


class LibertyConnection(HttpConnection):
    """One TCP connection: we read HTTP; the library takes over with a handshake of its own kind."""

    service: LibertyService

    def __init__(self, service: LibertyService) -> None:
        self.serve(service)

    def accept(self, visit: Visit, head: RequestHead, rest: bytes) -> None:
        """Hand the connection over."""
        service, transport = self.service, self.transport
        service.everyone.discard(self)
        loop = asyncio.get_running_loop()
        protocol = LibertyProtocol(service.library, service.backend, visit, loop=loop, access_log=None)
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.data_received(library_handshake(visit, head) + rest)


async def serve(
    backend: StandIn, listener: Literal["ws", "wss"], sock: socket.socket, context: ssl.SSLContext | None
) -> LibertyService:
    """Serve on a bound socket."""
    service = LibertyService(backend, listener)
    service.listening = await asyncio.get_running_loop().create_server(
        lambda: LibertyConnection(service), sock=sock, ssl=context, backlog=BACKLOG
    )
    return service


def main() -> int:
    """Run the Liberty stand-in."""
    return daemon.main(None, profile=LIBERTY, serve=serve)


if __name__ == "__main__":
    raise SystemExit(main())
