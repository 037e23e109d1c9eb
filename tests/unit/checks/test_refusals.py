"""Handshakes that must not succeed: each check on a record that passes, one that fails, and an empty one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import record
from wslb.checks import refusals
from wslb.model.handshake import Handshake, Headers
from wslb.model.results import Check, Event, Record


def handshake(seq: int, status: int | None, *, waited: float = 0.0, response: Headers = ()) -> Handshake:
    return Handshake(
        conn_id=str(seq),
        seq=seq,
        url="ws://localhost/ws",
        request=(),
        status=status,
        elapsed_seconds=waited,
        response=response,
    )


def page(*headers: list[str]) -> Event:
    return Event(at=1, kind="request", text="GET /", data={"status": 200, "headers": list(headers)})


COOKIE = ["Set-Cookie", "ROUTEID=.a; path=/"]
GOOD = Record(handshakes=(handshake(1, 101), handshake(2, 503, waited=1.2)), events=(page(COOKIE),))
BAD = Record(
    handshakes=(handshake(1, 101, response=(("set-cookie", "x"),)), handshake(2, None, waited=0.1)),
    events=(page(), replace(page(), data={"status": 0, "headers": []})),
)

CHECKS = [
    refusals.answers(101, 503),
    refusals.waited(2, least_seconds=1),
    refusals.never_carries("Set-Cookie"),
    refusals.requests_carry("Set-Cookie", "ROUTEID=."),
    refusals.requests_answered(1),
    refusals.requests_answered(1, 404, 200),
]


@pytest.mark.parametrize("check", CHECKS)
def test_holds_fails_and_never_passes_on_nothing(check: Check) -> None:
    assert check(GOOD).holds, check(GOOD).observed
    assert not check(BAD).holds
    assert not check(Record()).holds


@pytest.mark.parametrize(
    "check",
    [
        refusals.answers(101),
        refusals.answers(101, 503, 101),
        refusals.waited(7, least_seconds=0),
        refusals.waited(2, least_seconds=0, most_seconds=1),
        refusals.requests_carry("Set-Cookie", "OTHER"),
        refusals.requests_answered(2),
        refusals.requests_answered(1, 404),
    ],
)
def test_other_numbers_do_not_hold(check: Check) -> None:
    assert not check(GOOD).holds


def test_no_answer_at_all_is_an_expectation_too() -> None:
    assert refusals.answers(101, None)(BAD).holds


def test_a_request_without_an_answer_says_nothing() -> None:
    unanswered = replace(page(), data={"status": 0, "headers": []})
    verdict = refusals.requests_answered(2)(replace(GOOD, events=(page(), unanswered)))
    assert not verdict.holds
    assert verdict.observed == "200 none"


def test_who_reached_a_member_is_told() -> None:
    assert refusals.reached(2, "node")(record(["liberty", "node"])).holds
    assert not refusals.reached(1, "node")(record(["liberty", "node"])).holds
    assert not refusals.reached(3, "node")(record(["liberty", "node"])).holds
    assert not refusals.reached(1, "node")(Record()).holds
