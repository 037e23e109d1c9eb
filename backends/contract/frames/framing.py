"""Frames of RFC 6455 section 5 as a server reads and writes them, with permessage-deflate (RFC 7692) when agreed."""

import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from backends.contract.frames.manners import Manners

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
DATA_OPCODES = frozenset({TEXT, BINARY})
_DATA = frozenset({CONTINUATION, TEXT, BINARY})
_CONTROL = frozenset({CLOSE, PING, PONG})
_TAIL = b"\x00\x00\xff\xff"

DEFLATE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
"""The answer to an offer: without context takeover no memory is held between messages (RFC 7692 section 7.1.1)."""


MOST_FRAGMENTS = 131_072
"""Most frames that a message may come in: empty ones would cost memory without ever reaching the limit of bytes."""


class Message(NamedTuple):
    """A complete message, or a control frame; `packed` when its data is still compressed."""

    opcode: int
    data: bytes
    packed: bool = False


def chosen_deflate(offers: list[str]) -> bool:
    """Whether one of the offered extensions is a compression that we can answer with `DEFLATE`."""
    for offer in ",".join(offers).split(","):
        name, *parameters = (part.strip().lower() for part in offer.split(";"))
        if name == "permessage-deflate" and not any(word.startswith("server_max_window_bits") for word in parameters):
            return True
    return False


def serialise(opcode: int, data: bytes, *, deflate: bool = False, fin: bool = True) -> bytes:
    """Return one frame, without a mask, as a server sends it."""
    first = (0x80 if fin else 0) | opcode
    if deflate and opcode < CLOSE:
        packer = zlib.compressobj(1, zlib.DEFLATED, -15)
        data = (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_TAIL)
        first |= 0x40
    size = len(data)
    if size < 126:
        return bytes((first, size)) + data
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big") + data
    return bytes((first, 127)) + size.to_bytes(8, "big") + data


def fragmented(fragments: Sequence[str | bytes]) -> Iterator[bytes]:
    """Yield one message as several frames, uncompressed (section 5.4)."""
    for number, fragment in enumerate(fragments):
        opcode = CONTINUATION if number else TEXT if isinstance(fragment, str) else BINARY
        data = fragment.encode() if isinstance(fragment, str) else fragment
        yield serialise(opcode, data, fin=number == len(fragments) - 1)


def unmasked(data: bytes, mask: bytes) -> bytes:
    """Take the mask off (RFC 6455 section 5.3)."""
    size = len(data)
    stream = mask * (size // 4) + mask[: size % 4]
    return (int.from_bytes(data, "little") ^ int.from_bytes(stream, "little")).to_bytes(size, "little")


class Reader:
    """Reads messages from bytes in pieces of any size; holds at most one unfinished message.

    Who does not want it to `inflate` gets compressed messages as they came.

    What was read stays before the read position until more bytes come: cutting it off for each frame would cost the
    square of their number.
    """

    __slots__ = (
        "_at",
        "_buffer",
        "_deflate",
        "_inflate",
        "_limit",
        "_manners",
        "_opcode",
        "_packed",
        "_parts",
        "_size",
    )

    def __init__(self, *, limit: int, deflate: bool, manners: Manners, inflate: bool = True) -> None:
        self._buffer: bytes | bytearray = b""
        self._at = 0
        self._limit = limit
        self._deflate = deflate
        self._inflate = inflate
        self._manners = manners
        self._parts: list[bytes] | None = None
        self._opcode = 0
        self._packed = False
        self._size = 0

    def feed(self, data: bytes) -> None:
        """Take in bytes."""
        buffer, at = self._buffer, self._at
        if not buffer:
            self._buffer = data
            return
        if not isinstance(buffer, bytearray):  # grows in place, so a long message is not copied for each piece
            self._buffer = buffer = bytearray(buffer[at:] if at else buffer)
        elif at:
            del buffer[:at]
        self._at = 0
        buffer += data

    def next(self) -> Message | None:
        """Return the next complete message or control frame, or None.

        Raises:
            Broken: The client broke a rule.
        """
        while True:
            frame = self._frame()
            if frame is None:
                return None
            first, data = frame
            opcode = first & 0x0F
            if opcode in _CONTROL:
                return Message(opcode, data)
            if opcode == CONTINUATION:
                if self._parts is None:
                    raise self._manners.broken("orphan")
                if len(self._parts) >= MOST_FRAGMENTS:
                    raise self._manners.broken("many")
                self._parts.append(data)
            else:
                if first & 0x80:
                    return self._whole(opcode, data, packed=bool(first & 0x40))
                self._parts, self._opcode, self._packed = [data], opcode, bool(first & 0x40)
            self._size += len(data)
            if first & 0x80:
                whole, self._parts, self._size = b"".join(self._parts), None, 0
                return self._whole(self._opcode, whole, packed=self._packed)

    def _frame(self) -> tuple[int, bytes] | None:
        buffer, at = self._buffer, self._at
        whole = len(buffer)
        if whole < at + 2:
            return None
        first, second = buffer[at], buffer[at + 1]
        opcode = first & 0x0F
        masked = bool(second & 0x80)
        size, start = second & 0x7F, at + (6 if masked else 2)
        if size >= 126:
            start += 2 if size == 126 else 8
            if whole < start:
                return None
            size = int.from_bytes(buffer[at + 2 : at + (4 if size == 126 else 10)], "big")
        self._check(first, opcode, size, masked=masked)
        end = start + size
        if whole < end:
            return None
        data = bytes(buffer[start:end])
        if masked:
            data = unmasked(data, bytes(buffer[start - 4 : start]))
        if whole == end:  # usually the frame is all there is; then nothing is left to keep
            self._buffer, self._at = b"", 0
        else:
            self._at = end
        return first, data

    def _check(self, first: int, opcode: int, size: int, *, masked: bool) -> None:
        broken = self._manners.broken
        if opcode >= CLOSE and size > 125:
            raise broken("long")
        if opcode >= CLOSE and not first & 0x80:
            raise broken("split")
        if opcode in _DATA and self._size + size > self._limit:
            raise broken("big", size=self._size + size)
        if first & 0x30 or (first & 0x40 and not (self._deflate and opcode in DATA_OPCODES)):
            raise broken("reserved")
        if self._parts is not None and CONTINUATION < opcode < CLOSE:
            raise broken("within", opcode=opcode)
        if opcode not in _DATA and opcode not in _CONTROL:
            raise broken("opcode", opcode=opcode)
        if not masked and not self._manners.obeys_unmasked:
            raise broken("mask")

    def _whole(self, opcode: int, data: bytes, *, packed: bool) -> Message:
        if packed and not self._inflate:
            return Message(opcode, data, packed=True)
        if packed:
            try:
                data = zlib.decompressobj(-15).decompress(data + _TAIL, self._limit + 1)
            except zlib.error:
                raise self._manners.broken("deflate") from None
            if len(data) > self._limit:
                raise self._manners.broken("big", size=len(data))
        if opcode == TEXT:
            try:
                data.decode()
            except UnicodeDecodeError:
                raise self._manners.broken("utf8") from None
        return Message(opcode, data)
