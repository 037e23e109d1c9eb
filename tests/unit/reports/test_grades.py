"""A broken SHOULD passes and is told, in every report; a broken MUST beside it still fails."""

from __future__ import annotations

from dataclasses import replace

from defusedxml import ElementTree

from tests import runs
from wslb.model.results import Grade, Outcome
from wslb.reports import github, html, junit
from wslb.reports.grades import mark


def test_scenario_passes_not_strictly() -> None:
    result = runs.lenient()
    assert (result.outcome, result.strict, result.first_failure) == (Outcome.PASSED, False, None)
    (scenario,) = runs.saved(result).scenarios
    assert scenario.breaking == ()
    assert [verdict.check for verdict in scenario.lenient] == ["host_comes_first"]
    assert mark(scenario) == ("lenient", "PASS, not strict", "✔")


def test_run_is_green_and_says_so() -> None:
    document = runs.saved(runs.passed(), runs.lenient())
    assert document.exit_code == 0
    page = html.render(document)
    assert "2 of 2 claims hold; 1 not strictly" in page
    assert "✔ PASS, not strict" in page
    assert "≈ NOT STRICT" in page
    assert "PASS, not strict" in github.summary(document)
    assert github.annotate(document) == ()
    suite = ElementTree.fromstring(junit.render(document))
    assert suite.get("failures") == "0"
    assert any("≈ host_comes_first" in (out.text or "") for out in suite.iter("system-out"))


def test_must_outranks_should() -> None:
    result = runs.lenient()
    must = replace(result.verdicts[0], outcome=Outcome.FAILED, observed="connection 3: no", grade=Grade.MUST)
    both = replace(result, outcome=Outcome.FAILED, verdicts=(result.verdicts[-1], must))
    assert both.first_failure == must
    (scenario,) = runs.saved(both).scenarios
    assert [verdict.check for verdict in scenario.breaking] == [must.check]
    assert mark(scenario)[1] == "FAIL"
    assert f"{must.check}" in junit.render(runs.saved(both))
