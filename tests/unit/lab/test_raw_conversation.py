"""A connection written byte by byte: what becomes evidence of it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from wslb.lab import raw_conversation
from wslb.lab.raw_conversation import RawConversation
from wslb.model.handshake import Close, Handshake, one_header
from wslb.wire.frames import Frame, Opcode, close_frame
from wslb.wire.http1 import OPENING


class Script:
    """The other side: gives these chunks one by one, then ends, or stays silent."""

    def __init__(self, *chunks: bytes, ends: str = "") -> None:
        self.late_by = 0.0
        self.received = bytearray()
        self.ended = ""
        self.sent = bytearray()
        self.half_closed = False
        self._chunks = list(chunks)
        self._ends = ends

    async def send(self, data: bytes) -> None:
        if self.ended:
            raise ConnectionError("gone")
        self.sent += data

    async def half_close(self) -> None:
        self.half_closed = True

    async def until(self, condition: Callable[[bytearray], bool], *, seconds: float) -> bool:
        if self.late_by > seconds:
            self.late_by -= seconds
            return condition(self.received)
        while not condition(self.received):
            if not self._chunks:
                self.ended = self.ended or self._ends
                return False
            self.received += self._chunks.pop(0)
        return True

    async def close(self) -> None:
        self.ended = self.ended or "here"

    async def reset(self) -> None:
        self.ended = self.ended or "here"


def conversation(script: Script | None, *, seconds: float = 1) -> RawConversation:
    ticks = count(1)
    return RawConversation(
        Handshake(conn_id="t-1", seq=1, url="ws://127.0.0.1:1/ws", request=OPENING.headers),
        script,
        request=OPENING,
        clock=lambda: float(next(ticks)),
        whose_greeting=lambda text: ("node",) if "node" in text else (),
        signers=lambda handshake: ("node",) if one_header(handshake.response, "X-Backend") == "node" else (),
        seconds=seconds,
    )


HEAD = b"HTTP/1.1 101 Switching Protocols\r\nX-Backend: node\r\nSec-WebSocket-Protocol: a\r\n\r\n"


def served(*frames: Frame) -> bytes:
    return b"".join(frame.encoded(None) for frame in frames)


def text(message: str) -> Frame:
    return Frame(opcode=Opcode.TEXT, payload=message.encode())


async def test_a_tunnel_is_read_frame_by_frame() -> None:
    greeting = served(text("[From Server] Connected to node"))
    raw = conversation(Script(HEAD[:20], HEAD[20:] + greeting[:5], greeting[5:]))
    await raw.begin()
    assert await raw.answer()
    await raw.receive(1)
    handshake = raw.handshake
    assert handshake.accepted
    assert (handshake.signed_by, handshake.greeted_by, handshake.subprotocol) == ("node", "node", "a")
    assert handshake.wire is not None
    assert handshake.wire.frames == ("text 31",)
    assert handshake.wire.received == len(HEAD + greeting)
    assert handshake.error is None


@pytest.mark.parametrize(
    ("words", "greeted_by"), [("I am node", "node"), ("[From Server] Connected to x", None), ("ok", None)]
)
async def test_the_greeting_of_a_real_server_is_known_by_its_own_words(words: str, greeted_by: str | None) -> None:
    raw = conversation(Script(HEAD, served(text(words))))
    await raw.begin()
    await raw.answer()
    await raw.receive(1)
    assert raw.handshake.greeted_by == greeted_by
    assert raw.handshake.greeting == (None if words == "ok" else words)


async def test_sent_bytes_are_exactly_the_request_and_what_follows() -> None:
    script = Script(HEAD)
    raw = conversation(script)
    await raw.begin([text("first")], piece_bytes=7)
    assert bytes(script.sent).startswith(OPENING.encoded())
    assert raw.handshake.wire is not None
    assert raw.handshake.wire.sent == len(script.sent) == len(OPENING.encoded()) + 6 + 5
    assert [exchange.text for exchange in raw.handshake.exchanges] == ["first"]


async def test_a_refusal_is_read_with_its_body() -> None:
    raw = conversation(Script(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\n", b"no", b"pe"))
    assert await raw.answer()
    handshake = raw.handshake
    assert handshake.status == 400
    assert handshake.wire is not None
    assert handshake.wire.body == "nope"
    assert await raw.receive(1) == ()


async def test_an_answer_without_a_status_line_is_kept_as_it_came() -> None:
    raw = conversation(Script(b"<!DOCTYPE HTML", b" PUBLIC>", ends="closed"))
    assert await raw.answer()
    assert await raw.end()
    handshake = raw.handshake
    assert handshake.status is None
    assert handshake.error == "the answer has no status line"
    assert handshake.wire is not None
    assert (handshake.wire.head, handshake.wire.body, handshake.wire.ended) == (
        False,
        "<!DOCTYPE HTML PUBLIC>",
        "closed",
    )


async def test_bare_frames_are_read_without_a_head() -> None:
    raw = conversation(Script(served(text("[From Server] Connected to node"))))
    assert await raw.answer()
    await raw.receive(1)
    assert raw.handshake.status is None
    assert raw.handshake.greeted_by == "node"
    assert raw.handshake.wire is not None
    assert raw.handshake.wire.body == ""


async def test_silence_and_a_hangup_are_told_apart() -> None:
    silent, hangup = conversation(Script()), conversation(Script(ends="closed"))
    assert not await silent.answer()
    assert not await hangup.answer()
    assert silent.handshake.error == "no answer came"
    assert hangup.handshake.error == "the connection ended without an answer"


async def test_fragments_become_one_message_of_the_evidence() -> None:
    cut = (
        Frame(opcode=Opcode.TEXT, payload=b"ab", fin=False),
        Frame(opcode=Opcode.PING, payload=b"p"),
        Frame(opcode=Opcode.CONTINUATION, payload=b"c"),
    )
    raw = conversation(Script(HEAD + served(*cut)))
    await raw.answer()
    await raw.receive(3)
    assert [exchange.text for exchange in raw.handshake.exchanges] == ["abc"]
    assert raw.handshake.wire is not None
    assert raw.handshake.wire.frames == ("text 2 more", "ping 1", "continuation 1")


async def test_who_sent_the_first_close_frame_began() -> None:
    theirs = conversation(Script(HEAD + served(close_frame(4001, "enough"))))
    await theirs.answer()
    await theirs.receive(1)
    await theirs.close()
    assert theirs.handshake.closed == Close(code=4001, reason="enough", by="server")
    ours = conversation(Script(HEAD, served(close_frame(1000)), ends="closed"))
    await ours.answer()
    await ours.close()
    assert ours.handshake.closed == Close(code=1000, by="client")


async def test_a_close_frame_that_is_only_late_was_not_lost() -> None:
    script = Script(HEAD, served(close_frame(1000)), ends="closed")
    raw = conversation(script, seconds=10)
    await raw.answer()
    script.late_by = 5.0
    await raw.close()
    assert raw.handshake.closed == Close(code=1000, by="client")


async def test_a_tunnel_that_breaks_off_is_lost() -> None:
    raw = conversation(Script(HEAD, ends="reset"))
    await raw.answer()
    await raw.end()
    await raw.close()
    assert raw.handshake.closed == Close(code=1006, by="lost")
    assert raw.handshake.wire is not None
    assert raw.handshake.wire.ended == "reset"


async def test_a_ping_to_wake_the_proxy_is_noted() -> None:
    raw = conversation(Script(HEAD))
    await raw.nudge()
    await raw.answer()
    wire = raw.handshake.wire
    assert wire is not None
    assert wire.nudged_at is not None
    assert wire.answered_at is not None
    assert wire.nudged_at < wire.answered_at


async def test_no_connection_is_evidence_too() -> None:
    raw = conversation(None)
    await raw.begin()
    assert not await raw.answer()
    await raw.close()
    assert raw.handshake.wire is not None
    assert raw.handshake.wire.received == 0
    assert not raw.accepted


async def test_frames_without_end_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_conversation, "_MOST_FRAMES", 5)
    raw = conversation(Script(HEAD + served(*(Frame(opcode=Opcode.PING) for _ in range(9)))))
    await raw.begin()
    assert len(await raw.receive(100)) == 5
    assert raw.handshake.wire is not None
    assert raw.handshake.wire.fault == "there are more than 5 frames"
