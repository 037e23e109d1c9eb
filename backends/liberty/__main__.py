"""Stand-in for WebSphere Liberty (article, Listing 1), on aiohttp.

`python -m backends.liberty --help` lists the options; README.md is the contract.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Literal, cast

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from backends.contract import program
from backends.contract.backend import Backend
from backends.contract.conversation import Conversation
from backends.contract.handshake import Refusal
from backends.contract.head import read as head_of
from backends.contract.listeners import BACKLOG
from backends.contract.page import CONTENT_TYPE
from backends.contract.profile import CL_MESSAGE_LIMIT, ECHO_MESSAGE_LIMIT, LIBERTY
from backends.contract.visit import Visit, endpoint_name
from backends.liberty.channel import LibertyChannel, Socket

HEAD_LIMIT = 64 * 1024
"""How many bytes of a request are kept, in case the library cannot read it."""

CLOSE_SECONDS = 5.0
"""How long a client may take to answer a close frame."""

LINGER_SECONDS = 1.0
"""How long a failed connection stays half-open, so that the client can read why it failed."""

LIBRARY_LIMITS = {"cl": 64 * CL_MESSAGE_LIMIT, "echo": ECHO_MESSAGE_LIMIT + 1}
"""aiohttp refuses messages of this size or more. Above the contract's limit on the CL endpoint, because the
conversation then closes in good order, where aiohttp would drop the connection at once."""


class Request(web.BaseRequest):
    """A request that knows its visit, and when its connection is gone."""

    visit: Visit | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lost = asyncio.Event()

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        # aiohttp calls this when all header fields are set and none has left: the moment to journal.
        visit = self.visit
        if visit is None:
            return
        if visit.accept_value is not None and response.status == 101:
            response.headers["Sec-WebSocket-Accept"] = visit.accept_value
        if visit.upgrade_value is not None and response.status == 101:
            response.headers.pop("Upgrade", None)
            if visit.upgrade_value:
                response.headers["Upgrade"] = visit.upgrade_value
        visit.answered(response.status, tuple(response.headers.items()))

    def _cancel(self, exc: BaseException) -> None:
        super()._cancel(exc)
        self.lost.set()  # aiohttp calls this when the TCP connection is gone


class NoAnswer(web.StreamResponse):
    """A response that sends nothing, for faults."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002
        """Send nothing."""
        self.force_close()
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Send nothing."""


def refuse(refusal: Refusal, *, name: str) -> web.Response:
    """Return the response for a refusal."""
    headers = {"X-Backend": name, **dict(refusal.headers)}
    return web.Response(status=refusal.status, reason=refusal.reason, text=refusal.text, headers=headers)


async def handle(backend: Backend, listener: Literal["ws", "wss"], base: web.BaseRequest) -> web.StreamResponse:
    """Answer one HTTP request."""
    request = cast("Request", base)
    cast("Protocol", request.protocol).head = b""
    visit = backend.arrive(
        listener=listener,
        peer=endpoint_name(request.transport.get_extra_info("peername") if request.transport else None),
        method=request.method,
        target=request.raw_path,
        http_version=f"{request.version.major}.{request.version.minor}",
        headers=request.raw_headers,
        values=lambda name: request.headers.getall(name, []),
    )
    if visit is None:
        answer = backend.plain(method=request.method, target=request.raw_path)
        if answer.status != 200:
            return refuse(answer, name=backend.name)
        return web.Response(body=backend.page, headers={"Content-Type": CONTENT_TYPE, "X-Backend": backend.name})
    if visit.hangs_up or visit.keeps_silent:
        visit.unanswered()
        if visit.hangs_up and request.transport is not None:
            request.transport.close()
        await request.lost.wait()
        return NoAnswer()
    request.visit = visit
    if visit.refusal is not None:
        response = refuse(visit.refusal, name=visit.name)
        response.force_close()
        return response
    return await accept(visit, request)


async def accept(visit: Visit, request: Request) -> web.StreamResponse:
    """Accept a handshake and hold the conversation."""
    response = Socket(
        timeout=CLOSE_SECONDS,
        autoclose=False,
        autoping=False,
        protocols=(visit.subprotocol,) if visit.subprotocol else (),
        compress=visit.endpoint == "echo",
        max_msg_size=LIBRARY_LIMITS[visit.endpoint],
    )
    response.headers["X-Backend"] = visit.name
    cast("Protocol", request.protocol).head = None  # frames follow
    try:
        await response.prepare(request)
    except ConnectionError:  # a proxy whose own client has gone closes before it has read the answer
        visit.lost()
        return NoAnswer()
    channel = LibertyChannel(response, request)
    await Conversation(visit=visit, channel=channel).run()
    if channel.failed:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(request.lost.wait(), LINGER_SECONDS)
    return response


class Protocol(web.RequestHandler):
    """The library's protocol, which also journals the requests that the library's parser refuses."""

    def __init__(self, server: "Server", **options: Any) -> None:
        super().__init__(server, **options)
        self._server = server
        self.head: bytes | None = b""

    def data_received(self, data: bytes) -> None:
        """Keep the start of the data until its request was understood."""
        if self.head is not None and len(self.head) < HEAD_LIMIT:
            self.head += data[:HEAD_LIMIT]
        super().data_received(data)

    def _make_error_handler(self, err_info: Any) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        async def refuse_malformed(base: web.BaseRequest) -> web.StreamResponse:
            request = cast("Request", base)
            refusal = Refusal(status=400, text=f"400 Bad Request: {err_info.message}\n")
            backend, head = self._server.backend, head_of(self.head or b"")
            visit = None
            if head is not None:
                visit = backend.arrive(
                    listener=self._server.listener,
                    peer=endpoint_name(self.peername),
                    method=head.method,
                    target=head.target,
                    http_version=head.http_version,
                    headers=head.headers,
                    values=head.values,
                )
            request.visit = visit
            response = refuse((visit and visit.refusal) or refusal, name=backend.name if visit is None else visit.name)
            response.force_close()
            return response

        return refuse_malformed


class Server(web.Server):
    """The library's low-level server: no routing, no middleware, a lean accept path."""

    def __init__(self, backend: Backend, listener: Literal["ws", "wss"]) -> None:
        super().__init__(partial(handle, backend, listener), request_factory=self._request)
        self.backend = backend
        self.listener = listener

    def _request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> Request:
        return Request(message, payload, protocol, writer, task, self._loop)

    def __call__(self) -> Protocol:
        """Return the protocol of a new connection."""
        return Protocol(self, loop=self._loop, access_log=None)


class Listener:
    """One listening socket."""

    def __init__(self, server: Server, listening: asyncio.Server) -> None:
        self._server = server
        self._listening = listening

    async def stop_listening(self) -> None:
        """Accept nobody any more."""
        self._listening.close()

    async def stop(self) -> None:
        """End what is left: idle keep-alive connections, and requests that get no answer."""
        await self._server.shutdown(timeout=0.1)


async def serve(
    backend: Backend, listener: Literal["ws", "wss"], sock: socket.socket, context: ssl.SSLContext | None
) -> Listener:
    """Serve on a bound socket."""
    loop = asyncio.get_running_loop()

    server = Server(backend, listener)
    return Listener(server, await loop.create_server(server, sock=sock, ssl=context, backlog=BACKLOG))


def main() -> int:
    """Run the Liberty stand-in."""
    return program.main(None, profile=LIBERTY, serve=serve)


if __name__ == "__main__":
    raise SystemExit(main())
