"""Frames: what is written can be read, what is no frame is said so, and reading takes no longer than their number."""

from __future__ import annotations

import os
import time

import pytest

from wslb.wire.frames import (
    Frame,
    FrameError,
    FrameReader,
    Opcode,
    close_frame,
    close_payload,
    fragments,
    masked,
    parse_close,
    serialise,
)


def read(data: bytes, *, limit: int | None = None) -> list[Frame]:
    """Frames that are complete."""
    reader = FrameReader(limit)
    reader.feed(data)
    found = []
    while (frame := reader.next(limit or 0)) is not None:
        found.append(frame)
    return found


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
@pytest.mark.parametrize("limit", [None, 1 << 20])
def test_every_length_is_read_as_written(size: int, limit: int | None) -> None:
    frame = Frame(opcode=Opcode.BINARY, payload=bytes(size))
    assert read(frame.encoded(None), limit=limit) == [frame]


def test_masking_twice_gives_the_data_back() -> None:
    for size in (0, 1, 3, 4, 5, 1000):
        data = os.urandom(size)
        assert masked(masked(data, b"abcd"), b"abcd") == data


def test_the_examples_of_the_standard() -> None:  # RFC 6455 section 5.7
    hello = Frame(opcode=Opcode.TEXT, payload=b"Hello")
    assert hello.encoded(None) == bytes.fromhex("810548656c6c6f")
    assert hello.encoded(b"\x37\xfa\x21\x3d") == bytes.fromhex("818537fa213d7f9f4d5158")
    assert b"".join(frame.encoded(None) for frame in fragments("Hello", 3)) == bytes.fromhex("010348656c80026c6f")


def test_incomplete_frames_wait_for_more() -> None:
    long, first = serialise(1, b"x" * 300, mask=None), serialise(9, b"a", mask=None)
    for cut in (1, 2, 3, 4, 299):
        reader = FrameReader(None)
        reader.feed(first + long[:cut])
        assert reader.next() == Frame(opcode=Opcode.PING, payload=b"a")
        assert reader.next() is None
        assert reader.waiting == cut
        reader.feed(long[cut:])
        assert reader.next() == Frame(opcode=Opcode.TEXT, payload=b"x" * 300)
        assert reader.waiting == 0


@pytest.mark.parametrize("limit", [None, 1 << 20])
@pytest.mark.parametrize("piece", [1, 2, 3, 7, 64, 5000])
def test_frames_cut_anywhere_are_the_same(piece: int, limit: int | None) -> None:
    frames = [*fragments(b"a" * 200, 0, 1, 130), Frame(opcode=Opcode.PING), *fragments("é" * 3000), close_frame(1000)]
    data = b"".join(frame.encoded(None) for frame in frames)
    reader, found = FrameReader(limit), []
    for at in range(0, len(data), piece):
        reader.feed(data[at : at + piece])
        while (frame := reader.next(limit or 0)) is not None:
            found.append(frame)
    assert found == frames


@pytest.mark.parametrize(
    ("data", "fault"),
    [(b"<!DOCTYPE", "0x3c begins no frame"), (b"\x83\x00", "0x83"), (b"\xb1\x00", "0xb1"), (b"\x81\x85abcd", "masked")],
)
def test_what_is_no_frame_is_refused(data: bytes, fault: str) -> None:
    for limit in (None, 100):
        with pytest.raises(FrameError, match=fault):
            read(data, limit=limit)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (Frame(Opcode.TEXT, b"x", compressed=True), 1002),
        (Frame(Opcode.PING, b"x", fin=False), 1002),
        (Frame(Opcode.PONG, b"x" * 126), 1002),
        (Frame(Opcode.CLOSE, compressed=True), 1002),
        (Frame(Opcode.BINARY, b"x" * 101), 1009),
    ],
)
def test_with_a_limit_a_broken_rule_is_refused_and_without_it_is_evidence(frame: Frame, code: int) -> None:
    assert read(frame.encoded(None)) == [frame]
    with pytest.raises(FrameError) as refused:
        read(frame.encoded(None), limit=100)
    assert refused.value.code == code


@pytest.mark.parametrize("limit", [None, 1 << 20])
@pytest.mark.parametrize("piece", [0, 4096])
def test_reading_takes_time_by_the_number_of_frames_and_not_by_its_square(piece: int, limit: int | None) -> None:
    def seconds(count: int) -> float:
        data, reader, found = bytes((0x89, 0)) * count, FrameReader(limit), 0
        begin = time.process_time()
        for at in range(0, len(data), piece or len(data)):
            reader.feed(data[at : at + (piece or len(data))])
            while reader.next() is not None:
                found += 1
        assert found == count
        return time.process_time() - begin

    few, many = (min(seconds(count) for _ in range(3)) for count in (50_000, 200_000))
    assert many / few < 8


def test_frames_are_told_in_words() -> None:
    assert Frame(opcode=Opcode.TEXT, payload=b"abc", fin=False).told == "text 3 more"
    assert Frame(opcode=Opcode.BINARY, payload=b"a", compressed=True).told == "binary 1 compressed"
    assert close_frame(1000, "bye").told == "close 1000"
    assert Frame(opcode=Opcode.CLOSE).told == "close 1005"


def test_a_close_frame_has_code_and_reason() -> None:
    frame = close_frame(4001, "née")
    assert (frame.code, frame.text) == (4001, "née")
    assert parse_close(frame.payload) == (4001, "née")
    assert parse_close(b"") == (1005, "")


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
def test_codes_that_never_travel_are_refused(code: int) -> None:
    with pytest.raises(ValueError, match="code"):
        close_payload(code)
    with pytest.raises(FrameError):
        parse_close(close_frame(code).payload)


def test_a_message_is_cut_where_asked() -> None:
    cuts = fragments("abcdef", 2, 0, 3)
    assert [frame.told for frame in cuts] == [
        "text 2 more",
        "continuation 0 more",
        "continuation 3 more",
        "continuation 1",
    ]
    assert b"".join(frame.payload for frame in cuts) == b"abcdef"
    assert [frame.told for frame in fragments(b"ab")] == ["binary 2"]
