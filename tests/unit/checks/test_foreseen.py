from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import record, spoiled
from wslb.checks.foreseen import came_back, ended_after, felt, fitted, refused_times, served_next
from wslb.model.handshake import Close, Exchange, WireView
from wslb.model.results import Check, Event, Record

A, B = "liberty", "node"


def revived(at: float, *backends: str) -> Record:
    """Handshakes at 1, 2, 3 … s; the backend that was dead serves again from this moment on."""
    up = Event(at=at, kind="backend", text="", data={"backend": A, "up": True})
    return replace(record(list(backends)), events=(up,))


DEAD = revived(3.5, B, B, B, A)


@pytest.mark.parametrize(
    "check",
    [
        felt(A, first=101, meanwhile=101),
        came_back(A, after_seconds=2, slack_seconds=1),
        refused_times(503, least=1, most=2),
        ended_after({A: 2}, late_seconds=1, kept_seconds=1),
        fitted(0, full=False),
        served_next(accepted=False),
    ],
)
def test_without_evidence_it_fails(check: Check) -> None:
    assert not check(Record()).holds


def test_what_clients_felt() -> None:
    assert felt(A, first=101, meanwhile=101)(DEAD).holds
    verdict = felt(A, first=503, meanwhile=101)(DEAD)
    assert not verdict.holds
    assert verdict.observed.startswith("connection 1: status 101; 3 times 101")
    assert felt(A, first=503, meanwhile=101)(spoiled(DEAD, 1, status=503)).holds
    assert not felt(A, first=101, meanwhile=101)(spoiled(DEAD, 3, status=None)).holds
    assert not felt(A, first=101, meanwhile=101)(record([B, B])).holds, "nobody came back"


def test_when_it_came_back() -> None:
    assert came_back(A, after_seconds=3, slack_seconds=1)(DEAD).holds
    early = came_back(A, after_seconds=4, slack_seconds=1)(DEAD)
    assert (early.holds, early.observed[:9]) == (False, "after 3.0")
    assert not came_back(A, after_seconds=0, slack_seconds=0.1)(DEAD).holds, "0.5 s after its return is late"
    never = came_back(A, after_seconds=1, slack_seconds=1)(revived(3.5, B, B, B, B))
    assert (never.holds, never.observed) == (False, "not within 3.00 s")


def test_how_many_were_refused() -> None:
    found = spoiled(spoiled(record([A, B, A, B]), 1, status=503), 3, status=503)
    assert refused_times(503, least=2, most=4)(found).holds
    assert not refused_times(503, least=1, most=1)(found).holds
    assert not refused_times(503, least=2, most=4)(spoiled(found, 2, status=502)).holds
    assert not refused_times(503, least=1, most=4)(record([A, B])).holds


def idle(*, ended: float | None, answered: bool = True, asked: float = 5.0) -> Record:
    """A tunnel opened at 1 s and ended by the other side, or asked, so many seconds later."""
    found = record([A], held=True)
    wire = WireView(ended="open" if ended is None else "closed", ended_at=None if ended is None else 1 + ended)
    closed = Close(code=1000, by="client") if ended is None else Close(code=1006, by="lost")
    answers = (Exchange(sent=False, at=1 + asked + 0.1, text="still there?", size=12),) if answered else ()
    spoken = Event(at=1 + asked, kind="spoken", text="", data={"label": "x", "connections": []})
    return replace(spoiled(found, 1, wire=wire, closed=closed, exchanges=answers), events=(spoken,))


@pytest.mark.parametrize(
    ("limit", "found", "told"),
    [
        (2, idle(ended=2.1), ""),
        (None, idle(ended=None), ""),
        (2, idle(ended=1.9), "connection 1: it ended after 1.90 s"),
        (2, idle(ended=3.2), "connection 1: it ended after 3.20 s"),
        (2, idle(ended=None), "connection 1: it did not end"),
        (None, idle(ended=2.0), "connection 1: it ended after 2.00 s"),
        (None, idle(ended=None, answered=False), "connection 1: it did not answer any more"),
        (None, idle(ended=None, asked=0.5), "connection 1: it was not left alone for long enough"),
    ],
)
def test_when_idle_tunnels_ended(limit: int | None, found: Record, told: str) -> None:
    verdict = ended_after({A: limit}, late_seconds=1, kept_seconds=1)(found)
    assert (verdict.holds, verdict.observed.startswith(told)) == (not told, True), verdict.observed


def test_a_tunnel_of_another_backend_says_nothing_of_the_limit() -> None:
    verdict = ended_after({B: 2}, late_seconds=1, kept_seconds=1)(idle(ended=2.1))
    assert verdict.observed.startswith(f"connection 1: it was served by {A}")


def filled(*statuses: int | None, at: float) -> Record:
    """Handshakes at 1, 2, 3 … s with these answers, and the moment from which one more comes."""
    found = record([A] * len(statuses), held=True)
    for number, status in enumerate(statuses, 1):
        found = found if status == 101 else spoiled(found, number, status=status)
    return replace(found, events=(Event(at=at, kind="full", text=""),))


@pytest.mark.parametrize(
    ("holds", "found", "check"),
    [
        (True, filled(101, 101, None, at=2.5), fitted(2, full=True)),
        (True, filled(101, 101, at=2.5), fitted(2, full=False)),
        (False, filled(101, 101, 101, at=2.5), fitted(2, full=True)),
        (False, filled(101, 101, 503, at=2.5), fitted(2, full=True)),
        (False, filled(101, None, None, at=2.5), fitted(2, full=True)),
        (True, filled(101, None, None, at=2.5), fitted(2, full=True, astray=1)),
        (False, filled(101, 101, at=2.5), fitted(2, full=True)),
        (False, filled(101, 101, 101, 101, at=4.5), fitted(3, full=True, astray=1)),
    ],
)
def test_how_many_fit(holds: bool, found: Record, check: Check) -> None:
    assert check(found).holds is holds, check(found).observed


def test_who_comes_after_a_restart() -> None:
    restart = Event(at=1.5, kind="restart", text="")
    served = replace(record([A, B]), events=(restart,))
    assert served_next(accepted=True)(served).holds
    assert not served_next(accepted=False)(served).holds
    waits = spoiled(served, 2, status=None)
    assert served_next(accepted=False)(waits).holds
    assert not served_next(accepted=True)(waits).holds
    assert not served_next(accepted=True)(record([A, B])).holds, "nothing was restarted"
