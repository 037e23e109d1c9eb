"""One contract for every connector: the same backends, the same misbehaviour, the same answers."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from wslb.certificates import Authority
from wslb.connectors import CONNECTORS
from wslb.interfaces import Connector
from wslb.model.handshake import accept_for, header_values, one_header
from wslb.waiting import disconnect
from wslb.wire.frames import close_payload, serialise

SECONDS = 15.0
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter, str], object]


# HTTP/2 needs a server that speaks it: Apache in front (tests/live/test_http2.py), not a backend alone.
@pytest.fixture(params=sorted(CONNECTORS.keys() - {"http2"}))
def connector(request: pytest.FixtureRequest) -> Connector:
    made: Connector = CONNECTORS[request.param]()
    return made


def accepted(key: str, *extra: str, accept: str | None = None) -> bytes:
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
             f"Sec-WebSocket-Accept: {accept or accept_for(key)}", *extra]  # fmt: skip
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def frame(opcode: int, data: bytes = b"") -> bytes:
    return serialise(opcode, data, mask=None)


@contextlib.asynccontextmanager
async def server(
    answer: Callable[[str], bytes], *, then: str = "hold", context: ssl.SSLContext | None = None, pieces: int = 0
) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server of a few lines: it reads a request, answers as `answer` says for its key, then holds, ends or resets."""
    requests: list[bytes] = []
    tasks: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            requests.append(head)
            key = next(
                line.split(b": ")[1].decode()
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"sec-websocket-key")
            )
            octets = answer(key)
            for at in range(0, len(octets), pieces or max(len(octets), 1)):
                writer.write(octets[at : at + (pieces or len(octets))])
                await writer.drain()
            if then == "reset":
                writer.transport.abort()
            elif then == "hold":
                await reader.read()
        await disconnect(writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield f"{'wss' if context else 'ws'}://127.0.0.1:{port}/ws?a=b", requests
    finally:
        listening.close()
        serving = [task for task in tasks if task is not None]
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def test_an_open_connection_talks_and_closes(connector: Connector) -> None:
    def answer(key: str) -> bytes:
        return (
            accepted(key, "X-Backend: me", "x-double: 1", "X-Double: 2")
            + frame(1, b"hello")
            + frame(8, close_payload(4001, "bye"))
        )

    async with server(answer, then="end") as (url, requests):
        opened, tunnel = await connector.open(
            url, headers=(("X-Mine", "1"), ("Origin", "http://o")), timeout_seconds=SECONDS
        )
        assert (opened.status, opened.error, opened.subprotocol) == (101, None, None)
        assert header_values(opened.response, "x-DOUBLE") == ("1", "2")
        assert [name for name, _ in opened.response][-3:] == ["X-Backend", "x-double", "X-Double"]
        assert tunnel is not None
        assert await tunnel.receive(timeout_seconds=SECONDS) == "hello"
        with pytest.raises(ConnectionError):
            await tunnel.receive(timeout_seconds=SECONDS)
        await tunnel.wait_closed(timeout_seconds=SECONDS)
        assert tunnel.ended == (4001, "bye", "server")
        with pytest.raises(ConnectionError):
            await tunnel.send("late")
        await tunnel.close()
    head = requests[0].decode().split("\r\n")
    assert head[0] == "GET /ws?a=b HTTP/1.1"
    for name, value in opened.request:
        assert f"{name}: {value}" in head
    assert len(opened.request) == len([line for line in head[1:] if line])
    assert one_header(opened.request, "X-Mine") == "1"


@pytest.mark.parametrize("pieces", [1, 7])
async def test_an_answer_in_pieces_is_understood(connector: Connector, pieces: int) -> None:
    async with server(lambda key: accepted(key) + frame(1, "grüße".encode()), pieces=pieces) as (url, _):
        _, tunnel = await connector.open(url, timeout_seconds=SECONDS)
        assert tunnel is not None
        assert await tunnel.receive(timeout_seconds=SECONDS) == "grüße"
        with pytest.raises(TimeoutError):
            await tunnel.receive(timeout_seconds=0.05)
        assert tunnel.ended is None


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (lambda key: accepted(key, accept="AAAA"), 101),
        (lambda key: accepted(key, "Sec-WebSocket-Extensions: permessage-deflate"), 101),
        (lambda key: accepted(key, "Sec-WebSocket-Protocol: unasked"), 101),
        (lambda key: accepted(key).replace(b"Upgrade: websocket", b"Upgrade: h2c"), 101),
        (lambda key: accepted(key).replace(b"101 Switching Protocols", b"200 OK\r\nContent-Length: 0"), 200),
        (lambda _: b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy", 503),
        (lambda _: b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", 302),
        (lambda _: b"SSH-2.0-OpenSSH_9\r\n\r\n", None),
        (lambda _: b"", None),
    ],
)  # fmt: skip
async def test_a_refused_handshake_is_a_result(
    connector: Connector, answer: Callable[[str], bytes], status: int
) -> None:
    async with server(answer, then="end") as (url, _):
        opened, tunnel = await connector.open(url, timeout_seconds=SECONDS)
    assert opened.status == status
    assert opened.error
    assert tunnel is None


async def test_a_reset_is_a_result(connector: Connector) -> None:
    async with server(lambda _: b"HTTP/1.1 101 Sw", then="reset") as (url, _):
        opened, tunnel = await connector.open(url, timeout_seconds=SECONDS)
    assert (opened.status, tunnel) == (None, None)
    assert opened.error


async def test_silence_ends_at_the_deadline(connector: Connector) -> None:
    async with server(lambda _: b"") as (url, _):
        opened, _ = await connector.open(url, timeout_seconds=0.2)
    assert opened.error is not None
    assert "0.2 s" in opened.error
    assert 0.2 <= opened.elapsed_seconds < SECONDS


async def test_nobody_listening_is_a_result(connector: Connector) -> None:
    async with server(lambda _: b"") as (url, _):
        pass
    opened, tunnel = await connector.open(url, timeout_seconds=SECONDS)
    assert (opened.status, tunnel) == (None, None)
    assert opened.error is not None
    assert "refused" in opened.error.lower()


async def test_a_lost_connection_is_told_as_lost(connector: Connector) -> None:
    async with server(accepted, then="end") as (url, _):
        _, tunnel = await connector.open(url, timeout_seconds=SECONDS)
        assert tunnel is not None
        with pytest.raises(ConnectionError):
            await tunnel.receive(timeout_seconds=SECONDS)
        await tunnel.wait_closed(timeout_seconds=SECONDS)
        assert tunnel.ended == (1006, "", "lost")


async def test_an_offered_subprotocol_is_chosen(connector: Connector) -> None:
    async with server(lambda key: accepted(key, "Sec-WebSocket-Protocol: b")) as (url, requests):
        opened, _ = await connector.open(url, subprotocols=["a", "b"], timeout_seconds=SECONDS)
        assert (opened.subprotocol, opened.error) == ("b", None)
    assert b"\r\nSec-WebSocket-Protocol: a, b\r\n" in requests[0]


async def test_tls_is_checked(connector: Connector, tmp_path: Path) -> None:
    authority = Authority()
    leaf = authority.leaf("localhost", names=("127.0.0.1",))
    (tmp_path / "c.pem").write_bytes(leaf.certificate)
    (tmp_path / "k.pem").write_bytes(leaf.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "c.pem", tmp_path / "k.pem")
    async with server(lambda key: accepted(key) + frame(1, b"safe"), context=context) as (url, _):
        opened, tunnel = await connector.open(url, tls=authority.client_context(), timeout_seconds=SECONDS)
        assert tunnel is not None, opened.error
        assert await tunnel.receive(timeout_seconds=SECONDS) == "safe"
        untrusted, _ = await connector.open(url, timeout_seconds=SECONDS)
        assert untrusted.error is not None
        assert "certificate" in untrusted.error.lower()


@pytest_asyncio.fixture(loop_scope="session", scope="module", params=["backends.node", "backends.lean"])
async def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, object]]:
    import json  # noqa: PLC0415
    import sys  # noqa: PLC0415

    from wslb.waiting import until  # noqa: PLC0415

    file = tmp_path_factory.mktemp("backend") / "announced.json"
    argv = [sys.executable, "-m", request.param, "--port", "0", "--control-port", "0", "--announce", str(file)]
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=Path(__file__).parents[2], stderr=asyncio.subprocess.DEVNULL
    )

    async def announced() -> bool:
        return file.exists()

    try:
        await until(announced, seconds=60, what="the announcement")
        yield json.loads(file.read_text())
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 3_000_000])
async def test_every_size_is_echoed(connector: Connector, backend: dict[str, object], size: int) -> None:
    url = f"ws://{backend['address']}:{backend['ws']}{backend['echo_path']}"
    _, tunnel = await connector.open(url, timeout_seconds=SECONDS)
    assert tunnel is not None
    for message in ("x" * size, b"\xff" * size):
        await tunnel.send(message)
        assert await tunnel.receive(timeout_seconds=SECONDS) == message
    await tunnel.close(4321, "done")
    assert tunnel.ended == (4321, "done", "client")


async def test_a_client_that_reads_late_gets_everything(connector: Connector, backend: dict[str, object]) -> None:
    url = f"ws://{backend['address']}:{backend['ws']}{backend['echo_path']}"
    _, tunnel = await connector.open(url, timeout_seconds=SECONDS)
    assert tunnel is not None
    for number in range(200):
        await tunnel.send(f"{number}" * 100)
    for number in range(200):
        assert await tunnel.receive(timeout_seconds=SECONDS) == f"{number}" * 100
    await tunnel.close()
    assert tunnel.ended == (1000, "", "client")
