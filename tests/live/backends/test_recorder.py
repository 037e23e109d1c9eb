"""The recorder before a stand-in that it knows nothing of: nothing changes on the way, and everything is journaled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from tests.live.backends.program import (
    DEADLINE,
    Backend,
    Certificate,
    arguments,
    close_of,
    field_of,
    handshake,
    running,
    status,
    until,
)
from wslb.waiting import disconnect

BOTH = ("--tls-port", "0")


@pytest_asyncio.fixture(params=["liberty", "node"], scope="module", loop_scope="session")
async def server(
    request: pytest.FixtureRequest, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Backend]:
    files = ("--tls-cert", str(certificate.cert), "--tls-key", str(certificate.key))
    async with running(str(request.param), tmp_path_factory.mktemp("server"), *BOTH, *files) as backend:
        yield backend


@pytest_asyncio.fixture(params=["ws", "wss"], scope="module", loop_scope="session")
async def shared_recorder(
    request: pytest.FixtureRequest,
    server: Backend,
    certificate: Certificate,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Backend]:
    url = server.uri(scheme=request.param)
    files = ("--tls-cert", str(certificate.cert), "--tls-key", str(certificate.key), "--ca", str(certificate.cert))
    async with running("recorder", tmp_path_factory.mktemp("recorder"), "--to", url, *BOTH, *files) as recorder:
        yield recorder


@pytest_asyncio.fixture(loop_scope="session")
async def recorder(shared_recorder: Backend, server: Backend) -> AsyncIterator[Backend]:
    await shared_recorder.reset()
    await server.reset()
    yield shared_recorder
    assert shared_recorder.process.returncode is None, shared_recorder.log.read_text()


SAME = ("method", "target", "http_version", "upgrade", "headers", "accepted", "status", "response_headers", "conn_id")


def alike(entry: dict[str, object], other: dict[str, object]) -> bool:
    return all(entry[key] == other[key] for key in SAME)


async def test_recorder_journals_what_the_server_journals(recorder: Backend, server: Backend) -> None:
    async with recorder.connect(additional_headers={"X-Wslb-Conn": "a-1"}) as connection:
        assert await connection.recv() == server.health["greeting"]
        await connection.send("DSPWSCNN")
        assert await connection.recv()
        await connection.close(4001, "enough")
    assert (await recorder.closed() | {"at": 0}) == {"code": 4001, "reason": "enough", "by": "client", "at": 0}
    [own], [theirs] = await recorder.journal(), await server.journal()
    assert alike(own, theirs)
    assert (own["conn_id"], own["messages_received"], own["messages_sent"]) == ("a-1", 1, 2)
    assert own["listener"] == "ws"


async def test_requests_that_are_refused_are_journaled_with_their_answer(recorder: Backend, server: Backend) -> None:
    answer = await recorder.exchange(handshake(recorder, drop="Sec-WebSocket-Key"))
    straight = await server.exchange(handshake(server, drop="Sec-WebSocket-Key"))
    new = re.compile(rb"(?i)date: [^\r]*|JSESSIONID=[^;]*")  # each time
    assert new.sub(b"", answer) == new.sub(b"", straight)
    [entry] = await recorder.journal()
    assert (entry["accepted"], entry["status"], entry["closed"]) == (False, status(straight), None)


async def test_several_requests_on_one_connection_are_told_apart(tmp_path: Path) -> None:
    async def answer(asked: web.Request) -> web.StreamResponse:
        said = await asked.read()
        if asked.path == "/chunks":
            response = web.StreamResponse()
            response.enable_chunked_encoding()
            await response.prepare(asked)
            await response.write(said + b"HTTP/1.1 101 x\r\n\r\n")
            return response
        return web.Response(body=said, status=201 if said else 200)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    requests = (
        b"GET /a HTTP/1.1\r\nHost: test\r\n\r\n"
        b"POST /chunks HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nGET \r\n0\r\n\r\n"
        b"HEAD /b HTTP/1.1\r\nHost: test\r\n\r\n"
        b"POST /c HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\nConnection: close\r\n\r\nGET "
    )
    for step in (5, 61, 1000):
        async with (
            TestServer(app) as server,
            running("recorder", tmp_path, "--to", f"ws://127.0.0.1:{server.port}") as recorder,
            recorder.connected() as (reader, writer),
        ):
            for at in range(0, len(requests), step):
                writer.write(requests[at : at + step])
                await writer.drain()
            answers = await asyncio.wait_for(reader.read(), DEADLINE)
            assert answers.count(b"HTTP/1.1 ") == 5, "four answers, and one in the content of the second"
            told = [(entry["method"], entry["target"], entry["status"]) for entry in await recorder.journal()]
        assert told == [("GET", "/a", 200), ("POST", "/chunks", 200), ("HEAD", "/b", 200), ("POST", "/c", 201)]


@pytest.mark.parametrize("size", [0, 125, 126, 65_536, 300_000])
async def test_messages_of_any_size_pass(recorder: Backend, server: Backend, size: int) -> None:
    url = recorder.uri().replace(recorder.health["cl_path"], server.health["echo_path"])
    message = os.urandom(size)
    async with contextlib.AsyncExitStack() as stack:
        connection = await stack.enter_async_context(connect(url, proxy=None, compression=None, max_size=None))
        for _ in range(3):
            await connection.send(message)
            assert await asyncio.wait_for(connection.recv(), DEADLINE) == message
    entry = (await recorder.journal())[0]
    assert (entry["messages_received"], entry["messages_sent"]) == (3, 3)


@pytest.mark.parametrize("step", [3, 10_000])
async def test_every_byte_passes_as_it_came(tmp_path: Path, step: int) -> None:
    """Frames in one packet with the handshake, odd spelling, and frames that no server should send."""
    said = b"GET /x?y HTTP/1.1\r\nHOST:  a\r\nupgrade:WebSocket\r\nConnection: Upgrade\r\n\r\n\x81\x01a\x88\x80\0\0\0\0"
    answered = b"HTTP/1.1 101 Odd  Phrase\r\nUPGRADE:websocket \r\nx: \xff\r\n\r\n\xf3\x81\1\2\3\4q\x88\x02\x03\xee"
    heard = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.readexactly(len(said)))
        for at in range(0, len(answered), step):
            writer.write(answered[at : at + step])
            await writer.drain()
        await disconnect(writer)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with running("recorder", tmp_path, "--to", url) as recorder, recorder.connected() as (reader, writer):
            for at in range(0, len(said), step):
                writer.write(said[at : at + step])
                await writer.drain()
            assert await asyncio.wait_for(reader.read(), DEADLINE) == answered
            [entry] = await recorder.journal()
    assert heard == said
    assert entry["headers"] == [["HOST", "a"], ["upgrade", "WebSocket"], ["Connection", "Upgrade"]]
    assert entry["response_headers"] == [["UPGRADE", "websocket"], ["x", "\ufffd"]]
    assert (entry["messages_received"], entry["closed"] | {"at": 0}) == (
        1,
        {"code": 1005, "reason": "", "by": "client", "at": 0},
    )


async def test_the_servers_close_is_told_as_its_own(recorder: Backend, server: Backend) -> None:
    await server.fault("close", code=4002, reason="go")
    async with recorder.connect() as connection:
        ended = await close_of(connection)
    assert ended.rcvd is not None
    assert (ended.rcvd.code, ended.rcvd.reason) == (4002, "go")
    assert (await recorder.closed() | {"at": 0}) == {"code": 4002, "reason": "go", "by": "server", "at": 0}


async def test_a_server_that_cuts_is_told_as_lost(recorder: Backend, server: Backend) -> None:
    await server.fault("cut", after_messages=1)
    async with recorder.connect() as connection:
        await connection.recv()
        await connection.send("x")
        assert (await close_of(connection)).rcvd is None
    assert (await recorder.closed())["by"] == "lost"


async def test_a_client_that_vanishes_is_told_as_lost(recorder: Backend, server: Backend) -> None:
    async with recorder.connected() as (reader, writer):
        writer.write(handshake(recorder))
        await reader.readuntil(b"\r\n\r\n")
    assert (await recorder.closed())["by"] == "lost"
    assert (await server.closed())["by"] == "lost"


async def test_what_is_no_http_passes_unread(recorder: Backend, server: Backend) -> None:
    assert status(await recorder.exchange(b"garbage\r\n\r\n")) == status(await server.exchange(b"garbage\r\n\r\n"))
    assert await recorder.journal() == []


async def test_faults_of_a_relay(recorder: Backend, server: Backend) -> None:
    await recorder.fault("status", status=503, reason="Gone fishing", times=1)
    with pytest.raises(InvalidStatus) as refused:
        await recorder.connect()
    assert refused.value.response.status_code == 503
    assert "X-Backend" not in refused.value.response.headers
    await recorder.fault("hangup", times=1)
    assert await recorder.exchange(handshake(recorder)) == b""
    await recorder.fault("accept", value="wrong", times=1)
    with pytest.raises(InvalidHandshake, match="Sec-WebSocket-Accept"):
        await recorder.connect()
    await recorder.fault("forget", times=1)
    async with recorder.connect() as connection:
        await connection.recv()
    entries = await recorder.journal()
    assert [entry["status"] for entry in entries] == [503, None, 101]
    assert [entry["status"] for entry in await server.journal()] == [101, 101], "the server saw only what passed"


async def test_silent_keeps_the_request(recorder: Backend, server: Backend) -> None:
    await recorder.fault("silent")
    async with recorder.connected() as (reader, writer):
        writer.write(handshake(recorder))
        await until(recorder.journal, what="the silent handshake")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
    assert await server.journal() == []


async def test_mute_lets_only_control_frames_through(recorder: Backend) -> None:
    await recorder.fault("mute")
    async with recorder.connect() as connection:
        await asyncio.wait_for(await connection.ping(), DEADLINE)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.recv(), 0.2)
    entry = (await recorder.journal())[0]
    assert entry["messages_sent"] == 0


@pytest.mark.parametrize("after", [0, 2])
async def test_cut_resets_both_sides(recorder: Backend, server: Backend, after: int) -> None:
    await recorder.fault("cut", after_messages=after)
    with contextlib.suppress(ConnectionClosed, InvalidHandshake):
        async with recorder.connect() as connection:
            await connection.recv()
            for _ in range(after):
                await connection.send("DSPWSCNN")
            await close_of(connection)
    assert (await recorder.closed())["by"] == "lost"
    assert (await server.closed())["by"] == "lost"
    assert (await recorder.journal())[0]["messages_received"] == after


async def test_delay_keeps_the_order(recorder: Backend) -> None:
    await recorder.fault("delay", seconds=0.3)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    async with recorder.connect() as connection:
        assert loop.time() - begin >= 0.3
        await connection.recv()
        for number in range(5):
            await connection.send(f"DSPWSCNN {number}")
        said = [await connection.recv() for _ in range(5)]
    assert len(said) == 5
    assert (await recorder.closed())["code"] == 1000


@pytest.mark.parametrize("kind", ["impersonate", "push", "fragment", "ping", "close", "nonsense"])
async def test_a_fault_that_no_relay_can_do_is_refused_with_what_it_can(recorder: Backend, kind: str) -> None:
    async with recorder.http.post(recorder.control + "/fault", json={"kind": kind}) as answer:
        assert answer.status == 400
        assert "known are accept, upgrade, status" in (await answer.json())["error"]


async def test_it_listens_on_tls_too(recorder: Backend, server: Backend, certificate: Certificate) -> None:
    async with aiohttp.ClientSession() as session:
        url = recorder.uri(scheme="wss").replace("wss", "https")
        async with session.ws_connect(url, ssl=certificate.context) as connection:
            assert await connection.receive_str() == server.health["greeting"]
    assert (await recorder.closed())["by"] == "client"
    assert (await recorder.journal())[0]["listener"] == "wss"


async def test_health_names_the_path_and_no_greeting(recorder: Backend, server: Backend) -> None:
    health = await recorder.read("/healthz")
    assert (health["program"], health["cl_path"]) == ("recorder", server.health["cl_path"])
    assert (health["greeting"], health["echo_path"], health["page_path"]) == ("", "", "")


async def cut_off(recorder: Backend, said: bytes) -> bytes:
    """What came back until the connection ended, by FIN or by a reset."""
    with contextlib.suppress(ConnectionResetError):
        async with recorder.connected() as (reader, writer):
            writer.write(said)
            return await asyncio.wait_for(reader.read(), DEADLINE)
    return b""


async def logged(recorder: Backend, text: str) -> bool:
    return text in recorder.log.read_text()


async def test_a_server_that_is_away_resets_the_connection(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{closed.getsockname()[1]}/CLRunner"
        async with running("recorder", tmp_path, "--to", url) as recorder:
            assert await cut_off(recorder, handshake(recorder)) == b""
            assert await recorder.journal() == []
            await until(lambda: logged(recorder, "cannot reach 127.0.0.1 port"), what="the reason in the log")


async def test_a_tls_client_that_has_gone_leaves_no_connection_to_a_server_that_stays(
    tmp_path: Path, certificate: Certificate
) -> None:
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

        async def refused() -> bool:
            writer.write(b"x")
            return writer.transport.is_closing()

        await until(refused, what="nobody to say anything to")
        gone.set()

    files = ("--tls-cert", str(certificate.cert), "--tls-key", str(certificate.key))
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with running("recorder", tmp_path, "--to", url, *BOTH, *files) as recorder:
            host, port = recorder.health["address"], recorder.health["wss"]
            _, writer = await asyncio.open_connection(host, port, ssl=certificate.context)
            writer.write(handshake(recorder))
            await disconnect(writer)
            await asyncio.wait_for(gone.wait(), DEADLINE)


async def test_its_end_ends_both_sides_without_a_close_frame(server: Backend, tmp_path: Path) -> None:
    async with running("recorder", tmp_path, "--to", server.uri()) as recorder:
        reader, writer = await asyncio.open_connection(recorder.health["address"], recorder.health["ws"])
        writer.write(handshake(recorder))
        head = await reader.readuntil(b"\r\n\r\n")
        assert status(head) == 101
        assert field_of(head, "Upgrade") == "websocket"
        await reader.readexactly(2)
        recorder.process.terminate()
        rest = await asyncio.wait_for(reader.read(), DEADLINE)
        assert not rest.endswith(b"\x88\x02\x03\xe9")
        await disconnect(writer)
        assert await asyncio.wait_for(recorder.process.wait(), DEADLINE) == 0
    assert (await server.closed())["by"] == "lost"


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        ((), 2, "give --to ws://HOST:PORT/PATH"),
        (("--to", "http://host/"), 2, "http://host/ is no server"),
        (("--to", "ws://"), 2, "ws:// is no server"),
        (("--to", "ws://host:99999/"), 2, "is no server"),
        (("--to", "ws://host/#x"), 2, "is no server"),
        (("--to", "wss://host/", "--ca", "/nowhere.pem"), 3, "recorder: cannot use /nowhere.pem:"),
    ],
)
def test_wrong_usage_is_one_sentence(options: tuple[str, ...], code: int, sentence: str) -> None:
    root = Path(__file__).parents[3]
    argv = arguments("recorder", *options)
    done = subprocess.run(argv, cwd=root, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, sentence in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
