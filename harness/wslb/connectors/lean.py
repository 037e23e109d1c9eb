"""The project's own client: `wslb.wire` on asyncio, with little cost for each connection.

Keeps the same contract as the connector on the websockets library, and is tried against it byte by byte. Whatever event
loop runs drives it: uvloop where the owner of the loop chose that.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections import deque
from collections.abc import Sequence

from wslb.interfaces import Opened as OpenedHandshake
from wslb.model.handshake import Headers, accept_for, one_header
from wslb.wire.machine import Closed, Failed, Machine, Message, Opened, Pong, State
from wslb.wire.opening import Head, address_of, key_of, request, request_bytes

__all__ = ["LeanConnector", "LeanTunnel"]

_CLOSE_SECONDS = 5.0
_MOST_WAITING = 16
"""Messages kept for a reader before the socket is left unread, so that memory stays bounded."""


class _Connection(asyncio.Protocol):
    """One TCP connection."""

    def __init__(self, machine: Machine, head: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.machine = machine
        self.answered: asyncio.Future[Head] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self.failure: Failed | None = None
        self.head: Head | None = None
        self.transport: asyncio.Transport
        self._request = head
        self._messages: deque[str | bytes] = deque()
        self._pongs: dict[bytes, asyncio.Future[None]] = {}
        self._reader: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._paused = False
        self._discarding = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - narrows the type for the checker
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        for event in self.machine.feed(data):
            if isinstance(event, Message):
                if not self._discarding:
                    self._messages.append(event.data)
            elif isinstance(event, Opened):
                self.head = event.head
                if not self.answered.done():
                    self.answered.set_result(event.head)
            elif isinstance(event, Pong):
                waiting = self._pongs.pop(event.data, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(None)
            elif isinstance(event, Failed):
                self._failed(event)
            elif isinstance(event, Closed):
                # The server ends the TCP connection (RFC 6455 section 7.1.1); one that does not is left to itself.
                asyncio.get_running_loop().call_later(_CLOSE_SECONDS, self.transport.abort)
        out = self.machine.take()
        if out:
            self.transport.write(out)
        if len(self._messages) > _MOST_WAITING and not self._paused:
            self._paused = True
            self.transport.pause_reading()
        self._wake()

    def _failed(self, failed: Failed) -> None:
        self.failure = failed
        self.head = failed.head
        if not self.answered.done():
            self.answered.set_exception(ConnectionError(failed.sentence))
        asyncio.get_running_loop().call_later(_CLOSE_SECONDS, self.transport.abort)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        failed = self.machine.eof()
        if failed is not None and self.failure is None:
            self.failure = failed
        if not self.answered.done():
            reset = f"{type(exc).__name__}: {exc}" if exc else ""
            sentence = reset or (self.failure.sentence if self.failure else "the connection ended")
            self.answered.set_exception(ConnectionError(f"the connection ended during the handshake ({sentence})"))
            self.answered.exception()  # the opener may have given up before
        self._writable.set()
        for waiting in self._pongs.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("the connection ended before the pong"))
        self._pongs.clear()
        if not self.ended.done():
            self.ended.set_result(None)
        self._wake()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def write(self, data: bytes) -> None:
        self.transport.write(data)
        await self._writable.wait()

    async def message(self) -> str | bytes:
        while not self._messages:
            if self.machine.ended is not None:
                code, reason, by = self.machine.ended
                why = self.failure.sentence if self.failure else f"closed by {by} with code {code} {reason}".rstrip()
                raise ConnectionError(why)
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        message = self._messages.popleft()
        if self._paused and len(self._messages) <= _MOST_WAITING // 2 and not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()
        return message

    async def pong(self) -> None:
        """Send a ping of its own and wait for its pong."""
        payload = os.urandom(4)
        waiting = self._pongs[payload] = asyncio.get_running_loop().create_future()
        try:
            await self.write(self.machine.ping(payload))
            await waiting
        finally:
            self._pongs.pop(payload, None)

    def discard(self) -> None:
        """Nobody reads any more: let the stream run to its end."""
        self._discarding = True
        self._messages.clear()
        if self._paused and not self.transport.is_closing():
            self._paused = False
            self.transport.resume_reading()


class LeanTunnel:
    """An open connection (`wslb.interfaces.Tunnel`)."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    async def send(self, message: str | bytes) -> None:
        """Send one message; ConnectionError when the connection has ended."""
        await self._connection.write(self._connection.machine.send(message))

    async def receive(self, *, timeout_seconds: float) -> str | bytes:
        """Next message."""
        async with asyncio.timeout(timeout_seconds):
            return await self._connection.message()

    async def ping(self, *, timeout_seconds: float) -> None:
        """Send a ping and wait for its pong."""
        async with asyncio.timeout(timeout_seconds):
            await self._connection.pong()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close and wait for the other side's close frame and the end of the TCP connection."""
        connection = self._connection
        out = connection.machine.close(code, reason)
        if out:
            connection.transport.write(out)
        connection.discard()
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await asyncio.shield(connection.ended)
        except TimeoutError:
            connection.transport.abort()
            await connection.ended

    async def wait_closed(self, *, timeout_seconds: float) -> None:
        """Wait until the connection has ended."""
        async with asyncio.timeout(timeout_seconds):
            await asyncio.shield(self._connection.ended)

    @property
    def ended(self) -> tuple[int, str, str] | None:
        """Close code, reason and who began; None until the TCP connection has ended."""
        machine = self._connection.machine
        return machine.ended if machine.state is State.ENDED else None


class LeanConnector:
    """Opens WebSockets with the project's own driver (`wslb.interfaces.Connector`)."""

    name = "lean"

    async def open(
        self,
        url: str,
        *,
        headers: Headers = (),
        subprotocols: Sequence[str] = (),
        tls: ssl.SSLContext | None = None,
        timeout_seconds: float = 10,
        compress: bool = False,  # noqa: ARG002 - this client offers no extension
    ) -> OpenedHandshake:
        """Open one WebSocket. The clock runs from before the TCP connect until the answer's head was read."""
        address = address_of(url)
        key = key_of(os.urandom(16))
        fields = request(address, key=key, headers=headers, subprotocols=subprotocols)
        head = request_bytes(address, fields)
        machine = Machine(accept=accept_for(key), entropy=os.urandom, subprotocols=subprotocols)
        connection: _Connection | None = None
        error: str | None = None
        begin = time.monotonic()
        context = (tls or ssl.create_default_context()) if address.secure else None
        try:
            async with asyncio.timeout(timeout_seconds):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: _Connection(machine, head), address.host, address.port, ssl=context
                )
                await asyncio.shield(connection.answered)
        except TimeoutError:
            error = f"no answer to the handshake within {timeout_seconds:g} s"
        except ConnectionError as exc:
            error = str(exc) if connection else f"{type(exc).__name__}: {exc}"
        except (OSError, ssl.SSLError) as exc:
            error = f"{type(exc).__name__}: {exc}"
        elapsed = time.monotonic() - begin
        answer = connection.head if connection else None
        if connection and error is not None:
            if connection.answered.done():
                connection.answered.exception()
            connection.transport.abort()
            await connection.ended
        return OpenedHandshake(
            request=fields if connection else (),
            status=answer.status if answer else None,
            reason=answer.reason if answer else "",
            response=answer.headers if answer else (),
            elapsed_seconds=elapsed,
            error=error,
            subprotocol=one_header(answer.headers, "Sec-WebSocket-Protocol") if answer else None,
            tunnel=LeanTunnel(connection) if connection and error is None else None,
        )
