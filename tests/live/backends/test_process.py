"""The process: idling, signals, privileges, failures to start (backends/README.md), for every program."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from pathlib import Path

import pytest
from websockets import InvalidStatus, Origin
from websockets.asyncio.client import connect

from tests.live.backends.program import (
    DEADLINE,
    ROOT,
    Certificate,
    arguments,
    close_of,
    handshake,
    opened_raw,
    running,
    status,
    until,
)


async def test_idle_connection_is_closed_and_the_client_receives_it(program: str, tmp_path: Path) -> None:
    async with running(program, tmp_path, "--idle-seconds", "0.3") as backend, backend.connect() as connection:
        begun = time.monotonic()
        end = await close_of(connection)
        assert end.rcvd is not None
        assert end.rcvd.code in (1000, 1001)
        assert "idle" in end.rcvd.reason
        assert time.monotonic() - begun > 0.25
        assert (await backend.closed())["by"] == "server"


@pytest.mark.slow
async def test_client_that_never_reads_is_given_up(program: str, tmp_path: Path) -> None:
    async with running(program, tmp_path, "--idle-seconds", "0.3") as backend:
        with socket.create_connection((backend.health["address"], backend.health["ws"])) as client:
            client.sendall(handshake(backend, endpoint="echo"))
            client.recv(4096)
            client.setblocking(False)
            size = 2**20
            message = b"\x82\xff" + size.to_bytes(8) + b"\0\0\0\0" + b"x" * size
            loop = asyncio.get_running_loop()
            with contextlib.suppress(TimeoutError, ConnectionError):
                await asyncio.wait_for(loop.sock_sendall(client, message * 64), 1)
            closed = await backend.closed()
        assert (closed["code"], closed["by"]) == (1001, "server")


async def test_traffic_keeps_a_connection_open(program: str, tmp_path: Path) -> None:
    async with running(program, tmp_path, "--idle-seconds", "0.5") as backend, backend.connect() as connection:
        begun = time.monotonic()
        while time.monotonic() - begun < 1.2:
            await (await connection.ping())
            await asyncio.wait({asyncio.ensure_future(connection.wait_closed())}, timeout=0.1)
        await connection.recv()
        await connection.send("DSPLIBL")
        assert "QGPL" in await connection.recv()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_closes_connections_and_ends_in_time(program: str, tmp_path: Path, number: signal.Signals) -> None:
    async with running(program, tmp_path) as backend, contextlib.AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(backend.connect()) for _ in range(30)]
        # Three that will never answer a close frame, one of them with a request that gets no answer at all.
        await backend.fault("silent", times=1)
        _, silent = await stack.enter_async_context(backend.connected())
        silent.write(handshake(backend))
        await until(backend.journal, what="silent request")
        for _ in range(2):
            await stack.enter_async_context(opened_raw(backend, handshake(backend)))
        begun = time.monotonic()
        backend.process.send_signal(number)
        for connection in connections:
            end = await close_of(connection)
            assert end.rcvd is None, "neither Open Liberty nor Node.js sends a close frame when it is stopped"
        assert await asyncio.wait_for(backend.process.wait(), DEADLINE) == 0
        assert time.monotonic() - begun < 4, "those that never answer were waited for"


async def test_process_ends_with_its_parent(program: str, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    try:
        async with running(program, tmp_path, "--exit-with-parent", stdin=reading) as backend:
            os.close(writing)
            writing = -1
            assert await asyncio.wait_for(backend.process.wait(), DEADLINE) == 0
    finally:
        os.close(reading)
        if writing >= 0:
            os.close(writing)


def user_ids(pid: int) -> list[str]:
    """Return real, effective, saved and file-system user of a process."""
    return Path(f"/proc/{pid}/status").read_text().split("Uid:")[1].split()[:4]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_privileges_are_dropped_and_everything_still_works(
    program: str, certificate: Certificate, tmp_path: Path
) -> None:
    tls = ("--tls-port", "0", "--tls-cert", str(certificate.cert), "--tls-key", str(certificate.key))
    async with running(program, tmp_path, "--user", "65534", *tls) as backend:
        assert backend.health == {**await backend.read("/healthz")}
        assert backend.health["uid"] == 65534
        assert (tmp_path / f"{program}.json").stat().st_mode & 0o777 == 0o644
        assert user_ids(backend.process.pid) == ["65534"] * 4
        async with backend.connect("echo", compression="deflate") as connection:
            await connection.send("x" * 1_000_000)  # compressed in a thread by aiohttp
            assert await connection.recv() == "x" * 1_000_000
        async with connect(backend.uri(scheme="wss"), ssl=certificate.context, proxy=None) as connection:
            await connection.recv()
            for command in ("WRKSBS", "WRKACTJOB", "NETSTAT", "DSPJOB", "DSPSYSVAL QTIME", "DSPWSHDR"):
                await connection.send(command)
                assert "E N D  O F" in await connection.recv()
        assert len(await backend.journal()) == 2
        await backend.fault("status", status=418)
        assert status(await backend.exchange(b"\0\r\n\r\n")) in (0, 400)
        assert status(await backend.exchange(handshake(backend))) == 418
        backend.process.terminate()
        assert await backend.process.wait() == 0
        assert "rror" not in backend.log.read_text()


async def test_system_utility_runs_the_commands(program: str, tmp_path: Path) -> None:
    utility = tmp_path / "system"
    utility.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    utility.chmod(0o755)
    system = ("--cl", "system", "--cl-program", str(utility))
    async with (
        running(program, tmp_path, *system, "--origin", "https://tools.example.org") as backend,
        backend.connect(origin="https://tools.example.org") as connection,
    ):
        # Real commands run for nobody who names no page of ours; a client that is no browser names one too.
        assert status(await backend.exchange(handshake(backend))) == 403
        assert status(await backend.exchange(handshake(backend, "Origin: https://foreign.example"))) == 403
        await connection.recv()
        await connection.send("WRKSBS; id")
        assert str(await connection.recv()).endswith("-i|WRKSBS; id|")
        await connection.send("DSPWSCNN")
        assert "Connection number" in await connection.recv()


async def failure(program: str, *options: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *arguments(program, *options), cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    try:
        _, stderr = await asyncio.wait_for(process.communicate(), DEADLINE)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 3, stderr
    assert stderr.count(b"\n") == 1
    assert b"Traceback" not in stderr
    return stderr.decode()


async def test_failure_to_start_is_one_sentence(program: str, certificate: Certificate, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"cannot listen on 127.0.0.1 port {port}: address already in use; stop" in await failure(
            program, "--host", "127.0.0.1", "--port", port
        )
    assert "--host" in await failure(program, "--host", "192.0.2.1")
    assert "no such user" in await failure(program, "--user", "nobody-of-this-name")
    missing = str(tmp_path / "missing.pem")
    assert "no such file" in await failure(program, "--tls-cert", missing, "--tls-key", missing)
    assert "--tls-key" in await failure(program, "--tls-cert", missing)
    assert "no certificate" in await failure(program, "--tls-port", "0")
    broken = tmp_path / "broken.pem"
    broken.write_text("no key")
    assert "PEM" in await failure(program, "--tls-cert", str(certificate.cert), "--tls-key", str(broken))
    assert "nothing to listen on" in await failure(program, "--port", "-1")
    assert "cannot write" in await failure(program, "--announce", str(tmp_path / "missing" / "file"))


async def test_log_has_one_line_per_event(program: str, tmp_path: Path) -> None:
    async with running(program, tmp_path) as backend:
        async with backend.connect() as connection:
            await connection.recv()
            await connection.send("WRKSBS\nfake line")
            await connection.recv()
        await backend.closed()
        refused = (
            handshake(backend, drop="Sec-WebSocket-Key"),
            b"GET / HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n",
        )
        assert [status(await backend.exchange(request)) for request in refused] == [400, 404]
        async with backend.connected():
            pass
        backend.process.terminate()
        await backend.process.wait()
        lines = [line.split(" INFO ")[1].split()[0] for line in backend.log.read_text().splitlines()]
        assert lines == ["start", "open", "command", "closed", "stop"]


async def test_anywhere_makes_every_path_a_cl_endpoint_for_own_pages_and_those_that_are_allowed(
    program: str, tmp_path: Path
) -> None:
    words = ("--anywhere", "cl", "--host-name", "member-1", "--origin", "http://page.example.org")
    async with running(program, tmp_path, *words) as backend:
        uri = f"ws://{backend.health['address']}:{backend.health['ws']}/some/where"
        for origin in (None, Origin("http://page.example.org")):
            async with connect(uri, proxy=None, compression=None, ping_interval=None, origin=origin) as connection:
                assert await connection.recv() == backend.health["greeting"]
                await connection.send("WRKSYSSTS")
                assert "System Status Information" in str(await connection.recv())
        with pytest.raises(InvalidStatus, match="403"):
            async with connect(uri, proxy=None, origin=Origin("http://other.example.org")):
                pass


async def test_at_root_finds_endpoints_and_page_with_and_without_the_path_of_their_application(
    program: str, tmp_path: Path
) -> None:
    async with running(program, tmp_path, "--at-root") as backend:
        host = f"{backend.health['address']}:{backend.health['ws']}"
        for path in {"/CLRunner", backend.health["cl_path"]}:
            async with connect(f"ws://{host}{path}", proxy=None, compression=None, ping_interval=None) as connection:
                assert await connection.recv() == backend.health["greeting"]
        for path in {"/echo", backend.health["echo_path"]}:
            async with connect(f"ws://{host}{path}", proxy=None, compression=None, ping_interval=None) as connection:
                await connection.send("ping")
                assert await connection.recv() == "ping"
        end = "HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n"
        for path, code in (
            ("/WSConsole.html", 200),
            (backend.health["page_path"], 200),
            ("/CLRunner", 404),
            ("/x", 404),
        ):
            assert status(await backend.exchange(f"GET {path} {end}".encode())) == code


async def test_anywhere_makes_every_path_an_echo_endpoint_and_answers_plain_requests(
    program: str, tmp_path: Path
) -> None:
    async with running(program, tmp_path, "--anywhere") as backend:
        start = "GET /some/where?a=1 HTTP/1.1"
        uri = f"ws://{backend.health['address']}:{backend.health['ws']}/some/where?a=1"
        async with connect(uri, proxy=None, compression=None, ping_interval=None) as connection:
            await connection.send("ping")
            assert await connection.recv() == "ping"
        answer = await backend.exchange(f"{start}\r\nHost: t\r\nConnection: close\r\n\r\n".encode())
        assert status(answer) == 200
        journal = await backend.journal()
    assert [(e["target"], e["upgrade"], e["status"]) for e in journal] == [
        ("/some/where?a=1", True, 101),
        ("/some/where?a=1", False, 200),
    ]
