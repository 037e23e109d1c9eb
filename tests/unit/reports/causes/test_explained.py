"""Failures with one cause are told together, in every face of a run, and what no rule explains is left over."""

from __future__ import annotations

import io
import re
from dataclasses import replace

from rich.console import Console

from tests import runs
from wslb.checks import distribution, handshake
from wslb.model.handshake import accept_for
from wslb.model.results import Report, ScenarioResult
from wslb.reports import github, html, junit
from wslb.reports.causes.explained import explanation
from wslb.reports.headline import headline
from wslb.reports.screen import Screen, Verbosity


def spoilt(name: str, seq: int) -> ScenarioResult:
    """A scenario in which the node stand-in answered one connection with a wrong Sec-WebSocket-Accept."""
    odd = runs.opened(seq, "node")
    wrong = accept_for("another key")
    answer = tuple((field, wrong if "Accept" in field else value) for field, value in odd.response)
    result = runs.judged(
        runs.record("LNLN", changed={seq: replace(odd, response=answer)}),
        checks=(distribution.alternates, handshake.accept_is_right),
    )
    return replace(result, name=name, reproduce=f"wslb test {name}")


WRONG = (spoilt("headers-a", 2), spoilt("headers-b", 4), spoilt("headers-c", 2))
MIXED = (runs.passed(), runs.broken(), *WRONG)
SENTENCE = "Sec-WebSocket-Accept is wrong from connection #2 on: it changed between backend and client"


def test_the_same_cause_at_other_connections_is_one() -> None:
    told = explanation(runs.saved(*MIXED))
    (one,) = told.causes
    assert (one.cause.rule, one.cause.sentence) == ("accept", SENTENCE)
    assert [scenario.name for scenario in one.scenarios] == ["headers-a", "headers-b", "headers-c"]
    assert [scenario.name for scenario in told.left] == ["lb-broken"]
    assert told.failed == 4
    assert told.lines() == [
        f"cause   {SENTENCE} (3 of 4 failures)",
        "        1 failure without a cause: lb-broken",
    ]


def test_the_cause_of_most_failures_is_the_headline() -> None:
    assert headline(runs.saved(*MIXED)).sentence == f"4 of 5 claims failed, 3 of them by one cause: {SENTENCE}"
    assert headline(runs.saved(*WRONG)).sentence == f"3 of 3 claims failed by one cause: {SENTENCE}"
    assert headline(runs.saved(WRONG[0])).sentence == f"1 of 1 claim failed: {SENTENCE}"


def test_what_has_no_cause_has_its_first_deviation_as_headline() -> None:
    assert headline(runs.saved(runs.broken())).sentence.startswith("1 of 1 claim failed: the turns broke at")


def test_a_screen_tells_one_in_full_and_the_others_by_name() -> None:
    def shown(verbosity: Verbosity) -> str:
        stream = io.StringIO()
        screen = Screen(
            out=Console(file=stream, width=200, no_color=True, highlight=False, markup=False),
            err=Console(file=io.StringIO()),
            verbosity=verbosity,
            plain=True,
        )
        report = Report(results=MIXED, planned=(), seconds=1.0)
        screen.close(report, paths=["report  file:///r.html"], explained=explanation(runs.saved(*MIXED)))
        return stream.getvalue()

    brief = shown(Verbosity.SCENARIOS)
    assert re.findall(r"✖ (\S+):", brief) == ["lb-broken", "headers-a"]
    assert "    also      headers-b, headers-c" in brief
    assert brief.splitlines()[-3:-1] == explanation(runs.saved(*MIXED)).lines()
    assert re.findall(r"✖ (\S+):", shown(Verbosity.CONNECTIONS)) == ["lb-broken", "headers-a", "headers-b", "headers-c"]


def test_github_has_a_section_and_an_annotation_for_each_cause() -> None:
    document = runs.saved(*MIXED)
    text = github.summary(document)
    assert next(line for line in text.splitlines() if line.startswith("###")).startswith("### ✖ 1 cause explains 3")
    assert "So failed too: `headers-b`, `headers-c`" in text
    first, second = github.annotate(document)
    assert "title=Sec-WebSocket-Accept is wrong" in first
    assert "In headers-a and 2 more scenarios" in first
    assert "lb-broken" in second


def test_junit_names_the_cause_in_the_message() -> None:
    assert f'message="{SENTENCE} (' in junit.render(runs.saved(*WRONG))


def test_a_page_opens_one_card_of_a_cause_and_links_the_others() -> None:
    text = html.render(runs.saved(*MIXED))
    cards = re.findall(r'<details class="card failed(?: like)?" data-outcome="failed"( open)?>', text)
    assert cards == [" open", " open", "", ""], "lb-broken, headers-a, and two that are folded"
    common = text[text.index('id="h-common"') : text.index('id="scenarios"')]
    assert "What the 4 failures have in common" in common
    assert list(re.findall(r'href="#([\w-]+)"', common)) == [
        "headers-a",
        "headers-b",
        "headers-c",
        "lb-broken",
    ]
    assert 'id="h-common"' not in html.render(runs.saved(runs.passed(), runs.broken())), "one failure has no others"
