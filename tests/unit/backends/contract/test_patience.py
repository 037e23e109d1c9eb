"""A client that sends no whole request is dropped in time by every program, and one that has sent it is not."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

import backends.lean.__main__ as lean
import backends.liberty.__main__ as liberty
import backends.node.__main__ as node
from backends import cl
from backends.contract import connection, options, sockets
from backends.contract.daemon import Serve
from backends.contract.profile import LIBERTY, NODE, Profile
from backends.contract.stand_in import StandIn
from backends.lean.lines import Lines
from tests.evidence import KEY
from wslb.waiting import disconnect

LIMIT = 0.3
LATEST = 10.0

PROGRAMS: dict[str, tuple[Profile, Serve]] = {
    "liberty": (LIBERTY, liberty.serve),
    "node": (NODE, node.serve),
    "lean": (NODE, lean.serve),
}


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Profile, Serve]:
    monkeypatch.setattr(connection, "REQUEST_SECONDS", LIMIT)
    monkeypatch.setattr(Lines, "take_over", lambda _: None)  # of the standard streams, which are the tests' own
    return PROGRAMS[str(request.param)]


@contextlib.asynccontextmanager
async def served(profile: Profile, serve: Serve) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    chosen = options.parse(["--port", "0", "--control-port", "0", "--host", "127.0.0.1"], profile=profile)
    bound = sockets.open_listeners(chosen, profile=profile, host_name="host.example.org")
    runner = cl.choose("emulator", program="", host_name="host", name=chosen.name, address=bound.address)
    with contextlib.closing(bound):
        assert bound.plain is not None
        address = bound.plain.getsockname()
        backend = StandIn(profile=profile, options=chosen, listeners=bound, host_name="host.example.org", cl=runner)
        running = await serve(backend, "ws", bound.plain, None)
        reader, writer = await asyncio.open_connection(*address[:2])
        try:
            yield reader, writer
        finally:
            await disconnect(writer)
            await running.stop_listening()
            await backend.say_goodbye(limit_seconds=1)
            await running.stop()


async def ended_after(reader: asyncio.StreamReader) -> float:
    """Seconds until the connection has ended."""
    begin = time.monotonic()
    async with asyncio.timeout(LATEST):
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
    return time.monotonic() - begin


@pytest.mark.parametrize("begun", [b"", b"GET /echo HTTP/1.1\r\nHost: h\r\n"], ids=["nothing", "half a head"])
async def test_no_whole_request_in_time(program: tuple[Profile, Serve], begun: bytes) -> None:
    async with served(*program) as (reader, writer):
        writer.write(begun)
        assert LIMIT - 0.05 <= await ended_after(reader) < LATEST


async def test_a_tunnel_outlives_the_limit(program: tuple[Profile, Serve]) -> None:
    path = "/WSConsole/echo" if program[0] is LIBERTY else "/echo"
    async with served(*program) as (reader, writer):
        fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\n{fields}\r\n\r\n".encode())
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2 * LIMIT):
                await reader.read(1)
        writer.write(b"\x89\x80abcd")  # a ping
        assert await reader.readexactly(2) == b"\x8a\x00"
