"""Answers that no server may give, or that a client must at least survive: heads, frames and closes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import partial

from wslb.lab import edits
from wslb.lab.relay import Edit, End, Twist
from wslb.wire.frames import Opcode, serialise

__all__ = ["BAD_ANSWERS"]

STATUS_LINES = (
    b"HTTP/1.1 101",
    b"HTTP/1.0 101 Switching Protocols",
    b"HTTP/2 101 Switching Protocols",
    b"HTTP/1.1 100 Continue",
    b"HTTP/1.1 102 Processing",
    b"HTTP/1.1 200 OK",
    b"HTTP/1.1 204 No Content",
    b"HTTP/1.1 301 Moved Permanently",
    b"HTTP/1.1 304 Not Modified",
    b"HTTP/1.1 401 Unauthorized",
    b"HTTP/1.1 407 Proxy Authentication Required",
    b"HTTP/1.1 426 Upgrade Required",
    b"HTTP/1.1 429 Too Many Requests",
    b"HTTP/1.1 500 ",
    b"HTTP/1.1 599 Odd",
    b"HTTP/1.1 999 Odder",
    b"HTTP/1.1 1010 Too long",
    b"HTTP/1.1 10 Too short",
    b"HTTP/1.1 -101 Negative",
    b"HTTP/1.1 abc Letters",
    b"HTTP/1.1 \xff\xfe\x00",
    b"HTTP/1.1  101  Spaces",
    b"http/1.1 101 small",
    b"ICY 101 Switching Protocols",
    b"",
    b" HTTP/1.1 101 Switching Protocols",
    b"HTTP/1.1 101 Switching Protocols\r\nHTTP/1.1 101 Switching Protocols",
    b"HTTP/1.1 101 " + b"x" * 9000,
)
"""Status lines in place of the right one."""

FIELDS = (
    ("Sec-WebSocket-Protocol", "a"),
    ("Sec-WebSocket-Protocol", "a\r\nSec-WebSocket-Protocol: b"),
    ("Sec-WebSocket-Protocol", "\r\nSec-WebSocket-Protocol: "),
    ("Sec-WebSocket-Extensions", "permessage-deflate"),
    ("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits=99"),
    ("Sec-WebSocket-Extensions", "x\r\nSec-WebSocket-Extensions: y"),
    ("Sec-WebSocket-Extensions", ";;;,,,"),
    ("Sec-WebSocket-Accept", "again"),
    ("Upgrade", "h2c"),
    ("Upgrade", "websocket"),
    ("Connection", "close"),
    ("Connection", "Upgrade"),
    ("Content-Length", "5"),
    ("Content-Length", "-1"),
    ("Content-Length", "x\r\nContent-Length: 99999999999999999999"),
    ("Transfer-Encoding", "chunked"),
    ("Transfer-Encoding", "gzip, chunked\r\nContent-Length: 3"),
    ("Set-Cookie", "=;;;=\r\nSet-Cookie: \xff"),
    ("X-Backend", "nobody"),
    ("X-Backend", "liberty\r\nX-Backend: node"),
    ("X-Long", "y" * 9000),
    ("X-Folded", "one\r\n two"),
    ("X-Null", "a\x00b"),
    ("X-Bytes", "\xe9\xff"),
    ("", "no name"),
    ("X Space", "in a name"),
    ("X-Many", "\r\nX-Many: ".join(["z"] * 200)),
    ("Date", "yesterday"),
)
"""Fields that an answer has as well."""

INSTEAD = (
    ("Sec-WebSocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
    ("Sec-WebSocket-Accept", ""),
    ("Upgrade", "h2c"),
    ("Upgrade", "\xff"),
    ("Connection", "close"),
    ("Connection", ""),
)
WITHOUT = ("Sec-WebSocket-Accept", "Upgrade", "Connection", "X-Backend")

FRAMES = (
    *(bytes((first, 0)) for first in (0x80, 0x00, 0x83, 0x87, 0x8B, 0x8F, 0xC1, 0xA1, 0x91, 0xF1, 0x09, 0x0A, 0x08)),
    serialise(Opcode.TEXT, b"masked", mask=b"abcd"),
    serialise(Opcode.TEXT, b"\xff\xfe", mask=None),
    serialise(Opcode.TEXT, b"\xed\xa0\x80", mask=None),
    serialise(Opcode.TEXT, b"\xc3", mask=None),
    serialise(Opcode.TEXT, b"half", mask=None, fin=False) + serialise(Opcode.TEXT, b"again", mask=None),
    serialise(Opcode.TEXT, b"half", mask=None, fin=False),
    serialise(Opcode.PING, b"p" * 126, mask=None),
    serialise(Opcode.PING, b"p", mask=None) * 50,
    serialise(Opcode.PONG, b"nobody asked", mask=None),
    serialise(Opcode.BINARY, b"\x00" * 70_000, mask=None),
    serialise(Opcode.TEXT, b"", mask=None) * 20,
    b"\x81\x7e\x00\x05hello",
    b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x81\x7f\x00\x00\x00\x00\xff\xff\xff\xff",
    b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"\x00",
    b"",
)
"""What comes in place of the greeting."""

CLOSES = (
    b"\x88\x00",
    b"\x88\x01\x03",
    *(serialise(Opcode.CLOSE, code.to_bytes(2), mask=None) for code in (0, 999, 1004, 1005, 1006, 1012, 1015, 1016)),
    *(serialise(Opcode.CLOSE, code.to_bytes(2), mask=None) for code in (2999, 3000, 4999, 5000, 65535)),
    serialise(Opcode.CLOSE, b"\x03\xe8\xff\xfe", mask=None),
    serialise(Opcode.CLOSE, b"\x03\xe8" + b"r" * 124, mask=None),
    serialise(Opcode.CLOSE, b"\x03\xe8masked", mask=b"abcd"),
    serialise(Opcode.CLOSE, b"\x03\xe8", mask=None) * 2,
    serialise(Opcode.CLOSE, b"\x03\xe8", mask=None) + serialise(Opcode.TEXT, b"late", mask=None),
    serialise(Opcode.CLOSE, b"\x03\xe8", mask=None, fin=False),
)
"""What comes behind the greeting."""


def _instead(new: bytes, _: bytes) -> bytes:
    return new


def _answers() -> Iterator[tuple[str, Edit, bool, int | None]]:
    """What it is, the edit, whether of the head, and of which frame."""
    for line in STATUS_LINES:
        yield f"status line {line[:40]!r}", edits.line(partial(_instead, line)), True, None
    for name, value in FIELDS:
        yield f"field {name!r}: {value[:30]!r}", edits.field_added(name, value), True, None
    for name, value in INSTEAD:
        yield f"{name} is {value!r}", edits.field_added(name, value, instead=True), True, None
    for name in WITHOUT:
        yield f"no {name}", edits.without_field(name), True, None
    for end in End:
        yield f"{end.value} in place of a head", edits.cut(end), True, None
        yield f"{end.value} behind the head", edits.cut(end, behind=True), True, None
        yield f"{end.value} in place of the greeting", edits.cut(end), False, 1
        yield f"{end.value} behind the greeting", edits.cut(end, behind=True), False, 1
    for data in FRAMES:
        yield f"in place of the greeting {data[:20]!r}", edits.garbage(data), False, 1
    for data in CLOSES:
        yield f"behind the greeting {data[:20]!r}", edits.followed_by(data), False, 1
    drawn = random.Random(1)  # noqa: S311 - the same answers in each run
    for number in range(20):
        noise = drawn.randbytes(drawn.randrange(1, 200))
        yield f"noise {number} in place of a head", edits.garbage(noise + b"\r\n\r\n"), True, None
        yield f"noise {number} behind the greeting", edits.followed_by(noise), False, 1


BAD_ANSWERS = tuple(
    (what, Twist(edit=edit, head=head, number=0 if head else number, connections=frozenset({seq})))
    for seq, (what, edit, head, number) in enumerate(_answers(), start=1)
)
"""What each is, and the twist that gives it to the connection of its place, from 1."""
