"""httpd's own life: each check on a record that passes, one that fails, and an empty one."""

from __future__ import annotations

import pytest

from wslb.checks import lifecycle
from wslb.model.handshake import Close, Handshake
from wslb.model.results import Check, Event, Record


def handshake(seq: int, status: int | None, *, error: str | None = None, code: int | None = None) -> Handshake:
    return Handshake(
        conn_id=str(seq),
        seq=seq,
        url="ws://localhost/ws",
        request=(),
        status=status,
        error=error,
        opened_at=float(seq),
        closed=Close(code=code) if code else None,
        closed_at=3.0 if code else None,
    )


def event(at: float, kind: str, **data: object) -> Event:
    return Event(at=at, kind=kind, text=kind, data=data)


SIGNAL = event(2, "signal", name="TERM")
GOOD = Record(
    handshakes=(handshake(1, 101, code=1000), handshake(2, None, error="connection refused")),
    events=(SIGNAL, event(2.5, "running", running=True), event(2.6, "restart"), event(1.5, "child"), event(4, "exit")),
)
BAD = Record(
    handshakes=(handshake(3, 101, code=1000), handshake(2, 101, code=1000)),
    events=(
        event(0.5, "signal", name="TERM"),
        event(2.5, "running", running=False),
        event(0.1, "restart"),
        event(0.2, "child"),
    ),
)


@pytest.mark.parametrize(
    "check",
    [
        lifecycle.refused(2),
        lifecycle.not_served(2),
        lifecycle.restarted,
        lifecycle.new_child,
        lifecycle.has_ended,
        lifecycle.ran_then_ended,
    ],
)
def test_holds_fails_and_never_passes_on_nothing(check: Check) -> None:
    assert check(GOOD).holds, check(GOOD).observed
    assert not check(BAD).holds
    assert not check(Record()).holds


def test_a_tunnel_that_was_cut_at_once_was_not_served() -> None:
    assert lifecycle.not_served(2)(Record(handshakes=(handshake(2, 101, code=1006),))).holds


def test_one_whom_a_late_child_serves_is_followed_by_one_who_is_not() -> None:
    served, unserved = handshake(2, 101, code=1000), handshake(3, None, error="no answer within 1 s")
    assert lifecycle.not_served(2)(Record(handshakes=(served, unserved))).holds
    assert not lifecycle.not_served(2)(Record(handshakes=(served, handshake(3, 101, code=1000)))).holds
    assert not lifecycle.not_served(4)(Record(handshakes=(served, unserved))).holds, "who was to be asked was not"


def test_an_unanswered_connect_is_not_a_refused_one() -> None:
    assert not lifecycle.refused(2)(Record(handshakes=(handshake(2, None, error="no answer within 1 s"),))).holds


DEAF = event(1.5, "deaf")
CUT = "did not receive a valid HTTP response: connection closed while reading HTTP status line"


@pytest.mark.parametrize(
    ("events", "error", "holds"),
    [
        ((DEAF,), CUT, True),
        ((DEAF,), "ConnectionResetError: [Errno 104] Connection reset by peer", True),
        ((), CUT, False),
        ((event(2.5, "deaf"),), CUT, False),
        ((DEAF,), "no answer within 1 s", False),
    ],
    ids=["ended", "reset", "listens for all we know", "asked too late", "waits"],
)
def test_behind_a_forwarder_a_connect_is_refused_when_nothing_listens_where_httpd_runs(
    events: tuple[Event, ...], error: str, holds: bool
) -> None:
    assert lifecycle.refused(2)(Record(handshakes=(handshake(2, None, error=error),), events=events)).holds is holds
    assert not lifecycle.refused(2)(Record(handshakes=(handshake(2, 101, error=error),), events=events)).holds
