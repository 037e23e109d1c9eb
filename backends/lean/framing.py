"""Frames of RFC 6455 section 5 as a server reads and writes them, with permessage-deflate (RFC 7692) when agreed."""

import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_DATA = frozenset({CONTINUATION, TEXT, BINARY})
_CONTROL = frozenset({CLOSE, PING, PONG})
_CLOSE_CODES = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})
_TAIL = b"\x00\x00\xff\xff"

DEFLATE = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
"""The answer to an offer: without context takeover no memory is held between messages (RFC 7692 section 7.1.1)."""


MOST_FRAGMENTS = 65_536
"""Most frames that a message may come in: empty ones would cost memory without ever reaching the limit of bytes."""


class Broken(ValueError):
    """Bytes that a client must not send; `code` is the close code that answers them."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Message(NamedTuple):
    """A complete message, or a control frame."""

    opcode: int
    data: bytes


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


def close_of(data: bytes) -> tuple[int, str]:
    """Return code and reason of a close frame; 1005 when it has none.

    Raises:
        Broken: A code that must not travel, or a reason that is no UTF-8.
    """
    if not data:
        return 1005, ""
    code = int.from_bytes(data[:2], "big")
    if len(data) < 2 or code not in _CLOSE_CODES:
        raise Broken(1002, "malformed close frame")
    try:
        return code, data[2:].decode()
    except UnicodeDecodeError:
        raise Broken(1007, "the close reason is no UTF-8") from None


class Reader:
    """Reads messages from bytes in pieces of any size; holds at most one unfinished message.

    What was read stays before the read position until more bytes come: cutting it off for each frame would cost the
    square of their number.
    """

    __slots__ = ("_at", "_buffer", "_deflate", "_limit", "_opcode", "_packed", "_parts", "_size")

    def __init__(self, *, limit: int, deflate: bool) -> None:
        self._buffer: bytes | bytearray = b""
        self._at = 0
        self._limit = limit
        self._deflate = deflate
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
                    raise Broken(1002, "a continuation without a beginning")
                if len(self._parts) >= MOST_FRAGMENTS:
                    raise Broken(1009, f"messages have at most {MOST_FRAGMENTS} frames")
                self._parts.append(data)
            else:
                if self._parts is not None:
                    raise Broken(1002, "a new message within a fragmented one")
                if first & 0x80:
                    return Message(opcode, self._whole(opcode, data, packed=bool(first & 0x40)))
                self._parts, self._opcode, self._packed = [data], opcode, bool(first & 0x40)
            self._size += len(data)
            if first & 0x80:
                whole, self._parts, self._size = b"".join(self._parts), None, 0
                return Message(self._opcode, self._whole(self._opcode, whole, packed=self._packed))

    def _frame(self) -> tuple[int, bytes] | None:
        buffer, at = self._buffer, self._at
        whole = len(buffer)
        if whole < at + 2:
            return None
        first, second = buffer[at], buffer[at + 1]
        opcode = first & 0x0F
        size, start = second & 0x7F, at + 6
        if size >= 126:
            start += 2 if size == 126 else 8
            if whole < start:
                return None
            size = int.from_bytes(buffer[at + 2 : start - 4], "big")
        self._check(first, second, opcode, size)
        end = start + size
        if whole < end:
            return None
        data = unmasked(bytes(buffer[start:end]), bytes(buffer[start - 4 : start]))
        if whole == end:  # usually the frame is all there is; then nothing is left to keep
            self._buffer, self._at = b"", 0
        else:
            self._at = end
        return first, data

    def _check(self, first: int, second: int, opcode: int, size: int) -> None:
        if opcode not in _DATA and opcode not in _CONTROL:
            raise Broken(1002, "unknown opcode")
        if not second & 0x80:
            raise Broken(1002, "a client's frame without a mask")
        if opcode in _CONTROL and (size > 125 or not first & 0x80):
            raise Broken(1002, "a control frame that is fragmented or too long")
        if first & 0x30 or (first & 0x40 and not (self._deflate and opcode in {TEXT, BINARY})):
            raise Broken(1002, "a reserved bit is set")
        if opcode in _DATA and self._size + size > self._limit:
            raise Broken(1009, f"messages have at most {self._limit} bytes")

    def _whole(self, opcode: int, data: bytes, *, packed: bool) -> bytes:
        if packed:
            try:
                data = zlib.decompressobj(-15).decompress(data + _TAIL, self._limit + 1)
            except zlib.error:
                raise Broken(1007, "compressed data is broken") from None
            if len(data) > self._limit:
                raise Broken(1009, f"messages have at most {self._limit} bytes")
        if opcode == TEXT:
            try:
                data.decode()
            except UnicodeDecodeError:
                raise Broken(1007, "text is no UTF-8") from None
        return data
