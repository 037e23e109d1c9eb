from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import record, spoiled, status
from wslb.checks.turns import knocked, never_elected, repeats, turns_taken
from wslb.model.results import Check, Event, Record

L, N = "liberty", "node"


@pytest.mark.parametrize(
    "check",
    [repeats(L, N), turns_taken(thieves=0, whose="nobody"), never_elected, knocked(1)],
)
def test_without_evidence_it_fails(check: Check) -> None:
    verdict = check(Record())
    assert not verdict.holds
    assert "no evidence" in verdict.observed


def test_a_cycle_repeats() -> None:
    assert repeats(L, L, N, L)(record([L, L, N, L] * 2)).observed == "2 cycles over 8 connections"


def test_one_cycle_alone_repeats_nothing() -> None:
    assert not repeats(L, L, N, L)(record([L, L, N, L])).holds


def test_the_first_connection_off_the_cycle_is_named() -> None:
    verdict = repeats(L, N)(record([L, N, L, L]))
    assert not verdict.holds
    assert verdict.observed.startswith("connection 4 expected node, got liberty")
    assert verdict.evidence == ("test-4",)


@pytest.mark.parametrize(("elected", "thieves"), [(2, 0), (3, 2)])
def test_thieves_are_elections_without_a_connection(elected: int, thieves: int) -> None:
    found = replace(record([L, N, L]), after=(status(L, elected=elected), status(N, elected=1 + thieves - elected + 2)))
    assert turns_taken(thieves=thieves, whose="a GET")(found).holds
    assert not turns_taken(thieves=thieves + 1, whose="a GET")(found).holds


def test_never_elected_holds_only_where_counters_and_journals_are_silent() -> None:
    silent = spoiled(replace(record([L]), after=(status(L), status(N))), 1, arrivals=(), status=503)
    assert never_elected(silent).holds
    assert not never_elected(replace(silent, after=(status(L, elected=1), status(N)))).holds
    assert not never_elected(replace(record([L]), after=(status(L), status(N)))).holds


def test_knocks_are_counted() -> None:
    found = replace(record([L]), events=(Event(at=1.0, kind="knock", text="TCP connect and close"),) * 3)
    assert knocked(3)(found).holds
    assert not knocked(4)(found).holds
