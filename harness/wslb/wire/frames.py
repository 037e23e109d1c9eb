"""WebSocket frames as bytes (RFC 6455 section 5): written as told, read from pieces of any size, nothing joined.

One reader serves two clients. The load's driver refuses, as RFC 6455 wants it, whatever a server must not send. The raw
client keeps what a backend was told to send wrong, since that is its evidence: it reads on as long as there are frames.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

__all__ = [
    "Frame",
    "FrameError",
    "FrameReader",
    "Opcode",
    "close_frame",
    "close_payload",
    "fragments",
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


_OPCODES = {int(opcode): opcode for opcode in Opcode}
_made = tuple.__new__
"""Makes a `Frame` from its fields: half the time of calling the class, and a reader makes a million a second."""
_SENDABLE = frozenset({*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)})
"""Close codes that may travel (RFC 6455 section 7.4 and the registry of IANA)."""


class FrameError(ValueError):
    """Bytes that a server must not send; ``code`` is the close code that answers them (RFC 6455 section 7.4.1)."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Frame(NamedTuple):
    """One frame, unmasked: ``fin`` ends its message, ``compressed`` is RSV1 (RFC 7692 section 6)."""

    opcode: Opcode
    payload: bytes = b""
    fin: bool = True
    compressed: bool = False

    @property
    def code(self) -> int:
        """Close code; 1005 when a close frame has none (RFC 6455 section 7.1.5)."""
        return int.from_bytes(self.payload[:2]) if len(self.payload) >= 2 else 1005

    @property
    def text(self) -> str:
        """Payload as text; of a close frame the reason."""
        return (self.payload[2:] if self.opcode is Opcode.CLOSE else self.payload).decode("utf-8", "replace")

    @property
    def told(self) -> str:
        """The frame in a few words, such as ``text 5``, ``continuation 1000 more`` or ``close 1000``."""
        size = self.code if self.opcode is Opcode.CLOSE else len(self.payload)
        marks = (" compressed" if self.compressed else "") + ("" if self.fin else " more")
        return f"{self.opcode.name.lower()} {size}{marks}"

    def encoded(self, mask: bytes | None) -> bytes:
        """Its bytes; `serialise` says what the mask is."""
        return serialise(self.opcode, self.payload, mask=mask, fin=self.fin, compressed=self.compressed)


def masked(data: bytes, mask: bytes) -> bytes:
    """Apply a mask of four bytes; applied twice, it gives the data back (RFC 6455 section 5.3)."""
    size = len(data)
    stream = mask * (size // 4) + mask[: size % 4]
    return (int.from_bytes(data, "little") ^ int.from_bytes(stream, "little")).to_bytes(size, "little")


def serialise(opcode: int, data: bytes, *, mask: bytes | None, fin: bool = True, compressed: bool = False) -> bytes:
    """One frame on the wire.

    Args:
        opcode: kind of frame.
        data: payload.
        mask: four random bytes for a client's frame; None for a server's.
        fin: whether it ends its message.
        compressed: whether RSV1 is set.
    """
    size = len(data)
    first = 0x80 | opcode if fin else opcode
    if compressed:
        first |= 0x40
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


def close_frame(code: int, reason: str = "") -> Frame:
    """A close frame of any code and reason, also of those that must not travel."""
    return Frame(Opcode.CLOSE, code.to_bytes(2, "big") + reason.encode())


def parse_close(data: bytes) -> tuple[int, str]:
    """Code and reason of a close frame; 1005 when it has none.

    Raises:
        FrameError: one byte, a code that must not travel, or a reason that is no UTF-8.
    """
    if not data:
        return 1005, ""
    code = int.from_bytes(data[:2], "big")
    if len(data) < 2 or code not in _SENDABLE:
        raise FrameError(1002, f"close frame with code {code}" if len(data) > 1 else "close frame of one byte")
    try:
        return code, data[2:].decode()
    except UnicodeDecodeError as exc:
        raise FrameError(1007, "close reason is no UTF-8") from exc


def fragments(message: str | bytes, *sizes: int) -> tuple[Frame, ...]:
    """A message cut into frames of these sizes; what is left over is the last one, which may be empty."""
    payload = message.encode() if isinstance(message, str) else message
    kind = Opcode.TEXT if isinstance(message, str) else Opcode.BINARY
    cuts, at = [], 0
    for size in sizes:
        cuts.append(payload[at : at + size])
        at += size
    cuts.append(payload[at:])
    last = len(cuts) - 1
    return tuple(Frame(Opcode.CONTINUATION if n else kind, cut, n == last) for n, cut in enumerate(cuts))


class FrameReader:
    """Reads a server's frames from bytes that come in pieces of any size.

    What was read stays in the buffer behind the read position until more bytes come: cutting the rest out for each
    frame would cost the square of their number.
    """

    __slots__ = ("_at", "_buffer", "_limit")

    def __init__(self, limit: int | None) -> None:
        """Expect frames.

        Args:
            limit: longest message in bytes; None reads everything that has the form of a frame: of any size, with RSV1,
                and control frames that are long or fragmented.
        """
        self._buffer: bytes | bytearray = b""
        self._at = 0
        self._limit = limit

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

    @property
    def waiting(self) -> int:
        """Bytes of an incomplete frame."""
        return len(self._buffer) - self._at

    def next(self, room: int = 0) -> Frame | None:
        """The next complete frame, or None.

        Args:
            room: bytes that the message may still grow by, where there is a limit.

        Raises:
            FrameError: the frame breaks a rule of RFC 6455, or is longer than the room.
        """
        buffer, at = self._buffer, self._at
        whole = len(buffer)
        start = at + 2
        if whole < start:
            return None
        first, size = buffer[at], buffer[at + 1]
        opcode = _OPCODES.get(first & 0x0F)
        if opcode is None:
            raise FrameError(1002, f"0x{first:02x} begins no frame: opcode {first & 0x0F} does not exist")
        if size >= 126:
            if size & 0x80:
                raise FrameError(1002, "a server's frame is masked (RFC 6455 section 5.1)")
            start += 2 if size == 126 else 8
            if whole < start:
                return None
            size = int.from_bytes(buffer[at + 2 : start], "big")
        limit = self._limit
        if limit is not None and opcode < 8 and size > room:
            raise FrameError(1009, f"a message of more than {limit} bytes")
        if first & (0x30 if limit is None else 0x70):
            raise FrameError(1002, f"0x{first:02x} begins no frame: a reserved bit is set")
        if opcode >= 8 and limit is not None and (size > 125 or first < 0x80):
            raise FrameError(1002, "a control frame is fragmented or longer than 125 bytes")
        end = start + size
        if whole < end:
            return None
        payload = bytes(buffer[start:end])
        if whole == end:  # usually the frame is all there is; then nothing is left to keep
            self._buffer, self._at = b"", 0
        else:
            self._at = end
        return _made(Frame, (opcode, payload, first >= 0x80, first & 0x40 != 0))
