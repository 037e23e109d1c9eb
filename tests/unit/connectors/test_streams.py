"""The client that sends exactly the bytes it is told, over a pair of sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from wslb.connectors import streams
from wslb.connectors.streams import StreamConnection, StreamConnector

Pair = tuple[StreamConnection, asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    here, there = socket.socketpair()
    connection = StreamConnection(*await asyncio.open_connection(sock=here))
    reader, writer = await asyncio.open_connection(sock=there)
    yield connection, reader, writer
    await connection.close()
    writer.close()
    await writer.wait_closed()


async def test_bytes_go_and_come_unchanged(pair: Pair) -> None:
    connection, reader, writer = pair
    await connection.send(b"\x00GET nonsense\n")
    assert await reader.readexactly(14) == b"\x00GET nonsense\n"
    writer.write(b"ab")
    assert await connection.until(lambda data: data == b"ab", seconds=5)


async def test_waiting_ends_with_the_time_and_keeps_what_came(pair: Pair) -> None:
    connection, _, writer = pair
    writer.write(b"a")
    assert await connection.until(lambda data: data == b"a", seconds=5)
    assert not await connection.until(lambda data: len(data) > 1, seconds=0.05)
    assert connection.ended == ""
    writer.write(b"b")
    assert await connection.until(lambda data: data == b"ab", seconds=5)


async def test_the_end_is_noticed(pair: Pair) -> None:
    connection, _, writer = pair
    writer.write_eof()
    assert not await connection.until(lambda _: False, seconds=5)
    assert connection.ended == "closed"


async def test_after_a_half_close_it_goes_on_reading(pair: Pair) -> None:
    connection, reader, writer = pair
    await connection.half_close()
    assert await reader.read() == b""
    writer.write(b"still here")
    assert await connection.until(lambda data: data == b"still here", seconds=5)


async def test_closing_twice_is_once(pair: Pair) -> None:
    connection, reader, _ = pair
    await connection.close()
    await connection.close()
    assert connection.ended == "here"
    assert await reader.read() == b""


async def test_nobody_there_is_a_connection_error() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        with pytest.raises(ConnectionError, match=r"^connection refused$"):
            await StreamConnector().connect(f"ws://127.0.0.1:{port}/", tls=None, timeout_seconds=5)


async def test_no_more_is_kept_than_any_scenario_asks_for(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MOST_RECEIVED", 1000)
    connection, _, writer = pair
    writer.write(b"x" * 1001)
    assert not await connection.until(lambda _: False, seconds=5)
    assert connection.ended == "here"
    assert len(connection.received) == 1001
