"""Each stand-in beside its original: the same bytes to both, the same bytes back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.live.test_trace import served
from tests.originals.probes import HANDSHAKES, exchange, handshake, settled, silence
from tests.originals.servers import HOST, Server, real_liberty, real_node, stand_in
from wslb.config import RuntimeChoice, Settings
from wslb.lab.launch import discover

pytestmark = pytest.mark.live

PLAIN = "--plain-headers"


@pytest_asyncio.fixture(loop_scope="session")
async def double(original: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """The stand-in of the original."""
    async with stand_in(original.plays, tmp_path_factory.mktemp("double"), PLAIN) as server:
        yield server


async def heads(server: Server, requests: dict[str, bytes]) -> dict[str, list[str]]:
    """The answers' heads, by what was asked."""
    answers = await asyncio.gather(*(exchange(server.host, server.port, request) for request in requests.values()))
    return {what: [settled(line) for line in answer.head] for what, answer in zip(requests, answers, strict=True)}


async def test_a_handshake_is_answered_as_by_the_original(original: Server, double: Server) -> None:
    requests = {what: handshake(original.cl_path, **how) for what, how in HANDSHAKES.items()}
    assert await heads(double, requests) == await heads(original, requests)


@pytest.mark.parametrize("fallback", ["Off", "On"], ids=["wstunnel", "http"])
async def test_behind_httpd_a_handshake_is_answered_as_by_the_original(
    original: Server, double: Server, fallback: str, tmp_path: Path
) -> None:
    installation = (await discover(Settings(runtime=RuntimeChoice.LOCAL))).installation
    lines = [f"ProxyWebsocketFallbackToProxyHttp {fallback}"]
    for path, server in (("/double", double), ("/original", original)):
        lines.append(f"ProxyPass {path} ws://{server.host}:{server.port}{server.cl_path}")
    async with served("\n".join(lines), tmp_path, installation) as port:
        answers = [
            await asyncio.gather(*(exchange(HOST, port, handshake(path, **how)) for how in HANDSHAKES.values()))
            for path in ("/double", "/original")
        ]
    for what, by_double, by_original in zip(HANDSHAKES, *answers, strict=True):
        assert by_original.head[0] == "HTTP/1.1 101 Switching Protocols", what
        assert [settled(line) for line in by_double.head] == [settled(line) for line in by_original.head], what


async def test_silence_is_endured_as_by_the_original(original: Server, double: Server) -> None:
    """Node.js pings after 20 s and drops a client 10 s later that does not answer; Liberty says nothing for long."""
    request = handshake(original.cl_path)
    ends = await asyncio.gather(
        *(silence(server.host, server.port, request, seconds=35) for server in (double, original))
    )
    assert ends[0] == ends[1] == {"node": [("8900", 20), ("", 30)], "liberty": []}[original.plays]


async def test_a_stop_says_no_goodbye_as_the_original(original: Server, tmp_path: Path) -> None:
    again = {"liberty": real_liberty, "node": real_node}[original.plays]
    for start in (again(tmp_path), stand_in(original.plays, tmp_path, PLAIN)):
        async with contextlib.AsyncExitStack() as stack:
            server = await stack.enter_async_context(start)
            reader, writer = await asyncio.open_connection(server.host, server.port)
            writer.write(handshake(server.cl_path))
            await reader.readuntil(b"Connected to ")
            await stack.aclose()
            rest = await asyncio.wait_for(reader.read(), 10)
            assert b"\x88" not in rest, server.plays
            writer.close()
