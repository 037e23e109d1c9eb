"""How a load run ended, and the document that says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from wslb.caller import code_of
from wslb.load.engines.running import Result
from wslb.load.plan import LoadPlan
from wslb.load.saved import (
    GroupUse,
    JudgedLimit,
    LatencyTable,
    LoadDocument,
    LoadEvent,
    LoadFinding,
    LoadMembers,
    LoadOutcome,
    LoadTarget,
    ServedTable,
    TimeStep,
    TimeSteps,
)
from wslb.load.shards.link import UNKNOWN
from wslb.load.tally import NOBODY, Course, Histogram, Served, Tally
from wslb.load.thresholds import Limit, judge
from wslb.load.totals import Totals, totals_of
from wslb.model import percentiles
from wslb.wire.opens import uneven

__all__ = ["PERCENTILES", "Surroundings", "document_of", "steps_of"]

PERCENTILES: tuple[float, ...] = (50, 75, 90, 95, 99, 99.9, 99.99)
"""What is told of every latency when nobody asks for others."""

RATE_SLACK = 0.01
SHORT_SECONDS = 0.1
"""A schedule may end so much later than due, or one per cent of its length, and still be the rate asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What was seen beside the counts, for the document, and which percentiles are to be told."""

    target: LoadTarget
    environment: Mapping[str, object] = field(default_factory=dict)
    usage: Mapping[str, GroupUse] = field(default_factory=dict)
    members: LoadMembers = field(default_factory=LoadMembers)
    events: tuple[LoadEvent, ...] = ()
    command: str = ""
    started: str = ""
    seconds: float = 0.0
    interrupted: str = ""
    percentiles: Sequence[float] = PERCENTILES
    findings: tuple[LoadFinding, ...] = ()


def document_of(plan: LoadPlan, result: Result, limits: Sequence[Limit], around: Surroundings) -> LoadDocument:
    """Everything that a load run came to."""
    totals = totals_of(plan, result)
    judged = (*judge(limits, totals), *_demanded(plan, result.tally))
    tally, percents = result.tally, around.percentiles
    return LoadDocument(
        **msgspec.structs.asdict(totals.counts),
        started_at=around.started,
        seconds=round(around.seconds, 3),
        command=around.command,
        outcome=_outcome(plan, result, totals, judged, interrupted=around.interrupted),
        limits=judged,
        target=around.target,
        plan=msgspec.structs.replace(plan, trust=""),
        model="open" if plan.open_model else "closed",
        environment=dict(around.environment),
        latency={name: _latency(histogram, percents) for name, histogram in totals.latency.items()},
        backends=tuple(_served(name, one, tally.opened, percents) for name, one in sorted(tally.backends.items())),
        timeline=steps_of(tally.course),
        usage=dict(around.usage),
        members=around.members,
        events=around.events,
        findings=around.findings,
        places=tuple(result.places),
        lost_places=tuple(result.lost),
        clients=tuple(tally.clients),
    )


def _outcome(
    plan: LoadPlan, result: Result, totals: Totals, judged: Sequence[JudgedLimit], *, interrupted: str
) -> LoadOutcome:
    """Interrupted before invalid before failed before passed."""
    if interrupted:
        return LoadOutcome(word="interrupted", exit_code=code_of(interrupted), reasons=(f"by {interrupted}",))
    gone = [f"{lost.place} was lost with {lost.connections} connections: {lost.reason}" for lost in result.lost]
    broken = [f"limit {one.text}: {one.observed}" for one in judged if not one.holds]
    invalid = _invalid(plan, result, totals)
    if invalid and (result.places or not gone):
        return LoadOutcome(word="invalid", exit_code=4, reasons=(*invalid, *gone))
    if gone or broken:
        return LoadOutcome(word="failed", exit_code=1, reasons=(*gone, *broken))
    return LoadOutcome(word="passed", exit_code=0)


def _demanded(plan: LoadPlan, tally: Tally) -> Iterator[JudgedLimit]:
    """What was asked of the balancer; where nothing tells who answered, it does not hold."""
    nobody = "nothing tells which backend answered"
    if plan.shares:
        text = f"shares {':'.join(map(str, plan.shares))}"
        counts = {name: one.opened for name, one in sorted(tally.backends.items()) if one.opened and name != NOBODY}
        problem = (
            nobody if UNKNOWN in counts or not counts else uneven(sorted(counts.values(), reverse=True), plan.shares)
        )
        shown = ", ".join(f"{name} {count}" for name, count in counts.items())
        yield JudgedLimit(text=text, holds=not problem, observed=problem or shown)
    if plan.keep_cookies:
        came = tally.kept + tally.moved
        observed = f"{tally.kept} of {came} opens came back to their client's backend" if came else nobody
        yield JudgedLimit(text="keep-cookies", holds=came > 0 and not tally.moved, observed=observed)


def _invalid(plan: LoadPlan, result: Result, totals: Totals) -> list[str]:
    """Why the client did not do what was asked, so that its latencies are about the client and nobody else."""
    reasons: list[str] = []
    counts, tally = totals.counts, result.tally
    if plan.open_model and not counts.interrupted and tally.started:
        expected = plan.due(max(plan.total - 1, 0))
        late = tally.start_span[1] - expected
        if counts.not_started:
            reasons.append(
                f"the client began {counts.started} of {counts.planned} opens: it cannot keep {plan.top_rate:g}/s here"
            )
        elif late > max(RATE_SLACK * expected, SHORT_SECONDS):
            reasons.append(f"the last open began {late:.2f} s late: the client did not keep {plan.top_rate:g}/s")
    slow = tally.lag.percentile(99)
    if slow > plan.lag_seconds:
        reasons.append(
            f"one start in a hundred was {slow * 1e3:.0f} ms late or more (--lag-limit {plan.lag_seconds:g}s)"
        )
    return reasons


def _latency(histogram: Histogram, percents: Sequence[float]) -> LatencyTable:
    count = histogram.count
    return LatencyTable(
        count=count,
        mean_seconds=histogram.mean if count else None,
        max_seconds=histogram.highest if count else None,
        percentiles={
            percentiles.label(percent).removeprefix("p"): value for percent, value in histogram.told(percents).items()
        },
        histogram=histogram.encoded(),
    )


def _served(name: str, served: Served, opened: int, percents: Sequence[float]) -> ServedTable:
    return ServedTable(
        name=name,
        opened=served.opened,
        share=served.opened / opened if opened else 0.0,
        closed=served.closed,
        echoed=served.echoed,
        errors=served.errors,
        open=_latency(served.open, percents),
        echo=_latency(served.echo, percents),
    )


def steps_of(course: Course) -> TimeSteps:
    """A course without gaps, with the tunnels that live at the end of each step, by backend."""
    steps: list[TimeStep] = []
    live: dict[str, int] = {}
    for number in range(max(course.steps, default=-1) + 1):
        counts = course.steps.get(number, {})
        opened = {key.removeprefix("opened "): count for key, count in counts.items() if key.startswith("opened ")}
        for name, count in opened.items():
            live[name] = live.get(name, 0) + count
        for key, count in counts.items():
            if key.startswith("ended "):
                live[key.removeprefix("ended ")] = live.get(key.removeprefix("ended "), 0) - count
        steps.append(
            TimeStep(
                at=round(number * course.width, 3),
                started=counts.get("started", 0),
                opened=opened,
                live=dict(live),
                failed=counts.get("failed", 0),
                echoed=counts.get("echoed", 0),
            )
        )
    return TimeSteps(width_seconds=course.width, steps=tuple(steps))
