"""Stand-in for Node.js (article, Listing 4), on websockets.

`python -m backends.node --help` lists the options; README.md is the contract.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Literal

from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as serve_websockets
from websockets.exceptions import ConnectionClosed
from websockets.http11 import SERVER, Request, Response
from websockets.protocol import CONNECTING
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from backends.contract import program
from backends.contract.backend import Backend
from backends.contract.channel import ChannelClosed
from backends.contract.conversation import Conversation
from backends.contract.handshake import Refusal
from backends.contract.journal import Closed
from backends.contract.listeners import BACKLOG
from backends.contract.profile import CL_MESSAGE_LIMIT, ECHO_MESSAGE_LIMIT, NODE
from backends.contract.visit import Visit, endpoint_name, reset
from backends.node.opening import COMPRESSION, Incoming, limit_messages, parse, respond

CLOSE_SECONDS = 5.0
"""How long a client may take to answer a close frame."""

REQUEST_SECONDS = 30.0
"""How long a client may take to send its request; the library's own limit would also end silent faults."""


class NodeConnection(ServerConnection):
    """One TCP connection; `serve` derives a class that knows its backend."""

    backend: Backend
    listener: Literal["ws", "wss"]
    everyone: set["NodeConnection"]

    def __init__(self, protocol: ServerProtocol, server: Server, **options: Any) -> None:
        super().__init__(protocol, server, **options)
        self.visit: Visit | None = None
        self.on_traffic: Callable[[], None] = lambda: None
        protocol.parser = parse(protocol)
        next(protocol.parser)  # start the generator, as the library does
        self._patience = self.loop.call_later(REQUEST_SECONDS, self._no_request)

    def _no_request(self) -> None:
        if self.request is None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the connection."""
        super().connection_made(transport)
        self.everyone.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end, and wake a handshake that waits for a request."""
        self._patience.cancel()
        self.everyone.discard(self)
        super().connection_lost(exc)
        if not self.request_rcvd.done():
            self.request_rcvd.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Note traffic; pings and parts of messages count."""
        self.on_traffic()
        super().data_received(data)

    async def handshake(self, *_args: Any, **_options: Any) -> None:
        """Take the place of the library's opening handshake, whose hooks cannot see every answer before it leaves."""
        await self.request_rcvd
        self._patience.cancel()
        request = self.request
        if request is None:
            return
        head = request.head if isinstance(request, Incoming) else None
        visit = self.visit = self.backend.arrive(
            listener=self.listener,
            peer=endpoint_name(self.remote_address),
            method=request.method,
            target=request.path,
            http_version=request.protocol.removeprefix("HTTP/"),
            headers=tuple(request.headers.raw_items()) if head is None else head.headers,
            values=request.headers.get_all if head is None else head.values,
        )
        if visit is not None and visit.refusal is None and head is not None:
            visit.refusal = Refusal(status=400, text="400 Bad Request: a header line is malformed\n")
        if visit is None:
            await self._send_answer(self._plain(request))
            return
        if visit.hangs_up or visit.keeps_silent:
            visit.unanswered()
            if visit.hangs_up:
                self.transport.close()
            await self.wait_closed()
            return
        response = self._answer(visit, request)
        visit.answered(response.status_code, tuple(response.headers.raw_items()))
        await self._send_answer(response)

    def _plain(self, request: Request) -> Response:
        answer = self.backend.plain(method=request.method, target=request.path)
        body = self.backend.page if answer.status == 200 else None
        return respond(answer, name=self.backend.name, body=body, head=request.method == "HEAD")

    def _answer(self, visit: Visit, request: Request) -> Response:
        refusal = visit.refusal
        if refusal is None and not self.server.is_serving():
            refusal = Refusal(status=503, text="503 Service Unavailable: the server is going away\n")
        if refusal is not None:
            return respond(refusal, name=visit.name, head=request.method == "HEAD")
        echo = visit.endpoint == "echo"
        self.protocol.available_extensions = COMPRESSION if echo else None
        limit_messages(self.protocol, ECHO_MESSAGE_LIMIT if echo else CL_MESSAGE_LIMIT)
        response = self.protocol.accept(request)  # checks once more; a refusal of the library is as good as ours
        response.headers["Server"] = SERVER
        response.headers["X-Backend"] = visit.name
        if visit.accept_value is not None and response.status_code == 101:
            del response.headers["Sec-WebSocket-Accept"]
            response.headers["Sec-WebSocket-Accept"] = visit.accept_value
        if visit.upgrade_value is not None and response.status_code == 101:
            del response.headers["Upgrade"]
            if visit.upgrade_value:
                response.headers["Upgrade"] = visit.upgrade_value
        return response

    async def _send_answer(self, response: Response) -> None:
        self.response = response
        if self.state is CONNECTING:  # else the client has gone meanwhile
            with contextlib.suppress(ConnectionClosed):
                async with self.send_context(expected_state=CONNECTING):
                    self.protocol.send_response(response)


def select_subprotocol(connection: ServerConnection, _offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Choose what the visit chose; the library would refuse a client that offers only unknown ones."""
    visit = connection.visit if isinstance(connection, NodeConnection) else None
    return Subprotocol(visit.subprotocol) if visit is not None and visit.subprotocol is not None else None


class NodeChannel:
    """A channel over websockets."""

    def __init__(self, connection: NodeConnection) -> None:
        self._connection = connection

    @property
    def on_traffic(self) -> Callable[[], None]:
        """What to call for each piece of traffic."""
        return self._connection.on_traffic

    @on_traffic.setter
    def on_traffic(self, call: Callable[[], None]) -> None:
        self._connection.on_traffic = call

    async def receive(self) -> str | bytes:
        """Return the next message."""
        try:
            return await self._connection.recv()
        except ConnectionClosed as end:
            raise ChannelClosed(closed_by(end)) from None

    async def send(self, message: str | bytes) -> bool:
        """Send a message."""
        try:
            await self._connection.send(message)
        except ConnectionClosed:
            return False
        return True

    async def send_fragments(self, fragments: Sequence[str | bytes]) -> bool:
        """Send a message in several frames."""
        try:
            await self._connection.send(iter(fragments))
        except ConnectionClosed:
            return False
        return True

    async def ping(self, payload: bytes) -> None:
        """Send a ping."""
        with contextlib.suppress(ConnectionClosed):
            await self._connection.ping(payload)

    async def close(self, code: int, reason: str) -> None:
        """Close, and wait for the client's close frame."""
        await self._connection.close(code, reason)

    def reset(self) -> None:
        """Reset the TCP connection."""
        reset(self._connection.transport)


def closed_by(end: ConnectionClosed) -> Closed:
    """Tell how a connection ended: who sent the first close frame, if anybody."""
    if end.rcvd is not None and (end.sent is None or end.rcvd_then_sent):
        return Closed(code=end.rcvd.code, reason=end.rcvd.reason, by="client")
    if end.sent is not None:
        return Closed(code=end.sent.code, reason=end.sent.reason, by="server")
    return Closed(code=1006, reason="", by="lost")


async def talk(connection: ServerConnection) -> None:
    """Hold the conversation of one accepted connection."""
    if isinstance(connection, NodeConnection) and connection.visit is not None:
        await Conversation(visit=connection.visit, channel=NodeChannel(connection)).run()


class Listener:
    """One listening socket on the library's server."""

    def __init__(self, server: Server, everyone: set[NodeConnection]) -> None:
        self._server = server
        self._everyone = everyone

    async def stop_listening(self) -> None:
        """Accept nobody any more; the conversations say goodbye themselves."""
        self._server.close(close_connections=False)

    async def stop(self) -> None:
        """End what is left: requests that get no answer."""
        for connection in list(self._everyone):
            connection.transport.abort()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._server.wait_closed(), 0.3)


async def serve(
    backend: Backend, listener: Literal["ws", "wss"], sock: socket.socket, context: ssl.SSLContext | None
) -> Listener:
    """Serve on a bound socket."""
    everyone: set[NodeConnection] = set()
    bound = type("BoundConnection", (NodeConnection,), {"backend": backend, "listener": listener, "everyone": everyone})
    server = await serve_websockets(
        talk,
        sock=sock,
        ssl=context,
        backlog=BACKLOG,
        create_connection=bound,
        compression=None,  # chosen for each request
        select_subprotocol=select_subprotocol,
        open_timeout=None,  # see REQUEST_SECONDS
        ping_interval=None,  # keepalive pings would add traffic that no client asked for
        close_timeout=CLOSE_SECONDS,
        logger=logging.getLogger("websockets.server"),
    )
    return Listener(server, everyone)


def main() -> int:
    """Run the Node.js stand-in."""
    return program.main(None, profile=NODE, serve=serve)


if __name__ == "__main__":
    raise SystemExit(main())
