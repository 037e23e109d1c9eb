"""What changed since an earlier run, and the runs before: new failures are what a reader wants to see first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from wslb.reports import svg
from wslb.reports.document import Document
from wslb.reports.history import KEPT, PastRun, line_of
from wslb.reports.texts import count, milliseconds, signed, spoken_time

__all__ = ["News", "Trend", "trend"]

_MARKS = {"passed": "✔", "failed": "✖", "errored": "!", "skipped": "o"}


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """One scenario whose outcome is worth a word.

    Attributes:
        label: ``new failure``, ``still failing (n runs)``, ``fixed``, ``new``, ``gone``.
    """

    scenario: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """This run among others.

    Attributes:
        since: sentence for the top of the report; empty when there is nothing to compare with.
        changes: against the baseline, else against the last run of the history.
        numbers: name, now, before, difference.
        picture: verdicts and slow handshakes of the last runs; None without history.
        runs: lines of the history with this run as the last.
    """

    since: str
    changes: tuple[News, ...]
    numbers: tuple[tuple[str, str, str, str], ...]
    picture: Markup | None
    runs: tuple[PastRun, ...]


def trend(document: Document, *, baseline: Document | None, history: Sequence[PastRun]) -> Trend | None:
    """The trend; None with neither baseline nor history.

    Args:
        document: this run.
        baseline: saved document of an earlier run.
        history: lines of earlier runs, oldest first.
    """
    if baseline is None and not history:
        return None
    now = line_of(document)
    earlier = line_of(baseline) if baseline is not None else history[-1]
    changes = _changes(document, earlier, baseline, history)
    kinds = [change.label.partition(" (")[0] for change in changes]
    told = [
        f"{count(kinds.count(kind), kind) if kind == 'new failure' else f'{kinds.count(kind)} {kind}'}"
        for kind in ("new failure", "still failing", "fixed")
        if kind in kinds
    ]
    name = "the baseline" if baseline is not None else "the run before"
    when = f" of {spoken_time(str(earlier.started))}" if earlier.started else ""
    runs = (*history[-(KEPT - 1) :], now)
    return Trend(
        since=f"Since {name}{when}: {', '.join(told) or 'no verdict changed'}",
        changes=changes,
        numbers=_numbers(now, earlier),
        picture=_picture(runs) if history else None,
        runs=runs if history else (),
    )


def _changes(
    document: Document,
    earlier: PastRun,
    baseline: Document | None,
    history: Sequence[PastRun],
) -> tuple[News, ...]:
    failed_before = set(earlier.failed)
    known = {s.name for s in baseline.scenarios} if baseline is not None else None
    found: list[News] = []
    for scenario in document.scenarios:
        name, failed = scenario.name, scenario.outcome == "failed"
        if failed and name in failed_before:
            found.append(News(scenario=name, label=f"still failing ({_runs_failing(name, history)} runs)"))
        elif failed:
            found.append(News(scenario=name, label="new failure"))
        elif name in failed_before and scenario.outcome == "passed":
            found.append(News(scenario=name, label="fixed"))
        elif known is not None and name not in known:
            found.append(News(scenario=name, label="new"))
    names = {scenario.name for scenario in document.scenarios}
    if baseline is not None:
        found += [News(scenario=s.name, label="gone") for s in baseline.scenarios if s.name not in names]
    return tuple(found)


def _runs_failing(name: str, history: Sequence[PastRun]) -> int:
    """Runs in a row in which it failed, this one included; at least two, for it failed in the earlier run."""
    row = 1
    for run in reversed(history):
        if name not in run.failed:
            break
        row += 1
    return max(2, row)


def _numbers(now: PastRun, earlier: PastRun) -> tuple[tuple[str, str, str, str], ...]:
    rows = []
    for name, counted, before in (
        ("connections", now.connections, earlier.connections),
        ("breaks", now.breaks, earlier.breaks),
    ):
        if counted is not None and before is not None:
            rows.append((name, str(counted), str(before), signed(counted - before)))
    for name, mine, then in (
        ("p50", now.p50_seconds, earlier.p50_seconds),
        ("p99", now.p99_seconds, earlier.p99_seconds),
    ):
        if mine is not None and then is not None and now.timed == earlier.timed:
            change = signed(round((mine - then) * 1000, 2))
            rows.append(
                (f"{name}, {now.timed}", f"{milliseconds(mine)} ms", f"{milliseconds(then)} ms", f"{change} ms")
            )
    return tuple(rows)


def _picture(runs: Sequence[PastRun]) -> Markup:
    step, body = 18, list[str]()
    name = "p99" if runs[-1].p99_seconds else "p50"
    slow = [
        (run.p99_seconds if name == "p99" else run.p50_seconds) if run.timed == runs[-1].timed else None for run in runs
    ]
    top = max((value for value in slow if value), default=0)
    body.append(svg.text(0, 15, "verdict", "t dim"))
    for i, run in enumerate(runs):
        x = 70 + i * step
        mark = _MARKS.get(str(run.verdict), "?")
        body.append(svg.text(x, 15, mark, f"t mid o-{run.verdict if run.verdict in _MARKS else 'skipped'}"))
    if top:
        body.append(svg.text(0, 50, name, "t dim"))
        points = [(70 + i * step, 55 - 26 * value / top) for i, value in enumerate(slow) if value]
        line = "M" + "L".join(f"{x} {y:.1f}" for x, y in points)
        body.append(f'<path {svg.stroke(0)} stroke-width="2" d="{line}"/>')
        body.append(svg.text(70 + len(runs) * step, 50, f"most {milliseconds(top)} ms"))
    passed = sum(run.verdict == "passed" for run in runs)
    label = f"Last {len(runs)} runs: {passed} passed" + (f", largest {name} {milliseconds(top)} ms" if top else "")
    return svg.picture("trend", 70 + len(runs) * step + 110, 62, label, body)
