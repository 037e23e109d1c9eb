"""Odd answers of a server behind a real httpd, straight and through the recorder: who asks cannot tell the difference.

What the right answer is says httpd, which has the server itself in front of it on another path.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from tests.live.backends.program import Backend, until
from tests.live.backends.program import running as program
from tests.live.test_trace import served
from tests.originals.probes import Answer, exchange, settled
from wslb.config import RuntimeChoice, Settings
from wslb.lab.launch import discover
from wslb.waiting import disconnect

pytestmark = pytest.mark.live

HOST = "127.0.0.1"
DEADLINE = 10.0
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + ACCEPT.encode() + b"\r\n\r\n"
)
HELLO, BYE = b"\x81\x05hello", b"\x88\x02\x03\xe8"
HI, BYE_UP = b"\x81\x82\0\0\0\0hi", b"\x88\x82\0\0\0\0\x03\xe8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Oddity:
    """What a server does with a request.

    Attributes:
        says: to the head of a request, in one piece.
        half: whether it ends its own direction then, and hears on; else it stays.
        ends: whether it ends the connection then.
        echo: whether it returns every further byte.
        status: that the recorder journals; None for none.
        closed: by whom, of a tunnel.
    """

    says: bytes
    half: bool = False
    ends: bool = False
    echo: bool = False
    status: int | None
    closed: str | None = None


ODDITIES: Mapping[str, Oddity] = {
    "101-and-message": Oddity(says=SWITCH + HELLO, echo=True, status=101, closed="client"),
    "101-message-close": Oddity(says=SWITCH + HELLO + BYE, ends=True, status=101, closed="server"),
    "103-101": Oddity(says=b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + SWITCH + HELLO, ends=True, status=101,
                      closed="lost"),
    "100-403": Oddity(says=b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", status=403),
    "102-102-200": Oddity(says=b"HTTP/1.1 102 Wait\r\n\r\n" * 2 + b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
                          status=200),
    "204-length": Oddity(says=b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", status=204),
    "204-content": Oddity(says=b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", ends=True, status=204),
    "304-length": Oddity(says=b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\n", status=304),
    "bare-lf-404": Oddity(says=b"HTTP/1.1 404 No\nContent-Length: 2\n\nno", status=404),
    "to-the-end": Oddity(says=b"HTTP/1.0 200 OK\r\n\r\nall that comes", ends=True, status=200),
    "no-http": Oddity(says=b"SSH-2.0-OpenSSH_9.2\r\n", status=None),
    "says-and-half-closes": Oddity(says=SWITCH + HELLO, half=True, status=101, closed="lost"),
    "refuses-and-half-closes": Oddity(says=b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno", half=True, status=503),
    "nothing-and-ends": Oddity(says=b"", ends=True, status=None),
}  # fmt: skip


@dataclass
class Odd:
    """A server that does what the first part of the path says; what it heard behind each head, by path."""

    heard: dict[str, list[bytes]] = field(default_factory=dict)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path, heard = "", b""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode().strip("/")
            oddity = ODDITIES[path]
            writer.write(oddity.says)
            await writer.drain()
            if oddity.half:
                writer.write_eof()
            while not oddity.ends and (piece := await reader.read(1000)):
                heard += piece
                if oddity.echo:
                    writer.write(piece)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.heard.setdefault(path, []).append(heard)
            await disconnect(writer, seconds=DEADLINE)


@dataclass(frozen=True, slots=True)
class Front:
    """An httpd before the server, its recorder, and the server's ear."""

    port: int
    recorder: Backend
    odd: Odd


@pytest_asyncio.fixture(params=["wstunnel", "http"], scope="module", loop_scope="session")
async def shared_front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Front]:
    installation = (await discover(Settings(runtime=RuntimeChoice.LOCAL))).installation
    folder = tmp_path_factory.mktemp("front")
    odd = Odd()
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(await asyncio.start_server(odd.answer, HOST, 0))
        port = server.sockets[0].getsockname()[1]
        recorder = await stack.enter_async_context(program("recorder", folder, "--to", f"ws://{HOST}:{port}"))
        scheme, more = ("ws", "") if request.param == "wstunnel" else ("http", "upgrade=websocket disablereuse=on")
        lines = ["ProxyWebsocketFallbackToProxyHttp Off", "ProxyTimeout 2"]
        for path, at in (("/straight", port), ("/recorded", recorder.health["ws"])):
            host = HOST if path == "/straight" else recorder.health["address"]
            lines.append(f"ProxyPass {path} {scheme}://{host}:{at} {more}")
        (folder / "httpd").mkdir()
        text = "\n".join(lines)
        yield Front(await stack.enter_async_context(served(text, folder / "httpd", installation)), recorder, odd)


@pytest_asyncio.fixture(loop_scope="session")
async def front(shared_front: Front) -> Front:
    await shared_front.recorder.reset()
    shared_front.odd.heard.clear()
    return shared_front


def asking(path: str, method: str = "GET") -> bytes:
    fields = "Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    return f"{method} {path} HTTP/1.1\r\n{fields}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()


async def conversed(port: int, request: bytes) -> Answer:
    """Open a tunnel, hear a message, say one and hear it back, and end with a close frame."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(request)
        async with asyncio.timeout(DEADLINE):
            head = await reader.readuntil(b"\r\n\r\n")
            rest = await reader.readexactly(len(HELLO))
            writer.write(HI)
            rest += await reader.readexactly(len(HI))
            writer.write(BYE_UP)
            rest += await reader.readexactly(len(BYE_UP))
    finally:
        await disconnect(writer, seconds=DEADLINE)
    return Answer(head=tuple(head.decode("latin-1").split("\r\n")), rest=rest, ended=True)


def alike(answers: Sequence[Answer]) -> bool:
    """Whether both clients got the same."""
    got = [(tuple(map(settled, answer.head)), answer.rest, answer.ended) for answer in answers]
    assert got[0] == got[1]
    return True


@pytest.mark.parametrize("name", ODDITIES)
async def test_httpd_makes_the_same_of_an_answer_that_was_recorded(front: Front, name: str) -> None:
    oddity = ODDITIES[name]
    requests = [asking(f"/{way}/{name}") for way in ("straight", "recorded")]
    if oddity.echo:
        answers = await asyncio.gather(*(conversed(front.port, request) for request in requests))
    else:
        answers = await asyncio.gather(*(exchange(HOST, front.port, request) for request in requests))
    assert alike(answers)

    if oddity.closed:

        async def heard() -> bool:
            both = front.odd.heard.get(name, [])
            return len(both) == 2 and both[0] == both[1]

        await until(heard, what="the server to hear the same")
        assert (await front.recorder.closed())["by"] == oddity.closed
    entries = await front.recorder.journal()
    assert {(entry["target"], entry["status"]) for entry in entries} == {(f"/{name}", oddity.status)}, answers


@pytest.mark.parametrize("name", ["100-403", "204-length", "304-length", "to-the-end"])
async def test_httpd_makes_the_same_of_an_answer_to_head(front: Front, name: str) -> None:
    """mod_proxy_http asks the server; mod_proxy_wstunnel does, too, where an upgrade is asked for."""
    requests = [asking(f"/{way}/{name}", "HEAD") for way in ("straight", "recorded")]
    assert alike(await asyncio.gather(*(exchange(HOST, front.port, request) for request in requests)))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("status", [204, 304, 403])
@pytest.mark.parametrize("late", [0.0, 0.2])
async def test_a_refusal_is_whole_for_httpd_also_where_it_is_late(
    front: Front, method: str, status: int, late: float
) -> None:
    await front.recorder.fault("status", status=status)
    if late:
        await front.recorder.fault("delay", seconds=late)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    answer = await exchange(HOST, front.port, asking("/recorded/101-and-message", method))
    assert loop.time() - begin >= late
    assert answer.head[0].startswith(f"HTTP/1.1 {status}")
    assert answer.rest == (b"403\n" if (method, status) == ("GET", 403) else b"")
    [entry] = await front.recorder.journal()
    assert (entry["status"], entry["accepted"]) == (status, False)
