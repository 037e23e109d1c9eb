"""A server that answers anything, without end or not at all: `check` ends in time and in bounds, and is red."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.faults.figures import FULL, Figures
from wslb.commands import check
from wslb.commands.check import Mark, Probe, ServerUrl
from wslb.connectors import websocket
from wslb.connectors.websocket import WebSocketConnector
from wslb.model.handshake import accept_for
from wslb.waiting import disconnect
from wslb.wire.frames import Opcode, serialise

pytestmark = [pytest.mark.live, pytest.mark.slow]

LIMIT_SECONDS = 45
"""No question to one server takes longer, all of them together: the deadlines of `Probe`, for two opens."""

MORE_BYTES = 400_000_000
"""What all servers at a time may cost in memory; a flood that is not bounded takes more within a second."""

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HEAD = (
    "HTTP/1.1 101 Switching Protocols\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n"
)


def answering(text: str, behind: bytes = b"", *, endless: bytes = b"") -> Serve:
    """Answer the handshake with this head, then with these bytes, then without end with these; read nothing more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        key = next(line for line in request.decode().splitlines() if line.lower().startswith("sec-websocket-key"))
        writer.write(text.replace("{accept}", accept_for(key.partition(":")[2].strip())).encode("latin-1") + behind)
        while endless:
            writer.write(endless)
            await writer.drain()
        await asyncio.Event().wait()

    return serve


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the connection and say nothing."""
    await asyncio.Event().wait()


async def gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """End the connection at once."""


GOOD = HEAD + "\r\n"
NAUGHTY_FRAMES = (
    *(bytes((first, 0)) for first in (0x80, 0x00, 0x83, 0x87, 0x8B, 0x8F, 0xC1, 0xA1, 0x91, 0xF1, 0x09, 0x0A, 0x08)),
    serialise(Opcode.TEXT, b"masked", mask=b"abcd"),
    serialise(Opcode.TEXT, b"\xff\xfe", mask=None),
    serialise(Opcode.TEXT, b"half", mask=None, fin=False) + serialise(Opcode.TEXT, b"again", mask=None),
    serialise(Opcode.PING, b"p" * 126, mask=None),
    b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
    b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
    b"\x88\x01\x03",
    *(serialise(Opcode.CLOSE, code.to_bytes(2), mask=None) for code in (0, 999, 1005, 1006, 1015, 2999, 5000)),
    serialise(Opcode.CLOSE, b"\x03\xe8\xff\xfe", mask=None),
)
FIELDS = (
    "Sec-WebSocket-Protocol: a",
    "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b",
    "Sec-WebSocket-Extensions: permessage-deflate",
    "Sec-WebSocket-Extensions: x\r\nSec-WebSocket-Extensions: y",
    "Sec-WebSocket-Extensions: ;;;,,,",
    "Sec-WebSocket-Accept: again",
    "Upgrade: h2c",
    "Content-Length: 5",
    "Content-Length: -1",
    "Transfer-Encoding: chunked",
    "X-Long: " + "y" * 20_000,
    "X-Many: z\r\n" * 300 + "X-Last: z",
    "no colon",
)
SERVERS: dict[str, Serve] = {
    "silent": silent,
    "gone": gone,
    **{f"head with {field[:40]!r}": answering(f"{HEAD}{field}\r\n\r\n") for field in FIELDS},
    **{
        f"head {new!r} for {old!r}": answering(GOOD.replace(old, new))
        for old, new in (
            ("HTTP/1.1", "HTTP/1.0"),
            ("HTTP/1.1", "HTTP/2"),
            ("HTTP/1.1", "ICY"),
            ("101 Switching Protocols", "200 OK"),
            ("101 Switching Protocols", "abc"),
            ("101 Switching Protocols", "999 Odd"),
            ("Upgrade: websocket", "Upgrade: h2c"),
            ("Upgrade: websocket", "Upgrade: websocket, h2c"),
            ("Upgrade: websocket\r\n", ""),
            ("Connection: Upgrade", "Connection: close"),
            ("Connection: Upgrade\r\n", ""),
            ("{accept}", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("{accept}", "é"),
            ("Sec-WebSocket-Accept: {accept}\r\n", ""),
            ("\r\n\r\n", "\r\n"),
        )
    },
    **{f"frame {frame[:12]!r}": answering(GOOD, frame) for frame in NAUGHTY_FRAMES},
    "head without end": answering(HEAD, endless=b"X-More: more\r\n" * 1000),
    "line without end": answering(HEAD, endless=b"x" * 65536),
    "interim answers without end": answering("", endless=b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "pings without end": answering(GOOD, endless=serialise(Opcode.PING, b"p" * 125, mask=None) * 500),
    "pongs without end": answering(GOOD, endless=serialise(Opcode.PONG, b"", mask=None) * 5000),
    "texts without end": answering(GOOD, endless=serialise(Opcode.TEXT, b"t" * 1000, mask=None) * 60),
    "empty texts without end": answering(GOOD, endless=serialise(Opcode.TEXT, b"", mask=None) * 5000),
    "fragments without end": answering(
        GOOD,
        serialise(Opcode.TEXT, b"", mask=None, fin=False),
        endless=serialise(Opcode.CONTINUATION, b"f" * 100, mask=None, fin=False) * 500,
    ),
    "a message without end": answering(GOOD, b"\x82\x7f\x00\x00\x00\xff\xff\xff\xff\xff", endless=b"m" * 65536),
    "it reads nothing": answering(GOOD),
}
"""Each of them is at fault, and `check` must say so."""


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines of a fifth, where not everything is asked in full."""
    if not FULL:
        for name in ("PATIENCE", "CLOSING_SECONDS", "PONG_SECONDS", "ECHO_SECONDS", "TURN_SECONDS"):
            monkeypatch.setattr(check, name, getattr(check, name) / 5)
        monkeypatch.setattr(websocket, "_CLOSE_SECONDS", 1)


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[str]:
    """The URL of a server that serves so; its connections end with the block."""
    served: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.transport.abort()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served[asyncio.ensure_future(connected(reader, writer))] = writer

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        for _ in range(5):  # a connection that was just taken is told of a few turns of the loop later
            await asyncio.sleep(0)
        for task, writer in served.items():
            task.cancel()
            writer.transport.abort()
        await asyncio.gather(*served, return_exceptions=True)
        for writer in served.values():
            await disconnect(writer)


async def lost(serve: Serve) -> list[str]:
    """Sentences of what `check` did wrong with this server."""
    begin = time.monotonic()
    try:
        async with listening(serve) as url, asyncio.timeout(LIMIT_SECONDS):
            connector = WebSocketConnector(limit=check.MESSAGE_LIMIT)
            answers = [answer async for answer in Probe(ServerUrl(url=url), connector, count=2).answers()]
    except TimeoutError:
        return ["it did not end"]
    except Exception as exc:  # noqa: BLE001 - whatever it is, this is what is asked
        return [f"{type(exc).__name__}: {exc}"]
    if all(answer.mark != Mark.BROKEN for answer in answers):
        return [f"nothing is red after {time.monotonic() - begin:.1f} s: {'; '.join(map(str, answers))}"]
    return []


@pytest.mark.usefixtures("hurried")
async def test_check_is_red_and_ends() -> None:
    figures = Figures("hostile servers, check")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, found in zip(SERVERS, await asyncio.gather(*map(lost, SERVERS.values())), strict=True):
        figures.judge(name, found)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    figures.judge("memory", [f"{grown} bytes"] if grown > MORE_BYTES else [])
    figures.survived()
