from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import record, spoiled, status
from wslb.checks.crowd import balanced, busy_drift, elected_drift
from wslb.model.results import Check, Record

L, N = "liberty", "node"


def crowd(liberty: int, node: int) -> Record:
    return record([L] * liberty + [N] * node)


@pytest.mark.parametrize("check", [balanced(), busy_drift(), elected_drift()])
def test_without_evidence_it_fails(check: Check) -> None:
    assert not check(Record()).holds


@pytest.mark.parametrize(
    ("liberty", "node", "rate", "holds"),
    [
        (25, 25, 0, True),
        (26, 24, 0, False),
        (25, 24, 0, True),
        (28, 22, 1 / 1000, True),
        (29, 21, 1 / 1000, False),
        (0, 50, 1 / 1000, False),
    ],
)
def test_shares_are_held_to_the_computed_bound(liberty: int, node: int, rate: float, holds: bool) -> None:
    assert balanced(rate=rate)(crowd(liberty, node)).holds is holds


def test_the_odds_are_told() -> None:
    told = balanced()(crowd(25, 25)).expected
    assert told == "each share within 3 of 25 (a false alarm in 3.1e-08 of runs; a coin would pass in 67.8%)"


def test_a_connection_that_nobody_served_is_no_balance() -> None:
    verdict = balanced()(spoiled(crowd(25, 25), 7, greeters=(), signers=()))
    assert not verdict.holds
    assert "1 served by nobody, first connection 7" in verdict.observed


def test_busy_may_drift_as_far_as_the_odds_say() -> None:
    many = crowd(25, 25)
    assert busy_drift()(many).holds
    drifted = replace(many, after=(status(L, busy=2), status(N, busy=1)))
    assert busy_drift()(drifted).holds
    assert not busy_drift(rate=0)(drifted).holds
    verdict = busy_drift()(replace(many, after=(status(L, busy=9), status(N))))
    assert not verdict.holds
    assert verdict.observed == "left: liberty 9, node 0"


def test_lost_elections_are_counted() -> None:
    many = crowd(25, 25)
    assert elected_drift(rate=0)(many).observed == "off by liberty +0, node +0"
    lost = replace(many, after=(status(L, elected=24), status(N, elected=25)))
    assert elected_drift()(lost).holds
    assert not elected_drift(rate=0)(lost).holds
