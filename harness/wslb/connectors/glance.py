"""One more opening of a server that refused one, by a client that keeps every byte: what came, for people to read.

A client library gives up at the first thing that it does not take, and with it goes what would tell why: the page of
an error, an answer of HTTP/1.0, the bytes of another protocol, an alert of TLS that comes behind the handshake.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import ssl
import time
from collections.abc import Sequence

from wslb.errors import exhausted, plain
from wslb.model.handshake import Headers, accept_for, one_header, tokens
from wslb.waiting import disconnect
from wslb.wire.http1 import AnswerHead, parse_head
from wslb.wire.refusals import Refusal
from wslb.wire.refusals.refusal import MOST_BODY
from wslb.wire.upgrade import address_of, key_of, refusal, request_bytes

__all__ = ["glance"]

_MOST_HEAD = 65_536
_BODY_SECONDS = 1.0
"""How long the rest of a page may take once its head is there."""


async def glance(
    url: str,
    *,
    headers: Headers = (),
    subprotocols: Sequence[str] = (),
    tls: ssl.SSLContext | None = None,
    timeout_seconds: float = 5.0,
) -> Refusal | None:
    """Open once and tell what came; None where a tunnel opened."""
    address = address_of(url)
    offered = (("Sec-WebSocket-Protocol", ", ".join(subprotocols)),) if subprotocols else ()
    further = (*headers, *offered)
    key = key_of(os.urandom(16))
    own_host = any(name.lower() == "host" for name, _ in headers)
    data = request_bytes(address, key=key, headers=further)
    if own_host:
        data = data.replace(f"Host: {address.authority}\r\n".encode(), b"", 1)
    received = bytearray()
    error = ""
    begin = answered = time.monotonic()
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(
                address.host, address.port, ssl=tls, server_hostname=address.host if tls else None
            )
            writer.write(data)
            while b"\r\n\r\n" not in received and len(received) < _MOST_HEAD and (chunk := await reader.read(16_384)):
                received += chunk
            answered = time.monotonic()
            if b"\r\n\r\n" not in received:
                error = (
                    "the connection ended during the answer" if received else "the connection ended without an answer"
                )
        head = parse_head(bytes(received))
        if head is not None and head.status != 101:
            await _rest(reader, received, head)
    except TimeoutError:
        error, answered = f"no answer within {timeout_seconds:g} s", time.monotonic()
    except OSError as exc:  # those of TLS are of it
        if lacking := exhausted(exc):
            raise lacking from exc
        error, answered = plain(exc), time.monotonic()
    finally:
        if writer is not None:
            await disconnect(writer, seconds=1.0)
    head = parse_head(bytes(received))
    problem = None if head is None else refusal(head, accept=accept_for(key))
    if head is not None and (problem is None or (offered and problem.kind == "wrong subprotocol")):
        return None
    sent = (("Sec-WebSocket-Version", "13"), *further)
    body = _page(bytes(received), head).decode("latin-1")
    if head is None:
        return Refusal(url=url, request=sent, body=body, error=error, seconds=answered - begin)
    return Refusal(
        url=url,
        request=sent,
        status=head.status,
        reason=head.reason,
        version=head.version,
        response=head.headers,
        body=body,
        seconds=answered - begin,
    )


async def _rest(reader: asyncio.StreamReader, received: bytearray, head: AnswerHead) -> None:
    """Read on until the page is over, or there is enough of it, or it takes too long."""
    length = one_header(head.headers, "Content-Length") or ""
    most = min(int(length), MOST_BODY) if length.isascii() and length.isdigit() else MOST_BODY
    chunked = "chunked" in tokens(head.headers, "Transfer-Encoding")
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(_BODY_SECONDS):
            while len(received) - head.size < most and not (chunked and received.endswith(b"0\r\n\r\n")):
                chunk = await reader.read(16_384)
                if not chunk:
                    return
                received += chunk


def _page(received: bytes, head: AnswerHead | None) -> bytes:
    """Begin of what followed the head, without the sizes of chunks (RFC 9112 section 7.1); without a head, of all."""
    if head is None:
        return received[:MOST_BODY]
    data = received[head.size :]
    if "chunked" not in tokens(head.headers, "Transfer-Encoding"):
        return data[:MOST_BODY]
    page = b""
    while match := re.match(rb"([0-9A-Fa-f]{1,8})[^\r\n]{0,100}\r\n", data):
        size = int(match[1], 16)
        page += data[match.end() :][:size]
        data = data[match.end() + size + 2 :]
        if not size or len(page) >= MOST_BODY:
            break
    return page[:MOST_BODY]
