"""The numbers of a comparison of lbmethods, made from the saved connections of its runs."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from wslb.model.balancer import LbMethod
from wslb.model.comparison import ComparedMethods, MethodNumbers, Stat
from wslb.model.results import Outcome
from wslb.reports.document import SavedConnection, SavedScenario
from wslb.reports.latency import percentile
from wslb.reports.sequences import turns_of
from wslb.reports.timeline import fault_numbers

__all__ = ["deviation", "measured"]


def measured(comparison: ComparedMethods, scenarios: Iterable[SavedScenario]) -> ComparedMethods:
    """A comparison as it was planned, with the numbers of the runs that there are and that passed.

    A run in which a claim failed is evidence of that failure, and none of what the method is worth.
    """
    by_name = {scenario.name: scenario for scenario in scenarios if scenario.outcome is Outcome.PASSED}
    workloads = []
    for workload in comparison.workloads:
        rows = []
        for lbmethod in comparison.lbmethods:
            runs = [
                by_name[run.scenario]
                for run in comparison.runs
                if (run.workload, run.lbmethod) == (workload.name, lbmethod) and run.scenario in by_name
            ]
            rows.append(_numbers(lbmethod, workload.deviation, runs))
        workloads.append(replace(workload, methods=tuple(rows)))
    return replace(comparison, workloads=tuple(workloads))


def _numbers(lbmethod: LbMethod, kind: str, runs: Sequence[SavedScenario]) -> MethodNumbers:
    seconds = [sorted(_seconds(run)) for run in runs]
    faults = [fault for run in runs for fault in fault_numbers(run)]
    away = [fault.end + fault.recovered - fault.begin for fault in faults if fault.recovered is not None]
    return MethodNumbers(
        lbmethod=lbmethod,
        runs=len(runs),
        connections=sum(len(run.connections) for run in runs),
        timed=sum(len(values) for values in seconds),
        breaks=_range([_breaks(run) for run in runs]),
        deviation=_range([deviation(run, kind) for run in runs]),
        p50=_range([percentile(values, 50) for values in seconds]),
        p99=_all_together(seconds),
        errors=_range([fault.lost for fault in faults]),
        recovery=_range(away if len(away) == len(faults) else [None]),
    )


def _seconds(run: SavedScenario) -> list[float]:
    return [connection.elapsed_seconds for connection in run.connections if connection.accepted]


def _breaks(run: SavedScenario) -> int:
    return sum(a == b and a is not None for a, b in pairwise(turns_of(run).seen))


def _range(values: Sequence[float | None]) -> Stat | None:
    """Median and range; None when there is nothing, or one of the runs could not tell."""
    told = [value for value in values if value is not None]
    if not told or len(told) < len(values):
        return None
    return Stat(median=round(statistics.median(told), 6), low=round(min(told), 6), high=round(max(told), 6))


def _all_together(seconds: Sequence[Sequence[float]]) -> Stat | None:
    """The 99th percentile over all runs: a single run is too short for one, so it has no range."""
    value = percentile(sorted(value for values in seconds for value in values), 99)
    return None if value is None else Stat(median=value)


def deviation(run: SavedScenario, kind: str) -> float:
    """Largest distance of a member from its share, by its loadfactor, at the end of a run.

    Args:
        run: scenario of the saved document.
        kind: what is shared: ``connections`` that were served, ``tunnels`` that were open after the last connect, or
            ``bytes`` of all messages, both ways.
    """
    turns = turns_of(run)
    end = max((connection.opened_at for connection in run.connections), default=0.0)
    counts = dict.fromkeys(turns.lanes, 0)
    for connection, lane in zip(run.connections, turns.seen, strict=True):
        if lane is None:
            continue
        if kind == "bytes":
            counts[lane] += connection.carried
        elif kind == "connections" or _open(connection, end):
            counts[lane] += 1
    weights = {member.route: member.loadfactor for member in run.balancer.members} if run.balancer else {}
    unit = sum(counts.values()) / max(1, sum(weights.get(lane, 1) for lane in counts))
    return max((abs(number - unit * weights.get(lane, 1)) for lane, number in counts.items()), default=0.0)


def _open(connection: SavedConnection, at: float) -> bool:
    return connection.accepted and (connection.closed_at is None or connection.closed_at > at)
