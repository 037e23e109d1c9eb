"""The library's WebSocket as a channel (`backends.contract.channel.Channel`)."""

import asyncio
import contextlib
import zlib
from collections.abc import Callable, Sequence
from typing import Any, cast

from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web
from aiohttp.http_websocket import WebSocketReader
from websockets.frames import Frame, Opcode

from backends.contract.channel import ChannelClosed
from backends.contract.frames.gate import Gate, say_farewell
from backends.contract.journal import Ending
from backends.contract.sockets import reset


class LibertySocket(web.WebSocketResponse):
    """The library's WebSocket, without its haste to close a failed connection.

    Args:
        request: The request that it answers.
        options: Those of the library's class.
    """

    def __init__(self, request: web.BaseRequest, **options: Any) -> None:
        super().__init__(**options)
        self.request = request
        self.said_farewell = False

    async def close(self, *, code: int = WSCloseCode.OK, message: bytes = b"", drain: bool = True) -> bool:
        """Close, unless we said farewell; where compressed data was broken, with 1007, not the library's 1000."""
        if self.said_farewell:
            return False
        if isinstance(self.exception(), zlib.error):
            code = WSCloseCode.INVALID_TEXT
        return await super().close(code=code, message=message, drain=drain)

    def _close_transport(self) -> None:
        # Closing a TCP connection while its data is unread resets it, and the client may lose our close frame;
        # so end our side only, where the transport can. The handler lingers, then the library closes.
        transport = self.request.transport
        if transport is not None and transport.can_write_eof():
            with contextlib.suppress(OSError, RuntimeError):
                transport.write_eof()


class Gated:
    """The library's reader of frames behind a gate: what the library's protocol calls of it."""

    def __init__(self, reader: WebSocketReader, gate: Gate) -> None:
        self._reader = reader
        self._gate = gate

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take in bytes."""
        return self._reader.feed_data(self._gate.pass_on(data))

    def feed_eof(self) -> None:
        """Take in the end."""
        self._reader.feed_eof()


class LibertyChannel:
    """A channel over aiohttp."""

    def __init__(self, response: LibertySocket, gate: Gate) -> None:
        self.on_traffic: Callable[[], None] = lambda: None
        self.failed = False
        self._response = response
        self._gate = gate

    async def receive(self) -> str | bytes:
        """Return the next message."""
        while True:
            message = await self._response.receive()
            kind = message.type
            if kind is WSMsgType.TEXT or kind is WSMsgType.BINARY:
                if self._gate.is_last():
                    raise ChannelClosed(self._farewell())
                return cast("str | bytes", message.data)
            if kind is WSMsgType.PING:
                self.on_traffic()
                with contextlib.suppress(ConnectionError):
                    await self._response.pong(message.data)
            elif kind is WSMsgType.PONG:
                self.on_traffic()
            else:
                raise ChannelClosed(self._closed(kind, message.data))

    def _farewell(self) -> Ending:
        self.failed = self._response.said_farewell = True
        transport = self._response.request.transport
        if transport is None:
            return Ending(code=1006, reason="", by="lost")
        return say_farewell(transport, self._gate)

    def _closed(self, kind: WSMsgType, data: object) -> Ending:
        if kind is WSMsgType.ERROR and isinstance(data, WebSocketError):
            self.failed = True
            return Ending(code=data.code, reason=str(data), by="server")
        if isinstance(data, zlib.error):
            self.failed = True
            return Ending(code=1007, reason="compressed data is broken", by="server")
        return Ending(code=1006, reason="", by="lost")

    async def send(self, message: str | bytes) -> bool:
        """Send a message."""
        try:
            if isinstance(message, str):
                await self._response.send_str(message)
            else:
                await self._response.send_bytes(message)
        except ConnectionError:
            return False
        return True

    async def send_fragments(self, fragments: Sequence[str | bytes]) -> bool:
        """Send a message in several frames, which aiohttp cannot: uncompressed ones, written below it."""
        transport = self._response.request.transport
        if transport is None or transport.is_closing():
            return False
        for number, fragment in enumerate(fragments):
            opcode = Opcode.CONT if number else Opcode.TEXT if isinstance(fragment, str) else Opcode.BINARY
            data = fragment.encode() if isinstance(fragment, str) else fragment
            transport.write(Frame(opcode, data, fin=number == len(fragments) - 1).serialize(mask=False))
        return True

    async def ping(self, payload: bytes) -> None:
        """Send a ping."""
        with contextlib.suppress(ConnectionError):
            await self._response.ping(payload)

    async def close(self, code: int, reason: str) -> None:
        """Close, and wait for the client's close frame."""
        if self._gate.over is not None:
            self._farewell()
            return
        self._gate.closing = True
        try:
            await self._response.close(code=code, message=reason.encode())
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancels us: aiohttp shares one future among all that wait for a client to read, and the
            # interrupted send has cancelled it. A client that does not read would not see the close frame either.
            self.reset()

    def finish(self) -> None:
        """End the TCP connection without a close frame."""
        transport = self._response.request.transport
        if transport is not None:
            transport.abort()

    def reset(self) -> None:
        """Reset the TCP connection."""
        reset(self._response.request.transport)
