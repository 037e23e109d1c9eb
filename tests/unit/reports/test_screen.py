from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from rich.console import Console

from tests.evidence import record, turns
from wslb.checks.distribution import alternates, follows_model
from wslb.model.results import Grade, Outcome, Report, ScenarioResult
from wslb.reports.screen import Colour, Screen, Verbosity, failure_text, figure

ENVIRONMENT = {
    "wslb": "1.0",
    "proxy": "Apache/2.4.71",
    "mpm": "event",
    "carrier": "mod_proxy_wstunnel",
    "runtime": "local",
    "runtime_reason": "asked for",
    "ready_seconds": 0.5,
    "leftovers": ["Run x had ended without cleaning up."],
}


def result(backends: list[str], *, name: str = "lb-x") -> ScenarioResult:
    evidence = record(backends)
    verdicts = (alternates(evidence), follows_model(evidence))
    return ScenarioResult(
        name=name,
        family="lb",
        question="Do they take turns?",
        limit="0 breaks over 4 connections",
        outcome=Outcome.PASSED if all(v.holds for v in verdicts) else Outcome.FAILED,
        seconds=0.25,
        record=evidence,
        verdicts=verdicts,
        reproduce=f"wslb test {name}",
    )


GOOD, BAD = result(turns(4)), result(["liberty", "node", "node", "liberty"], name="lb-y")
SKIPPED = replace(GOOD, name="lb-z", outcome=Outcome.SKIPPED, reason="this httpd has no mod_ssl", verdicts=())
BROKEN = replace(SKIPPED, outcome=Outcome.ERRORED, reason="httpd did not start: it ended.\n[core:error] AH00072: no")


def shown(
    *results: ScenarioResult,
    verbosity: Verbosity = Verbosity.SCENARIOS,
    plain: bool = True,
    table: Sequence[str] = (),
    **more: object,
) -> tuple[str, str]:
    streams = io.StringIO(), io.StringIO()
    out, err = (Console(file=stream, width=200, no_color=True, highlight=False, markup=False) for stream in streams)
    screen = Screen(out=out, err=err, verbosity=verbosity, plain=plain, github=bool(more.pop("github", False)))
    screen.headline(ENVIRONMENT, len(results))
    for one in results:
        with screen.running(one.name):
            pass
        screen.result(one)
    report = Report(results=results, planned=("a", "b", "c"), seconds=1.5, **more)  # type: ignore[arg-type]
    screen.close(
        report, paths=["report  file:///r.html"], annotations=["::error::x"] if more.get("github") else [], table=table
    )
    return streams[0].getvalue(), streams[1].getvalue()


PASSING = """\
wslb 1.0 · Apache/2.4.71 (event) · mod_proxy_wstunnel · runtime local (asked for) · ready in 0.50 s
start 1 scenario
PASS lb-x 0 breaks; liberty 2, node 2 0.25s

PASS  1 passed in 1.5 s
report  file:///r.html
"""

FAILING = """\
wslb 1.0 · Apache/2.4.71 (event) · mod_proxy_wstunnel · runtime local (asked for) · ready in 0.50 s

  ✔ lb-x                         0 breaks; liberty 2, node 2  0.25 s
  ✖ lb-y                         alternates: connection 3 expected liberty, got node; 1 break; liberty 2, node 2  0.25 s
  – lb-z                         this httpd has no mod_ssl  0.25 s

✖ lb-y: Do they take turns?
    limit     0 breaks over 4 connections
    check     alternates
    expected  strict turns liberty node … with 0 breaks over 4 connections
    seen      connection 3 expected liberty, got node; 1 break; liberty 2, node 2
    check     follows_model
    expected  byrequests elects liberty node liberty node
    seen      connection 3 expected liberty, got node; 2 of 4 deviate
    again     wslb test lb-y

FAIL  1 passed, 1 failed, 1 skipped in 1.5 s
report  file:///r.html
"""


def test_a_passing_run_in_a_pipe() -> None:
    out, err = shown(GOOD)
    assert out == PASSING
    assert err == "Run x had ended without cleaning up.\n"


def test_a_failing_run_on_a_terminal() -> None:
    assert shown(GOOD, BAD, SKIPPED, plain=False)[0] == FAILING


def test_quiet_keeps_failures_and_the_verdict() -> None:
    assert shown(GOOD, verbosity=Verbosity.VERDICT)[0] == "PASS  1 passed in 1.5 s\nreport  file:///r.html\n"
    assert "✖ lb-y" in shown(BAD, verbosity=Verbosity.VERDICT)[0]
    assert shown(BAD, verbosity=Verbosity.NOTHING)[0] == ""


def test_verbose_shows_connections_and_their_headers() -> None:
    out = shown(GOOD, verbosity=Verbosity.CONNECTIONS)[0]
    assert "      #2 node 101 2.0 ms\n" in out
    assert "> Upgrade" not in out
    assert "        > Upgrade: websocket\n" in shown(GOOD, verbosity=Verbosity.HEADERS)[0]


def test_github_groups_the_lines() -> None:
    out = shown(GOOD, github=True)[0]
    assert out.index("::group::wslb test") < out.index("PASS lb-x") < out.index("::endgroup::")


@pytest.mark.parametrize(
    ("results", "more", "told"),
    [
        ((BROKEN,), {}, "ERROR  1 errored in 1.5 s"),
        ((), {}, "NOTHING RAN  no scenario ran in 1.5 s"),
        ((GOOD,), {"interrupted": "SIGINT"}, "INTERRUPTED by SIGINT after 1 of 3 scenarios:  1 passed in 1.5 s"),
        ((), {"error": "no httpd"}, "ERROR  no scenario ran in 1.5 s"),
    ],
    ids=["errored", "empty", "interrupted", "no lab"],
)
def test_every_end_has_its_word(results: tuple[ScenarioResult, ...], more: dict[str, object], told: str) -> None:
    assert told in shown(*results, **more)[0]  # type: ignore[arg-type]


def test_an_error_is_told_with_the_log_that_explains_it() -> None:
    assert figure(BROKEN) == "httpd did not start: it ended."
    assert "              [core:error] AH00072: no" in failure_text(BROKEN)
    assert "cause     because" in failure_text(BAD, "because")


@pytest.mark.parametrize(
    ("environ", "colour", "coloured"),
    [
        ({}, Colour.AUTO, False),
        ({}, Colour.ALWAYS, True),
        ({"NO_COLOR": "1"}, Colour.ALWAYS, True),
        ({}, Colour.NEVER, False),
    ],
    ids=str,
)
def test_colour_is_asked_for_or_left_out(environ: dict[str, str], colour: Colour, coloured: bool) -> None:
    screen = Screen.open(environ=environ, colour=colour)
    assert (screen.out.color_system is not None) is coloured
    assert not screen.out.is_interactive


def test_a_terminal_has_one_spinner_for_all_that_run() -> None:
    stream = io.StringIO()
    err = Console(file=stream, width=200, force_terminal=True, force_interactive=True)
    screen = Screen(out=Console(file=io.StringIO()), err=err)
    with screen.running("lb-a"):
        assert screen.spinner.status == "lb-a"
        with screen.running("lb-b"):
            assert screen.spinner.status == "lb-a, lb-b"
        assert screen.spinner.status == "lb-a"
    assert "lb-a" in stream.getvalue()
    with screen.running("lb-c"):
        assert screen.spinner.status == "lb-c"


def test_a_broken_should_is_told_and_counted() -> None:
    verdict = replace(BAD.verdicts[0], grade=Grade.SHOULD)
    loose = replace(GOOD, name="lb-s", verdicts=(*GOOD.verdicts, verdict))
    out, _ = shown(GOOD, loose)
    assert f"PASS, not strict lb-s alternates: {verdict.observed}" in out
    assert "PASS  2 passed (1 of the passed not strictly)" in out
    assert "≈ lb-s" in shown(loose, plain=False)[0]
    assert "lb-s" not in shown(loose, verbosity=Verbosity.VERDICT)[0]


@pytest.mark.parametrize("verbosity", [Verbosity.VERDICT, Verbosity.SCENARIOS])
def test_table_stands_between_failures_and_verdict(verbosity: Verbosity) -> None:
    out, _ = shown(BAD, verbosity=verbosity, table=["", "Title", "  a  b"])
    assert out.index("again") < out.index("\nTitle\n  a  b\n\nFAIL  1 failed")


def test_nothing_shows_no_table_either() -> None:
    assert shown(GOOD, verbosity=Verbosity.NOTHING, table=["Title"])[0] == ""


def test_what_holds_only_while_no_child_comes_is_said_before_the_first_scenario() -> None:
    streams = io.StringIO(), io.StringIO()
    out, err = (Console(file=stream, width=200, no_color=True, highlight=False, markup=False) for stream in streams)
    screen = Screen(out=out, err=err, verbosity=Verbosity.SCENARIOS, plain=True, github=False)
    screen.headline(ENVIRONMENT | {"new_children": "Each new child sets the turns back."}, 2)
    assert streams[0].getvalue().splitlines()[1:] == ["note  Each new child sets the turns back.", "start 2 scenarios"]


FOLDED: dict[str, Callable[[str], str]] = {
    "reason": lambda text: failure_text(replace(BAD, reason=text)),
    "observed": lambda text: failure_text(replace(BAD, verdicts=(replace(BAD.verdicts[0], observed=text),))),
    "expected": lambda text: failure_text(replace(BAD, verdicts=(replace(BAD.verdicts[0], expected=text),))),
    "cause": lambda text: failure_text(BAD, text),
}


@pytest.mark.parametrize("place", FOLDED)
def test_secret_is_taken_out_wherever_a_line_is_folded(place: str) -> None:
    secret, leaked = "Hu5h-4711", []
    for blanks in range(110):
        told = FOLDED[place](f"{'x' * blanks} Authorization: Bearer {secret} ::error title=a::b \x1b[2J")
        assert "(redacted)" in told
        leaked += [blanks] * (secret in told or "::error" in told or "\x1b" in told)
    assert leaked == []
