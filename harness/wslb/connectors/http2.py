"""A client that opens WebSockets over HTTP/2 (RFC 8441): extended CONNECT on a stream, frames in its DATA.

Framing of HTTP/2 is the h2 library's, framing of WebSockets that of websockets; neither does any I/O. One connection
carries one tunnel, so that evidence of one stream is not mixed with another's. Plain TCP with prior knowledge (RFC
9113 section 3.3), or TLS with ALPN.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
import time
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import h2.stream
from hpack.struct import Header
from websockets.frames import CloseCode, Frame, Opcode
from websockets.protocol import Protocol, Side, State

from wslb.connectors.websocket import end_of
from wslb.errors import exhausted, plain
from wslb.interfaces import Tunnel
from wslb.model.handshake import Handshake, Headers, one_header

__all__ = ["Http2Connector", "Http2Tunnel"]

_READ = 65_536
_CLOSE_SECONDS = 5.0


class Http2Tunnel:
    """One stream that became a WebSocket (`wslb.interfaces.Tunnel`); its pump task ends with the connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self._ws = Protocol(Side.CLIENT, state=State.OPEN, max_size=None)
        self._stream = 0
        self._messages: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._fragments: list[bytes] = []
        self._opcode = Opcode.TEXT
        self._ended = asyncio.Event()
        self._window = asyncio.Event()
        self._settings = asyncio.Event()
        self._answered = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._pongs: asyncio.Queue[bytes] = asyncio.Queue()
        self.response: Headers = ()
        self.error: str | None = None

    async def connect(self, request: Headers) -> None:
        """Exchange settings, send the extended CONNECT and wait for its answer; the caller bounds the time."""
        self.h2.initiate_connection()
        self._pump = asyncio.create_task(self._read())
        await self._flush()
        await self._settings.wait()
        if self.error:
            return
        if not self.h2.remote_settings.enable_connect_protocol:
            self.error = "the server does not offer extended CONNECT (SETTINGS_ENABLE_CONNECT_PROTOCOL, RFC 8441)"
            return
        self._stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(self._stream, list(request))
        _forget_length(self.h2.streams[self._stream])
        await self._flush()
        await self._answered.wait()

    async def send(self, message: str | bytes) -> None:
        """Send one message; ConnectionError when the connection has ended."""
        if self._ended.is_set() or self._ws.state is not State.OPEN:
            raise ConnectionError("the tunnel has ended")
        if isinstance(message, str):
            self._ws.send_text(message.encode())
        else:
            self._ws.send_binary(message)
        await self._drain()

    async def receive(self, *, timeout_seconds: float) -> str | bytes:
        """Next message."""
        async with asyncio.timeout(timeout_seconds):
            message = await self._messages.get()
        if message is None:
            self._messages.put_nowait(None)  # the next caller learns it too
            raise ConnectionError("the tunnel has ended")
        return message

    async def ping(self, *, timeout_seconds: float) -> None:
        """Send a ping and wait for its pong."""
        if self._ended.is_set() or self._ws.state is not State.OPEN:
            raise ConnectionError("the tunnel has ended")
        payload = secrets.token_bytes(4)
        self._ws.send_ping(payload)
        async with asyncio.timeout(timeout_seconds):
            await self._drain()
            while await self._pongs.get() != payload:
                continue

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the WebSocket, wait for the other side's close frame, then end the stream and the connection."""
        if self._ws.state is State.OPEN and not self._ended.is_set():
            self._ws.send_close(code, reason)
            with contextlib.suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._drain()
                    await self._ended.wait()
        await self.abort()

    async def abort(self) -> None:
        """End the connection and the pump; twice is once."""
        with contextlib.suppress(h2.exceptions.ProtocolError, ConnectionError):
            self.h2.close_connection()
            await self._flush()
        self._writer.close()
        with contextlib.suppress(ConnectionError, TimeoutError, ssl.SSLError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._writer.wait_closed()
        if self._pump:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
            self._pump = None
        self._end()

    async def wait_closed(self, *, timeout_seconds: float) -> None:
        """Wait until the WebSocket has ended."""
        async with asyncio.timeout(timeout_seconds):
            await self._ended.wait()

    @property
    def ended(self) -> tuple[int, str, str] | None:
        """Close code, reason and who began."""
        if not self._ended.is_set():
            return None
        return end_of(self._ws)

    async def _read(self) -> None:
        """Feed both protocols with what arrives, until the connection or the WebSocket ends."""
        try:
            while data := await self._reader.read(_READ):
                for event in self.h2.receive_data(data):
                    self._take(event)
                await self._drain()
            self.error = self.error or "the server closed the connection"
        except (OSError, h2.exceptions.ProtocolError) as exc:
            self.error = self.error or plain(exc)
        finally:
            self._end()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RemoteSettingsChanged):
            self._settings.set()
        elif isinstance(event, h2.events.ResponseReceived):
            self.response = tuple((_text(name), _text(value)) for name, value in event.headers)
            self._answered.set()
        elif isinstance(event, h2.events.DataReceived):
            if event.flow_controlled_length:
                self.h2.acknowledge_received_data(event.flow_controlled_length, self._stream)
            self._receive(event.data)
        elif isinstance(event, h2.events.StreamReset):
            self.error = self.error or f"the server reset the stream ({_error_name(event.error_code)})"
            self._end()
        elif isinstance(event, h2.events.StreamEnded):
            self._end()
        elif isinstance(event, h2.events.ConnectionTerminated):
            self.error = self.error or f"the server ended the connection ({_error_name(event.error_code)})"
            self._end()
        self._window.set()  # any event may have widened the window

    def _receive(self, data: bytes) -> None:
        self._ws.receive_data(data)
        for frame in self._ws.events_received():
            if isinstance(frame, Frame):
                self._frame(frame)
        if self._ws.close_rcvd and self._ws.close_sent:
            self._end()

    def _frame(self, frame: Frame) -> None:
        if frame.opcode is Opcode.PONG:
            self._pongs.put_nowait(bytes(frame.data))
        elif frame.opcode in {Opcode.TEXT, Opcode.BINARY}:
            self._opcode, self._fragments = frame.opcode, [bytes(frame.data)]
        elif frame.opcode is Opcode.CONT:
            self._fragments.append(bytes(frame.data))
        if frame.fin and frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            whole = b"".join(self._fragments)
            try:
                self._messages.put_nowait(whole.decode() if self._opcode is Opcode.TEXT else whole)
            except UnicodeDecodeError as exc:
                self._ws.fail(CloseCode.INVALID_DATA, f"{exc.reason} at position {exc.start}")

    async def _drain(self) -> None:
        """Put what the WebSocket wants to send into DATA frames, as wide as flow control lets them be."""
        for data in self._ws.data_to_send():
            rest = memoryview(data)
            while rest:
                size = min(len(rest), self.h2.local_flow_control_window(self._stream), self.h2.max_outbound_frame_size)
                if size:
                    self.h2.send_data(self._stream, bytes(rest[:size]))
                    rest = rest[size:]
                await self._flush()
                if rest and not size:
                    self._window.clear()
                    await self._window.wait()
        await self._flush()

    async def _flush(self) -> None:
        data = self.h2.data_to_send()
        if data and not self._writer.is_closing():
            self._writer.write(data)
            await self._writer.drain()

    def _end(self) -> None:
        for event in (self._ended, self._settings, self._answered, self._window):
            event.set()
        self._messages.put_nowait(None)


class Http2Connector:
    """Opens WebSockets by extended CONNECT (`wslb.interfaces.Connector`)."""

    name = "http2"

    async def open(
        self,
        url: str,
        *,
        headers: Headers = (),
        subprotocols: Sequence[str] = (),
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = 10,
        compress: bool = False,  # noqa: ARG002 - this client offers no extension
    ) -> tuple[Handshake, Tunnel | None]:
        """Open one WebSocket on a connection of its own. Pseudo-header fields stand in the request as they are sent."""
        parts = urlsplit(url)
        secure = parts.scheme == "wss"
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        request: Headers = (
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https" if secure else "http"),
            (":path", target),
            (":authority", parts.netloc),
            ("sec-websocket-version", "13"),
            *((("sec-websocket-protocol", ", ".join(subprotocols)),) if subprotocols else ()),
            *((name.lower(), value) for name, value in headers),  # field names are lower case (RFC 9113 section 8.2)
        )
        begin = time.monotonic()
        tunnel: Http2Tunnel | None = None
        error: str | None = None
        try:
            async with asyncio.timeout(timeout_seconds):
                reader, writer = await asyncio.open_connection(
                    parts.hostname, parts.port or (443 if secure else 80), ssl=_alpn(tls) if secure else None
                )
                tunnel = Http2Tunnel(reader, writer)
                await tunnel.connect(request)
            error = tunnel.error
        except TimeoutError:
            error = f"no answer to the extended CONNECT within {timeout_seconds:g} s"
        except (OSError, h2.exceptions.ProtocolError) as exc:
            if lacking := exhausted(exc):
                raise lacking from exc
            error = plain(exc)
        response = tunnel.response if tunnel else ()
        status = one_header(response, ":status")
        if error is None and status != "200":
            error = f"the answer has status {status}"
        handshake = Handshake(
            url=url,
            request=request,
            status=int(status) if status and status.isdecimal() else None,
            response=response,
            elapsed_seconds=time.monotonic() - begin,
            error=error,
            subprotocol=one_header(response, "sec-websocket-protocol"),
        )
        if tunnel and error is not None:
            await tunnel.abort()
        return handshake, tunnel if error is None else None


def _alpn(tls: ssl.SSLContext | None) -> ssl.SSLContext:
    """A context of the same trust that offers HTTP/2. The given one is everybody's: with ``h2`` alone in its offer,
    every later HTTP/1.1 handshake would end with a bad extension.
    """
    if tls is None:
        context = ssl.create_default_context()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = tls.check_hostname, tls.verify_mode
        authorities = tls.get_ca_certs(binary_form=True)
        if authorities:
            context.load_verify_locations(cadata=b"".join(authorities))
    context.set_alpn_protocols(["h2"])
    return context


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value


def _forget_length(stream: h2.stream.H2Stream) -> None:
    """Ignore Content-Length where CONNECT was accepted, as a client must (RFC 9110 section 9.3.6): Open Liberty's 101
    has one of 0, which Apache hands on. The library counts against it, and has no setting for that."""
    counted = stream._initialize_content_length

    def of_refusals(headers: Iterable[Header]) -> None:
        fields = list(headers)
        if not any(name == b":status" and value.startswith(b"2") for name, value in fields):
            counted(fields)

    stream._initialize_content_length = of_refusals  # type: ignore[method-assign]


def _error_name(code: h2.errors.ErrorCodes | int | None) -> str:
    return code.name if isinstance(code, h2.errors.ErrorCodes) else str(code)
