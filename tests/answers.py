"""Answers that no server may give, or that a client must at least survive: heads, frames, closes, ends and floods."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import socket
import struct
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from tests.hostile import NO_TEXT
from wslb.model.handshake import accept_for
from wslb.waiting import disconnect
from wslb.wire.frames import Opcode, serialise

__all__ = ["BAD_ANSWERS", "Answer", "answering"]

GREETING = serialise(Opcode.TEXT, b"[From Server] Connected to nobody", mask=None)
LINE = b"HTTP/1.1 101 Switching Protocols"
NEEDED = (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Accept: {accept}")

BYTE_SECONDS = 0.05
"""Between two bytes of a slow server."""

ALLOWED = "RFC 6455 allows it, or wants clients to bear it"
"""Why a claim about this answer may hold."""


class Then(Enum):
    """How a server goes on without bytes: by FIN, by a reset, by FIN of its own direction only, or by nothing."""

    FIN = "fin"
    RESET = "reset"
    HALF = "half a FIN"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endless:
    """These bytes, again and again."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """Byte by byte."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The whole life of one connection, as the server leads it; it reads nothing but the request.

    Attributes:
        what: in a few words.
        steps: what it does; ``{accept}`` in bytes stands for the right value; behind the last step it is silent.
        early: whether it begins before the request has come.
        allowed: why this is no fault of a server; empty when it is one.
    """

    what: str
    steps: tuple[bytes | Then | Endless | Slow, ...]
    early: bool = False
    allowed: str = ""


def head(*fields: bytes, line: bytes = LINE) -> bytes:
    return b"\r\n".join((line, *fields, b"", b""))


GOOD = head(*NEEDED)


def frame(opcode: int, data: bytes = b"", *, fin: bool = True) -> bytes:
    return serialise(opcode, data, mask=None, fin=fin)


STATUS_LINES = (
    b"HTTP/1.1 101",
    b"HTTP/1.0 101 Switching Protocols",
    b"HTTP/2 101 Switching Protocols",
    b"HTTP/1.1 1010 Too long",
    b"HTTP/1.1 10 Too short",
    b"HTTP/1.1 -101 Negative",
    b"HTTP/1.1 +101 Positive",
    b"HTTP/1.1 1_0 Underlined",
    "HTTP/1.1 １０１ Wide".encode(),
    b"HTTP/1.1 abc Letters",
    b"HTTP/1.1 000 Nothing",
    b"HTTP/1.1 999 Odd",
    b"HTTP/1.1 \xff\xfe\x00",
    b"HTTP/1.1  101  Spaces",
    b"HTTP/1.1\t101\tTabs",
    b"http/1.1 101 small",
    b"ICY 101 Switching Protocols",
    b"HTTP/1.1",
    b"",
    b" HTTP/1.1 101 Switching Protocols",
    LINE + b"\r\n" + LINE,
    LINE + b"\r",
    LINE + b" \x00",
    b"HTTP/1.1 101 " + b"x" * 9000,
)
"""Status lines in place of the right one."""

STATUSES = (
    *range(200, 207),
    *range(300, 309),
    *range(400, 411),
    413,
    421,
    426,
    429,
    431,
    451,
    *range(500, 506),
    511,
    599,
)
"""Refusals that every client knows, each with a body, or without where it has none."""

FIELDS: tuple[tuple[bytes, str], ...] = (
    (b"Sec-WebSocket-Protocol: a", ""),
    (b"Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b", ""),
    (b"Sec-WebSocket-Protocol: ", ALLOWED),
    (b"Sec-WebSocket-Extensions: permessage-deflate", ""),
    (b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=99", ""),
    (b"Sec-WebSocket-Extensions: x\r\nSec-WebSocket-Extensions: y", ""),
    (b"Sec-WebSocket-Extensions: ;;;,,,", ""),
    (b"Content-Length: 5\r\n\r\nhello", ""),
    (b"Transfer-Encoding: chunked\r\n\r\n0\r\n", ""),
    (b"Set-Cookie: =;;;=\r\nSet-Cookie: \xff", ALLOWED),
    (b"X-Backend: liberty\r\nX-Backend: node", ALLOWED),
    (b"X-Long: " + b"y" * 20_000, ""),
    (b"X-Many: z\r\n" * 300 + b"X-Last: z", ""),
    (b"X-Folded: one\r\n two", ""),
    (b"X-Null: a\x00b", ""),
    (b"X-Bytes: \xe9\xff", ALLOWED),
    (b": no name", ""),
    (b"no colon", ""),
    (b"X Space: in a name", ""),
    (b"X-Space : behind a name", ""),
    (b"Date: yesterday", ALLOWED),
    (b"Server: \x1b[31m::error::", ""),
)
"""Fields that an answer has as well."""

INTERIM = (
    (b"HTTP/1.1 100 Continue\r\n\r\n", "100 before it"),
    (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", "103 before it"),
    (b"\r\n", "an empty line before it"),
    (b"\x00", "a zero before it"),
    (GREETING, "the greeting before it"),
)


def _needed() -> Iterator[tuple[str, bytes]]:
    """Each of the three fields that an opening needs (RFC 6455 section 4.1), in every way that spoils it."""
    for field in NEEDED:
        name, _, value = field.partition(b": ")
        others = [other for other in NEEDED if other is not field]
        wrong = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" if name.startswith(b"Sec") else b"h2c"
        for what, written in (
            ("missing", b""),
            ("empty", name + b": "),
            ("wrong", name + b": " + wrong),
            ("twice, once wrong", field + b"\r\n" + name + b": " + wrong),
            ("huge", name + b": " + value + b"x" * 9000),
            ("folded", name + b":\r\n " + value),
            ("8-bit", name + b": " + value + b"\xe9"),
            ("with a zero", name + b": " + value + b"\x00"),
            ("without a colon", name + b" " + value),
            ("under a name with a space", name + b" : " + value),
            ("under another name", b"X-" + field),
            ("quoted", name + b': "' + value + b'"'),
        ):
            yield f"{name.decode()} {what}", head(*others, *([written] if written else []))


def _heads() -> Iterator[Answer]:
    for line in STATUS_LINES:
        yield Answer(what=f"status line {line[:40]!r}", steps=(head(*NEEDED, line=line), GREETING))
    for status in STATUSES:
        none = status in (204, 304)
        fields = () if none else (b"Content-Length: 2", b"Location: /again")
        body = b"" if none else b"no"
        yield Answer(what=f"status {status}", steps=(head(*fields, line=b"HTTP/1.1 %d Refused" % status) + body,))
    for what, octets in _needed():
        yield Answer(what=what, steps=(octets + GREETING,))
    for field, allowed in FIELDS:
        yield Answer(what=f"with {field[:40]!r}", steps=(head(*NEEDED, field) + GREETING,), allowed=allowed)
    for before, what in INTERIM:
        yield Answer(what=what, steps=(before, GOOD + GREETING))
    yield Answer(what="lines that end with LF", steps=(GOOD.replace(b"\r\n", b"\n") + GREETING,))
    yield Answer(what="lines that end with CR", steps=(GOOD.replace(b"\r\n", b"\r") + GREETING,))
    yield Answer(what="no empty line", steps=(GOOD.removesuffix(b"\r\n") + GREETING,))
    yield Answer(
        what="names in small letters", steps=(GOOD.replace(b"Upgrade:", b"upgrade:") + GREETING,), allowed=ALLOWED
    )
    yield Answer(what="HTTP/0.9", steps=(b"<html>hello</html>", Then.FIN))
    yield Answer(what="an HTTP/2 preface", steps=(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",))
    yield Answer(what="a TLS alert", steps=(b"\x15\x03\x01\x00\x02\x02\x28", Then.FIN))


def _frames() -> Iterator[tuple[str, bytes]]:
    """Bytes in the place of the greeting (RFC 6455 sections 5.2 to 5.5)."""
    for opcode in (*range(3, 8), *range(11, 16)):
        for fin in (0x80, 0):
            yield f"opcode {opcode}, first byte 0x{fin | opcode:02x}", bytes((fin | opcode, 0))
    for opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.PING, Opcode.CLOSE):
        for bits in range(0x10, 0x80, 0x10):
            yield f"{opcode.name} with reserved bits 0x{bits:02x}", bytes((0x80 | bits | opcode, 0))
    for opcode in Opcode:
        yield f"{opcode.name} masked", serialise(opcode, b"\x03\xe8masked", mask=b"abcd")
    for opcode in (Opcode.CLOSE, Opcode.PING, Opcode.PONG):
        yield f"{opcode.name} in fragments", frame(opcode, fin=False)
        yield f"{opcode.name} of 126 bytes", frame(opcode, b"\x03\xe8" + b"r" * 124)
        yield f"{opcode.name} of 70000 bytes", frame(opcode, b"\x03\xe8" + b"r" * 69_998)
    for fin in (True, False):
        yield f"a continuation of nothing, fin {fin}", frame(0, b"x", fin=fin)
        for second in (Opcode.TEXT, Opcode.BINARY):
            octets = frame(Opcode.TEXT, b"half", fin=False) + frame(second, b"again", fin=fin)
            yield f"{second.name}, fin {fin}, within a text", octets
    for opcode in (Opcode.TEXT, Opcode.BINARY):
        for size in (1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1):
            yield f"{opcode.name} of {size} bytes announced", bytes((0x80 | opcode, 127)) + size.to_bytes(8) + b"begun"
    for what, octets in NO_TEXT.items():
        yield f"text: {what}", frame(Opcode.TEXT, octets)
        yield f"text in two frames: {what}", frame(Opcode.TEXT, octets[:1], fin=False) + frame(0, octets[1:])
    yield "HTTP behind the head", b"HTTP/1.1 500 Internal Server Error\r\n\r\n"
    yield "TLS behind the head", b"\x16\x03\x01\x02\x00\x01"


def _closes() -> Iterator[tuple[str, bytes]]:
    """Payloads of a close frame that may not be (sections 5.5.1 and 7.4)."""
    yield "of one byte", b"\x03"
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 32_768, 65_535):
        yield f"with code {code}", code.to_bytes(2)
        yield f"with code {code} and a reason", code.to_bytes(2) + b"because"
    for what, octets in NO_TEXT.items():
        if len(octets) <= 123:
            yield f"with a reason: {what}", b"\x03\xe8" + octets


def _endings() -> Iterator[Answer]:
    for code in (*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999):
        octets = frame(Opcode.CLOSE, code.to_bytes(2) + b"goodbye")
        yield Answer(what=f"a close {code} behind the greeting", steps=(GOOD + GREETING + octets,), allowed=ALLOWED)
    for what, payload in _closes():
        octets = frame(Opcode.CLOSE, payload)
        yield Answer(what=f"a close {what} for a greeting", steps=(GOOD + octets,))
        yield Answer(what=f"a close {what} behind it", steps=(GOOD + GREETING, octets))
    good = frame(Opcode.CLOSE, b"\x03\xe8")
    for what, octets in (
        ("twice", good * 2),
        ("and a text", good + frame(Opcode.TEXT, b"late")),
        ("and noise", good + b"\xff" * 20),
        ("without a code", frame(Opcode.CLOSE)),
        ("within a text", frame(Opcode.TEXT, b"half", fin=False) + good),
    ):
        yield Answer(what=f"a close {what}", steps=(GOOD + GREETING + octets,), allowed=ALLOWED)
    line, status, whole = GOOD[:9], GOOD[:40], GOOD + GREETING
    for then in Then:
        for what, octets in (
            ("no byte", b""),
            ("a part of the status line", line),
            ("a part of the head", status),
            ("the head but its end", GOOD[:-2]),
            ("the head", GOOD),
            ("the head and a part of a frame", GOOD + GREETING[:1]),
            ("the head and half a greeting", whole[:-5]),
            ("the greeting", whole),
            ("a part of a close", whole + good[:3]),
            ("a ping", whole + frame(Opcode.PING, b"p")),
            ("half a message", whole + frame(Opcode.TEXT, b"half", fin=False)),
        ):
            yield Answer(what=f"{then.value} behind {what}", steps=(octets, then))
        yield Answer(what=f"{then.value} before the request", steps=(then,), early=True)
    yield Answer(what="the answer before the request", steps=(GOOD.replace(b"{accept}", b"x") + GREETING,), early=True)


def _floods() -> Iterator[Answer]:
    first = frame(Opcode.TEXT, fin=False)
    for what, begin, again in (
        ("a head without end", GOOD[:-2], b"X-More: more\r\n" * 1000),
        ("a line without end", GOOD[:-2], b"x" * 65_536),
        ("interim answers without end", b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        ("empty lines without end", b"", b"\r\n" * 10_000),
        ("zeros without end", b"", b"\x00" * 65_536),
        ("a body without end", head(b"Transfer-Encoding: chunked", line=b"HTTP/1.1 200 OK"), b"4\r\nmore\r\n" * 5000),
        ("pings without end", GOOD, frame(Opcode.PING, b"p" * 125) * 500),
        ("empty pings without end", GOOD + GREETING, frame(Opcode.PING) * 5000),
        ("pongs without end", GOOD, frame(Opcode.PONG) * 5000),
        ("texts without end", GOOD, frame(Opcode.TEXT, b"t" * 1000) * 60),
        ("empty texts without end", GOOD, frame(Opcode.TEXT) * 5000),
        ("binaries without end", GOOD + GREETING, frame(Opcode.BINARY, b"b" * 60_000)),
        ("fragments without end", GOOD + first, frame(0, b"f" * 100, fin=False) * 500),
        ("empty fragments without end", GOOD + first, frame(0, fin=False) * 20_000),
        ("fragments and pings without end", GOOD + first, (frame(0, fin=False) + frame(Opcode.PING)) * 5000),
        ("a message without end", GOOD + b"\x82\x7f\x00\x00\x00\xff\xff\xff\xff\xff", b"m" * 65_536),
        ("bytes behind a close without end", GOOD + GREETING + frame(Opcode.CLOSE, b"\x03\xe9"), b"\x00" * 65_536),
    ):
        yield Answer(what=what, steps=(begin, Endless(data=again)))
    yield Answer(what="the head byte by byte", steps=(Slow(data=GOOD + GREETING),))
    yield Answer(what="a greeting byte by byte", steps=(GOOD, Slow(data=frame(Opcode.TEXT, b"slow" * 1000))))


def _answers() -> Iterator[Answer]:
    yield from _heads()
    for what, octets in _frames():
        yield Answer(what=what, steps=(GOOD + octets,))
    yield from _endings()
    yield from _floods()
    drawn = random.Random(1)  # noqa: S311 - the same answers in each run
    for number in range(20):
        noise = drawn.randbytes(drawn.randrange(20, 200))
        yield Answer(what=f"noise {number} in place of a head", steps=(noise + b"\r\n\r\n",))
        yield Answer(what=f"noise {number} behind the greeting", steps=(GOOD + GREETING, b"\xb3" + noise))


BAD_ANSWERS = tuple(_answers())


async def _asked(reader: asyncio.StreamReader) -> bytes:
    """Read a request; the value that accepts it."""
    fields = [line.partition(b":") for line in (await reader.readuntil(b"\r\n\r\n")).splitlines()]
    keys = (value.strip().decode() for name, _, value in fields if name.lower() == b"sec-websocket-key")
    return accept_for(next(keys, "")).encode()


async def _lead(answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Lead one connection to the end of its steps, then wait for its end."""
    accept = b"none" if answer.early else await _asked(reader)
    for step in answer.steps:
        if isinstance(step, bytes):
            writer.write(step.replace(b"{accept}", accept))
        elif isinstance(step, Slow):
            for octet in step.data.replace(b"{accept}", accept):
                if writer.is_closing():
                    return
                writer.write(bytes((octet,)))
                await asyncio.sleep(BYTE_SECONDS)
        elif isinstance(step, Endless):
            while True:
                writer.write(step.data)
                await writer.drain()
        elif step is Then.HALF:
            writer.write_eof()
        elif step is not Then.SILENCE:
            if step is Then.RESET:
                connection = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.close()
            return
    await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def answering(answers: Sequence[Answer]) -> AsyncIterator[str]:
    """The ``host:port`` of a server that gives the answers in turn, one to a connection, over and over.

    At the end of the block its connections have gone.
    """
    leading: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
    turn = itertools.cycle(answers)

    async def lead(answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, asyncio.LimitOverrunError):
            await _lead(answer, reader, writer)

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        leading[asyncio.ensure_future(lead(next(turn), reader, writer))] = writer

    server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=1024)
    try:
        yield "{}:{}".format(*server.sockets[0].getsockname())
    finally:
        server.close()
        for _ in range(5):  # a connection that was just taken is told of a few turns of the loop later
            await asyncio.sleep(0)
        for task, writer in leading.items():
            task.cancel()
            writer.transport.abort()
        told = await asyncio.gather(*leading, return_exceptions=True)
        await asyncio.gather(*(disconnect(writer) for writer in leading.values()))
        wrong = [one for one in told if isinstance(one, Exception)]
        assert not wrong, wrong
