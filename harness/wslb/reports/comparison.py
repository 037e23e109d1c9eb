"""The lbmethods of one run side by side, and which workload each one suits, with what in this run says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from wslb.reports.latency import percentile
from wslb.reports.sequences import overlapping, turns_of
from wslb.reports.texts import count, milliseconds
from wslb.reports.timeline import timeline

__all__ = ["Comparison", "MethodRow", "comparison"]

_SAYS = {
    "byrequests": "exact turns",
    "bybusyness": "fewest open tunnels first",
    "bytraffic": "bytes of request heads",
    "heartbeat": "load reported by the servers",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodRow:
    """What one lbmethod did in this run.

    Attributes:
        held, judged: scenarios whose claim holds, of those that were judged.
        off_rule: connections that landed elsewhere than the method's own model elects, where an order is claimed.
        repeats: connections that landed where the one before had landed, members of equal loadfactor.
        deviation: largest distance of a member's share from an equal one, in connections.
        quick, slow: median and 99th percentile of the handshake in seconds, opened one at a time on ws.
        spread: the middle half of those handshakes, in seconds.
        lost, recovery: over all faults; None without faults.
        best: names of the columns in which no other method is better.
    """

    method: str
    says: str
    held: int
    judged: int
    connections: int
    off_rule: int
    repeats: int
    deviation: float
    quick: float | None
    slow: float | None
    spread: tuple[float, float] | None
    lost: int | None
    recovery: float | None
    best: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All methods, and one recommendation per workload.

    Attributes:
        advice: workload and sentence.
        noise: sentence about the medians.
    """

    rows: tuple[MethodRow, ...]
    advice: tuple[tuple[str, str], ...]
    noise: str


def comparison(scenarios: Sequence[Mapping[str, Any]]) -> Comparison | None:
    """The comparison; None when fewer than two methods were judged."""
    by_method: dict[str, list[Mapping[str, Any]]] = {}
    for scenario in scenarios:
        if scenario["balancer"] and scenario["outcome"] in {"passed", "failed"}:
            by_method.setdefault(scenario["balancer"]["lbmethod"], []).append(scenario)
    if len(by_method) < 2:
        return None
    rows = [_row(method, found) for method, found in by_method.items()]
    rows = [_with_best(row, rows) for row in rows]
    return Comparison(rows=tuple(rows), advice=_advice(rows, by_method), noise=_noise(rows))


def _row(method: str, scenarios: Sequence[Mapping[str, Any]]) -> MethodRow:
    repeats, deviation, values = 0, 0.0, list[float]()
    for scenario in scenarios:
        turns = turns_of(scenario)
        factors = {member["loadfactor"] for member in scenario["balancer"]["members"]}
        serial = not overlapping(scenario["connections"])
        if len(factors) == 1 and serial:
            repeats += sum(a == b for a, b in pairwise(turns.seen))
            equal = len(turns) / len(scenario["balancer"]["members"])
            deviation = max([deviation, *(abs(share.seen - equal) for share in turns.shares)])
        if serial:
            values += [
                c["elapsed_seconds"]
                for c in scenario["connections"]
                if c["status"] == 101 and c["url"].startswith("ws:")
            ]
    values.sort()
    faults = [fault for scenario in scenarios if (line := timeline(scenario)) for fault in line.faults]
    recovered = [fault.recovered for fault in faults if fault.recovered is not None]
    return MethodRow(
        method=method,
        says=_SAYS.get(method, ""),
        held=sum(scenario["outcome"] == "passed" for scenario in scenarios),
        judged=len(scenarios),
        connections=sum(len(scenario["connections"]) for scenario in scenarios),
        off_rule=sum(len(turns.deviations) for s in scenarios if (turns := turns_of(s)).ordered),
        repeats=repeats,
        deviation=deviation,
        quick=percentile(values, 50),
        slow=percentile(values, 99),
        spread=(values[len(values) // 4], values[3 * len(values) // 4]) if len(values) >= 20 else None,
        lost=sum(fault.lost for fault in faults) if faults else None,
        recovery=max(recovered) if recovered else None,
    )


def _with_best(row: MethodRow, rows: Sequence[MethodRow]) -> MethodRow:
    """Columns in which this method is the only best one; a tie is nobody's merit."""
    best = set()
    for name in ("repeats", "deviation"):
        mine, others = getattr(row, name), [getattr(other, name) for other in rows if other is not row]
        if all(mine < other for other in others):
            best.add(name)
    return MethodRow(
        **{name: getattr(row, name) for name in MethodRow.__dataclass_fields__} | {"best": frozenset(best)}
    )


def _noise(rows: Sequence[MethodRow]) -> str:
    timed = [row for row in rows if row.spread and row.quick is not None]
    if len(timed) < 2:
        return "Too few handshakes of the same kind to compare their times."
    medians = ", ".join(f"{row.method} {milliseconds(row.quick or 0)} ms" for row in timed)
    low = max(row.spread[0] for row in timed if row.spread)
    high = min(row.spread[1] for row in timed if row.spread)
    word = "≈ within noise: the middle halves overlap" if low <= high else "the middle halves do not overlap"
    turns = "One run each, not interleaved: compare the counts, not the times (wslb compare measures in turns)."
    return f"Median handshake: {medians}; {word}. {turns}"


def _advice(
    rows: Sequence[MethodRow], by_method: Mapping[str, Sequence[Mapping[str, Any]]]
) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    fewest = min(rows, key=lambda row: (row.repeats / max(1, row.connections), row.deviation))
    if fewest.held == fewest.judged:
        others = ", ".join(f"{row.method} {row.repeats}" for row in rows if row is not fewest)
        sentence = (
            f"{fewest.method}: {count(fewest.repeats, 'repeat')} of a member over {fewest.connections} connections "
            f"({others})."
        )
    else:
        wrong = count(fewest.judged - fewest.held, "scenario")
        sentence = f"no recommendation: {wrong} of {fewest.method}, which would suit, failed."
    found.append(("Connections that are alike, short or long", sentence))
    if "bybusyness" in by_method:
        held = [s for s in by_method["bybusyness"] if _held(s)]
        holds = held and all(scenario["outcome"] == "passed" for scenario in held)
        names = ", ".join(scenario["name"] for scenario in held)
        sentence = (
            f"bybusyness: it looks at open tunnels, and did so as its rule says ({names})."
            if holds
            else f"no recommendation: {names or 'no scenario'} does not show that bybusyness works here."
        )
        found.append(("Long tunnels that end unevenly", sentence))
    if "bytraffic" in by_method:
        counted = sum(_rise(s, "transferred") + _rise(s, "read") for s in by_method["bytraffic"])
        carried = sum(e["size"] for s in by_method["bytraffic"] for c in s["connections"] for e in c["exchanges"])
        found.append(
            (
                "Tunnels that move very different amounts of data",
                f"none of these: bytraffic counted {counted} B of handshakes and none of the {carried} B of messages.",
            )
        )
    return tuple(found)


def _held(scenario: Mapping[str, Any]) -> bool:
    """Whether tunnels were open side by side."""
    return any(
        a["status"] == 101 and (a["closed_at"] is None or a["closed_at"] > b["opened_at"])
        for a, b in pairwise(scenario["connections"])
    )


def _rise(scenario: Mapping[str, Any], counter: str) -> int:
    before = {member["route"]: member[counter] for member in scenario["members"]["before"]}
    return sum(member[counter] - before.get(member["route"], 0) for member in scenario["members"]["after"])
