"""History, baseline and trend: what is new is told, what is old is not told as new."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests import runs
from wslb.reports import history, html, junit
from wslb.reports.document import Document
from wslb.reports.history import PastRun
from wslb.reports.trend import trend

GREEN = runs.saved(runs.passed("lb-a"), runs.passed("lb-b"))
RED = runs.saved(runs.broken("lb-a"), runs.passed("lb-b"))


def changes(document: Document, **past: Any) -> dict[str, str]:
    found = trend(document, **({"baseline": None, "history": ()} | past))
    assert found is not None
    return {change.scenario: change.label for change in found.changes}


def test_without_a_past_there_is_no_trend() -> None:
    assert trend(GREEN, baseline=None, history=()) is None
    assert 'id="trend"' not in html.render(GREEN)


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (RED, GREEN, {"lb-a": "new failure"}),
        (GREEN, RED, {"lb-a": "fixed"}),
        (RED, RED, {"lb-a": "still failing (2 runs)"}),
        (GREEN, GREEN, {}),
        (GREEN, runs.saved(runs.passed("lb-a")), {"lb-b": "new"}),
        (runs.saved(runs.passed("lb-a")), GREEN, {"lb-b": "gone"}),
    ],
)
def test_baseline_labels(now: Document, before: Document, expected: dict[str, str]) -> None:
    assert changes(now, baseline=before) == expected


def test_runs_in_a_row_are_counted_from_the_history() -> None:
    past = [history.line_of(document) for document in (RED, GREEN, RED, RED, RED)]
    assert changes(RED, history=past) == {"lb-a": "still failing (4 runs)"}


def test_page_says_it_at_the_top_and_junit_as_a_property() -> None:
    page = html.render(RED, baseline=GREEN)
    assert page.index("Since the baseline of 2026-11-22 17:55:57 +00:00: 1 new failure") < page.index("<main>")
    assert '<property name="since" value="new failure" />' in junit.render(RED, baseline=GREEN)


def test_last_thirty_runs_travel_in_the_page() -> None:
    past = [history.line_of(RED if i % 7 == 3 else GREEN) for i in range(40)]
    page = html.render(GREEN, history=past)
    match = re.search(r'id="wslb-data">(.*?)</script>', page, re.S)
    assert match
    kept = json.loads(match[1])["history"]
    assert len(kept) == 30
    failed = sum(run["verdict"] == "failed" for run in kept)
    assert f'aria-label="Last 30 runs: {30 - failed} passed' in page


def test_history_survives_lines_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history.jsonl"
    assert history.read(path) == ()
    history.append(path, GREEN)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"half": \n[]\n{"verdict": 1, "failed": 2}\n')
    history.append(path, RED)
    assert [line.failed for line in history.read(path)] == [(), ("lb-a",)]


def test_sparse_lines_of_an_older_version_are_drawn() -> None:
    page = html.render(RED, history=[PastRun(verdict="passed", failed=()), PastRun(verdict="odd", failed=("x",))])
    assert 'aria-label="Last 3 runs: 1 passed' in page
