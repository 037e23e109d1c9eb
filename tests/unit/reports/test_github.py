"""GitHub Actions: summary and annotations keep inside the limits, and nothing leaves its place."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace as changed

from tests import runs
from wslb.reports import github
from wslb.reports.document import Document

EVIL = "a|b `c` <img src=x> [x](javascript:1) *y* ::error::z @everyone\r\n::stop-commands::t"


def test_summary_begins_with_the_verdict_and_lists_failures_first() -> None:
    text = github.summary(runs.saved(runs.passed(), runs.broken()), artifact_url="https://example.org/a")
    assert text.startswith("## ✖ FAIL: 1 of 2 claims failed: the turns broke at connection #7 in lb-broken")
    assert "[Open the report](https://example.org/a)" in text
    assert text.index("| ✖ FAIL | `lb-broken`") < text.index("| ✔ PASS | `lb-byrequests`")
    assert "$ wslb test lb-broken" in text


def test_summary_shows_the_strip_around_the_break() -> None:
    text = github.summary(runs.saved(runs.broken()))
    assert "         " + " " * 6 + "v #7" in text
    assert "liberty  #.#.#..#" in text
    assert "node     .#.#.##." in text


def test_summary_stays_under_its_limit_and_closes_its_code_block() -> None:
    document = runs.saved(runs.broken())
    many = (changed(document.scenarios[0], limit="long " * 100),) * 400
    text = github.summary(changed(document, scenarios=many))
    assert len(text.encode()) < 64_000
    assert "cut here" in text
    assert text.count("```") % 2 == 0


def test_summary_of_a_run_without_results_says_so() -> None:
    assert "No scenario has a result." in github.summary(runs.saved(error="no httpd"))


def test_markdown_of_foreign_text_is_inert() -> None:
    result = runs.passed(limit=EVIL, question=EVIL)
    text = github.summary(runs.saved(result, environment={"proxy": EVIL}))
    assert "<img" not in text
    assert "\n::" not in text
    assert "](javascript" not in text.replace("\\]", "")
    row = next(line for line in text.splitlines() if "lb-byrequests" in line)
    assert row.replace("\\|", "").count("|") == 6


def test_annotations_are_five_and_one_that_counts_the_rest() -> None:
    found = github.annotate(runs.saved(*(runs.broken(f"lb-{i}") for i in range(17))))
    assert len(found) == 6
    assert all(line.startswith("::error title=") for line in found)
    assert found[-1].endswith("::12 more: see the report.")


def test_annotation_tells_expected_observed_and_command() -> None:
    (line,) = github.annotate(runs.saved(runs.broken(), runs.passed(), runs.skipped()))
    head, _, text = line.removeprefix("::error title=").partition("::")
    assert head == "the turns broke at connection #7 in lb-broken"
    assert "observed connection 7 expected liberty, got node" in text
    assert text.endswith("%0AReproduce: wslb test lb-broken")


def test_annotation_cannot_begin_another_command() -> None:
    for line in github.annotate(runs.saved(runs.passed(), error=EVIL, interrupted=EVIL)):
        assert "\n" not in line
        assert "\r" not in line
    (line,) = github.annotate(runs.saved(runs.errored("lb-a:b,c")))
    assert "title=Could not look%3A lb-a%3Ab%2Cc::" in line


def test_green_run_has_no_annotation() -> None:
    assert github.annotate(runs.saved(runs.passed())) == ()


def test_run_that_proved_nothing_is_annotated() -> None:
    assert "Nothing was tested" in github.annotate(runs.saved(runs.skipped()))[0]


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("passing", runs.saved(runs.passed(), runs.skipped())),
        ("failing", runs.saved(runs.passed(), runs.broken())),
    ],
)
def test_summary_is_the_golden_file(name: str, document: Document, pytestconfig: pytest.Config) -> None:
    golden = Path(__file__).parent / "golden" / f"summary-{name}.md"
    shown = github.summary(document)
    if pytestconfig.getoption("--update-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


def test_summary_waits_for_no_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    github.publish(runs.saved(runs.passed()), str(tmp_path / "pipe"))  # it returns
    github.publish(runs.saved(runs.passed()), str(tmp_path / "file"))
    assert (tmp_path / "file").read_text(encoding="utf-8").startswith("## ✔ PASS")
