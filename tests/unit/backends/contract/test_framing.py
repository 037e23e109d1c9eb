"""The reader of a client's frames costs what it is fed, and no more; what it refuses has its close code."""

from __future__ import annotations

import time

import pytest

from backends.contract.frames.framing import BINARY, CONTINUATION, MOST_FRAGMENTS, TEXT, Reader
from backends.contract.frames.manners import LIBERTY_MANNERS, Broken
from wslb.wire.frames import serialise

MASK = b"abcd"


def frame(opcode: int, data: bytes = b"", *, fin: bool = True) -> bytes:
    return serialise(opcode, data, mask=MASK, fin=fin)


def read(octets: bytes, piece: int) -> list[tuple[int, bytes]]:
    reader, found = Reader(limit=1 << 20, deflate=False, manners=LIBERTY_MANNERS), []
    for at in range(0, len(octets), piece):
        reader.feed(octets[at : at + piece])
        while (message := reader.next()) is not None:
            found.append((message.opcode, message.data))
    return found


@pytest.mark.parametrize("piece", [1, 2, 5, 7, 4096])
def test_pieces_of_any_size_give_the_same(piece: int) -> None:
    sizes = (0, 1, 125, 126, 3000, 65535, 65536) if piece > 7 else (0, 1, 125, 126, 300)
    sent = [(BINARY, bytes(size)) for size in sizes]
    octets = b"".join(frame(opcode, data) for opcode, data in sent)
    halves = frame(TEXT, b"ha", fin=False) + frame(9, b"between") + frame(CONTINUATION, b"lf")
    assert read(octets + halves, piece) == [*sent, (9, b"between"), (TEXT, b"half")]


def test_many_frames_cost_no_more_each_than_few() -> None:
    def seconds(count: int) -> float:
        octets, times = frame(TEXT) * count, []
        for _ in range(3):
            begin = time.process_time()
            assert len(read(octets, len(octets))) == count
            times.append(time.process_time() - begin)
        return min(times)

    assert seconds(64_000) < 3 * 16 * seconds(4_000)  # a copy of the rest for each frame makes it 256 times


def test_the_fragments_of_a_message_are_bounded() -> None:
    reader = Reader(limit=1 << 20, deflate=False, manners=LIBERTY_MANNERS)
    reader.feed(frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * MOST_FRAGMENTS)
    with pytest.raises(Broken) as told:
        reader.next()
    assert told.value.code == 1009
