"""Frames as bytes (RFC 6455 section 5): a serialiser, and a reader for what a server sends."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

__all__ = [
    "Close",
    "Frame",
    "FrameError",
    "FrameReader",
    "Opcode",
    "close_payload",
    "masked",
    "parse_close",
    "serialise",
]


class Opcode(IntEnum):
    """Kinds of frames (RFC 6455 section 5.2)."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


_KNOWN = frozenset(int(opcode) for opcode in Opcode)
_SENDABLE = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})
"""Close codes that may travel (RFC 6455 section 7.4 and the registry of IANA)."""


class FrameError(ValueError):
    """Bytes that a server must not send; ``code`` is the close code that answers them (RFC 6455 section 7.4.1)."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Frame(NamedTuple):
    """One frame, as it came."""

    opcode: int
    data: bytes
    fin: bool = True


class Close(NamedTuple):
    """Code and reason of a close frame; 1005 when it has none."""

    code: int
    reason: str


def masked(data: bytes, mask: bytes) -> bytes:
    """Apply a mask of four bytes; applied twice, it gives the data back (RFC 6455 section 5.3)."""
    size = len(data)
    stream = mask * (size // 4) + mask[: size % 4]
    return (int.from_bytes(data, "little") ^ int.from_bytes(stream, "little")).to_bytes(size, "little")


def serialise(opcode: int, data: bytes, *, mask: bytes | None, fin: bool = True) -> bytes:
    """One frame on the wire.

    Args:
        opcode: kind of frame.
        data: payload.
        mask: four random bytes for a client's frame; None for a server's.
        fin: whether it ends its message.
    """
    size = len(data)
    first = (0x80 if fin else 0) | opcode
    bit = 0x80 if mask is not None else 0
    if size < 126:
        head = bytes((first, bit | size))
    elif size < 65536:
        head = bytes((first, bit | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, bit | 127)) + size.to_bytes(8, "big")
    return head + data if mask is None else head + mask + masked(data, mask)


def close_payload(code: int, reason: str = "") -> bytes:
    """Payload of a close frame.

    Raises:
        ValueError: the code must not travel, or the reason is longer than 123 bytes.
    """
    octets = reason.encode()
    if code not in _SENDABLE or len(octets) > 123:
        raise ValueError(f"no close frame can carry code {code} with a reason of {len(octets)} bytes")
    return code.to_bytes(2, "big") + octets


def parse_close(data: bytes) -> Close:
    """Code and reason of a close frame.

    Raises:
        FrameError: one byte, a code that must not travel, or a reason that is no UTF-8.
    """
    if not data:
        return Close(1005, "")
    code = int.from_bytes(data[:2], "big")
    if len(data) < 2 or code not in _SENDABLE:
        raise FrameError(1002, f"close frame with code {code}" if len(data) > 1 else "close frame of one byte")
    try:
        return Close(code, data[2:].decode())
    except UnicodeDecodeError as exc:
        raise FrameError(1007, "close reason is no UTF-8") from exc


class FrameReader:
    """Reads a server's frames from bytes that come in pieces of any size; keeps at most one incomplete frame."""

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int) -> None:
        self._buffer: bytes | bytearray = b""
        self._limit = limit

    def feed(self, data: bytes) -> None:
        """Take in bytes."""
        if not self._buffer:
            self._buffer = data
            return
        if not isinstance(self._buffer, bytearray):  # grows in place, so a long message is not copied for each piece
            self._buffer = bytearray(self._buffer)
        self._buffer += data

    @property
    def waiting(self) -> int:
        """Bytes of an incomplete frame."""
        return len(self._buffer)

    def next(self, room: int) -> Frame | None:
        """The next complete frame, or None.

        Args:
            room: bytes that the message may still grow by.

        Raises:
            FrameError: the frame breaks a rule of RFC 6455, or is longer than the room.
        """
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first, second = buffer[0], buffer[1]
        opcode = first & 0x0F
        if opcode not in _KNOWN:
            raise FrameError(1002, f"opcode {opcode} does not exist")
        if second & 0x80:
            raise FrameError(1002, "a server's frame is masked")
        size, start = second, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            if len(buffer) < start:
                return None
            size = int.from_bytes(buffer[2:start], "big")
        if opcode < 8 and size > room:
            raise FrameError(1009, f"a message of more than {self._limit} bytes")
        if first & 0x70:
            raise FrameError(1002, "a reserved bit is set")
        if opcode >= 8 and (size > 125 or not first & 0x80):
            raise FrameError(1002, "a control frame is fragmented or longer than 125 bytes")
        end = start + size
        if len(buffer) < end:
            return None
        # Usually the frame is all there is; then nothing is left to keep.
        self._buffer = b"" if len(buffer) == end else bytes(buffer[end:])
        return Frame(opcode, bytes(buffer[start:end]), bool(first & 0x80))
