from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from wslb.connectors.glance import glance
from wslb.model.handshake import accept_for
from wslb.wire.refusals import Refusal


@asynccontextmanager
async def server(answer: bytes, *, stay: bool = False) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Answers each request with these bytes, ``ACCEPT`` in them replaced; gives its URL and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(head := await reader.readuntil(b"\r\n\r\n"))
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)
        writer.write(answer.replace(b"ACCEPT", accept_for(key[1].decode()).encode() if key else b""))
        await writer.drain()
        if stay:
            await reader.read()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/a?b", asked
    finally:
        listening.close()


async def looked(answer: bytes, *, stay: bool = False) -> Refusal | None:
    async with server(answer, stay=stay) as (url, _):
        return await glance(url, timeout_seconds=1.0)


@pytest.mark.parametrize("stay", [False, True])
async def test_the_page_of_a_refusal_is_read_to_its_end_and_no_further(stay: bool) -> None:
    refused = await looked(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nno!\n", stay=stay)
    assert refused is not None
    assert (refused.status, refused.reason, refused.body) == (403, "Forbidden", "no!\n")


async def test_the_sizes_of_chunks_are_none_of_the_page() -> None:
    page = b"HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nBad\r\n8\r\n Gateway\r\n0\r\n\r\n"
    refused = await looked(page, stay=True)
    assert refused is not None
    assert refused.body == "Bad Gateway"


async def test_an_answer_of_http_1_0_and_bytes_of_another_protocol_are_kept() -> None:
    old = await looked(b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n")
    assert old is not None
    assert (old.status, old.version) == (400, "HTTP/1.0")
    other = await looked(b"\x15\x03\x01\x00\x02\x02\x46")
    assert other is not None
    assert (other.status, other.body) == (None, "\x15\x03\x01\x00\x02\x02F")


async def test_silence_and_nobody_are_told_apart() -> None:
    async with server(b"", stay=True) as (url, _):
        silent = await glance(url, timeout_seconds=0.2)
    gone = await glance(url, timeout_seconds=0.2)
    hung_up = await looked(b"")
    assert silent is not None
    assert gone is not None
    assert hung_up is not None
    assert silent.error == "no answer within 0.2 s"
    assert silent.seconds >= 0.2
    assert gone.error == "connection refused"
    assert hung_up.error == "the connection ended without an answer"


async def test_a_tunnel_that_opens_is_no_refusal_and_one_of_another_key_is() -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    assert await looked(head + b"ACCEPT\r\n\r\n", stay=True) is None
    broken = await looked(head + b"nonsense\r\n\r\n", stay=True)
    assert broken is not None
    assert broken.status == 101


async def test_fields_and_subprotocols_are_sent_and_a_host_of_the_users_own_once() -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    async with server(head + b"Sec-WebSocket-Protocol: b\r\nSec-WebSocket-Accept: ACCEPT\r\n\r\n") as (url, asked):
        assert await glance(url, headers=(("Host", "shop.example.org"),), subprotocols=("a", "b")) is None
    assert asked[0].startswith(b"GET /a?b HTTP/1.1\r\n")
    assert asked[0].count(b"Host:") == 1
    assert b"Host: shop.example.org\r\n" in asked[0]
    assert b"Sec-WebSocket-Protocol: a, b\r\n" in asked[0]


async def test_a_page_without_end_is_not_read_to_it() -> None:
    refused = await looked(b"HTTP/1.1 500 Oh\r\n\r\n" + b"x" * 500_000)
    assert refused is not None
    assert len(refused.body) == 4096
