"""What a run came to, over all shards: the numbers and histograms that limits and tables are about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wslb.load.engines.running import Result
from wslb.load.plan import LoadPlan
from wslb.load.saved import Clock, LoadCounts
from wslb.load.tally import NOBODY, Histogram, Tally, add_counts

__all__ = ["Totals", "totals_of"]

LOST_KINDS = frozenset({"lost", "no close frame in answer"})
"""Failures of a tunnel that was open and ended without a close frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Counts, and every latency by what was timed."""

    counts: LoadCounts
    latency: dict[Clock, Histogram]


def totals_of(plan: LoadPlan, result: Result) -> Totals:
    """Add up a run; connections of lost processes count as failed and as lost."""
    tally = result.tally
    served = tally.backends.values()
    errors = dict(tally.errors)
    gone = sum(lost.connections for lost in result.lost)
    if gone:
        add_counts(errors, {"lost with its process": gone})
    planned = plan.total or tally.started + gone
    span = tally.opened_span[1] - min(tally.start_span[0], tally.opened_span[0]) if tally.opened else 0.0
    return Totals(
        counts=LoadCounts(
            planned=planned,
            started=tally.started,
            not_started=tally.not_started,
            opened=tally.opened,
            closed=sum(one.closed for one in served),
            errors=sum(errors.values()),
            errors_by_kind=errors,
            lost=gone + sum(count for kind, count in errors.items() if kind in LOST_KINDS),
            interrupted=tally.interrupted,
            echoed=sum(one.echoed for one in served),
            messages_due=planned * plan.messages,
            rate=tally.opened / span if span > 0 else 0.0,
            sent_rate=_sent_rate(plan, tally),
            imbalance=_imbalance([one.opened for name, one in tally.backends.items() if name != NOBODY]),
        ),
        latency={
            "open": _together(one.open for one in served),
            "echo": _together(one.echo for one in served),
            "lag": tally.lag,
        },
    )


def _together(histograms: Iterable[Histogram]) -> Histogram:
    total = Histogram()
    for histogram in histograms:
        total.add(histogram)
    return total


def _imbalance(counts: Sequence[int]) -> float | None:
    if len(counts) < 2 or not sum(counts):
        return None
    fair = sum(counts) / len(counts)
    return max(abs(count - fair) for count in counts) / fair


def _sent_rate(plan: LoadPlan, tally: Tally) -> float | None:
    if not plan.open_model or tally.started < 2:
        return None
    span = tally.start_span[1] - tally.start_span[0]
    return (tally.started - 1) / span if span > 0 else None
