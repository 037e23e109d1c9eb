"""The client that sends exactly the bytes it is told and keeps every byte that comes back: for what must not work.

It knows neither HTTP nor WebSocket. Reading them out of the bytes is the business of pure functions.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from wslb.errors import exhausted, plain
from wslb.waiting import disconnect

__all__ = ["StreamConnection", "StreamConnector"]

_CHUNK = 1 << 18

MOST_RECEIVED = 80 * 1024 * 1024
"""Bytes that are kept of one connection, more than any scenario asks for; a server may send without end."""

_CLOSE_SECONDS = 1.0


class StreamConnection:
    """One TCP or TLS connection (`wslb.interfaces.RawConnection`)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received = bytearray()
        self.ended = ""
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send these bytes; ConnectionError when the other side has gone."""
        self._writer.write(data)
        await self._writer.drain()

    async def half_close(self) -> None:
        """Send FIN and go on reading. TLS has no such thing before version 1.3, and asyncio has none at all."""
        if not self._writer.can_write_eof():
            raise ConnectionError("this connection cannot be half-closed")
        self._writer.write_eof()

    async def until(self, condition: Callable[[bytearray], bool], *, seconds: float) -> bool:
        """Read until the bytes so far fulfil a condition; False when the connection ends or the time is up before.

        Where `MOST_RECEIVED` bytes have come, the connection ends here.
        """
        deadline = time.monotonic() + seconds
        while not condition(self.received):
            left = deadline - time.monotonic()
            if self.ended or left <= 0:
                return False
            try:
                chunk = await asyncio.wait_for(self._reader.read(_CHUNK), left)
            except TimeoutError:
                return False
            except (ConnectionError, ssl.SSLError):
                self.ended = "reset"
                return False
            if not chunk:
                self.ended = "closed"
            self.received += chunk
            if len(self.received) > MOST_RECEIVED:
                await self.reset()
        return True

    async def close(self) -> None:
        """Close the connection; twice is once."""
        self.ended = self.ended or "here"
        await disconnect(self._writer, seconds=_CLOSE_SECONDS)

    async def reset(self) -> None:
        """End the connection with a TCP reset."""
        self.ended = self.ended or "here"
        connection = self._writer.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


class StreamConnector:
    """Opens connections for bytes (`wslb.interfaces.RawConnector`)."""

    name = "raw"

    def __init__(self) -> None:
        self.address: str | None = None
        """Where every connection goes; None: to the host that the URL names."""

    async def connect(self, url: str, *, tls: ssl.SSLContext | None, timeout_seconds: float) -> StreamConnection:
        """Connect to the host and port of a URL; its scheme does not matter, `tls` decides.

        Raises:
            ConnectionError: no connection, or no TLS, within the time.
        """
        parts = urlsplit(url)
        try:
            reader, writer = await asyncio.wait_for(
                asyncio.open_connection(
                    self.address or parts.hostname,
                    parts.port,
                    ssl=tls,
                    server_hostname=parts.hostname if tls else None,
                ),
                timeout_seconds,
            )
        except TimeoutError:
            raise ConnectionError(f"no connection within {timeout_seconds:g} s") from None
        except (OSError, ssl.SSLError) as exc:
            if lacking := exhausted(exc):
                raise lacking from exc
            raise ConnectionError(plain(exc)) from exc
        return StreamConnection(reader, writer)
