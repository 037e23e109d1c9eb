"""One connection and what its owner hears, without a socket and without a shard."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

import pytest

from wslb.load.plan import Identification, LoadPlan
from wslb.load.shards.dialer import Dialer
from wslb.load.shards.link import MOST_UNSENT, Link, Phase
from wslb.model.handshake import accept_for

GREETING = b"\x81\x05hello"
CLOSE = b"\x88\x02\x03\xe8"


class Owner:
    """Hears what becomes of a link (`wslb.load.shards.link.LinkOwner`)."""

    def __init__(self, plan: LoadPlan) -> None:
        self.plan = plan
        self.identified = Identification.parse(plan.identify)
        self.greeters: Mapping[str | bytes, str] = dict(plan.greetings)
        self.heard: list[str] = []

    def payload(self, number: int, nth: int) -> str:
        return f"{number}.{nth}"

    def opened(self, link: Link) -> None:
        self.heard.append(f"opened by {link.backend}")

    def echoed(self, link: Link) -> None:
        link.echoed += 1
        self.heard.append("echoed")

    def closed(self, link: Link) -> None:
        self.heard.append("closed")

    def failed(self, link: Link, kind: str, *, was_open: bool) -> None:
        self.heard.append(f"{kind}, {'open' if was_open else 'not open'}")


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


def begun(*, identify: str = "greeting", greeting: bool = True, named: bool = False) -> tuple[Owner, Link, Wire]:
    plan = LoadPlan(
        url="ws://127.0.0.1/ws", connections=1, identify=identify, greeting=greeting,
        greetings=(("hello", "liberty"),) if named else (),
    )  # fmt: skip
    loop = asyncio.new_event_loop()
    try:
        link, wire = Dialer(plan, loop=loop).link(owner := Owner(plan), number=7, due=0.0), Wire()
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
        ("header:X-Backend", (), "no such header"),
        ("cookie:R", ("Set-Cookie: R=.node; Path=/",), ".node"),
        ("cookie:R", ("Set-Cookie: S=.node",), "no such cookie"),
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
    assert len(owner.heard) == 1
    assert "503" in owner.heard[0]
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
