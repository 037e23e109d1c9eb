"""Where bodies and frames end, however the bytes are cut."""

from __future__ import annotations

import pytest

from backends.contract.request import RequestHead, read_head
from backends.recorder.passing import Body, FrameWatch, answer_head


def fed(body: Body, data: bytes, *, step: int) -> int:
    """Bytes that belong to the body."""
    taken = 0
    for at in range(0, len(data), step):
        piece = data[at : at + step]
        end = body.take(piece, 0)
        taken += end
        if end < len(piece):
            break
    return taken


def head(*fields: tuple[str, str]) -> RequestHead:
    made = read_head(("GET / HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields) + "\r\n").encode())
    assert made is not None
    return made


CHUNKED = b"5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: 1\r\n\r\n"


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_content_of_a_known_length_ends_there(step: int) -> None:
    body = Body.of_request(head(("Content-Length", "11")))
    assert fed(body, b"hello worldGET / HTTP/1.1", step=step) == 11
    assert body.done


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_chunks_end_behind_the_trailer(step: int) -> None:
    body = Body.of_request(head(("Transfer-Encoding", "chunked"), ("Content-Length", "3")))
    assert fed(body, CHUNKED + b"HTTP/1.1 200", step=step) == len(CHUNKED)
    assert body.done


@pytest.mark.parametrize("broken", [b"zz\r\nabc", b"1" * 20_000 + b"\r\n"])
def test_what_are_no_chunks_goes_on_to_the_end(broken: bytes) -> None:
    body = Body(0, chunked=True)
    assert fed(body, broken + b"0\r\n\r\n", step=5000) == len(broken) + 5
    assert not body.done


def test_a_request_without_a_length_has_no_content_and_an_answer_lasts_to_the_end() -> None:
    assert Body.of_request(head()).done
    assert not Body.of_answer(head(), 200, method="GET").done
    assert Body.of_answer(head(), 200, method="GET").take(b"abc", 0) == 3


@pytest.mark.parametrize(("status", "method"), [(200, "HEAD"), (204, "GET"), (304, "GET")])
def test_answers_without_content(status: int, method: str) -> None:
    assert Body.of_answer(head(("Content-Length", "5")), status, method=method).done


FRAMES = (
    b"\x01\x02ab"  # text, not the last piece
    b"\x89\x84\x01\x02\x03\x04dcba"  # a masked ping between the pieces
    b"\x80\x01c"  # the last piece
    b"\x82\x7e\x01\x00" + bytes(256) + b"\x82\xff" + (3).to_bytes(8, "big") + b"\0\0\0\0abc"  # binary, two lengths
    b"\x88\x85\x01\x02\x03\x04\x02\xeb" + bytes([ord("b") ^ 3, ord("y") ^ 4, ord("e") ^ 1])  # close 1001, bye
)


@pytest.mark.parametrize("step", [1, 2, 3, 50, 10_000])
def test_frames_are_followed_however_they_are_cut(step: int) -> None:
    watch = FrameWatch()
    pieces = [piece for at in range(0, len(FRAMES), step) for piece in watch.feed(FRAMES[at : at + step])]
    assert b"".join(octets for _, octets in pieces) == FRAMES
    assert watch.messages == 3
    assert watch.close == (1001, "bye")
    assert b"".join(octets for opcode, octets in pieces if opcode == 9) == FRAMES[4:14]


@pytest.mark.parametrize(
    ("frame", "told"), [(b"\x88\x00", (1005, "")), (b"\x88\x01\x03", (1005, "")), (b"\x88\x02\x03\xee", (1006, ""))]
)
def test_a_close_frame_tells_its_code_also_one_that_may_not_travel(frame: bytes, told: tuple[int, str]) -> None:
    watch = FrameWatch()
    watch.feed(frame)
    watch.feed(b"\x88\x02\x03\xe8")
    assert watch.close == told


def test_the_head_of_an_answer_keeps_its_fields() -> None:
    found = answer_head(b"HTTP/1.1 101 Switching\r\nA: 1\r\na:\t2 \r\n\r\n")
    assert found is not None
    assert (found[0], found[1].headers) == (101, ((b"A", b"1"), (b"a", b"2")))
    assert answer_head(b"SSH-2.0-x\r\n\r\n") is None
