"""The backend contract (backends/README.md), on real processes and real sockets, for every program."""

import asyncio
import contextlib
import datetime
import ipaddress
import json
import os
import signal
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

ROOT = Path(__file__).parents[2]
PROGRAMS = ("liberty", "node", "lean-liberty", "lean-node")
DEADLINE = 15.0
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 section 1.3
Json = dict[str, Any]


async def until(fact: Callable[[], Awaitable[Any]], *, what: str) -> Any:
    """Poll until a fact is true; the loop every wait of this file goes through."""
    deadline = time.monotonic() + DEADLINE
    while not (value := await fact()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        await asyncio.sleep(0.01)
    return value


@dataclass
class Certificate:
    cert: Path
    key: Path
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "wslb test")])
    now = datetime.datetime.now(datetime.UTC)
    addresses = [x509.IPAddress(ipaddress.ip_address(f"127.0.0.{last}")) for last in (1, 101, 102)]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(folder / "cert.pem", folder / "key.pem", ssl.create_default_context())
    made.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    made.key.chmod(0o600)
    made.context.load_verify_locations(made.cert)
    return made


@dataclass
class Backend:
    """One running program, its announcement, and its control port."""

    process: asyncio.subprocess.Process
    health: Json
    log: Path
    http: aiohttp.ClientSession
    plays: str
    control: str = field(init=False)

    def __post_init__(self) -> None:
        self.control = f"http://127.0.0.1:{self.health['control']}"

    def uri(self, endpoint: str = "cl", scheme: str = "ws") -> str:
        return f"{scheme}://{self.health['address']}:{self.health[scheme]}{self.health[endpoint + '_path']}"

    def connect(self, endpoint: str = "cl", **options: Any) -> connect:
        options = {"proxy": None, "compression": None, "ping_interval": None, "max_size": None, **options}
        return connect(self.uri(endpoint), **options)

    async def read(self, path: str) -> Json:
        async with self.http.get(self.control + path) as answer:
            assert answer.status == 200
            return dict(await answer.json())

    async def journal(self) -> list[Json]:
        return list((await self.read("/journal"))["entries"])

    async def fault(self, kind: str, **values: object) -> Json:
        async with self.http.post(self.control + "/fault", json={"kind": kind, **values}) as answer:
            assert answer.status == 201, await answer.text()
            return dict(await answer.json())

    async def reset(self) -> None:
        for path in ("/fault", "/journal"):
            async with self.http.delete(self.control + path) as answer:
                assert answer.status == 204

    async def closed(self) -> Json:
        """Wait until the last journaled connection has ended, and return how."""

        async def ended() -> Json | None:
            entries = await self.journal()
            return entries[-1]["closed"] if entries else None

        return dict(await until(ended, what="closed in the journal"))

    async def exchange(self, request: bytes, *, scheme: str = "ws") -> bytes:
        """Send raw bytes and return everything until the server closes (add `Connection: close`)."""
        reader, writer = await asyncio.open_connection(self.health["address"], self.health[scheme])
        try:
            writer.write(request)
            await writer.drain()
            return await asyncio.wait_for(reader.read(), DEADLINE)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def arguments(program: str, *options: str) -> list[str]:
    ports = () if "--port" in options else ("--port", "0")
    module, _, plays = program.partition("-")
    play = ("--play", plays) if plays else ()
    return [sys.executable, "-m", f"backends.{module}", *play, *ports, "--control-port", "0", *options]


@contextlib.asynccontextmanager
async def running(program: str, folder: Path, *options: str, **how: Any) -> AsyncIterator[Backend]:
    announcement, log = folder / f"{program}.json", folder / f"{program}.log"
    announcement.unlink(missing_ok=True)
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *arguments(program, "--announce", str(announcement), *options), cwd=ROOT, stderr=stderr, **how
        )

    async def announced() -> bool:
        assert process.returncode is None, log.read_text()
        return announcement.exists()

    try:
        await until(announced, what="announcement")
        async with aiohttp.ClientSession() as http:
            yield Backend(process, json.loads(announcement.read_text()), log, http, program.rpartition("-")[2])
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture(params=PROGRAMS, scope="module")
def program(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(
    program: str, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Backend]:
    tls = ("--tls-port", "0", "--tls-cert", str(certificate.cert), "--tls-key", str(certificate.key))
    async with running(program, tmp_path_factory.mktemp(program), "--host-name", "testhost", *tls) as backend:
        yield backend


@pytest_asyncio.fixture(loop_scope="session")
async def backend(shared: Backend) -> AsyncIterator[Backend]:
    await shared.reset()
    yield shared
    assert shared.process.returncode is None, shared.log.read_text()


def handshake(backend: Backend, *extra: str, endpoint: str = "cl", drop: str = "", start: str = "") -> bytes:
    path = backend.health[endpoint + "_path"]
    lines = [
        start or f"GET {path} HTTP/1.1",
        "Host: test",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {KEY}",
        "Sec-WebSocket-Version: 13",
    ]
    kept = [line for line in lines if not drop or not line.startswith(drop)]
    return ("\r\n".join([*kept, *extra]) + "\r\n\r\n").encode("latin-1")


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def field_of(answer: bytes, name: str) -> str | None:
    head = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
    fields = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in head}
    return fields.get(name.lower())


async def open_raw(backend: Backend, request: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
    reader, writer = await asyncio.open_connection(backend.health["address"], backend.health["ws"])
    writer.write(request)
    return reader, writer, await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), DEADLINE)


async def close_of(connection: ClientConnection) -> ConnectionClosed:
    """Read on until the connection ends."""
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                await connection.recv()
            except ConnectionClosed as ended:
                return ended


# The conversation


async def test_greeting_names_host_and_address(backend: Backend) -> None:
    address = backend.health["address"]
    expected = {
        "liberty": f"[From Server] Connected to testhost [{address}].",
        "node": f"[From Server] Connected to {address}",
    }
    async with backend.connect() as connection:
        assert await connection.recv() == expected[backend.plays] == backend.health["greeting"]


async def test_reply_is_the_output_in_the_form_of_the_program(backend: Backend) -> None:
    async with backend.connect() as connection:
        await connection.recv()
        await connection.send("WRKSBS")
        reply = await connection.recv()
    assert isinstance(reply, str)
    prefix = f"[From Server] {backend.health['address']}\n" if backend.plays == "node" else ""
    assert reply.startswith(prefix)
    assert "Work with Subsystems" in reply.removeprefix(prefix).split("\n")[0]
    assert reply.endswith("* * * * *  E N D  O F  L I S T I N G  * * * * *")


async def test_node_serves_its_endpoint_with_a_slash_too(backend: Backend) -> None:
    answer = 101 if backend.plays == "node" else 404
    path = backend.health["cl_path"] + "/"
    reader, writer, head = await open_raw(backend, handshake(backend, start=f"GET {path} HTTP/1.1"))
    assert status(head) == answer
    writer.transport.abort()
    del reader


async def test_own_commands_tell_the_connection_and_its_headers(backend: Backend) -> None:
    async with backend.connect(additional_headers={"X-Wslb-Conn": "c-7"}) as connection:
        await connection.recv()
        await connection.send("DSPWSHDR")
        assert "X-Wslb-Conn                   c-7" in await connection.recv()
        await connection.send("dspwscnn")
        facts = await connection.recv()
    assert f":   {backend.health['name']}\n" in facts
    assert "Messages received  . . . . . . . . . . . . . :   2\n" in facts


async def test_commands_are_never_text_for_a_shell(backend: Backend) -> None:
    async with backend.connect() as connection:
        await connection.recv()
        for command in ("WRKSBS; id", "$(id)", "`id`", "WRKSBS | id", "", "\0", "'", "x" * 60_000):
            await connection.send(command)
            reply = await connection.recv()
            assert isinstance(reply, str)
            assert "CPD00" in reply
            assert "uid=" not in reply


async def test_an_announced_body_of_no_bytes_is_none(backend: Backend) -> None:
    """mod_proxy_http writes ``Content-Length: 0`` into a handshake that came over HTTP/2."""
    async with backend.connect(additional_headers={"Content-Length": "0"}) as connection:
        await connection.recv()
        await connection.send("WRKSBS")
        async with asyncio.timeout(DEADLINE):
            assert "Work with Subsystems" in str(await connection.recv())


async def test_ten_thousand_commands_on_one_connection(backend: Backend) -> None:
    async with backend.connect() as connection:
        await connection.recv()
        for _ in range(100):
            for _ in range(100):
                await connection.send("DSPLIBL")
            for _ in range(100):
                assert "QGPL" in await connection.recv()
        await connection.send("DSPWSCNN")
        assert ":   10001\n" in await connection.recv()


async def test_binary_command_closes_with_1003(backend: Backend) -> None:
    async with backend.connect() as connection:
        await connection.send(b"WRKSBS")
        assert (await close_of(connection)).rcvd.code == 1003
    assert (await backend.closed())["by"] == "server"


@pytest.mark.parametrize("size", [65_537, 1_000_000, 8_000_000])
async def test_long_command_closes_with_1009(backend: Backend, size: int) -> None:
    connection = await backend.connect()  # no `async with`: the library's own close fails on a half-closed transport
    with contextlib.suppress(ConnectionClosed):
        await connection.send("x" * size)
    end = await close_of(connection)
    assert end.rcvd is not None
    assert end.rcvd.code == 1009
    assert (await backend.closed())["code"] == 1009


async def test_longest_command_is_answered(backend: Backend) -> None:
    async with backend.connect() as connection:
        await connection.recv()
        await connection.send("x" * 65_536)
        assert "CPD0031" in await connection.recv()


@pytest.mark.parametrize("endpoint", ["cl", "echo"])
async def test_invalid_utf8_closes_with_1007(backend: Backend, endpoint: str) -> None:
    async with backend.connect(endpoint) as connection:
        await connection.send(b"\xff\xfe", text=True)
        end = await close_of(connection)
    assert end.rcvd is not None
    assert end.rcvd.code == 1007
    closed = await backend.closed()
    assert (closed["code"], closed["by"]) == (1007, "server")


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_echo_returns_every_message_as_it_came(backend: Backend, compression: str | None) -> None:
    async with backend.connect("echo", compression=compression) as connection:
        for message in ("text", b"\0\xff", "", b"", "ü" * 500_000, os.urandom(1_000_000)):
            await connection.send(message)
            assert await connection.recv() == message
        await connection.send(["in ", "three ", "parts"])
        assert await connection.recv() == "in three parts"
        assert connection.response is not None
        chosen = connection.response.headers.get("Sec-WebSocket-Extensions", "")
    assert ("permessage-deflate" in chosen) is (compression is not None)


async def test_compression_is_for_the_echo_endpoint_only(backend: Backend) -> None:
    async with backend.connect(compression="deflate") as connection:
        assert connection.response is not None
        assert "Sec-WebSocket-Extensions" not in connection.response.headers


async def test_ping_is_answered(backend: Backend) -> None:
    async with backend.connect() as connection:
        pong = await connection.ping(b"42")
        assert await asyncio.wait_for(pong, DEADLINE) >= 0


@pytest.mark.parametrize(
    ("offered", "chosen"), [(["wsconsole"], "wsconsole"), (["other", "wsconsole"], "wsconsole"), (["other"], None)]
)
async def test_subprotocol_is_chosen_when_known(backend: Backend, offered: list[str], chosen: str | None) -> None:
    answer = await open_raw(backend, handshake(backend, f"Sec-WebSocket-Protocol: {', '.join(offered)}"))
    assert field_of(answer[2], "Sec-WebSocket-Protocol") == chosen
    assert (await backend.journal())[-1]["subprotocol"] == chosen
    answer[1].transport.abort()


# HTTP


async def test_page_is_served_with_the_endpoint_filled_in(backend: Backend) -> None:
    base = f"http://{backend.health['address']}:{backend.health['ws']}"
    async with backend.http.get(base + backend.health["page_path"] + "?x=1") as answer:
        page = await answer.text()
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f'<meta name="wslb-uri" content="{backend.health["cl_path"]}">' in page
    async with backend.http.head(base + backend.health["page_path"]) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
        assert int(answer.headers["Content-Length"]) == len(page.encode())
    async with backend.http.post(base + backend.health["page_path"], data=b"x" * 10_000) as answer:
        assert answer.status == 405


@pytest.mark.parametrize(
    "path",
    [
        "/", "/favicon.ico", "/WSConsole", "/WSConsole/", "{page}/", "{page}x", "/WSConsole/../../etc/passwd",
        "/../../../../etc/passwd", "/WSConsole/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
        "/WSConsole/%2e%2e/README.md", "{page}%00", "/./{page}", "//{page}", "{cl}%2f", "/wsconsole/CLRUNNER",
    ],
)  # fmt: skip
async def test_every_other_path_is_not_found(backend: Backend, path: str) -> None:
    path = path.format(page=backend.health["page_path"].lstrip("/"), cl=backend.health["cl_path"])
    path = path if path.startswith("/") else "/" + path
    answer = await backend.exchange(f"GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode())
    assert status(answer) == 404
    assert answer.endswith(b"\r\n\r\n404 Not Found")
    assert await backend.journal() == []


@pytest.mark.parametrize("endpoint", ["cl", "echo"])
async def test_get_without_upgrade_needs_one(backend: Backend, endpoint: str) -> None:
    path = backend.health[endpoint + "_path"]
    answer = await backend.exchange(f"GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode())
    assert status(answer) == 426
    assert field_of(answer, "Upgrade") == "websocket"
    [entry] = await backend.journal()
    assert (entry["upgrade"], entry["accepted"], entry["status"]) == (False, False, 426)


REFUSED = {
    "POST": ("", (), "POST {path} HTTP/1.1", 405),
    "POST with a body": ("", ("Content-Length: 3", "", "abc"), "POST {path} HTTP/1.1", 405),
    "HTTP/1.0": ("", (), "GET {path} HTTP/1.0", 400),
    "no Connection": ("Connection", (), "", 400),
    "no Host": ("Host", (), "", 400),
    "header line without a colon": ("", ("nonsense",), "", 400),
    "no key": ("Sec-WebSocket-Key", (), "", 400),
    "two keys": ("", (f"Sec-WebSocket-Key: {KEY}",), "", 400),
    "short key": ("Sec-WebSocket-Key", ("Sec-WebSocket-Key: c2hvcnQ=",), "", 400),
    "key that is no base64": ("Sec-WebSocket-Key", ("Sec-WebSocket-Key: " + "?" * 24,), "", 400),
    "no version": ("Sec-WebSocket-Version", (), "", 400),
    "version 8": ("Sec-WebSocket-Version", ("Sec-WebSocket-Version: 8",), "", 400),
    "other upgrade": ("Upgrade", ("Upgrade: h2c",), "", 426),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_malformed_handshake_is_refused_and_journaled(backend: Backend, case: str) -> None:
    drop, extra, start, expected = REFUSED[case]
    start = start.format(path=backend.health["cl_path"])
    answer = await backend.exchange(handshake(backend, *extra, drop=drop, start=start))
    assert status(answer) == expected
    assert field_of(answer, "X-Backend") == backend.health["name"]
    [entry] = await backend.journal()
    assert (entry["accepted"], entry["status"], entry["closed"]) == (False, expected, None)
    assert dict(entry["response_headers"])["X-Backend"] == backend.health["name"]


@pytest.mark.parametrize(
    "garbage", [b"\0\1\2\3\r\n\r\n", b"\x16\x03\x01\x02\0\1\0\1\xfc\x03\x03\r\n\r\n", b"HELO\r\n\r\n", b"GET /\r\n\r\n"]
)
async def test_garbage_before_the_handshake_does_no_harm(backend: Backend, garbage: bytes) -> None:
    assert status(await backend.exchange(garbage)) in (0, 400, 404)
    assert await backend.journal() == []
    async with backend.connect() as connection:
        assert await connection.recv() == backend.health["greeting"]


async def test_half_open_sockets_do_no_harm(backend: Backend) -> None:
    idle = [await asyncio.open_connection(backend.health["address"], backend.health["ws"]) for _ in range(50)]
    for _, writer in idle[:25]:
        writer.write(b"GET /WSConsole/CLRunner HTT")
    async with backend.connect() as connection:
        assert await connection.recv() == backend.health["greeting"]
    for _, writer in idle:
        writer.transport.abort()


async def test_absolute_form_is_understood(backend: Backend) -> None:
    start = f"GET http://test{backend.health['cl_path']}?a=b HTTP/1.1"
    _, writer, head = await open_raw(backend, handshake(backend, start=start))
    assert status(head) == 101
    writer.transport.abort()


# The journal


async def test_journal_keeps_order_case_and_duplicates(backend: Backend) -> None:
    extra = (
        "x-mixed-CASE: 1",
        "X-Double: a",
        "x-double: b",
        "X-Double: a",
        "X-Wslb-Conn: abc",
        "X-Bytes: \xff\xc3\xa4",
    )
    _, writer, head = await open_raw(backend, handshake(backend, *extra))
    [entry] = await backend.journal()
    names = [name for name, _ in entry["headers"]]
    assert names[:5] == ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"]
    assert entry["headers"][5:] == [
        ["x-mixed-CASE", "1"], ["X-Double", "a"], ["x-double", "b"], ["X-Double", "a"], ["X-Wslb-Conn", "abc"],
        ["X-Bytes", "\ufffd\u00e4"],
    ]  # fmt: skip
    assert entry["conn_id"] == "abc"
    sent = [tuple(line.split(": ", 1)) for line in head.decode().strip().split("\r\n")[1:]]
    assert [tuple(pair) for pair in entry["response_headers"]] == sent
    assert dict(sent)["Sec-WebSocket-Accept"] == ACCEPT
    writer.transport.abort()


async def test_journal_is_written_before_the_answer(backend: Backend) -> None:
    for _ in range(20):
        _, writer, head = await open_raw(backend, handshake(backend))
        entries = await backend.journal()
        assert (entries[-1]["status"], entries[-1]["accepted"]) == (status(head), True)
        writer.transport.abort()
    numbers = [entry["seq"] for entry in await backend.journal()]
    assert numbers == list(range(numbers[0], numbers[0] + 20))


async def test_journal_entry_has_the_fields_of_the_contract(backend: Backend) -> None:
    before = time.time()
    async with backend.connect() as connection:
        await connection.recv()
        await connection.send("DSPJOB")
        await connection.recv()
        [entry] = await backend.journal()
        assert (entry["messages_received"], entry["messages_sent"], entry["closed"]) == (1, 2, None)
        local = connection.local_address
        assert (await backend.read("/healthz"))["live"] >= 1
    assert before - 1 < entry["at"] < time.time() + 1
    assert entry["peer"] == f"{local[0]}:{local[1]}"
    expected = {"listener": "ws", "method": "GET", "target": backend.health["cl_path"], "http_version": "1.1"}
    assert expected.items() <= entry.items()
    assert (entry["upgrade"], entry["accepted"], entry["status"]) == (True, True, 101)


async def test_numbers_go_on_after_a_clear(backend: Backend) -> None:
    async with backend.connect():
        [first] = await backend.journal()
        await backend.reset()
        assert await backend.journal() == []
        async with backend.connect():
            [second] = await backend.journal()
    assert second["seq"] == first["seq"] + 1


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "away"), (4321, "mine")])
async def test_close_by_the_client_is_journaled_and_echoed(backend: Backend, code: int, reason: str) -> None:
    async with backend.connect() as connection:
        await connection.close(code, reason)
        assert connection.protocol.close_rcvd is not None
        assert connection.protocol.close_rcvd.code == code
    closed = await backend.closed()
    assert (closed["code"], closed["reason"], closed["by"]) == (code, reason, "client")


async def test_lost_connection_is_journaled_as_1006(backend: Backend) -> None:
    async with backend.connect() as connection:
        await connection.recv()
        connection.transport.abort()
    closed = await backend.closed()
    assert (closed["code"], closed["by"]) == (1006, "lost")


async def test_control_port_answers_with_many_connections_open(backend: Backend) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(200):
            connection = await stack.enter_async_context(backend.connect())
            await connection.recv()
        begun = time.monotonic()
        assert (await backend.read("/healthz"))["live"] >= 200
        assert len(await backend.journal()) == 200
        assert time.monotonic() - begun < 2


# Faults


@pytest.mark.parametrize(
    "fault",
    [
        {}, {"kind": "unknown"}, {"kind": "cut"}, {"kind": "cut", "after_messages": -1}, {"kind": "mute", "extra": 1},
        {"kind": "close", "code": 1006, "reason": ""}, {"kind": "status", "status": 101}, {"kind": "mute", "times": 0},
        {"kind": "accept", "value": "a\r\nX: y"}, [], "mute",
    ],
)  # fmt: skip
async def test_impossible_fault_is_refused_with_a_sentence(backend: Backend, fault: object) -> None:
    async with backend.http.post(backend.control + "/fault", json=fault) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"].endswith(".")
    assert await backend.read("/fault") == {"faults": []}


async def test_fault_can_be_read_and_taken_back(backend: Backend) -> None:
    assert await backend.fault("cut", after_messages=2, times=3) == {"kind": "cut", "after_messages": 2, "times": 3}
    await backend.fault("mute")
    assert len((await backend.read("/fault"))["faults"]) == 2
    await backend.reset()
    assert await backend.read("/fault") == {"faults": []}
    async with backend.connect() as connection:
        assert await connection.recv() == backend.health["greeting"]


async def test_fault_ends_after_its_times(backend: Backend) -> None:
    await backend.fault("status", status=503, times=2)
    for expected in (503, 503):
        with pytest.raises(InvalidStatus) as refused:
            await backend.connect()
        assert refused.value.response.status_code == expected
    async with backend.connect() as connection:
        assert await connection.recv() == backend.health["greeting"]


async def test_impersonate(backend: Backend) -> None:
    await backend.fault("impersonate", name="other", greeting="I am the other")
    async with backend.connect() as connection:
        assert await connection.recv() == "I am the other"
        assert connection.response is not None
        assert connection.response.headers["X-Backend"] == "other"
    assert (await backend.read("/journal"))["backend"] == backend.health["name"]


async def test_accept(backend: Backend) -> None:
    await backend.fault("accept", value="wrong")
    with pytest.raises(InvalidHandshake, match="Sec-WebSocket-Accept"):
        await backend.connect()
    [entry] = await backend.journal()
    assert ["Sec-WebSocket-Accept", "wrong"] in entry["response_headers"]


@pytest.mark.parametrize("value", ["h2c", ""])
async def test_upgrade(backend: Backend, value: str) -> None:
    await backend.fault("upgrade", value=value)
    _, writer, head = await open_raw(backend, handshake(backend))
    assert status(head) == 101
    assert field_of(head, "Upgrade") == (value or None)
    assert field_of(head, "Sec-WebSocket-Accept") == ACCEPT
    writer.close()
    await writer.wait_closed()
    [entry] = await backend.journal()
    assert [v for name, v in entry["response_headers"] if name == "Upgrade"] == ([value] if value else [])


async def test_redirect(backend: Backend) -> None:
    await backend.fault("status", status=302, location="http://127.0.0.1:9/elsewhere")
    assert field_of(await backend.exchange(handshake(backend)), "Location") == "http://127.0.0.1:9/elsewhere"


@pytest.mark.parametrize("message", ["ä" * 2500, b"x" * 2500], ids=["text", "binary"])
async def test_fragment(backend: Backend, message: str | bytes) -> None:
    await backend.fault("fragment", bytes=1000)
    async with backend.connect("echo") as connection:
        await connection.send(message)
        parts = [part async for part in connection.recv_streaming()]
        assert [len(part) for part in parts if part] == [1000, 1000, 500]
        assert message == (b"" if isinstance(message, bytes) else "").join(parts)
    assert (await backend.journal())[0]["messages_sent"] == 1


async def test_ping(backend: Backend) -> None:
    await backend.fault("ping", payload="are you there")
    reader, writer, _ = await open_raw(backend, handshake(backend, endpoint="echo"))
    assert await asyncio.wait_for(reader.readexactly(15), DEADLINE) == b"\x89\x0dare you there"
    writer.close()
    await writer.wait_closed()


async def test_status(backend: Backend) -> None:
    await backend.fault("status", status=599, reason="On Purpose")
    answer = await backend.exchange(handshake(backend))
    assert answer.startswith(b"HTTP/1.1 599 On Purpose\r\n")
    assert answer.endswith(b"599 On Purpose\n")
    assert (await backend.journal())[0]["status"] == 599


async def test_silent(backend: Backend) -> None:
    await backend.fault("silent")
    reader, writer = await asyncio.open_connection(backend.health["address"], backend.health["ws"])
    writer.write(handshake(backend))
    [entry] = await until(backend.journal, what="silent request in the journal")
    assert (entry["status"], entry["accepted"], entry["response_headers"]) == (None, False, [])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.2)
    writer.close()
    await writer.wait_closed()


async def test_hangup(backend: Backend) -> None:
    await backend.fault("hangup")
    assert await backend.exchange(handshake(backend)) == b""
    assert (await backend.journal())[0]["status"] is None


async def test_mute(backend: Backend) -> None:
    await backend.fault("mute")
    async with backend.connect() as connection:
        await connection.send("WRKSBS")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(connection.recv(), 0.2)
    closed = await backend.closed()
    assert closed["by"] == "client"
    assert (await backend.journal())[0]["messages_received"] == 1


async def test_forget(backend: Backend) -> None:
    await backend.fault("forget")
    accepted = (await backend.read("/healthz"))["accepted"]
    async with backend.connect() as connection:
        assert await connection.recv() == backend.health["greeting"]
    assert await backend.journal() == []
    assert (await backend.read("/healthz"))["accepted"] == accepted + 1


@pytest.mark.parametrize("messages", [0, 1, 2])
async def test_cut(backend: Backend, messages: int) -> None:
    await backend.fault("cut", after_messages=messages)
    async with backend.connect("echo") as connection:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(messages):
                await connection.send("x")
        end = await close_of(connection)
        assert end.rcvd is None
        assert isinstance(end.__cause__, ConnectionResetError)
    assert (await backend.closed())["by"] == "lost"
    assert (await backend.journal())[0]["messages_received"] == messages


async def test_push(backend: Backend) -> None:
    await backend.fault("push", messages=3, interval_seconds=0.01)
    async with backend.connect() as connection:
        assert [await connection.recv() for _ in range(4)] == [backend.health["greeting"], "push 1", "push 2", "push 3"]
        await connection.send("DSPLIBL")
        assert "QGPL" in await connection.recv()
    assert (await backend.closed())["by"] == "client"


async def test_push_ends_with_its_connection(backend: Backend) -> None:
    await backend.fault("push", messages=1000, interval_seconds=60)
    async with backend.connect() as connection:
        await connection.recv()
    assert (await backend.closed())["by"] == "client"


async def test_close(backend: Backend) -> None:
    await backend.fault("close", code=4001, reason="on purpose")
    async with backend.connect() as connection:
        assert await connection.recv() == backend.health["greeting"]
        end = await close_of(connection)
    assert end.rcvd is not None
    assert (end.rcvd.code, end.rcvd.reason) == (4001, "on purpose")
    closed = await backend.closed()
    assert (closed["code"], closed["by"]) == (4001, "server")


# TLS


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


# The process


async def test_idle_connection_is_closed_and_the_client_receives_it(program: str, tmp_path: Path) -> None:
    async with running(program, tmp_path, "--idle-seconds", "0.3") as backend, backend.connect() as connection:
        begun = time.monotonic()
        end = await close_of(connection)
        assert end.rcvd is not None
        assert end.rcvd.code in (1000, 1001)
        assert "idle" in end.rcvd.reason
        assert 0.25 < time.monotonic() - begun < 5
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
        silent = await asyncio.open_connection(backend.health["address"], backend.health["ws"])
        silent[1].write(handshake(backend))
        await until(backend.journal, what="silent request")
        dead = [await open_raw(backend, handshake(backend)) for _ in range(2)]
        begun = time.monotonic()
        backend.process.send_signal(number)
        for connection in connections:
            end = await close_of(connection)
            assert end.rcvd is not None
            assert end.rcvd.code == 1001
        assert await asyncio.wait_for(backend.process.wait(), DEADLINE) == 0
        assert time.monotonic() - begun < 2
        for writer in (silent[1], *(each[1] for each in dead)):
            writer.transport.abort()


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
    async with running(program, tmp_path, *system) as backend, backend.connect() as connection:
        await connection.recv()
        await connection.send("WRKSBS; id")
        assert str(await connection.recv()).endswith("-i|WRKSBS; id|")
        await connection.send("DSPWSCNN")
        assert "Connection number" in await connection.recv()


async def failure(program: str, *options: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *arguments(program, *options), cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await asyncio.wait_for(process.communicate(), DEADLINE)
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
        backend.process.terminate()
        await backend.process.wait()
        lines = [line.split(" INFO ")[1].split()[0] for line in backend.log.read_text().splitlines()]
        assert lines == ["start", "open", "command", "closed", "stop"]
