"""The well-behaved client, on the websockets library, without anything that would spoil evidence.

Built on the library's protocol objects rather than its ``connect()``: that one follows redirects, reads proxies from
the environment, offers compression and sends keepalive pings of its own accord.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Sequence
from itertools import cycle
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.datastructures import Headers as WsHeaders
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.protocol import Protocol
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri

from wslb.errors import exhausted, plain
from wslb.interfaces import Tunnel
from wslb.model.handshake import Handshake, Headers
from wslb.wire.clients import arranged
from wslb.wire.machine import MESSAGE_LIMIT

__all__ = ["UNANSWERED", "WebSocketConnector", "WebSocketTunnel", "end_of"]

_CLOSE_SECONDS = 5.0

_SEND_SECONDS = 60.0
"""How long a server may take to make room for one message; what it never reads must not hold us for ever."""

MOST_UNSENT = 16 * 1024 * 1024
"""Bytes that may wait to be sent while more are read."""

_PIECE = 4096
"""Bytes that the library is given at a time: its time for the chunks of a body grows with the square of what waits."""
_GIVEN_UP = (CloseCode.PROTOCOL_ERROR, CloseCode.INVALID_DATA, CloseCode.MESSAGE_TOO_BIG)

UNANSWERED = "no Close frame answered ours"
"""Reason of an end that came after our Close frame and without one of the other side's."""

_TOO_MANY = "too many fragments"

_SECTIONS = {
    _TOO_MANY: "5.4",
    "invalid opcode": "5.2",
    "incorrect masking": "5.1",
    "reserved bits must be 0": "5.2",
    "control frame too long": "5.5",
    "fragmented control frame": "5.5",
    "expected a continuation frame": "5.4",
    "unexpected continuation frame": "5.4",
    "close frame too short": "5.5.1",
    "invalid status code": "7.4",
}


def end_of(protocol: Protocol) -> tuple[int, str, str]:
    """How a WebSocket that is over ended: close code, reason and who began.

    Where we had to end it for what came (RFC 6455 section 7.1.7), the code is our own, and the reason says which rule
    was broken.
    """
    received, sent = protocol.close_rcvd, protocol.close_sent
    if sent and sent.code in _GIVEN_UP and not protocol.close_rcvd_then_sent:
        section = _SECTIONS.get(sent.reason, "8.1")
        return int(sent.code), f"{sent.reason} (RFC 6455 section {section})", "client"
    if received is None:
        return int(CloseCode.ABNORMAL_CLOSURE), UNANSWERED if sent else "", "lost"
    return int(received.code), received.reason, "server" if protocol.close_rcvd_then_sent else "client"


class ShapedProtocol(ClientProtocol):
    """The library's handshake, its fields in the order of a shape."""

    def __init__(self, *args: Any, shape: str | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._shape = shape

    def send_request(self, request: Request) -> None:
        """Put the fields in order, also where the evidence looks at them, and send."""
        if self._shape is not None:
            request.headers = WsHeaders(arranged(tuple(request.headers.raw_items()), self._shape))
        super().send_request(request)


class BoundedConnection(ClientConnection):
    """The library's connection, which reads no further from a server that takes none of the answers to its pings.

    The library writes a pong for each ping, whether or not the server reads: one that only pings would fill memory.
    """

    def data_received(self, data: bytes) -> None:
        """Take in bytes, and no more of them while too many wait to be sent."""
        for at in range(0, len(data), _PIECE):
            super().data_received(data[at : at + _PIECE])
        if self.transport.get_write_buffer_size() > MOST_UNSENT:
            self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Write on, and read on unless the messages that wait forbid it."""
        super().resume_writing()
        if not self.recv_messages.paused and not self.transport.is_closing():
            self.transport.resume_reading()


class WebSocketTunnel:
    """An open connection (`wslb.interfaces.Tunnel`)."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, message: str | bytes) -> None:
        """Send one message; ConnectionError when the connection has ended, or the server reads nothing any more."""
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await self._connection.send(message)
        except ConnectionClosed as exc:
            raise ConnectionError(str(exc)) from exc
        except TimeoutError:
            self._connection.transport.abort()
            raise ConnectionError(f"the server took none of the message for {_SEND_SECONDS:g} s") from None

    async def receive(self, *, timeout_seconds: float) -> str | bytes:
        """Next message."""
        try:
            async with asyncio.timeout(timeout_seconds):
                sent = self._connection.protocol.close_sent
                if (
                    sent and sent.reason == _TOO_MANY
                ):  # what the library has left of that message is no beginning of one
                    await self._connection.wait_closed()
                    raise ConnectionError(_TOO_MANY)
                return await self._connection.recv()
        except ConnectionClosed as exc:
            raise ConnectionError(str(exc)) from exc
        except AssertionError:  # the library finds what it left of a message that it gave up
            raise ConnectionError(_TOO_MANY) from None

    async def ping(self, *, timeout_seconds: float) -> None:
        """Send a ping and wait for its pong."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await (await self._connection.ping())
        except ConnectionClosed as exc:
            raise ConnectionError(str(exc)) from exc

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close and wait for the other side's close frame and the end of the TCP connection, or cut it in the end."""
        try:
            async with asyncio.timeout(1.5 * _CLOSE_SECONDS):
                await self._connection.close(code, reason)
        except asyncio.CancelledError:  # who asked has no time left: nothing may stay behind
            self._connection.transport.abort()
            raise
        except TimeoutError:  # before it waits for an answer, the library waits until our frame fits into the buffer
            self._connection.transport.abort()
            await self._connection.wait_closed()

    async def wait_closed(self, *, timeout_seconds: float) -> None:
        """Wait until the connection has ended."""
        async with asyncio.timeout(timeout_seconds):
            await self._connection.wait_closed()

    @property
    def ended(self) -> tuple[int, str, str] | None:
        """Close code, reason and who began."""
        return None if self._connection.close_code is None else end_of(self._connection.protocol)


class WebSocketConnector:
    """Opens WebSockets as a browser would (`wslb.interfaces.Connector`)."""

    name = "websockets"

    def __init__(self, *, limit: int = MESSAGE_LIMIT, shape: str | None = None, sources: Sequence[str] = ()) -> None:
        """Open connections that take messages of at most so many bytes.

        Args:
            limit: longest message, in bytes.
            shape: whose order the fields of the handshake have (`wslb.wire.clients.SHAPES`); None adds further fields
                behind those of the library, whatever their names.
            sources: local addresses to connect from, in turn.
        """
        self._limit = limit
        self._shape = shape
        self._sources = cycle(sources) if sources else None
        self.address: str | None = None
        """Where every connection goes; None: to the host that the URL names."""

    async def open(
        self,
        url: str,
        *,
        headers: Headers = (),
        subprotocols: Sequence[str] = (),
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = 10,
        compress: bool = False,
    ) -> tuple[Handshake, Tunnel | None]:
        """Open one WebSocket. ``Origin`` among the headers is sent where a browser puts it.

        The clock runs from before the TCP connect until the answer's head was read.
        """
        uri = parse_uri(url)
        origin = next((value for name, value in headers if name.lower() == "origin"), None)
        rest = WsHeaders([(name, value) for name, value in headers if name.lower() != "origin"])
        protocol = ShapedProtocol(
            uri,
            shape=self._shape,
            origin=Origin(origin) if origin else None,
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            extensions=[ClientPerMessageDeflateFactory(client_max_window_bits=True)] if compress else None,
            max_size=self._limit,
        )
        loop = asyncio.get_running_loop()
        extra: dict[str, Any] = (
            {"ssl": tls or ssl.create_default_context(), "server_hostname": uri.host} if uri.secure else {}
        )
        if self._sources:
            extra["local_addr"] = (next(self._sources), 0)
        connection: ClientConnection | None = None
        error: str | None = None
        begin = time.monotonic()
        try:
            async with asyncio.timeout(timeout_seconds):
                _, connection = await loop.create_connection(
                    lambda: BoundedConnection(protocol, ping_interval=None, close_timeout=_CLOSE_SECONDS),
                    self.address or uri.host,
                    uri.port,
                    **extra,
                )
                await connection.handshake(rest, user_agent_header=None)
        except TimeoutError:
            error = f"no answer to the handshake within {timeout_seconds:g} s"
        except InvalidHandshake as exc:
            error = _sentence(exc)
        except (OSError, ssl.SSLError) as exc:
            if lacking := exhausted(exc):
                raise lacking from exc
            error = plain(exc)
        except (ConnectionClosed, EOFError) as exc:
            error = f"the connection ended during the handshake ({exc})"
        elapsed = time.monotonic() - begin
        request = tuple(connection.request.headers.raw_items()) if connection and connection.request else ()
        response = connection.response if connection else None
        handshake = Handshake(
            url=url,
            request=request,
            status=response.status_code if response else None,
            reason=response.reason_phrase if response else "",
            response=tuple(response.headers.raw_items()) if response else (),
            elapsed_seconds=elapsed,
            error=error,
            subprotocol=_chosen(response),
        )
        tunnel = WebSocketTunnel(connection) if connection and error is None else None
        if connection and error is not None:
            connection.transport.abort()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await connection.wait_closed()
        return handshake, tunnel


def _chosen(response: Response | None) -> str | None:
    """The subprotocol that was chosen; all of them where an answer names several (RFC 6455 section 11.3.4)."""
    return ", ".join(response.headers.get_all("Sec-WebSocket-Protocol")) or None if response else None


def _sentence(exc: InvalidHandshake) -> str:
    cause = f": {exc.__cause__}" if isinstance(exc, InvalidMessage) and exc.__cause__ else ""
    return f"{exc}{cause}"
