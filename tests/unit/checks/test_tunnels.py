"""Who lives and who dies: each check on a record that passes, one that fails, and an empty one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wslb.checks import tunnels
from wslb.model.balancer import Balancer, Member
from wslb.model.handshake import Close, Exchange, Handshake
from wslb.model.results import Check, Event, Record

BALANCER = Balancer(name="x", members=(Member(route="a", url="ws://alpha"), Member(route="b", url="ws://beta")))
LOST = Close(code=1006, by="lost")
KEPT = Close(code=1000, by="client")
SAID = Event(at=5.0, kind="spoken", text="now", data={"label": "now", "connections": ["1", "2"]})
SIGNAL = Event(at=5.0, kind="signal", text="TERM", data={"name": "TERM"})
COMMAND = Exchange(sent=True, at=5.0, text="WRKSBS", size=6)
ANSWER = Exchange(sent=False, at=6.0, text="x", size=1)
PINGS = Event(at=5.0, kind="pings", text="", data={"sent": 10, "pongs": 10})


def tunnel(seq: int, backend: str, *, closed: Close, closed_at: float = 9.0, received_at: float = 6.0) -> Handshake:
    return Handshake(
        conn_id=str(seq),
        seq=seq,
        url="ws://localhost/ws",
        request=(),
        status=101,
        greeters=(backend,),
        opened_at=float(seq),
        closed=closed,
        closed_at=closed_at,
        exchanges=(Exchange(sent=False, at=received_at, text="x", size=1),),
    )


def record(*handshakes: Handshake, events: tuple[Event, ...] = (SAID,)) -> Record:
    return Record(balancer=BALANCER, handshakes=handshakes, events=events)


ALIVE = record(tunnel(1, "alpha", closed=KEPT), tunnel(2, "beta", closed=KEPT))
MUTE = record(tunnel(1, "alpha", closed=KEPT, received_at=2), tunnel(2, "beta", closed=KEPT, received_at=3))
CUT = record(tunnel(1, "alpha", closed=KEPT), tunnel(2, "beta", closed=LOST))
BOTH_CUT = record(tunnel(1, "alpha", closed=LOST), tunnel(2, "beta", closed=LOST), events=(SAID, SIGNAL))
KILLED = replace(BOTH_CUT, events=(*BOTH_CUT.events, Event(at=8.0, kind="forced", text="killed")))
LATE_CUT = record(tunnel(1, "alpha", closed=LOST), tunnel(6, "beta", closed=LOST), events=(SIGNAL,))
POLITE = record(tunnel(1, "alpha", closed=Close(code=1001, by="server")))
ASKED, UNASKED = (
    record(replace(tunnel(1, "alpha", closed=KEPT), exchanges=(COMMAND, *[ANSWER] * answers))) for answers in (1, 2)
)
"""The second was sent a message while it should have been idle, which is read with the answer."""

CASES = [
    (tunnels.answered("now", count=2), ALIVE, MUTE),
    (tunnels.answered("now", "a", count=1), ALIVE, MUTE),
    (tunnels.answered("now", "a", count=1), ALIVE, record(tunnel(2, "beta", closed=KEPT))),
    (tunnels.answered("now", count=2), ALIVE, replace(ALIVE, events=())),
    (tunnels.unanswered("now", count=2), MUTE, ALIVE),
    (tunnels.lost("b", count=1), CUT, ALIVE),
    (tunnels.lost("b", count=1), CUT, BOTH_CUT),
    (tunnels.lost(count=2), BOTH_CUT, CUT),
    (tunnels.lost(count=1, before_signal=True), LATE_CUT, BOTH_CUT),
    (tunnels.lost(count=1, before_signal=True), LATE_CUT, CUT),
    (tunnels.lost(count=2, before_signal=True), BOTH_CUT, KILLED),
    (tunnels.still_open(count=2), ALIVE, CUT),
    (tunnels.still_open("a", count=1), CUT, BOTH_CUT),
    (tunnels.closed_with(1000, 1001, count=1), POLITE, CUT),
    (tunnels.lasted(least_seconds=7, most_seconds=9, count=2), BOTH_CUT, CUT),
    (tunnels.lasted(least_seconds=7, most_seconds=9, count=2), BOTH_CUT, LATE_CUT),
    (tunnels.idle_until("now", least_seconds=2), MUTE, record(tunnel(1, "alpha", closed=KEPT, received_at=4.5))),
    (tunnels.idle_until("now", least_seconds=2), ASKED, UNASKED),
    (tunnels.pinged(5), record(events=(PINGS,)), record(events=(replace(PINGS, data={"sent": 10, "pongs": 9}),))),
    (tunnels.pinged(5), record(events=(PINGS,)), record(events=(replace(PINGS, data={"sent": 4, "pongs": 4}),))),
]


@pytest.mark.parametrize(("check", "good", "bad"), CASES)
def test_holds_fails_and_never_passes_on_nothing(check: Check, good: Record, bad: Record) -> None:
    assert check(good).holds, check(good).observed
    assert not check(bad).holds
    assert not check(Record()).holds
    assert not check(Record(balancer=BALANCER)).holds


def test_an_answer_in_the_next_chapter_is_none_of_this_one() -> None:
    thawed = Event(at=5.5, kind="thawed", text="")
    assert tunnels.unanswered("now", count=2)(replace(ALIVE, events=(SAID, thawed))).holds


def test_tunnels_are_open_together_when_none_ends_before_the_last_begins() -> None:
    both = Record(balancer=BALANCER, handshakes=(tunnel(1, "alpha", closed=KEPT), tunnel(2, "beta", closed=KEPT)))
    assert tunnels.open_together()(both).holds
    assert tunnels.open_together(2)(both).holds
    assert not tunnels.open_together(3)(both).holds


@pytest.mark.parametrize(
    "first",
    [
        tunnel(1, "alpha", closed=KEPT, closed_at=1.5),
        tunnel(1, "alpha", closed=LOST),
        replace(tunnel(1, "alpha", closed=KEPT), closed=None),
        replace(tunnel(1, "alpha", closed=KEPT), closed_at=None),
    ],
)
def test_a_tunnel_that_had_ended_was_not_open_with_the_others(first: Handshake) -> None:
    verdict = tunnels.open_together()(Record(handshakes=(first, tunnel(2, "beta", closed=KEPT))))
    assert not verdict.holds
    assert verdict.evidence == ("1",)
    assert "connection 1 had ended before" in verdict.observed


def test_one_tunnel_alone_is_open_with_nobody() -> None:
    assert not tunnels.open_together()(Record(handshakes=(tunnel(1, "alpha", closed=KEPT),))).holds
    assert not tunnels.open_together()(Record()).holds
