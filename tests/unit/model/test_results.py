from __future__ import annotations

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
        ((), {"error": "no httpd"}, 3, E),
        ((P,), {"error": "bug", "error_exit_code": 4}, 4, E),
    ],
    ids=str,
)
def test_the_exit_code_says_how_a_run_ended(
    outcomes: tuple[Outcome, ...], more: dict[str, object], code: int, verdict: Outcome
) -> None:
    report = Report(results=tuple(map(result, outcomes)), **more)  # type: ignore[arg-type]
    assert (report.exit_code, report.outcome) == (code, verdict)


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
