"""A client without a socket: asks the fake proxy directly (`wslb.interfaces.Connector`)."""

from __future__ import annotations

import asyncio
import base64
import secrets
import ssl
import time
from collections.abc import Sequence
from urllib.parse import urlsplit

from tests.fakes.proxy import FakeProxy, Served
from wslb.interfaces import Tunnel
from wslb.model.handshake import Handshake, Headers, one_header

__all__ = ["FakeConnector", "FakeTunnel"]

_LOOK_SECONDS = 0.002


class FakeTunnel:
    """An open WebSocket (`wslb.interfaces.Tunnel`)."""

    def __init__(self, served: Served) -> None:
        assert served.end is not None
        self._served = served
        self._end = served.end
        self._over = False

    async def send(self, message: str | bytes) -> None:
        """Send one message."""
        self._look()
        if self._end.closed:
            raise ConnectionError("the tunnel has ended")
        self._end.hears(message)

    async def receive(self, *, timeout_seconds: float) -> str | bytes:
        """Next message."""
        deadline = time.monotonic() + timeout_seconds
        while not self._end.said or self._end.backend.frozen:
            if self._look():
                raise ConnectionError("the tunnel has ended")
            if time.monotonic() >= deadline:
                raise TimeoutError
            await asyncio.sleep(_LOOK_SECONDS)
        return self._end.said.popleft()

    async def ping(self, *, timeout_seconds: float) -> None:
        """Its pong comes unless the backend is frozen."""
        if self._look():
            raise ConnectionError("the tunnel has ended")
        if self._end.backend.frozen:
            await asyncio.sleep(timeout_seconds)
            raise TimeoutError

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it; twice is once."""
        self._end.end(code, reason, by="client")
        self._look()

    async def wait_closed(self, *, timeout_seconds: float) -> None:
        """Wait until it has ended."""
        async with asyncio.timeout(timeout_seconds):
            while not self._look():  # noqa: ASYNC110 - a fake has no other side that could set an event
                await asyncio.sleep(_LOOK_SECONDS)

    @property
    def ended(self) -> tuple[int, str, str] | None:
        """Close code, reason and who began."""
        closed = self._end.closed
        return None if closed is None else (closed.code, closed.reason, closed.by)

    def _look(self) -> bool:
        """Whether it has ended; the proxy counts it out at the first look."""
        if self._end.closed and not self._over:
            self._over = True
            self._served.over()
        return self._end.closed is not None


class FakeConnector:
    """Opens WebSockets through the fake proxy, as a browser would."""

    name = "fake"

    def __init__(self, proxy: FakeProxy) -> None:
        self._proxy = proxy

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
        """Open one WebSocket."""
        begin = time.monotonic()
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        request: Headers = (
            ("Host", parts.netloc),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", base64.b64encode(secrets.token_bytes(16)).decode()),
            ("Sec-WebSocket-Version", "13"),
            *((("Sec-WebSocket-Protocol", ", ".join(subprotocols)),) if subprotocols else ()),
            *headers,
        )
        made = Handshake(conn_id="", seq=0, url=url, request=request)
        front = self._proxy.front
        if not self._proxy.running or (parts.hostname, parts.port) != (front.host, front.plain):
            return _refused(made, "connection refused", begin), None
        served = self._proxy.serve(target, headers=request)
        if served.end is not None and served.end.backend.frozen:
            await asyncio.sleep(timeout_seconds)
            served.over()
            return _refused(made, f"no answer within {timeout_seconds:g} s", begin), None
        if served.end is None:
            served.over()
        elapsed = time.monotonic() - begin
        told = Handshake(
            conn_id="",
            seq=0,
            url=url,
            request=request,
            status=served.status,
            reason="Switching Protocols" if served.end else "",
            response=served.response,
            subprotocol=one_header(served.response, "Sec-WebSocket-Protocol"),
            elapsed_seconds=elapsed,
            error=None if served.end else f"the proxy answered {served.status}",
        )
        return told, FakeTunnel(served) if served.end else None


def _refused(made: Handshake, error: str, begin: float) -> Handshake:
    return Handshake(
        conn_id="", seq=0, url=made.url, request=made.request, error=error, elapsed_seconds=time.monotonic() - begin
    )
