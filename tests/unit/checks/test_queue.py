from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import arrival, record, spoiled
from wslb.checks.queue import abandoned_still_arrive, requests_waited, served_slot_by_slot
from wslb.model.handshake import Close, Exchange
from wslb.model.results import Check, Event, Record

L, N = "liberty", "node"
FULL = Event(at=4.5, kind="full", text="")
SLOTS = (Event(at=7.0, kind="slot", text=""), Event(at=8.0, kind="slot", text=""))


def full(*, first: float = 2.1, second: float = 2.2) -> Record:
    """Four tunnels opened at 1 to 4 s, two more at 5 and 6 s that are greeted after so many seconds."""
    found = replace(record([L, N] * 3, held=True), events=(FULL, *SLOTS))
    return spoiled(spoiled(found, 5, exchanges=greeted(5 + first)), 6, exchanges=greeted(6 + second))


def greeted(at: float) -> tuple[Exchange, ...]:
    return (Exchange(sent=False, at=at, text="[From Server] Connected to x", size=28),)


@pytest.mark.parametrize(
    "check", [served_slot_by_slot(0.5), requests_waited(200, waited_seconds=0.5), abandoned_still_arrive]
)
def test_without_evidence_it_fails(check: Check) -> None:
    assert not check(Record()).holds
    assert not check(record([L, N])).holds


def test_waiting_clients_are_served_slot_by_slot() -> None:
    assert served_slot_by_slot(0.5)(full()).observed == "connection 5 after 2.10 s, connection 6 after 2.20 s"


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (full(first=0.5), "connection 5 was greeted at 5.50 s, slots were freed at 7.00, 8.00"),
        (full(first=3.5), "connection 5 was greeted at 8.50 s"),
        (full(second=1.5), "connection 6 was greeted at 7.50 s"),
        (spoiled(full(), 5, status=503, error="refused"), "connection 5 got 503 (refused)"),
        (spoiled(full(), 5, exchanges=()), "connection 5 was never greeted"),
    ],
    ids=["before a slot was free", "out of order", "two on one slot", "refused", "no greeting"],
)
def test_who_did_not_wait_for_a_slot_is_named(found: Record, told: str) -> None:
    verdict = served_slot_by_slot(0.5)(found)
    assert not verdict.holds
    assert verdict.observed.startswith(told)


def test_without_an_order_one_is_served_for_each_slot_whoever_it_is() -> None:
    assert not served_slot_by_slot(0.5)(full(first=3.5, second=1.2)).holds
    assert served_slot_by_slot(0.5, in_order=False)(full(first=3.5, second=1.2)).holds
    assert not served_slot_by_slot(0.5, in_order=False)(full(first=2.1, second=1.2)).holds
    assert not served_slot_by_slot(0.5, in_order=False)(spoiled(full(), 5, exchanges=())).holds


def test_a_wait_too_short_to_tell_is_none() -> None:
    assert not served_slot_by_slot(3.0)(full()).holds


def asked(*, at: float, seconds: float, status: int = 200) -> Record:
    event = Event(at=at, kind="request", text=f"GET /: {status}", data={"status": status, "seconds": seconds})
    return replace(full(), events=(FULL, *SLOTS, event))


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        (asked(at=7.1, seconds=2.0), True),
        (asked(at=6.9, seconds=2.0), False),
        (asked(at=7.3, seconds=0.2), False),
        (asked(at=7.1, seconds=2.0, status=503), False),
        (asked(at=1.0, seconds=0.1), False),
    ],
    ids=["waited", "answered while full", "came late", "refused", "came before it was full"],
)
def test_ordinary_requests_wait_too(found: Record, holds: bool) -> None:
    assert requests_waited(200, waited_seconds=0.5)(found).holds is holds
    assert not requests_waited(200, waited_seconds=2.6)(found).holds


def test_an_abandoned_handshake_reaches_a_backend() -> None:
    seen = replace(arrival("liberty"), closed=Close(code=1006, by="lost"))
    gone = spoiled(full(), 5, status=None, error="no answer to the handshake within 0.5 s", arrivals=(seen,))
    assert abandoned_still_arrive(gone).observed == "connection 5 reached liberty"
    assert not abandoned_still_arrive(spoiled(gone, 5, arrivals=())).holds
    assert not abandoned_still_arrive(spoiled(gone, 5, arrivals=(replace(seen, closed=None),))).holds
    assert not abandoned_still_arrive(spoiled(gone, 5, request=())).holds
