"""The originals run, serve both endpoints, and leave no process behind."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.originals.servers import Server, real_node

pytestmark = pytest.mark.live


def uri(server: Server, path: str) -> str:
    return f"ws://{server.host}:{server.port}{path}"


async def test_an_original_greets_and_answers(original: Server) -> None:
    async with connect(uri(original, original.cl_path), proxy=None) as client:
        assert str(await client.recv()).startswith("[From Server] Connected to ")
        await client.send("DSPJOB")
        assert str(await client.recv()).endswith("ran DSPJOB")


async def test_an_original_returns_what_it_gets(original: Server) -> None:
    async with connect(uri(original, original.echo_path), proxy=None) as client:
        for message in ("text ü", b"\0\xff"):
            await client.send(message)
            assert await client.recv() == message


async def test_an_original_ends_with_its_block_and_says_no_goodbye(node: Server, tmp_path: Path) -> None:
    async with real_node(tmp_path) as own:
        assert own.port != node.port
        client = await connect(uri(own, own.cl_path), proxy=None)
        await client.recv()
    with pytest.raises(ConnectionClosed) as ended:
        await asyncio.wait_for(client.recv(), 10)
    assert ended.value.rcvd is None
    assert not psutil.pid_exists(own.process.pid)
