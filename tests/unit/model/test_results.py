from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import record, turns
from wslb.model.results import Outcome, Report, ScenarioResult, Verdict

P, F, S, E = Outcome.PASSED, Outcome.FAILED, Outcome.SKIPPED, Outcome.ERRORED


def result(outcome: Outcome) -> ScenarioResult:
    return ScenarioResult(name="lb-x", family="lb", question="?", limit="", outcome=outcome)


@pytest.mark.parametrize(
    ("outcomes", "more", "code", "verdict"),
    [
        ((P, P), {}, 0, P),
        ((P, S), {}, 0, P),
        ((P, F), {}, 1, F),
        ((F, E), {}, 1, F),
        ((P, E), {}, 4, E),
        ((), {}, 5, E),
        ((S,), {}, 5, E),
        ((P,), {"interrupted": "SIGINT"}, 130, E),
        ((F,), {"interrupted": "SIGTERM"}, 143, F),
        ((P, F), {"interrupted": "--maxfail 1"}, 1, F),
        ((P,), {"interrupted": "the deadline of 60 s"}, 4, E),
        ((), {"interrupted": "the deadline of 60 s"}, 4, E),
        ((), {"error": "no httpd"}, 3, E),
        ((P,), {"error": "httpd cannot start any more"}, 4, E),
        ((F,), {"error": "httpd cannot start any more"}, 1, F),
        ((P,), {"error": "bug", "error_exit_code": 4}, 4, E),
    ],
    ids=str,
)
def test_the_exit_code_says_how_a_run_ended(
    outcomes: tuple[Outcome, ...], more: dict[str, object], code: int, verdict: Outcome
) -> None:
    report = Report(results=tuple(map(result, outcomes)), **more)  # type: ignore[arg-type]
    assert (report.exit_code, report.outcome) == (code, verdict)


@pytest.mark.parametrize(("outcomes", "code"), [((E, E), 3), ((S, E), 3), ((P, E), 4), ((F, E), 1)], ids=str)
def test_a_lab_that_failed_after_something_had_passed_was_there(outcomes: tuple[Outcome, ...], code: int) -> None:
    assert Report(results=tuple(replace(result(one), lab_failed=one is E) for one in outcomes)).exit_code == code


def test_elections_are_routes_in_order_of_opening() -> None:
    assert record(turns(3)).elections == ("liberty", "node", "liberty")


def test_the_first_failure_is_found() -> None:
    good = Verdict(check="a", outcome=P, expected="", observed="")
    bad = Verdict(check="b", outcome=F, expected="", observed="")
    found = ScenarioResult(
        name="lb-x", family="lb", question="?", limit="", outcome=F, verdicts=(good, bad)
    ).first_failure
    assert found is bad


def test_a_crowd_is_thinned_for_the_report_and_says_so() -> None:
    crowd = record(turns(20))
    assert crowd.thinned(20) is crowd
    thin = crowd.thinned(3, frozenset({"test-9"}))
    assert [handshake.seq for handshake in thin.handshakes] == [1, 2, 3, 9]
    assert thin.events[-1].text == "16 of 20 connections are left out here"
    assert thin.after == crowd.after
