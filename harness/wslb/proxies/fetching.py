"""An ordinary HTTP request to a proxy, of whatever product."""

from __future__ import annotations

import ssl

import aiohttp

from wslb.errors import exhausted, plain
from wslb.interfaces import Front
from wslb.model.balancer import Listener
from wslb.model.handshake import Headers

__all__ = ["fetched"]


async def fetched(
    session: aiohttp.ClientSession,
    front: Front,
    path: str,
    *,
    method: str = "GET",
    headers: Headers = (),
    listener: Listener = Listener.PLAIN,
    trust: ssl.SSLContext | bool = True,
    server_name: str | None = None,
) -> tuple[int, Headers, str]:
    """Status, header fields and body; redirects are not followed.

    Args:
        server_name: of the TLS handshake, where it is not the host that is connected to.

    Raises:
        ConnectionError: nothing answered.
    """
    scheme = "https" if listener is Listener.TLS else "http"
    url = f"{scheme}://{front.host}:{front.port(listener)}{path}"
    try:
        async with session.request(
            method,
            url,
            headers=list(headers),
            ssl=trust,
            allow_redirects=False,
            server_hostname=server_name if listener is Listener.TLS else None,
        ) as response:
            return response.status, tuple(response.headers.items()), await response.text(errors="replace")
    except (aiohttp.ClientError, TimeoutError) as exc:
        if lacking := exhausted(exc):
            raise lacking from exc
        raise ConnectionError(f"{method} {path}: {plain(exc)}") from exc
