"""WebSocket frames as bytes (RFC 6455 section 5): written one by one, read as they came, nothing joined."""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass

from wslb.wire.frames import Opcode

__all__ = ["Decoded", "Frame", "Opcode", "close", "decode", "encode", "fragments"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame, unmasked.

    Attributes:
        fin: whether it ends its message.
        compressed: RSV1, which permessage-deflate sets on the first frame of a message (RFC 7692 section 6).
    """

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Frames at the beginning of some bytes, how many bytes they took, and why reading stopped for good, if it did."""

    frames: tuple[Frame, ...]
    size: int
    fault: str = ""


def encode(frame: Frame, *, masked: bool = True) -> bytes:
    """Bytes of a frame; a client's frames are masked with a fresh key (RFC 6455 section 5.3)."""
    size = len(frame.payload)
    first = (0x80 if frame.fin else 0) | (0x40 if frame.compressed else 0) | frame.opcode
    mark = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", first, mark | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, mark | 126, size)
    else:
        head = struct.pack("!BBQ", first, mark | 127, size)
    if not masked:
        return head + frame.payload
    key = secrets.token_bytes(4)
    return head + key + _masked(frame.payload, key)


def decode(data: bytes) -> Decoded:
    """Frames that a server sent, as far as they are complete; a masked or reserved one is a fault."""
    frames: list[Frame] = []
    at = 0
    while (head := _head(data, at)) is not None:
        fault, size, length = head
        if fault:
            return Decoded(frames=tuple(frames), size=at, fault=fault)
        if len(data) < at + size + length:
            break
        frames.append(
            Frame(
                opcode=Opcode(data[at] & 0x0F),
                payload=bytes(data[at + size : at + size + length]),
                fin=bool(data[at] & 0x80),
                compressed=bool(data[at] & 0x40),
            )
        )
        at += size + length
    return Decoded(frames=tuple(frames), size=at)


def _head(data: bytes, at: int) -> tuple[str, int, int] | None:
    """Fault, size of the head and length of the payload of the frame that begins here; None while incomplete."""
    if len(data) < at + 2:
        return None
    opcode, mask = data[at] & 0x0F, data[at + 1] & 0x80
    if opcode not in Opcode.__members__.values() or data[at] & 0x30:
        return f"0x{data[at]:02x} begins no frame", 0, 0
    if mask:
        return "a server's frame is masked (RFC 6455 section 5.1)", 0, 0
    length = data[at + 1] & 0x7F
    extra = {126: 2, 127: 8}.get(length, 0)
    if len(data) < at + 2 + extra:
        return None
    return "", 2 + extra, int.from_bytes(data[at + 2 : at + 2 + extra]) if extra else length


def _masked(payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    stream = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload) ^ int.from_bytes(stream)).to_bytes(size)


def close(code: int, reason: str = "") -> Frame:
    """A close frame (RFC 6455 section 5.5.1)."""
    return Frame(opcode=Opcode.CLOSE, payload=struct.pack("!H", code) + reason.encode())


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
    return tuple(
        Frame(opcode=Opcode.CONTINUATION if number else kind, payload=cut, fin=number == last)
        for number, cut in enumerate(cuts)
    )
