"""Frames: what is written can be read, and what is no frame is said so."""

from __future__ import annotations

import pytest

from wslb.wire.sent_frames import Decoded, Frame, Opcode, close, decode, encode, fragments


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_every_length_is_read_as_written(size: int) -> None:
    frame = Frame(opcode=Opcode.BINARY, payload=bytes(size))
    data = encode(frame, masked=False)
    assert decode(data) == Decoded(frames=(frame,), size=len(data))


def test_a_client_masks_and_the_mask_can_be_taken_off() -> None:
    data = encode(Frame(opcode=Opcode.TEXT, payload=b"hello"))
    assert data[1] == 0x80 | 5
    key, payload = data[2:6], data[6:]
    assert bytes(byte ^ key[at % 4] for at, byte in enumerate(payload)) == b"hello"


def test_the_example_of_the_standard() -> None:
    assert encode(Frame(opcode=Opcode.TEXT, payload=b"Hello"), masked=False) == bytes.fromhex("810548656c6c6f")


def test_incomplete_frames_wait_for_more() -> None:
    data = encode(Frame(opcode=Opcode.TEXT, payload=b"x" * 300), masked=False)
    first = encode(Frame(opcode=Opcode.PING, payload=b"a"), masked=False)
    for cut in (1, 2, 3, 4, 299):
        found = decode(first + data[:cut])
        assert [frame.told for frame in found.frames] == ["ping 1"]
        assert found.size == len(first)
        assert not found.fault


@pytest.mark.parametrize(
    ("data", "fault"),
    [(b"<!DOCTYPE", "0x3c begins no frame"), (b"\x83\x00", "0x83"), (b"\xb1\x00", "0xb1"), (b"\x81\x85abcd", "masked")],
)
def test_what_is_no_frame_is_a_fault(data: bytes, fault: str) -> None:
    found = decode(data)
    assert found.frames == ()
    assert fault in found.fault


def test_frames_are_told_in_words() -> None:
    assert Frame(opcode=Opcode.TEXT, payload=b"abc", fin=False).told == "text 3 more"
    assert Frame(opcode=Opcode.BINARY, payload=b"a", compressed=True).told == "binary 1 compressed"
    assert close(1000, "bye").told == "close 1000"
    assert Frame(opcode=Opcode.CLOSE).told == "close 1005"


def test_a_close_frame_has_code_and_reason() -> None:
    frame = close(4001, "née")
    assert (frame.code, frame.text) == (4001, "née")


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
