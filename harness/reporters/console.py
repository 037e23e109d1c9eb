"""What a run prints: one line a scenario, the failures in full, and the verdict last."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from harness.results import Outcome, Report, ScenarioResult

__all__ = ["failure_text", "print_result", "print_summary"]

_MARKS = {
    Outcome.PASSED: ("✔", "PASS", "green"),
    Outcome.FAILED: ("✖", "FAIL", "red"),
    Outcome.SKIPPED: ("–", "SKIP", "yellow"),
    Outcome.ERRORED: ("!", "ERROR", "magenta"),
}


def print_result(console: Console, result: ScenarioResult) -> None:
    """One line: mark, name, key figure, time."""
    mark, word, colour = _MARKS[result.outcome]
    line = Text()
    line.append(f"  {mark} {word:<5} ", style=colour)
    line.append(f"{result.name:<26} ")
    line.append(_figure(result))
    line.append(f"  {result.seconds:.2f} s", style="dim")
    console.print(line, soft_wrap=True)


def _figure(result: ScenarioResult) -> str:
    if result.reason:
        return result.reason
    failure = result.first_failure
    if failure:
        return f"{failure.check}: {failure.observed}"
    return f"{len(result.record.handshakes)} connections, {len(result.verdicts)} checks"


def failure_text(result: ScenarioResult) -> str:
    """Everything about a scenario that did not hold: question, each broken check, how to run it again."""
    lines = [f"{result.name}: {result.question}", f"  limit     {result.limit}"]
    if result.reason:
        lines.append(f"  reason    {result.reason}")
    for verdict in result.verdicts:
        if not verdict.holds:
            lines += [
                f"  check     {verdict.check}",
                _field("expected", verdict.expected),
                _field("observed", verdict.observed),
            ]
    lines.append(f"  again     {result.reproduce}")
    return "\n".join(lines)


def _field(name: str, text: str) -> str:
    return textwrap.fill(
        text, width=110, initial_indent=f"    {name:<9} ", subsequent_indent=" " * 14, break_long_words=False
    )


def print_summary(console: Console, report: Report, *, paths: Sequence[str] = ()) -> None:
    """Failures in full, the counts, and last of all the report as a link."""
    for result in report.results:
        if result.outcome in {Outcome.FAILED, Outcome.ERRORED}:
            console.print()
            console.print(Text(failure_text(result)), soft_wrap=True)
    counts = ", ".join(f"{report.count(outcome)} {outcome.value}" for outcome in Outcome if report.count(outcome))
    word = {0: "PASS", 1: "FAIL", 5: "NOTHING RAN"}.get(report.exit_code, "ERROR")
    if report.interrupted:
        word = f"INTERRUPTED by {report.interrupted} after {len(report.results)} of {len(report.planned)} scenarios:"
    colour = {"PASS": "bold green", "FAIL": "bold red"}.get(word, "bold magenta")
    console.print()
    console.print(Text.assemble((word, colour), f"  {counts or 'no scenario ran'} in {report.seconds:.1f} s"))
    for path in paths:
        console.print(Text(path), soft_wrap=True)
