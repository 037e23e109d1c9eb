"""What the trace of a configuration says of a path, asked of httpd with two backends that keep what they see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.unit.proxies.apache.advice.cases import MARK
from tests.unit.proxies.apache.conf.traces import TRACES, Traced
from wslb.config import RuntimeChoice, Settings
from wslb.interfaces import Installation
from wslb.lab.launch import discover
from wslb.runtimes.local.local_runtime import ports_to_listen
from wslb.runtimes.shared_memory import expect_shared_memory, forget_shared_memory
from wslb.waiting import until

pytestmark = pytest.mark.live

UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    "Sec-WebSocket-Version: 13\r\n"
)
TUNNEL = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
PLAIN = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
MODULES = (
    *("authz_core", "unixd", "proxy", "slotmem_shm", "proxy_balancer", "lbmethod_byrequests", "proxy_wstunnel"),
    *("proxy_http", "rewrite"),
)


@pytest.fixture(scope="module")
async def installation() -> Installation:
    return (await discover(Settings(runtime=RuntimeChoice.LOCAL))).installation


class Backend:
    """Answers an upgrade with 101 and anything else with 200, and keeps each request."""

    def __init__(self) -> None:
        self.port = 0
        self.heads: list[str] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heads.append(head)
            upgrade = "\r\nupgrade: websocket" in head.lower()
            writer.write((TUNNEL if upgrade else PLAIN).encode())
            await writer.drain()
            if not upgrade:
                return
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def seen(self, letter: str) -> list[tuple[str, str, bool]]:
        """Letter, target and whether Upgrade arrived, of each request."""
        return [(letter, head.split(" ", 2)[1], "\r\nupgrade: websocket" in head.lower()) for head in self.heads]


@asynccontextmanager
async def served(text: str, folder: Path, httpd: Installation, *, more: tuple[str, ...] = ()) -> AsyncIterator[int]:
    """Port of an httpd with these lines.

    It is killed in the end, since ``-X`` waits for open tunnels, and the shared memory that it leaves is removed.
    """
    (port,) = ports_to_listen(0)
    (folder / "htdocs").mkdir()
    names = [f"mpm_{httpd.mpm}", *MODULES, *more]
    loads = "".join(
        f'LoadModule {n}_module "{httpd.modules_folder}/mod_{n}.so"\n' for n in names if n not in httpd.built_in
    )
    file = folder / "httpd.conf"
    file.write_text(
        f'ServerRoot "{folder}"\nPidFile "{folder}/httpd.pid"\nErrorLog "{folder}/error.log"\nServerName localhost\n'
        f'DocumentRoot "{folder}/htdocs"\nDefaultRuntimeDir "{folder}"\n{loads}Listen 127.0.0.1:{port}\n'
        f"StartServers 1\nServerLimit 1\nThreadsPerChild 25\nMaxRequestWorkers 25\n{text}\n"
    )
    expect_shared_memory(folder)
    process = await asyncio.create_subprocess_exec(httpd.binary, "-X", "-f", str(file))
    try:

        async def open_() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return process.returncode is not None
            writer.close()
            return True

        await until(open_, seconds=10, what="httpd listens")
        assert process.returncode is None, (folder / "error.log").read_text()
        yield port
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        forget_shared_memory(folder)


async def asked(port: int, path: str) -> int:
    """Status of an upgrade."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: www.example.org\r\n{UPGRADE}\r\n".encode())
        return int((await asyncio.wait_for(reader.readline(), 10)).split()[1])
    finally:
        writer.close()


@pytest.mark.parametrize("case", TRACES.values(), ids=TRACES.keys())
async def test_httpd_does_what_the_trace_says(case: Traced, installation: Installation, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        backends = {letter: Backend() for letter in "AB"}
        text = case.text.replace(MARK, "")
        for letter, backend in backends.items():
            server = await stack.enter_async_context(await asyncio.start_server(backend.answer, "127.0.0.1", 0))
            backend.port = server.sockets[0].getsockname()[1]
            text = text.replace(f"@{letter}@", f"127.0.0.1:{backend.port}")
        port = await stack.enter_async_context(served(text, tmp_path, installation))
        statuses = {await asked(port, case.path) for _ in range(max(1, len(case.seen)))}
        seen = [at for letter, backend in backends.items() for at in backend.seen(letter)]
        assert sorted(seen) == sorted(case.seen)
        if not case.seen:
            assert statuses == {case.status}
        if case.host:
            host = case.host.replace("@A@", f"127.0.0.1:{backends['A'].port}")
            assert f"\r\nHost: {host}\r\n" in backends["A"].heads[0]
