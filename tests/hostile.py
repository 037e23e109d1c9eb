"""Bytes that no client may send on an open tunnel, made by rule, and the close codes that answer them."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from wslb.wire.frames import Opcode, masked, serialise

__all__ = ["HOSTILE", "Hostile"]

MASK = b"\x37\xfa\x21\x3d"
CONTROL = (Opcode.CLOSE, Opcode.PING, Opcode.PONG)
NO_TEXT = {
    "a lone continuation byte": b"\x80",
    "a character cut": "€".encode()[:2],
    "a surrogate": b"\xed\xa0\x80",
    "beyond the last plane": b"\xf4\x90\x80\x80",
    "overlong, two bytes": b"\xc0\xaf",
    "overlong, three bytes": b"\xe0\x80\xaf",
    "overlong, four bytes": b"\xf0\x80\x80\xaf",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "a byte of no sequence": b"\xff",
    "good text before it": b"good \xc3\x28",
    "much text before it": b"x" * 70_000 + b"\xfe",
}
"""What is no UTF-8 (RFC 3629 section 3), by what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hostile:
    """What one client sends.

    Attributes:
        what: in a few words.
        data: bytes on the wire.
        codes: close codes that answer it (RFC 6455 section 7.4.1); none where only an end is due.
        cut: whether the client's direction ends behind it (FIN), in mid-frame.
        deflate: whether permessage-deflate is offered (RFC 7692).
        echoed: what may come back in place of a refusal, where servers in the field tolerate it.
    """

    what: str
    data: bytes
    codes: frozenset[int] = frozenset({1002})
    cut: bool = False
    deflate: bool = False
    echoed: bytes | None = None


def _sent(opcode: int, payload: bytes = b"", *, fin: bool = True, compressed: bool = False) -> bytes:
    return serialise(opcode, payload, mask=MASK, fin=fin, compressed=compressed)


def _beginning(first: int, payload: bytes = b"abcde") -> bytes:
    """A short masked frame with this first byte."""
    return bytes((first, 0x80 | len(payload))) + MASK + masked(payload, MASK)


def _headers() -> Iterator[Hostile]:
    """First and second bytes that begin no frame of a client (RFC 6455 section 5.2)."""
    for opcode in Opcode:
        for size in (0, 5, 125, 126, 70_000):
            yield Hostile(
                what=f"{opcode.name} of {size} bytes, no mask", data=serialise(opcode, b"m" * size, mask=None)
            )
        for bits in range(0x10, 0x80, 0x10):
            data = _beginning(0x80 | bits | opcode)
            yield Hostile(what=f"{opcode.name} with reserved bits 0x{bits:02x}", data=data)
    for opcode in (*range(3, 8), *range(11, 16)):
        for fin in (0x80, 0):
            yield Hostile(what=f"opcode {opcode}, first byte 0x{fin | opcode:02x}", data=_beginning(fin | opcode))
    for opcode in CONTROL:
        yield Hostile(what=f"{opcode.name} in fragments", data=_sent(opcode, b"", fin=False))
        for size in (126, 200, 65_536):
            payload = b"\x03\xe8" + b"r" * (size - 2)
            yield Hostile(what=f"{opcode.name} of {size} bytes", data=_sent(opcode, payload))


def _orders() -> Iterator[Hostile]:
    """Frames that may not follow each other (section 5.4)."""
    for fin in (True, False):
        yield Hostile(what=f"a continuation of nothing, fin {fin}", data=_sent(0, b"x", fin=fin))
        whole = _sent(Opcode.TEXT, b"one") + _sent(0, b"x", fin=fin)
        yield Hostile(what=f"a continuation of a whole message, fin {fin}", data=whole)
        for begun in (Opcode.TEXT, Opcode.BINARY):
            for second in (Opcode.TEXT, Opcode.BINARY):
                for between in (b"", _sent(Opcode.PING, b"p"), _sent(0, b"more", fin=False)):
                    data = _sent(begun, b"half", fin=False) + between + _sent(second, b"again", fin=fin)
                    what = f"{second.name}, fin {fin}, within {begun.name} behind {between[:1].hex() or 'nothing'}"
                    yield Hostile(what=what, data=data)


def _closes() -> Iterator[Hostile]:
    """Payloads of close frames (sections 5.5.1 and 7.4)."""
    yield Hostile(what="close of one byte", data=_sent(Opcode.CLOSE, b"\x03"))
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 32_768, 65_535):
        for reason in (b"", b"because"):
            yield Hostile(what=f"close {code} {reason!r}", data=_sent(Opcode.CLOSE, code.to_bytes(2) + reason))
    for what, octets in NO_TEXT.items():
        if len(octets) <= 123:
            payload = b"\x03\xe8" + octets
            yield Hostile(what=f"close reason: {what}", data=_sent(Opcode.CLOSE, payload), codes=frozenset({1007}))


def _texts() -> Iterator[Hostile]:
    """Text that is no UTF-8 (section 8.1), whole, in two frames, and cut in its last character."""
    for what, octets in NO_TEXT.items():
        for at in {None, 1, len(octets) - 1}:
            cuts = (octets,) if at is None else (octets[:at], octets[at:])
            frames = [
                _sent(0 if number else Opcode.TEXT, cut, fin=number == len(cuts) - 1) for number, cut in enumerate(cuts)
            ]
            yield Hostile(what=f"text: {what}, cut at {at}", data=b"".join(frames), codes=frozenset({1007}))


def _sizes() -> Iterator[Hostile]:
    """Lengths that no server takes, and lengths in more bytes than they need (section 5.2)."""
    too_long = frozenset({1002, 1009})
    for opcode in (Opcode.TEXT, Opcode.BINARY):
        for size in (1 << 28, (1 << 32) - 1, 1 << 40, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 1):
            data = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8) + MASK + b"begun"
            yield Hostile(what=f"{opcode.name} of {size} bytes announced", data=data, codes=too_long)
        half = _sent(opcode, b"x", fin=False)
        data = half + b"\x80\xff" + (1 << 30).to_bytes(8) + MASK
        yield Hostile(what=f"{opcode.name} that grows to {1 << 30} bytes", data=data, codes=too_long)
        for mark, width in ((126, 2), (127, 8)):
            data = bytes((0x80 | opcode, 0x80 | mark)) + (5).to_bytes(width) + MASK + masked(b"hello", MASK)
            what = f"{opcode.name} of 5 bytes, told in {width}"
            yield Hostile(what=what, data=data, echoed=serialise(opcode, b"hello", mask=None))


def _compressed() -> Iterator[Hostile]:
    """What is no compressed message though compression is agreed (RFC 7692 sections 6 and 7)."""
    drawn = random.Random(7)  # noqa: S311 - the same bytes in each run
    broken = frozenset({1002, 1007, 1011})
    for number in range(8):
        data = _sent(Opcode.BINARY, b"\x07" + drawn.randbytes(20 + number), compressed=True)  # block type 3 is none
        yield Hostile(what=f"compressed noise {number}", data=data, codes=broken, deflate=True)
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    packed = packer.compress(b"\xff\xfe") + packer.flush(zlib.Z_SYNC_FLUSH)
    text = _sent(Opcode.TEXT, packed.removesuffix(b"\x00\x00\xff\xff"), compressed=True)
    yield Hostile(what="compressed text that is no UTF-8", data=text, codes=frozenset({1007}), deflate=True)
    for opcode in CONTROL:
        yield Hostile(what=f"compressed {opcode.name}", data=_sent(opcode, b"", compressed=True), deflate=True)
    halves = _sent(Opcode.TEXT, b"a", fin=False) + _sent(0, b"b", compressed=True)
    yield Hostile(what="a continuation that is compressed alone", data=halves, deflate=True)


def _foreign() -> Iterator[Hostile]:
    """Bytes of other protocols, and noise behind a byte that begins no frame."""
    drawn = random.Random(6455)  # noqa: S311 - the same bytes in each run
    foreign = {
        "an HTTP request": b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n",
        "a TLS hello": bytes.fromhex("16030100050100000102030405060708"),
        "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    }
    for what, data in foreign.items():
        yield Hostile(what=what, data=data)
    for number in range(20):
        first = drawn.randrange(256) | 0x30
        size = drawn.randrange(16, 400)
        yield Hostile(what=f"noise {number}", data=bytes((first,)) + drawn.randbytes(size))


def _cuts() -> Iterator[Hostile]:
    """Frames whose end never comes (section 7.1.1: the connection is simply lost)."""
    none: frozenset[int] = frozenset()
    for frame in (_sent(Opcode.TEXT, b"hello"), _sent(Opcode.BINARY, b"x" * 300), _sent(Opcode.CLOSE, b"\x03\xe8")):
        for at in (0, 1, 2, 3, 5, len(frame) - 1):
            what = f"{frame[:2].hex()} cut behind {at} bytes"
            yield Hostile(what=what, data=frame[:at], codes=none, cut=True)
    yield Hostile(what="half a message", data=_sent(Opcode.TEXT, b"half", fin=False), codes=none, cut=True)


HOSTILE = (
    *_headers(),
    *_orders(),
    *_closes(),
    *_texts(),
    *_sizes(),
    *_compressed(),
    *_foreign(),
    *_cuts(),
)
"""Each is one client's whole life behind the handshake."""
