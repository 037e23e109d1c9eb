"""The result of a load run as plain values (``wslb.load/1``), made once and drawn by everything else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema

from wslb.errors import EvidenceError
from wslb.load.engines import Lost, Result
from wslb.load.plan import LoadPlan
from wslb.load.tally import NOBODY, Course, Histogram, Tally
from wslb.load.thresholds import Limit, Limited, judge, needed
from wslb.model import percentiles
from wslb.resources import resource

__all__ = [
    "PERCENTILES",
    "Evidence",
    "LoadOutcome",
    "document_of",
    "facts_of",
    "outcome_of",
    "read_document",
    "validate",
]

SCHEMA = "wslb.load/1"
PERCENTILES: tuple[float, ...] = (50, 75, 90, 95, 99, 99.9, 99.99)
"""What is told of every latency when nobody asks for others."""

LOST_KINDS = frozenset({"lost", "no close frame in answer"})
"""Failures of a tunnel that was open and ended without a close frame."""

RATE_SLACK = 0.01
SHORT_SECONDS = 0.1
"""A schedule may end so much later than due, or one per cent of its length, and still be the rate asked for."""


@dataclass(slots=True, kw_only=True)
class Evidence:
    """What was seen beside the counts, for the document, and which percentiles are to be told."""

    target: Mapping[str, Any]
    environment: Mapping[str, Any] = field(default_factory=dict)
    usage: Mapping[str, Any] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[Mapping[str, Any]] = ()
    command: str = ""
    started: str = ""
    seconds: float = 0.0
    interrupted: str = ""
    percentiles: Sequence[float] = PERCENTILES


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOutcome:
    """How a load run ended: a word, the exit code, and why."""

    word: str
    exit_code: int
    reasons: tuple[str, ...] = ()


def facts_of(plan: LoadPlan, result: Result, percents: Sequence[float] = PERCENTILES) -> dict[str, Any]:
    """The numbers that limits are about, with the histograms themselves."""
    tally = result.tally
    errors = dict(tally.errors)
    gone = sum(lost.connections for lost in result.lost)
    if gone:
        errors["lost with its process"] = gone
    opens, echoes = Histogram(), Histogram()
    for served in tally.backends.values():
        opens.add(served.open)
        echoes.add(served.echo)
    span = tally.opened_span[1] - min(tally.start_span[0], tally.opened_span[0]) if tally.opened else 0.0
    planned = plan.total or tally.started + gone
    return {
        "planned": planned,
        "started": tally.started,
        "not_started": tally.not_started,
        "opened": tally.opened,
        "closed": sum(served.closed for served in tally.backends.values()),
        "errors": sum(errors.values()),
        "errors_by_kind": errors,
        "lost": gone + sum(count for kind, count in errors.items() if kind in LOST_KINDS),
        "interrupted": tally.interrupted,
        "echoed": sum(served.echoed for served in tally.backends.values()),
        "messages_due": planned * plan.messages,
        "rate": tally.opened / span if span > 0 else 0.0,
        "sent_rate": sent_rate(plan, tally),
        "imbalance": imbalance(tally),
        "latency": {
            name: latency(histogram, percents)
            for name, histogram in (("open", opens), ("echo", echoes), ("lag", tally.lag))
        },
    }


def imbalance(tally: Tally) -> float | None:
    """Largest distance from the equal share, relative to it; None with fewer than two backends."""
    counts = [served.opened for name, served in tally.backends.items() if name != NOBODY]
    if len(counts) < 2 or not sum(counts):
        return None
    fair = sum(counts) / len(counts)
    return max(abs(count - fair) for count in counts) / fair


def sent_rate(plan: LoadPlan, tally: Tally) -> float | None:
    """Opens per second that were begun, on average over the schedule; None in the closed model."""
    if not plan.open_model or tally.started < 2:
        return None
    span = tally.start_span[1] - tally.start_span[0]
    return (tally.started - 1) / span if span > 0 else None


def latency(histogram: Histogram, percents: Sequence[float] = PERCENTILES) -> dict[str, Any]:
    """A histogram with its percentiles; those with too few samples are withheld (null)."""
    count = histogram.count
    told = histogram.percentiles(percents)
    return {
        "count": count,
        "mean_seconds": histogram.mean if count else None,
        "max_seconds": histogram.highest if count else None,
        "percentiles": {
            percentiles.label(percent).removeprefix("p"): told[percent] if count >= needed(percent) else None
            for percent in percents
        },
        "histogram": histogram,
    }


def invalid(plan: LoadPlan, facts: Mapping[str, Any], tally: Tally) -> list[str]:
    """Why the client did not do what was asked, so that its latencies are about the client and nobody else."""
    reasons: list[str] = []
    if plan.open_model and not facts["interrupted"] and tally.started:
        expected = plan.due(max(plan.total - 1, 0))
        late = tally.start_span[1] - expected
        if facts["not_started"]:
            reasons.append(
                f"the client began {facts['started']} of {facts['planned']} opens: "
                f"it cannot keep {plan.top_rate:g}/s here"
            )
        elif late > max(RATE_SLACK * expected, SHORT_SECONDS):
            reasons.append(f"the last open began {late:.2f} s late: the client did not keep {plan.top_rate:g}/s")
    lag = facts["latency"]["lag"]
    slow = lag["histogram"].percentile(99)
    if lag["count"] and slow > plan.lag_seconds:
        reasons.append(
            f"one start in a hundred was {slow * 1e3:.0f} ms late or more (--lag-limit {plan.lag_seconds:g}s)"
        )
    return reasons


def outcome_of(
    plan: LoadPlan, result: Result, facts: Mapping[str, Any], judged: Sequence[Limited], *, interrupted: str
) -> LoadOutcome:
    """Interrupted before invalid before failed before passed."""
    if interrupted:
        return LoadOutcome(
            word="interrupted", exit_code=130 if interrupted == "SIGINT" else 143, reasons=(f"by {interrupted}",)
        )
    gone = [f"{lost.place} was lost with {lost.connections} connections: {lost.reason}" for lost in result.lost]
    broken = [f"limit {one.limit.text}: {one.observed}" for one in judged if not one.holds]
    failures = (*gone, *broken)
    if gone and not result.places:
        return LoadOutcome(word="failed", exit_code=1, reasons=failures)
    invalids = invalid(plan, facts, result.tally)
    if invalids:
        return LoadOutcome(word="invalid", exit_code=4, reasons=(*invalids, *gone))
    if failures:
        return LoadOutcome(word="failed", exit_code=1, reasons=failures)
    return LoadOutcome(word="passed", exit_code=0)


def document_of(plan: LoadPlan, result: Result, limits: Sequence[Limit], evidence: Evidence) -> dict[str, Any]:
    """The whole result; `validate` holds it against the schema."""
    percents = tuple(evidence.percentiles)
    facts = facts_of(plan, result, percents)
    judged = judge(limits, facts)
    outcome = outcome_of(plan, result, facts, judged, interrupted=evidence.interrupted)
    tally = result.tally
    made = {
        "schema": SCHEMA,
        "started_at": evidence.started,
        "seconds": round(evidence.seconds, 3),
        "command": evidence.command,
        "outcome": {"word": outcome.word, "exit_code": outcome.exit_code, "reasons": list(outcome.reasons)},
        "limits": [{"text": one.limit.text, "holds": one.holds, "observed": one.observed} for one in judged],
        "target": dict(evidence.target),
        "plan": {key: value for key, value in plan.as_json().items() if key != "trust"},
        "model": "open" if plan.open_model else "closed",
        "environment": dict(evidence.environment),
        **{key: value for key, value in facts.items() if key != "latency"},
        "latency": {name: _told(one) for name, one in facts["latency"].items()},
        "backends": [_backend(name, served, tally.opened, percents) for name, served in sorted(tally.backends.items())],
        "timeline": timeline(tally.timeline),
        "usage": dict(evidence.usage),
        "members": dict(evidence.members),
        "events": [dict(event) for event in evidence.events],
        "places": result.places,
        "lost_places": [_lost(lost) for lost in result.lost],
        "clients": tally.clients,
    }
    validate(made)
    return made


def _told(one: Mapping[str, Any]) -> dict[str, Any]:
    histogram: Histogram = one["histogram"]
    return {**one, "histogram": histogram.encoded()}


def _backend(name: str, served: Any, opened: int, percents: Sequence[float]) -> dict[str, Any]:
    return {
        "name": name,
        "opened": served.opened,
        "share": served.opened / opened if opened else 0.0,
        "closed": served.closed,
        "echoed": served.echoed,
        "errors": dict(served.errors),
        "open": _told(latency(served.open, percents)),
        "echo": _told(latency(served.echo, percents)),
    }


def _lost(lost: Lost) -> dict[str, Any]:
    return {"place": lost.place, "shard": lost.shard, "connections": lost.connections, "reason": lost.reason}


def timeline(line: Course) -> dict[str, Any]:
    """Steps in order without gaps, with the tunnels that live at the end of each, by backend."""
    steps: list[dict[str, Any]] = []
    live: dict[str, int] = {}
    for step in range(max(line.steps, default=-1) + 1):
        counts: Mapping[str, int] = line.steps.get(step, {})
        opened = {key.removeprefix("opened "): count for key, count in counts.items() if key.startswith("opened ")}
        for name, count in opened.items():
            live[name] = live.get(name, 0) + count
        for key, count in counts.items():
            if key.startswith("ended "):
                name = key.removeprefix("ended ")
                live[name] = live.get(name, 0) - count
        steps.append(
            {
                "at": round(step * line.width, 3),
                "started": counts.get("started", 0),
                "opened": opened,
                "live": dict(live),
                "failed": counts.get("failed", 0),
                "echoed": counts.get("echoed", 0),
            }
        )
    return {"width_seconds": line.width, "steps": steps}


def validate(made: Mapping[str, Any]) -> None:
    """Hold a document against ``load.schema.json``.

    Raises:
        EvidenceError: it is not of that form.
    """
    try:
        jsonschema.validate(made, json.loads(resource("load/load.schema.json")))
    except jsonschema.ValidationError as exc:
        where = "/".join(str(part) for part in exc.absolute_path)
        raise EvidenceError(path="the load document", detail=f"{where}: {exc.message}") from exc


def read_document(path: Path) -> dict[str, Any]:
    """Read a saved document.

    Raises:
        EvidenceError: it cannot be read, or is no load document.
    """
    try:
        made = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise EvidenceError(path=path, detail=str(exc)) from exc
    validate(made)
    return dict(made)
