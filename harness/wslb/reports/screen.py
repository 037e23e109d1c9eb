"""What a run shows on a terminal or in a CI log: the result on stdout, everything else on stderr.

On a terminal one line a scenario appears as it ends, with a spinner while it runs. Without one (a pipe, or ``CI`` set)
there is no animation and no cursor movement, only plain lines.
"""

from __future__ import annotations

import contextlib
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from rich.console import Console
from rich.status import Status
from rich.text import Text

from wslb.model.disclosure import clean, field_value, one_line, redacted
from wslb.model.results import Outcome, Report, ScenarioResult
from wslb.reports.causes.explained import NOTHING_EXPLAINED, Explanation

__all__ = ["Colour", "Screen", "Verbosity", "failure_text"]

_MPMS = {"prefork": "prefork: each tunnel holds a process"}
"""What is told of an MPM where it decides what a tunnel costs."""

_MARKS = {
    Outcome.PASSED: ("✔", "PASS", "green"),
    Outcome.FAILED: ("✖", "FAIL", "red"),
    Outcome.SKIPPED: ("–", "SKIP", "yellow"),
    Outcome.ERRORED: ("!", "ERROR", "magenta"),
}


class Verbosity(IntEnum):
    """``-qq`` to ``-vv``."""

    NOTHING = -2
    VERDICT = -1
    SCENARIOS = 0
    CONNECTIONS = 1
    HEADERS = 2


class Colour(StrEnum):
    """``--color``; auto asks the terminal, ``NO_COLOR`` (no-color.org) and ``TERM=dumb``."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """Where a run is shown.

    Attributes:
        out: results; stderr when stdout belongs to a JSON document.
        err: progress and hints.
        plain: no animation, words instead of marks, a line for everything: pipes and CI logs.
        github: also the workflow commands of GitHub Actions.
    """

    out: Console
    err: Console
    verbosity: Verbosity = Verbosity.SCENARIOS
    plain: bool = False
    github: bool = False
    names: list[str] = field(default_factory=list, init=False)
    spinner: Status = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "spinner", Status("", console=self.err))

    @classmethod
    def open(
        cls,
        *,
        environ: Mapping[str, str],
        colour: Colour = Colour.AUTO,
        verbosity: Verbosity = Verbosity.SCENARIOS,
        json_on_stdout: bool = False,
    ) -> Screen:
        """A screen on this process's own streams.

        ``FORCE_COLOR`` makes rich take a pipe for a terminal: `force_interactive` keeps the colour, not the animation.
        """
        in_ci = bool(environ.get("CI"))

        def console(*, stderr: bool) -> Console:
            never = colour is Colour.NEVER or (colour is Colour.AUTO and bool(environ.get("NO_COLOR")))
            terminal = True if colour is Colour.ALWAYS else None
            stream = sys.stderr if stderr else sys.stdout
            return Console(
                file=stream,
                no_color=never,
                color_system=None if never else ("standard" if terminal else "auto"),
                force_terminal=terminal,
                force_interactive=False if in_ci or not stream.isatty() else None,
                highlight=False,
                markup=False,
                emoji=False,
                soft_wrap=True,
            )

        out = console(stderr=json_on_stdout)
        err = console(stderr=True)
        stream = sys.stderr if json_on_stdout else sys.stdout
        return cls(
            out=out,
            err=err,
            verbosity=verbosity,
            plain=in_ci or not stream.isatty(),
            github=bool(environ.get("GITHUB_ACTIONS")),
        )

    def headline(self, environment: Mapping[str, object], planned: int) -> None:
        """What is asked of what, before the first scenario."""
        leftovers = environment.get("leftovers")
        for sentence in leftovers if isinstance(leftovers, list) else ():
            self.err.print(sentence)
        if self.verbosity < Verbosity.SCENARIOS:
            return
        facts = [
            f"wslb {environment['wslb']}",
            " ".join(filter(None, [str(environment["proxy"]), _served_by(str(environment["mpm"]))])),
            f"{environment['carrier']}",
            f"runtime {environment['runtime']} ({environment['runtime_reason']})",
            f"ready in {environment['ready_seconds']:.2f} s",
        ]
        self.out.print(" · ".join(facts))
        if told := environment.get("new_children"):
            self.out.print(f"note  {told}")
        if self.github:
            self.out.print("::group::wslb test")
        if self.plain:
            self.out.print(f"start {planned} scenario{'' if planned == 1 else 's'}")
        else:
            self.out.print()

    @contextlib.contextmanager
    def running(self, name: str) -> Iterator[None]:
        """While a scenario runs: its name with a spinner, beside those of others, on a terminal only."""
        if self.plain or self.verbosity < Verbosity.SCENARIOS or not self.err.is_interactive:
            yield
            return
        self.names.append(name)
        try:
            self._spin()
            yield
        finally:
            self.names.remove(name)
            self._spin()

    def _spin(self) -> None:
        """One spinner for all that run: a terminal has room for one."""
        self.spinner.update(", ".join(self.names))
        if self.names:
            self.spinner.start()
        else:
            self.spinner.stop()

    def result(self, result: ScenarioResult) -> None:
        """One line for a scenario that ended; more with ``-v``."""
        if self.verbosity < Verbosity.SCENARIOS:
            return
        mark, word, colour = _MARKS[result.outcome]
        if result.outcome is Outcome.PASSED and not result.strict:
            mark, word = "≈", "PASS, not strict"
        line = Text()
        line.append(f"{word} " if self.plain else f"  {mark} ", style=colour)
        line.append(result.name if self.plain else f"{result.name:<28}")
        line.append(f" {one_line(redacted(figure(result)))}")
        line.append(f" {result.seconds:.2f}s" if self.plain else f"  {result.seconds:.2f} s", style="dim")
        self.out.print(line)
        if self.verbosity >= Verbosity.CONNECTIONS:
            self._connections(result)

    def _connections(self, result: ScenarioResult) -> None:
        for handshake in result.record.handshakes:
            who = result.record.route_of(handshake) or "nobody"
            status = redacted(str(handshake.status or handshake.error))
            self.out.print(one_line(f"      #{handshake.seq} {who} {status} {handshake.elapsed_seconds * 1000:.1f} ms"))
            if self.verbosity >= Verbosity.HEADERS:
                for mark, headers in ((">", handshake.request), ("<", handshake.response)):
                    for name, value in headers:
                        self.out.print(one_line(f"        {mark} {name}: {field_value(name, value)}"))

    def close(
        self,
        report: Report,
        *,
        paths: Sequence[str] = (),
        annotations: Sequence[str] = (),
        explained: Explanation = NOTHING_EXPLAINED,
        table: Sequence[str] = (),
    ) -> None:
        """Failures, the table if there is one, the verdict with its counts and causes, and last the report as a link.

        Of failures with one cause the first is told in full, and the others by their names: all of them with ``-v``.
        """
        if self.github and self.verbosity >= Verbosity.SCENARIOS:
            self.out.print("::endgroup::")
        for annotation in annotations:
            self.out.print(annotation)
        if self.verbosity <= Verbosity.NOTHING:
            return
        causes = {scenario.name: one for one in explained.causes for scenario in one.scenarios}
        for result in report.results:
            one = causes.get(result.name)
            first = one is None or one.scenarios[0].name == result.name
            if result.outcome in {Outcome.FAILED, Outcome.ERRORED} and (first or self.verbosity > Verbosity.SCENARIOS):
                self.out.print()
                others = [scenario.name for scenario in one.scenarios[1:]] if one and first else []
                self.out.print(Text(failure_text(result, one.cause.sentence if one else "", others=others)))
        for line in table:
            self.out.print(Text(line))
        word, colour = _verdict(report)
        counts = ", ".join(f"{report.count(outcome)} {outcome.value}" for outcome in Outcome if report.count(outcome))
        loose = sum(result.outcome is Outcome.PASSED and not result.strict for result in report.results)
        counts += f" ({loose} of the passed not strictly)" if loose else ""
        if self.verbosity >= Verbosity.SCENARIOS or table:
            self.out.print()
        self.out.print(Text.assemble((word, colour), f"  {counts or 'no scenario ran'} in {report.seconds:.1f} s"))
        for line in explained.lines():
            self.out.print(Text(clean(line)))
        for path in paths:
            self.out.print(path)


def _served_by(mpm: str) -> str:
    """The MPM in brackets; empty for a proxy that has none."""
    return f"({_MPMS.get(mpm, mpm)})" if mpm else ""


def _verdict(report: Report) -> tuple[str, str]:
    if report.interrupted:
        done = f"{len(report.results)} of {len(report.planned)} scenarios"
        return f"INTERRUPTED by {report.interrupted} after {done}:", "bold magenta"
    word = {0: "PASS", 1: "FAIL", 5: "NOTHING RAN"}.get(report.exit_code, "ERROR")
    return word, {"PASS": "bold green", "FAIL": "bold red"}.get(word, "bold magenta")


def figure(result: ScenarioResult) -> str:
    """The one thing to know of a scenario: why it was not judged, what broke, or what its first check saw."""
    if result.reason:
        return result.reason.splitlines()[0]
    failure = result.first_failure
    if failure:
        return f"{failure.check}: {failure.observed}"
    lenient = next((verdict for verdict in result.verdicts if not verdict.holds), None)
    if lenient:
        return f"{lenient.check}: {lenient.observed}"
    return result.verdicts[0].observed if result.verdicts else ""


def failure_text(result: ScenarioResult, cause: str = "", *, others: Sequence[str] = ()) -> str:
    """Everything about a scenario that did not hold: question, likely cause, each broken check, how to ask it again.

    `others` are the names of those that failed by the same cause. Secrets are taken out before lines are folded: a
    field whose value is on the next line is none.
    """
    lines = [f"✖ {result.name}: {result.question}"]
    lines += [_field("cause", cause)] if cause else []
    lines += [f"    limit     {result.limit}"]
    if result.reason:
        first, *rest = redacted(result.reason).splitlines()
        lines += [_field("reason", first), *(f"              {line}" for line in rest)]
    for verdict in result.verdicts:
        if verdict.breaks:
            lines += [
                f"    check     {verdict.check}",
                _field("expected", verdict.expected),
                _field("seen", verdict.observed),
            ]
    lines.append(f"    again     {result.reproduce}")
    if others:
        lines.append(_field("also", ", ".join(others)))
    return clean(redacted("\n".join(lines)))


def _field(name: str, text: str) -> str:
    return textwrap.fill(
        redacted(text),
        width=110,
        initial_indent=f"    {name:<9} ",
        subsequent_indent=" " * 14,
        break_long_words=False,
        break_on_hyphens=False,
    )
