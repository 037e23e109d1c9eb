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
from aiohttp.http_exceptions import HttpProcessingError

from backends.contract import daemon
from backends.contract.channel import IdleLimit
from backends.contract.connection import REQUEST_SECONDS
from backends.contract.dialogue import Dialogue
from backends.contract.frames.gate import LINGER_SECONDS, Gate
from backends.contract.profile import CL_MESSAGE_LIMIT, ECHO_MESSAGE_LIMIT, LIBERTY, Fields
from backends.contract.request import HEAD_LIMIT, PlainResponse, RequestHead, bad, read_head
from backends.contract.sockets import BACKLOG, endpoint_name
from backends.contract.stand_in import StandIn
from backends.contract.visit import Visit
from backends.liberty.adapter import Gated, LibertyChannel, LibertySocket

CLOSE_SECONDS = 5.0
"""How long a client may take to answer a close frame."""


class LibertyRequest(web.BaseRequest):
    """A request that knows its visit."""

    visit: Visit | None = None

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        # aiohttp calls this when all header fields are set and none has left: the moment to journal.
        visit = self.visit
        if isinstance(response, PlainAnswer):
            fields = response.fields
        elif visit is not None and response.status == 101:
            extensions = response.headers.get("Sec-WebSocket-Extensions")
            fields = cast("LibertyProtocol", self.protocol).backend.switching(visit, extensions=extensions)
        else:
            fields = [*response.headers.items()]
        response.headers.clear()
        response.headers.extend(fields)
        if visit is not None:
            visit.answered(response.status, fields)


class NoAnswer(web.StreamResponse):
    """A response that sends nothing, for faults."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002
        """Send nothing."""
        self.force_close()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Send nothing."""


class PlainAnswer(web.Response):
    """A refusal, or the page, in full; the connection then ends."""

    def __init__(self, answer: PlainResponse, *, signature: Fields) -> None:
        super().__init__(status=answer.status, reason=answer.reason, body=answer.body)
        self.fields = answer.fields(signature)
        self.force_close()


async def handle(backend: StandIn, listener: Literal["ws", "wss"], base: web.BaseRequest) -> web.StreamResponse:
    """Answer one HTTP request."""
    request = cast("LibertyRequest", base)
    protocol = cast("LibertyProtocol", request.protocol)
    if request.method == "GET" and request.can_read_body:  # else what comes of it behind the 101 is taken for frames
        try:
            await request.release()
        except (ConnectionError, HttpProcessingError):
            return NoAnswer()
    protocol.head = b""
    protocol.understood()
    head = RequestHead(
        method=request.method,
        target=request.raw_path,
        http_version=f"{request.version.major}.{request.version.minor}",
        headers=request.raw_headers,
    )
    visit = backend.arrive(head, listener=listener, peer=protocol.peer)
    if visit is None:
        answer = backend.plain(method=request.method, target=request.raw_path)
        return PlainAnswer(answer, signature=backend.signature(backend.name))
    if visit.hangs_up or visit.keeps_silent:
        visit.unanswered()
        if visit.hangs_up and request.transport is not None:
            request.transport.close()
        await protocol.lost.wait()
        return NoAnswer()
    request.visit = visit
    if visit.refusal is not None:
        return PlainAnswer(visit.refusal, signature=backend.signature(visit.name))
    return await accept(backend, visit, request)


async def accept(backend: StandIn, visit: Visit, request: LibertyRequest) -> web.StreamResponse:
    """Accept a handshake and hold the dialogue."""
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
    protocol = cast("LibertyProtocol", request.protocol)
    offered = visit.endpoint == "echo" and bool(visit.head.values("Sec-WebSocket-Extensions"))
    gate = protocol.gate = Gate(backend.profile.manners, limit=limit, deflate=offered)
    protocol.head = None  # frames follow
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
    """The library's protocol; it knows when its connection is gone, and journals what the library's parser refuses."""

    def __init__(self, server: "LibertyServer", **options: Any) -> None:
        super().__init__(server, **options)
        self.lost = asyncio.Event()
        self.head: bytes | None = b""
        self.peer = ""
        self.touched = 0.0
        self._server = server
        self.backend = server.backend
        self.gate: Gate | None = None

    def set_parser(self, parser: Any, data_received_cb: Callable[[], None] | None = None) -> None:
        """Put the gate before the library's reader of frames."""
        gated: Any = parser if self.gate is None else Gated(parser, self.gate)
        super().set_parser(gated, data_received_cb)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who connects."""
        super().connection_made(transport)
        self.peer = endpoint_name(transport.get_extra_info("peername"))
        self._server.patience.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Note the end."""
        super().connection_lost(exc)
        self._server.patience.discard(self)
        self.lost.set()

    def understood(self) -> None:
        """Note that a whole request has come."""
        self._server.patience.discard(self)

    def expired(self) -> None:
        """Give up a client that sends no request."""
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Keep the start of the data until its request was understood."""
        if self.head is not None and len(self.head) < HEAD_LIMIT:
            self.head += data[:HEAD_LIMIT]
        super().data_received(data)

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Answer a request that the library's parser refused, or whose own answer failed."""
        if status != 400:
            return super().handle_error(request, status, exc, message)
        backend, head = self._server.backend, read_head(self.head or b"")
        visit = None
        if head is not None:
            visit = backend.arrive(head, listener=self._server.listener, peer=self.peer)
        cast("LibertyRequest", request).visit = visit
        refusal = (visit and visit.refusal) or bad(str(message))
        return PlainAnswer(refusal, signature=backend.signature(backend.name if visit is None else visit.name))


class LibertyServer(web.Server):
    """The library's low-level server: no routing, no middleware, a lean accept path."""

    def __init__(self, backend: StandIn, listener: Literal["ws", "wss"]) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(partial(handle, backend, listener), request_factory=partial(LibertyRequest, loop=loop))
        self.backend = backend
        self.listener = listener
        self.loop = loop
        self.patience = IdleLimit(REQUEST_SECONDS)

    def __call__(self) -> LibertyProtocol:
        """Return the protocol of a new connection."""
        return LibertyProtocol(self, loop=self.loop, access_log=None, keepalive_timeout=self.patience.seconds)


class LibertyListener:
    """One listening socket."""

    def __init__(self, server: LibertyServer, listening: asyncio.Server) -> None:
        self._server = server
        self._listening = listening

    async def stop_listening(self) -> None:
        """Accept nobody any more."""
        self._listening.close()

    async def stop(self) -> None:
        """End what is left: idle keep-alive connections, and requests that get no answer."""
        self._server.patience.stop()
        await self._server.shutdown(timeout=0.1)


async def serve(
    backend: StandIn, listener: Literal["ws", "wss"], sock: socket.socket, context: ssl.SSLContext | None
) -> LibertyListener:
    """Serve on a bound socket."""
    loop = asyncio.get_running_loop()
    server = LibertyServer(backend, listener)
    return LibertyListener(server, await loop.create_server(server, sock=sock, ssl=context, backlog=BACKLOG))


def main() -> int:
    """Run the Liberty stand-in."""
    return daemon.main(None, profile=LIBERTY, serve=serve)


if __name__ == "__main__":
    raise SystemExit(main())
