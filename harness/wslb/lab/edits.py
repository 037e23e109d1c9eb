"""What a relay can do to a head or a frame: each makes an edit for a `wslb.lab.relay.Twist`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from wslb.lab.relay import Back, Edit, End, Pause, Unit
from wslb.wire.frames import Opcode, serialise

__all__ = [
    "behind_next",
    "cut",
    "double",
    "drop",
    "field_added",
    "field_of",
    "fields_lower_cased",
    "first_field_last",
    "followed_by",
    "garbage",
    "in_fragments",
    "in_pieces",
    "late",
    "line",
    "payload",
    "sent_back",
    "swapped",
    "unmasked_or_masked",
    "with_first_byte",
    "without_field",
]


def drop(_: Unit) -> Iterable[bytes]:
    """It never arrives."""
    return ()


def double(unit: Unit) -> Iterable[bytes]:
    """It arrives twice."""
    return (unit.data, unit.data)


def late(seconds: float) -> Edit:
    """It arrives so much later, and all behind it."""
    return lambda unit: (Pause(seconds=seconds), unit.data)


def cut(end: End = End.RESET, *, behind: bool = False) -> Edit:
    """The connection ends in its place, or right behind it."""
    return lambda unit: (unit.data, end) if behind else (end,)


def garbage(data: bytes) -> Edit:
    """These bytes arrive in its place."""
    return lambda _: (data,)


def followed_by(data: bytes) -> Edit:
    """These bytes arrive behind it."""
    return lambda unit: (unit.data, data)


def sent_back(data: bytes) -> Edit:
    """It arrives as it is, and these bytes go back in the name of the other side."""
    return lambda unit: (Back(data=data), unit.data)


def in_pieces(size: int) -> Edit:
    """It arrives in pieces of so many bytes."""
    return lambda unit: (unit.data[at : at + size] for at in range(0, len(unit.data), size))


def behind_next() -> Edit:
    """It arrives behind the next one of its connection, and that one before it."""
    held: dict[tuple[int, str], bytes] = {}

    def edit(unit: Unit) -> Iterator[bytes]:
        key = (unit.connection, unit.flow.value)
        if key in held:
            yield unit.data
            yield held.pop(key)
        else:
            held[key] = unit.data

    return edit


def payload(change: Callable[[bytes], bytes]) -> Edit:
    """Its payload is another one, under the same mask."""
    return lambda unit: (_frame(unit, change(unit.frame.payload)),) if unit.frame else (unit.data,)


def swapped() -> Edit:
    """It arrives with what its like on the connection before it carried; the first one arrives as it is."""
    before: dict[tuple[str, int], bytes] = {}

    def edit(unit: Unit) -> Iterator[bytes]:
        own = unit.frame.payload if unit.frame else b""
        yield _frame(unit, before.get((unit.flow.value, unit.number), own))
        before[unit.flow.value, unit.number] = own

    return edit


def in_fragments(size: int) -> Edit:
    """A message arrives in frames of so many bytes of payload; control frames stay whole (RFC 6455 section 5.4)."""

    def edit(unit: Unit) -> Iterator[bytes]:
        if unit.frame is None or not unit.frame.payload or unit.frame.opcode >= Opcode.CLOSE:
            yield unit.data
            return
        opcode, whole, mask = unit.frame.opcode, unit.frame.payload, unit.mask
        for at in range(0, len(whole), size):
            kind = opcode if at == 0 else Opcode.CONTINUATION
            yield serialise(kind, whole[at : at + size], mask=mask, fin=unit.frame.fin and at + size >= len(whole))

    return edit


def unmasked_or_masked(unit: Unit) -> Iterable[bytes]:
    """A server's frame arrives masked, a client's without a mask: both are forbidden (RFC 6455 section 5.1)."""
    if unit.frame is None:
        return (unit.data,)
    return (unit.frame.encoded(None if unit.mask else b"\1\2\3\4"),)


def with_first_byte(change: Callable[[int], int]) -> Edit:
    """Its first byte, FIN, reserved bits and opcode (RFC 6455 section 5.2), is another one."""
    return lambda unit: (bytes((change(unit.data[0]),)) + unit.data[1:],)


def line(change: Callable[[bytes], bytes]) -> Edit:
    """The first line of the head is another one."""

    def edit(unit: Unit) -> Iterator[bytes]:
        first, end, rest = unit.data.partition(b"\r\n")
        yield change(first) + end + rest

    return edit


def without_field(name: str) -> Edit:
    """The head lacks every field of this name."""
    begin = name.lower().encode() + b":"
    return _fields(lambda fields: [field for field in fields if not field.lower().startswith(begin)])


def field_added(name: str, value: str, *, instead: bool = False) -> Edit:
    """The head has this field at its end as well, or instead of its own."""
    begin, field = name.lower().encode() + b":", f"{name}: {value}".encode()
    return _fields(lambda fields: [*(f for f in fields if not (instead and f.lower().startswith(begin))), field])


def field_of(unit: Unit, name: str) -> str:
    """The value of the head's first field of this name; empty without one."""
    begin = name.lower().encode() + b":"
    found = (line[len(begin) :] for line in unit.data.split(b"\r\n") if line.lower().startswith(begin))
    return next(found, b"").strip().decode("latin-1")


def fields_lower_cased() -> Edit:
    """Names of fields arrive in lower case, which means the same (RFC 9110 section 5.1)."""
    return _fields(lambda fields: [b":".join((n.lower(), v)) for n, _, v in (f.partition(b":") for f in fields)])


def first_field_last() -> Edit:
    """The first field of the head arrives as its last one."""
    return _fields(lambda fields: [*fields[1:], *fields[:1]])


def _fields(change: Callable[[list[bytes]], list[bytes]]) -> Edit:
    def edit(unit: Unit) -> Iterator[bytes]:
        first, *fields = unit.data.removesuffix(b"\r\n\r\n").split(b"\r\n")
        yield b"\r\n".join([first, *change(fields)]) + b"\r\n\r\n"

    return edit


def _frame(unit: Unit, data: bytes) -> bytes:
    """The unit's frame with another payload."""
    if unit.frame is None:
        return unit.data
    frame = unit.frame
    return serialise(frame.opcode, data, mask=unit.mask, fin=frame.fin, compressed=frame.compressed)
