"""The TLS listener (backends/README.md), for every program."""

from __future__ import annotations

import contextlib
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.live.backends.program import Backend, Certificate, close_of, handshake, running


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
