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
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from backends.contract import daemon
from backends.contract.channel import ChannelClosed
from backends.contract.connection import HttpConnection, Service, library_handshake
from backends.contract.dialogue import Dialogue
from backends.contract.frames.gate import LINGER_SECONDS, Gate, say_farewell
from backends.contract.journal import Ending
from backends.contract.profile import CL_MESSAGE_LIMIT, ECHO_MESSAGE_LIMIT, NODE
from backends.contract.request import RequestHead
from backends.contract.sockets import BACKLOG, reset
from backends.contract.stand_in import StandIn
from backends.contract.visit import Visit

MOST_UNSENT = 1024 * 1024
"""Bytes that may wait for a client to read them; nothing is read from one that leaves more."""

LONGEST_FRAME = 16_384
"""Bytes of a frame, as in the package `websocket`, which sends longer messages in several."""

CLOSE_SECONDS = 5.0
"""How long a client may take to answer a close frame."""


class NodeConnection(HttpConnection, ServerConnection):
    """One TCP connection: we read HTTP, so that each request is journaled; handshake and frames are the library's."""

    def __init__(self, protocol: ServerProtocol, server: Server, **options: Any) -> None:
        ServerConnection.__init__(self, protocol, server, **options)
        self.visit: Visit | None = None
        self.gate: Gate | None = None
        self.on_traffic: Callable[[], None] = lambda: None

    def accept(self, visit: Visit, head: RequestHead, rest: bytes) -> None:
        """Hand the library a handshake of its own kind: what it need not know, it cannot refuse."""
        self.visit = visit
        echo = visit.endpoint == "echo"
        limit_messages(self.protocol, ECHO_MESSAGE_LIMIT if echo else CL_MESSAGE_LIMIT)
        ServerConnection.data_received(self, library_handshake(visit, head))
        limit = ECHO_MESSAGE_LIMIT if echo else CL_MESSAGE_LIMIT
        deflate = echo and bool(head.values("Sec-WebSocket-Extensions"))
        self.gate = Gate(self.service.backend.profile.manners, limit=limit, deflate=deflate)
        if rest:
            self.data_received(rest)

    def data_received(self, data: bytes) -> None:
        """Note traffic; pings and parts of messages count."""
        if self.gate is None:
            HttpConnection.data_received(self, data)
        else:
            self.on_traffic()
            ServerConnection.data_received(self, self.gate.pass_on(data))
            # The library writes a pong for each ping, whether or not the client reads them.
            if self.transport.get_write_buffer_size() > MOST_UNSENT:
                self.transport.pause_reading()

    async def part(self) -> None:
        """Wait for the client to end a connection on which we said farewell, and end it, before the library would."""
        await asyncio.wait([self.connection_lost_waiter], timeout=LINGER_SECONDS)
        self.transport.abort()
        await asyncio.wait([self.connection_lost_waiter])

    def resume_writing(self) -> None:
        """Write on, and read on unless the messages that wait forbid it."""
        ServerConnection.resume_writing(self)
        if self.visit is not None and not self.recv_messages.paused and not self.transport.is_closing():
            self.transport.resume_reading()


def answer(connection: ServerConnection, _request: Request, response: Response) -> None:
    """Complete the library's answer and journal it, before it leaves."""
    if not isinstance(connection, NodeConnection) or connection.visit is None:
        return
    visit = connection.visit
    backend = connection.service.backend
    if response.status_code == 101:
        fields = backend.switching(visit, extensions=response.headers.get("Sec-WebSocket-Extensions"))
    else:
        fields = [*response.headers.raw_items(), *backend.signature(visit.name)]
    response.headers = Headers(fields)
    visit.answered(response.status_code, fields)
    if connection.state is not State.CONNECTING:
        visit.lost()


def limit_messages(protocol: ServerProtocol, size: int) -> None:
    """Set the longest message that a connection takes; a longer one closes it with 1009."""
    # The library renamed the attribute in version 16.
    setattr(protocol, "max_message_size" if hasattr(protocol, "max_message_size") else "max_size", size)


def select_subprotocol(_connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """Choose what the visit chose, which is all that `accept` offers."""
    return offered[0] if offered else None


class NodeChannel:
    """A channel over websockets."""

    def __init__(self, connection: NodeConnection, gate: Gate) -> None:
        self.parted = False
        self._connection = connection
        self._gate = gate

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
            message = await self._connection.recv()
        except ConnectionClosed as end:
            raise ChannelClosed(ending(end)) from None
        gate = self._gate
        if gate.is_last():
            self.parted = True
            raise ChannelClosed(say_farewell(self._connection.transport, gate))
        return message

    async def send(self, message: str | bytes) -> bool:
        """Send a message; a long one in frames, as the original does."""
        data = message.encode() if isinstance(message, str) else message
        if len(data) <= LONGEST_FRAME:
            return await self._send(message)
        protocol, text = self._connection.protocol, isinstance(message, str)
        try:
            for at in range(0, len(data), LONGEST_FRAME):
                piece, last = data[at : at + LONGEST_FRAME], at + LONGEST_FRAME >= len(data)
                async with self._connection.send_context():
                    (protocol.send_continuation if at else protocol.send_text if text else protocol.send_binary)(
                        piece, last
                    )
        except ConnectionClosed:
            return False
        return True

    async def send_fragments(self, fragments: Sequence[str | bytes]) -> bool:
        """Send a message in several frames."""
        return await self._send(iter(fragments))

    async def _send(self, message: Any) -> bool:
        try:
            await self._connection.send(message)
        except ConnectionClosed:
            return False
        return True

    async def ping(self, payload: bytes) -> None:
        """Send a ping."""
        with contextlib.suppress(ConnectionClosed):
            await self._connection.ping(payload)

    async def close(self, code: int, reason: str) -> None:
        """Close, and wait for the client's close frame."""
        if self._gate.over is None:
            self._gate.closing = True
            await self._connection.close(code, reason)
        else:
            self.parted = True
            say_farewell(self._connection.transport, self._gate)

    def finish(self) -> None:
        """End the TCP connection without a close frame."""
        self._connection.transport.abort()

    def reset(self) -> None:
        """Reset the TCP connection."""
        reset(self._connection.transport)


def ending(end: ConnectionClosed) -> Ending:
    """Tell how a connection ended: who sent the first close frame, if anybody."""
    if end.rcvd is not None and (end.sent is None or end.rcvd_then_sent):
        return Ending(code=end.rcvd.code, reason=end.rcvd.reason, by="client")
    if end.sent is not None:
        return Ending(code=end.sent.code, reason=end.sent.reason, by="server")
    return Ending(code=1006, reason="", by="lost")


async def talk(connection: ServerConnection) -> None:
    """Hold the dialogue of one accepted connection."""
    if isinstance(connection, NodeConnection) and connection.visit is not None and connection.gate is not None:
        backend = connection.service.backend
        channel = NodeChannel(connection, connection.gate)
        try:
            await Dialogue(backend=backend, visit=connection.visit, channel=channel).run()
            if channel.parted:
                await connection.part()
        except Exception:
            backend.log.exception("dialogue failed")  # the library's own log is off
            raise


class NodeService(Service):
    """One listening socket on the library's server."""

    server: Server

    async def stop_listening(self) -> None:
        """Accept nobody any more; the dialogues say goodbye themselves."""
        await super().stop_listening()
        self.server.close(close_connections=False)

    async def stop(self) -> None:
        """End what is left."""
        await super().stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.server.wait_closed(), 0.3)


async def serve(
    backend: StandIn, listener: Literal["ws", "wss"], sock: socket.socket, context: ssl.SSLContext | None
) -> NodeService:
    """Serve on a bound socket."""
    service = NodeService(backend, listener)

    class OfService(NodeConnection):
        def __init__(self, protocol: ServerProtocol, server: Server, **options: Any) -> None:
            super().__init__(protocol, server, **options)
            self.serve(service)

    service.server = await serve_websockets(
        talk,
        sock=sock,
        ssl=context,
        backlog=BACKLOG,
        create_connection=OfService,
        compression=None,
        extensions=[ServerPerMessageDeflateFactory()],
        select_subprotocol=select_subprotocol,
        process_response=answer,
        open_timeout=None,  # the service limits the time of a request; this one would also end silent faults
        ping_interval=None,  # keepalive pings would add traffic that no client asked for
        close_timeout=CLOSE_SECONDS,
        logger=logging.getLogger("websockets.server"),
    )
    return service


def main() -> int:
    """Run the Node.js stand-in."""
    return daemon.main(None, profile=NODE, serve=serve)


if __name__ == "__main__":
    raise SystemExit(main())
