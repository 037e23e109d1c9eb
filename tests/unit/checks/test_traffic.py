from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import record, spoiled
from wslb.checks.traffic import counted_on_tunnels, logged_by_logio
from wslb.model.balancer import Carrier
from wslb.model.handshake import Exchange
from wslb.model.results import AccessLine, Check, Event, Record

L, N = "liberty", "node"
SAID = (
    Exchange(sent=True, at=1.1, text="x", size=1000),
    Exchange(sent=False, at=1.2, text="x", size=1000),
)


@pytest.mark.parametrize("check", [logged_by_logio(1), counted_on_tunnels])
def test_without_evidence_it_fails(check: Check) -> None:
    assert not check(Record()).holds


def logged(*, bytes_in: int = 1300, bytes_out: int = 1200) -> Record:
    line = AccessLine(
        conn_id="test-1", status=200, member_url="", path="/ws", bytes_in=bytes_in, bytes_out=bytes_out, seconds=1
    )
    return replace(spoiled(record([L]), 1, exchanges=SAID), access=(line,))


@pytest.mark.parametrize(
    ("found", "at_least", "holds"),
    [
        (logged(), 1000, True),
        (logged(), 1001, False),
        (logged(bytes_in=999), 1000, False),
        (logged(bytes_out=999), 1000, False),
        (replace(logged(), access=()), 1000, False),
    ],
    ids=["logged", "too little said", "in lacks", "out lacks", "no line"],
)
def test_the_access_log_holds_the_tunnel_bytes(found: Record, at_least: int, holds: bool) -> None:
    assert logged_by_logio(at_least)(found).holds is holds


def side_by_side(carrier: Carrier, **changed: int) -> Record:
    """Two connections on /byrequests, one still open when the counters were noted."""
    found = record([L, N], carrier=carrier)
    found = spoiled(found, 1, url="ws://127.0.0.1:8080/byrequests")
    found = spoiled(found, 2, url="ws://127.0.0.1:8080/byrequests", closed_at=9.0)
    read = 32 if carrier is Carrier.HTTP else 0
    members = {
        h.backend: {"elected": 1, "busy": busy, "transferred": h.arrivals[0].request_bytes, "read": read}
        for h, busy in zip(found.handshakes, (0, 1), strict=True)
    }
    members[N].update(changed)
    event = Event(at=5.0, kind="counters", text="byrequests: …", data={"lbmethod": "byrequests", "members": members})
    return replace(found, events=(event,))


@pytest.mark.parametrize("carrier", list(Carrier))
def test_counters_are_explained_by_the_connections(carrier: Carrier) -> None:
    assert counted_on_tunnels(side_by_side(carrier)).holds


@pytest.mark.parametrize("counter", ["elected", "busy", "transferred", "read"])
def test_a_counter_that_tells_something_else_is_found(counter: str) -> None:
    verdict = counted_on_tunnels(side_by_side(Carrier.WSTUNNEL, **{counter: 7}))
    assert not verdict.holds
    assert verdict.observed.startswith("first wrong: byrequests should be")
