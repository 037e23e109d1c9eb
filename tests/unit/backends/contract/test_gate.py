"""What a library behind the gate sees, and what is said when something ended the connection."""

from __future__ import annotations

import asyncio

import pytest

from backends.contract.frames.framing import BINARY, CLOSE, PING, TEXT
from backends.contract.frames.gate import Gate, say_farewell
from backends.contract.frames.manners import LIBERTY_MANNERS, NODE_MANNERS, Manners
from wslb.wire.frames import serialise

MASK = b"abcd"
LAST = b"\x82\x80\0\0\0\0"
BOTH = pytest.mark.parametrize("manners", [LIBERTY_MANNERS, NODE_MANNERS], ids=["liberty", "node"])


def frame(opcode: int, data: bytes = b"", *, fin: bool = True) -> bytes:
    return serialise(opcode, data, mask=MASK, fin=fin)


def gate(manners: Manners) -> Gate:
    return Gate(manners, limit=1000, deflate=True)


@BOTH
def test_messages_come_whole_and_pings_as_they_are(manners: Manners) -> None:
    one = gate(manners)
    assert one.pass_on(frame(TEXT, b"a", fin=False) + frame(PING, b"p")) == b"\x89\x81\0\0\0\0p"
    assert one.pass_on(frame(0, b"b")) == b"\x81\x82\0\0\0\0ab"
    assert not one.is_last()
    assert one.over is None


@BOTH
def test_a_compressed_message_stays_compressed(manners: Manners) -> None:
    packed = serialise(BINARY, b"\xff\xfe", mask=MASK, compressed=True)
    assert gate(manners).pass_on(packed) == b"\xc2\x82\0\0\0\0\xff\xfe"


@BOTH
@pytest.mark.parametrize(
    "end", [frame(CLOSE, b"\x03\xe8"), frame(5), frame(TEXT, b"\xff")], ids=["close", "bad", "utf8"]
)
def test_what_ends_the_connection_comes_behind_all_messages(manners: Manners, end: bytes) -> None:
    one = gate(manners)
    assert one.pass_on(frame(TEXT, b"hi") + end + frame(TEXT, b"late")) == b"\x81\x82\0\0\0\0hi" + LAST
    assert [one.is_last(), one.is_last()] == [False, True]
    assert one.over is not None
    assert one.pass_on(frame(TEXT, b"later")) == b""


@BOTH
def test_the_answer_to_our_own_close_is_for_the_library(manners: Manners) -> None:
    one = gate(manners)
    one.closing = True
    assert one.pass_on(frame(CLOSE, b"\x03\xe8")) == b"\x88\x80\0\0\0\0"


def test_a_frame_without_a_mask_is_obeyed_by_node_only() -> None:
    bare = b"\x81\x02hi"
    assert gate(NODE_MANNERS).pass_on(bare) == b"\x81\x82\0\0\0\0hi"
    assert gate(LIBERTY_MANNERS).pass_on(bare) == LAST


def test_a_code_too_high_makes_liberty_deaf() -> None:
    one = gate(LIBERTY_MANNERS)
    assert one.pass_on(frame(CLOSE, b"\x13\x88")) == b""
    assert one.over is None
    assert one.pass_on(frame(TEXT, b"hi")) == b""
    with pytest.raises(ValueError, match="nothing has ended"):
        say_farewell(None, one)  # type: ignore[arg-type]


class Whole(asyncio.Transport):
    """A transport that knows no half-open connection, as TLS's."""

    def __init__(self) -> None:
        super().__init__()
        self.said = list[object]()

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return False

    def write(self, data: object) -> None:
        self.said.append(data)

    def close(self) -> None:
        self.said.append("closed")


def test_a_connection_that_cannot_be_half_open_is_closed() -> None:
    one, transport = gate(NODE_MANNERS), Whole()
    one.pass_on(frame(CLOSE, b"\x03\xe8"))
    say_farewell(transport, one)
    assert transport.said == [b"\x88\x02\x03\xe8", "closed"]


@pytest.mark.parametrize(
    ("payload", "liberty", "node"),
    [
        (b"", (1000, ""), (1000, "")),
        (b"\x03\xe8bye", (1000, "bye"), (1000, "bye")),
        (b"\x03\xf7", (1002, "Invalid close code 1015 provided, closing with protocol error."), (1000, "")),
        (b"\x03", (1002, "Close frame must either zero bytes or 2 or more bytes."), (1002, "")),
        (b"\x03\xee", (1002, "Invalid close code 1006 provided, closing with protocol error."), (1002, "")),
        (
            b"\x03\xe8\xff",
            (1007, "Invalid utf-8 data received in  close frame."),
            (1007, "Invalid UTF-8 Data Received"),
        ),
    ],
)
def test_a_close_is_answered_as_by_the_original(
    payload: bytes, liberty: tuple[int, str], node: tuple[int, str]
) -> None:
    for manners, wanted in ((LIBERTY_MANNERS, liberty), (NODE_MANNERS, node)):
        parting = manners.farewell(payload)
        assert parting is not None
        assert (int.from_bytes(parting.payload[:2], "big"), parting.payload[2:].decode()) == wanted


@BOTH
def test_every_sentence_fits_into_a_close_frame(manners: Manners) -> None:
    told = [manners.broken(rule, opcode=15, size=1 << 40) for rule in manners.sentences]
    assert max(len(manners.parting(broken).payload) for broken in told) <= 125
