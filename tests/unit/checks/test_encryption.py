"""TLS hop by hop, and whether the proxy would have believed a stranger."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import record, spoiled
from wslb.checks.encryption import encrypted, stranger_refused
from wslb.model.results import Check, Event, LogLine, Record

L, N = "liberty", "node"
PATH = "/stranger"
REFUSED = LogLine(
    at="", module="ssl", level="error", code="AH02039", text="AH02039: Certificate Verification: Error (20)"
)


def private() -> Record:
    """Two tunnels over TLS on both hops."""
    found = record([L, N])
    return replace(
        found,
        handshakes=tuple(
            replace(h, url="wss://127.0.0.1:8443/wss", arrivals=tuple(replace(a, listener="wss") for a in h.arrivals))
            for h in found.handshakes
        ),
    )


def asked(*statuses: int, log: tuple[LogLine, ...] = (REFUSED,)) -> Record:
    events = tuple(
        Event(at=9.0, kind="request", text=f"GET {PATH}: {status}", data={"path": PATH, "status": status})
        for status in statuses
    )
    return replace(private(), events=events, log=log)


@pytest.mark.parametrize("check", [encrypted(), stranger_refused(PATH)])
def test_without_evidence_it_fails(check: Check) -> None:
    verdict = check(Record())
    assert not verdict.holds
    assert "no evidence" in verdict.observed


@pytest.mark.parametrize(("front", "behind"), [(True, True), (True, False), (False, True), (False, False)])
def test_each_hop_must_be_what_is_claimed(front: bool, behind: bool) -> None:
    assert encrypted(front=front, behind=behind)(private()).holds is (front and behind)
    assert encrypted(front=front, behind=behind)(record([L, N])).holds is not (front or behind)


def test_one_tunnel_on_a_plain_hop_is_named() -> None:
    found = private()
    plain = tuple(replace(arrival, listener="ws") for arrival in found.handshakes[1].arrivals)
    verdict = encrypted()(spoiled(found, 2, arrivals=plain))
    assert not verdict.holds
    assert verdict.observed.startswith("connection 2: wss to the proxy, ws to the backend")


def test_a_tunnel_that_no_journal_knows_was_seen_on_no_listener() -> None:
    assert "nothing in any journal" in encrypted()(spoiled(private(), 1, arrivals=())).observed


def test_a_stranger_is_refused_by_status_and_log() -> None:
    assert stranger_refused(PATH)(asked(500)).holds
    assert stranger_refused(PATH)(asked(0)).holds
    assert not stranger_refused(PATH)(asked(400)).holds
    assert not stranger_refused(PATH)(asked(0, log=())).holds
    assert not stranger_refused(PATH)(asked(500, 400)).holds
    assert not stranger_refused(PATH)(asked(500, log=())).holds
    assert not stranger_refused("/another")(asked(500)).holds
