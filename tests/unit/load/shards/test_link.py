"""One connection and what its owner hears, without a socket and without a shard."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from tests.fakes.owner import FakeOwner
from wslb.checks.conversation import END
from wslb.load.plan import LoadPlan
from wslb.load.shards.dialer import Dialer
from wslb.load.shards.link import MOST_UNSENT, NAMING_SECONDS, Link, Phase
from wslb.model.handshake import accept_for
from wslb.wire.approach import Speech

GREETING = b"\x81\x05hello"
CLOSE = b"\x88\x02\x03\xe8"


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.cut = False
        self.unsent = 0
        self.reads = True

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += bytes(data)

    def is_closing(self) -> bool:
        return self.cut

    def abort(self) -> None:
        self.cut = True


def foreign(*, identify: str = "auto", speech: Speech | None = None) -> tuple[FakeOwner, Link, Wire]:
    """A link to a server of which nothing is known, that has taken the handshake."""
    more: dict[str, Any] = {"speech": speech} if speech else {}
    owner, link, wire = begun(identify=identify, greeting=False, foreign=True, **more)
    head = answer(wire)
    wire.sent = b""
    link.data_received(head)
    return owner, link, wire


def text(message: str) -> bytes:
    return bytes([0x81, len(message)]) + message.encode()


def begun(
    *, identify: str = "greeting", greeting: bool = True, named: bool = False, **more: Any
) -> tuple[FakeOwner, Link, Wire]:
    plan = LoadPlan(
        url="ws://127.0.0.1/ws", connections=1, identify=identify, greeting=greeting,
        greetings=(("hello", "liberty"),) if named else (), **more,
    )  # fmt: skip
    loop = asyncio.new_event_loop()
    try:
        link, wire = Dialer(plan, loop=loop).link(owner := FakeOwner(plan), number=7, due=0.0), Wire()
    finally:
        loop.close()
    link.connection_made(wire)
    return owner, link, wire


def answer(wire: Wire, *fields: str, status: str = "101 Switching Protocols") -> bytes:
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", wire.sent)
    assert key
    lines = [f"HTTP/1.1 {status}", "Upgrade: websocket", "Connection: Upgrade",
             f"Sec-WebSocket-Accept: {accept_for(key[1].decode())}", *fields, "", ""]  # fmt: skip
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    ("identify", "fields", "name"),
    [
        ("greeting", (), "hello"),
        ("header:X-Backend", ("X-Backend: node",), "node"),
        ("header:X-Backend", (), "(none)"),
        ("cookie:R", ("Set-Cookie: R=.node; Path=/",), ".node"),
        ("cookie:R", ("Set-Cookie: S=.node",), "(none)"),
    ],
)
def test_who_answered_is_told_by_what_identifies_it(identify: str, fields: tuple[str, ...], name: str) -> None:
    owner, link, wire = begun(identify=identify)
    link.data_received(answer(wire, *fields))
    assert owner.heard == []
    link.data_received(GREETING)
    assert owner.heard == [f"opened by {name}"]


def test_a_greeting_that_is_known_is_a_name_and_another_is_nobodys() -> None:
    owner, link, wire = begun(named=True)
    link.data_received(answer(wire) + GREETING)
    assert owner.heard == ["opened by liberty"]
    owner, link, wire = begun(named=True)
    link.data_received(answer(wire) + b"\x81\x05other")
    assert owner.heard == ["nobody's greeting, not open"]
    assert wire.cut


def test_without_a_greeting_the_answer_opens_it_and_its_own_header_names_it() -> None:
    owner, link, wire = begun(greeting=False)
    link.data_received(answer(wire, "X-Backend: node"))
    assert owner.heard == ["opened by node"]


@pytest.mark.parametrize(
    ("data", "heard"),
    [(b"\x81\x037.0", "echoed"), (b"\x81\x037.1", "wrong echo, open"), (CLOSE, "closed with 1000, open")],
)
def test_a_message_comes_back_as_it_was_sent_or_fails(data: bytes, heard: str) -> None:
    owner, link, wire = begun(greeting=False)
    link.data_received(answer(wire))
    link.send()
    link.data_received(data)
    assert owner.heard[1:] == [heard]


def test_a_message_that_nobody_asked_for_fails() -> None:
    owner, link, wire = begun()
    link.data_received(answer(wire) + GREETING + GREETING)
    assert owner.heard[1:] == ["unasked message, open"]


@pytest.mark.parametrize(
    ("reply", "heard"), [(CLOSE, "closed"), (b"", "no close frame in answer, open")], ids=["answered", "cut"]
)
def test_a_close_is_in_order_when_it_is_answered(reply: bytes, heard: str) -> None:
    owner, link, wire = begun()
    link.data_received(answer(wire) + GREETING)
    link.close()
    link.data_received(reply)
    link.connection_lost(None)
    assert owner.heard[1:] == [heard]


@pytest.mark.parametrize(
    ("answered", "greeted", "late", "lost"),
    [
        (False, False, "no answer in time, not open", "no answer, not open"),
        (True, False, "no greeting in time, not open", "ended before the greeting, not open"),
        (True, True, "no echo in time, open", "lost, open"),
    ],
    ids=["opening", "greeting", "open"],
)
@pytest.mark.parametrize("in_time", [True, False])
def test_what_does_not_come_fails_once_by_its_phase(
    answered: bool, greeted: bool, late: str, lost: str, in_time: bool
) -> None:
    owner, link, wire = begun()
    link.data_received((answer(wire) if answered else b"") + (GREETING if greeted else b""))
    owner.heard.clear()
    if not in_time:
        link.expired()
        link.expired()
    link.connection_lost(None)
    assert owner.heard == [lost if in_time else late]
    assert link.phase is Phase.DONE


def test_a_refusal_is_told_by_its_status_and_by_who_refused() -> None:
    owner, link, wire = begun()
    link.data_received(answer(wire, "X-Backend: node", "Content-Length: 0", status="503 Service Unavailable"))
    link.connection_lost(None)
    assert owner.heard == ["status 503 by 503", "status 503, not open"]
    assert link.backend == "node"


@pytest.mark.parametrize(("unsent", "reads"), [(MOST_UNSENT, True), (MOST_UNSENT + 1, False)])
def test_it_reads_no_further_while_nobody_takes_its_pongs(unsent: int, reads: bool) -> None:
    _, link, wire = begun()
    link.data_received(answer(wire) + GREETING)
    wire.unsent = unsent
    link.data_received(b"\x89\x00")
    assert wire.reads is reads
    link.resume_writing()
    assert wire.reads


# -- a server of which nothing is known ------------------------------------------------------------


def test_a_silent_server_opens_and_nobody_has_answered() -> None:
    owner, _, wire = foreign()
    assert (owner.heard, wire.sent) == (["opened by unknown"], b"")


@pytest.mark.parametrize("identify", ["greeting", "json:node"])
def test_a_server_that_does_not_name_itself_in_time_is_open_all_the_same(identify: str) -> None:
    owner, link, _ = foreign(identify=identify)
    assert owner.heard == []
    assert link.deadline == 3.0 + NAMING_SECONDS
    link.expired()
    assert owner.heard == ["opened by unknown"]
    assert link.opened_at == 3.0, "the time to open is that of the answer, not of our patience"


def test_a_name_may_come_behind_other_messages() -> None:
    owner, link, _ = foreign(identify="json:node")
    link.data_received(text('{"type":"welcome"}') + text('{"node":"a"}') + text('{"node":"b"}'))
    assert owner.heard == ["opened by a"]


def test_an_answer_that_is_expected_opens_it_and_another_does_not() -> None:
    speech = Speech(says="40", expects=r"\A40", answers=(("2", "3"),))
    owner, link, wire = foreign(speech=speech)
    assert len(wire.sent) == 6 + len("40")
    link.data_received(text("0{}") + text("2"))
    assert (owner.heard, len(wire.sent)) == ([], 6 + len("40") + 6 + len("3"))
    link.data_received(text("40{}"))
    assert owner.heard == ["opened by unknown"]
    owner, link, _ = foreign(speech=speech)
    link.data_received(text("44"))
    link.expired()
    assert owner.heard == ["no answer that fits in time, not open"]


def test_what_a_foreign_server_sends_everybody_is_no_answer_to_us() -> None:
    owner, link, _ = foreign()
    link.data_received(text("news"))
    link.send()
    link.data_received(text("other news") + text("7.0"))
    assert owner.heard[1:] == ["echoed"]
    link.sent += 1
    link.data_received(text("7.9"))
    assert owner.heard[2:] == ["wrong echo, open"]


@pytest.mark.parametrize("reply", [b"\x88\x00", b"\x88\x02\x03\xe9"], ids=["empty", "1001"])
def test_whatever_close_answers_ours_is_an_end_in_order(reply: bytes) -> None:
    owner, link, _ = foreign()
    link.close()
    link.data_received(reply)
    link.connection_lost(None)
    assert owner.heard[1:] == ["closed"]


@pytest.mark.parametrize(
    ("answered", "heard"),
    [
        ("System Status Information 1/02/26 10:00:00 Page 0001\nPool Reserved Max Paging\n" + END, "echoed"),
        ("CPD0030", "wrong answer, open"),
    ],
    ids=["listing", "error"],
)
def test_a_command_wants_its_own_listing(monkeypatch: pytest.MonkeyPatch, answered: str, heard: str) -> None:
    owner, link, wire = begun(greeting=False, commands=("WRKSYSSTS",))
    monkeypatch.setattr(owner, "payload", lambda _number, _nth: "WRKSYSSTS")
    link.data_received(answer(wire))
    link.send()
    link.data_received(b"\x81\x7e" + len(answered).to_bytes(2, "big") + answered.encode())
    assert owner.heard[1:] == [heard]


@pytest.mark.parametrize(
    ("chosen", "heard"), [("b", "opened by unknown"), ("c", "wrong subprotocol, not open")], ids=["offered", "other"]
)
def test_a_subprotocol_must_have_been_offered(chosen: str, heard: str) -> None:
    owner, link, wire = begun(greeting=False, foreign=True, identify="auto", subprotocols=("a", "b"))
    assert b"Sec-WebSocket-Protocol: a, b" in wire.sent
    link.data_received(answer(wire, f"Sec-WebSocket-Protocol: {chosen}"))
    assert owner.heard[-1] == heard
