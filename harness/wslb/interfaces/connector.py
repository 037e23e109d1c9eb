"""A client that opens WebSockets, and one that sends the bytes it is told."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from typing import Literal, Protocol, runtime_checkable

from wslb.model.handshake import Handshake, Headers

__all__ = ["Connector", "ConnectorName", "RawConnection", "RawConnector", "Tunnel"]


ConnectorName = Literal["websockets", "http2"]
"""Names of the connectors that a lab has (`wslb.connectors.CONNECTORS`)."""


class Tunnel(Protocol):
    """An open WebSocket, seen from the client."""

    async def send(self, message: str | bytes) -> None:
        """Send one message."""
        ...

    async def receive(self, *, timeout_seconds: float) -> str | bytes:
        """Next message.

        Raises:
            TimeoutError: none came in time.
            ConnectionError: the connection ended.
        """
        ...

    async def ping(self, *, timeout_seconds: float) -> None:
        """Send a ping and wait for its pong; TimeoutError and ConnectionError as in `receive`."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it and wait for the other side; twice is once."""
        ...

    async def wait_closed(self, *, timeout_seconds: float) -> None:
        """Wait until the connection has ended; TimeoutError when it does not."""
        ...

    @property
    def ended(self) -> tuple[int, str, str] | None:
        """Close code, reason and who began (client, server, lost); None while open."""
        ...


@runtime_checkable
class Connector(Protocol):
    """A client that opens WebSockets and reports the handshake; a refused one is a result, not an exception."""

    name: str

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
        """Open one WebSocket; with `compress`, permessage-deflate is offered (RFC 7692).

        Returns:
            The handshake as this client saw it, and the tunnel; None where it was refused or failed.
        """
        ...


class RawConnection(Protocol):
    """A TCP or TLS connection to the proxy, byte by byte."""

    received: bytearray
    """Everything that came back so far."""
    ended: str
    """How it ended: empty while open, ``closed`` by a FIN, ``reset``, or ``here`` when we closed it."""

    async def send(self, data: bytes) -> None:
        """Send these bytes; ConnectionError when the other side has gone."""
        ...

    async def half_close(self) -> None:
        """Send FIN and go on reading; ConnectionError where that cannot be done."""
        ...

    async def until(self, condition: Callable[[bytearray], bool], *, seconds: float) -> bool:
        """Read until the bytes so far fulfil a condition; False when the connection ends or the time is up before."""
        ...

    async def close(self) -> None:
        """Close it; twice is once."""
        ...

    async def reset(self) -> None:
        """End it with a TCP reset."""
        ...


class RawConnector(Protocol):
    """A client that sends exactly the bytes it is told."""

    name: str

    async def connect(self, url: str, *, tls: ssl.SSLContext | None, timeout_seconds: float) -> RawConnection:
        """Connect to the host and port of a URL.

        Raises:
            ConnectionError: no connection, or no TLS, within the time.
        """
        ...
