"""The TLS listener (backends/README.md), for every program."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.live.backends.program import DEADLINE, Backend, Certificate, close_of, handshake, running
from wslb.waiting import disconnect
from wslb.wire.frames import Opcode, serialise


async def test_tls_listener_serves_the_same(backend: Backend, certificate: Certificate) -> None:
    async with connect(backend.uri(scheme="wss"), ssl=certificate.context, proxy=None) as connection:
        assert await connection.recv() == backend.health["greeting"]
        assert (await backend.journal())[-1]["listener"] == "wss"
    async with connect(backend.uri("echo", "wss"), ssl=certificate.context, proxy=None, max_size=None) as connection:
        await connection.send("x" * 1_000_000)
        assert await connection.recv() == "x" * 1_000_000
    async with connect(backend.uri(scheme="wss"), ssl=certificate.context, proxy=None) as connection:
        with contextlib.suppress(ConnectionClosed):
            await connection.send("x" * 6_000_000)
        end = await close_of(connection)
        assert end.rcvd is not None
        assert end.rcvd.code == 1009


BYE = b"\x03\xe8bye"
FAREWELLS = {
    "a Close frame": (serialise(Opcode.CLOSE, BYE, mask=b"abcd"), b"\x88\x05" + BYE),
    "a bad frame": (serialise(Opcode.PING, b"x" * 126, mask=b"abcd"), b"\x88"),
    "no UTF-8": (serialise(Opcode.TEXT, b"\xff", mask=b"abcd"), b"\x88"),
}
"""What ends a connection, and how the answer begins."""


@pytest.mark.parametrize("end", FAREWELLS)
@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_one_close_frame_comes_back_and_the_connection_ends(
    backend: Backend, certificate: Certificate, scheme: str, end: str
) -> None:
    sent, begins = FAREWELLS[end]
    reader, writer = await asyncio.open_connection(
        backend.health["address"], backend.health[scheme], ssl=certificate.context if scheme == "wss" else None
    )
    try:
        writer.write(handshake(backend, endpoint="echo"))
        async with asyncio.timeout(DEADLINE):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(sent)
            came = await reader.read()
    finally:
        await disconnect(writer)
    assert came.startswith(begins)
    assert len(came) == 2 + came[1]


async def test_plain_text_on_the_tls_port_does_no_harm(backend: Backend) -> None:
    with contextlib.suppress(ConnectionError):
        assert await backend.exchange(handshake(backend), scheme="wss") == b""
    assert await backend.journal() == []


async def test_tls_only(program: str, certificate: Certificate, tmp_path: Path) -> None:
    tls = ("--port", "-1", "--tls-port", "0", "--tls-cert", str(certificate.cert), "--tls-key", str(certificate.key))
    async with running(program, tmp_path, *tls) as backend:
        assert backend.health["ws"] is None
        async with connect(backend.uri(scheme="wss"), ssl=certificate.context, proxy=None) as connection:
            assert await connection.recv() == backend.health["greeting"]
