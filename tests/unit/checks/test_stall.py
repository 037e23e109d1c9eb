"""Checks of what the proxy kept to itself."""

from __future__ import annotations

import pytest

from wslb.checks import stall
from wslb.lab.conversation import exchange
from wslb.model.balancer import Carrier
from wslb.model.handshake import Handshake, WireView
from wslb.model.results import Check, Record


def opened(*, nudged: float | None = None, answered: float | None = 0.01, status: int | None = 101) -> Handshake:
    wire = WireView(received=1, head=True, answered_at=answered, nudged_at=nudged)
    return Handshake(conn_id="t-1", seq=1, url="", request=(), status=status, opened_at=0.0, wire=wire)


def echoing(text: str, *, at: float, nudged: float | None) -> Handshake:
    return Handshake(
        conn_id="t-1",
        seq=1,
        url="",
        request=(),
        status=101,
        exchanges=(exchange(text, sent=False, at=at),),
        wire=WireView(received=1, head=True, nudged_at=nudged),
    )


QUICK, WOKEN = opened(), opened(nudged=1.0, answered=1.01)
SLOW = opened(nudged=1.0, answered=2.5)
"""As long after the ping as before it: no proof that the ping woke anybody."""


@pytest.mark.parametrize(
    ("handshakes", "holds"),
    [
        ((QUICK, WOKEN), True),
        ((QUICK, QUICK), False),
        ((QUICK, SLOW), False),
        ((WOKEN, opened(nudged=1.0, answered=None, status=None)), False),
        ((opened(nudged=1.0, answered=0.5),), False),
    ],
)
def test_a_stall_is_an_answer_that_a_ping_sets_free(handshakes: tuple[Handshake, ...], holds: bool) -> None:
    assert stall.stalled(at_least=1, rate=0.5)(Record(handshakes=handshakes)).holds is holds


def test_the_chance_of_a_false_alarm_is_told() -> None:
    verdict = stall.stalled(at_least=1, rate=0.5)(Record(handshakes=(WOKEN,) * 10))
    assert "once in 1e+03" in verdict.expected


@pytest.mark.parametrize(
    ("handshakes", "holds"),
    [((QUICK, QUICK), True), ((QUICK,), False), ((QUICK, WOKEN), False), ((QUICK, opened(status=None)), False)],
)
def test_without_a_stall_nobody_had_to_send(handshakes: tuple[Handshake, ...], holds: bool) -> None:
    assert stall.never_stalled(2)(Record(handshakes=handshakes)).holds is holds


@pytest.mark.parametrize(
    ("handshake", "carrier", "holds"),
    [
        (echoing("first", at=0.1, nudged=None), Carrier.HTTP, True),
        (echoing("first", at=1.1, nudged=1.0), Carrier.HTTP, False),
        (echoing("first", at=0.1, nudged=None), Carrier.OWN, True),
        (echoing("first", at=1.1, nudged=1.0), Carrier.OWN, False),
        (echoing("first", at=1.1, nudged=1.0), Carrier.WSTUNNEL, True),
        (echoing("first", at=0.1, nudged=None), Carrier.WSTUNNEL, False),
        (echoing("first", at=0.1, nudged=1.0), Carrier.WSTUNNEL, False),
        (echoing("other", at=0.1, nudged=None), Carrier.HTTP, False),
    ],
)
def test_a_message_behind_the_handshake(handshake: Handshake, carrier: Carrier, holds: bool) -> None:
    record = Record(handshakes=(handshake,), carrier=carrier)
    assert stall.behind_the_handshake("first")(record).holds is holds


@pytest.mark.parametrize(
    ("texts", "carrier", "holds"),
    [
        (("second",), Carrier.HTTP, True),
        (("first", "second"), Carrier.HTTP, False),
        (("second",), Carrier.OWN, True),
        (("first", "second"), Carrier.OWN, False),
        (("first", "second"), Carrier.WSTUNNEL, True),
        (("second",), Carrier.WSTUNNEL, False),
        ((), Carrier.HTTP, False),
    ],
)
def test_a_body_in_the_tunnel(texts: tuple[str, ...], carrier: Carrier, holds: bool) -> None:
    said = tuple(exchange(text, sent=False, at=0.0) for text in texts)
    handshake = Handshake(conn_id="t-1", seq=1, url="", request=(), status=101, exchanges=said)
    record = Record(handshakes=(handshake,), carrier=carrier)
    assert stall.body_in_tunnel("first", "second")(record).holds is holds


@pytest.mark.parametrize(
    "check",
    [
        stall.stalled(at_least=0, rate=0.5),
        stall.never_stalled(0),
        stall.behind_the_handshake("first"),
        stall.body_in_tunnel("first", "second"),
    ],
)
def test_an_empty_record_fails(check: Check) -> None:
    assert not check(Record()).holds
