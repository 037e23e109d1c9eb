"""One scenario as a card: claim, limit, evidence, verdict, likely cause, reproduce."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from harness import causes
from harness.reporters import svg
from harness.reporters.headline import SHAPES, WORDS, Failure, failure_of
from harness.reporters.inspector import Group
from harness.reporters.texts import DASH, count, milliseconds
from harness.reporters.turns import Turns, chi_square, turns_of

__all__ = ["Card", "ConnectionRow", "MemberRow", "card"]

FULL_TABLE = 300
"""Connections whose rows are all shown; of the others only those around breaks."""

AROUND = 20
MOST_BREAKS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRow:
    """One connection in the table beside the strip."""

    number: int
    expected: str
    landed: str
    lane: str
    milliseconds: str
    note: str
    marked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """One member before and after the acting."""

    route: str
    url: str
    loadfactor: float
    before: str
    after: str
    elected: int | None
    busy: int | None
    transferred: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything that one card shows; see the template ``card.html.j2``."""

    scenario: Mapping[str, Any]
    number: int
    word: str
    shape: str
    seen: str
    failure: Failure | None
    turns: Turns
    strip: Markup
    small_strip: Markup
    shares: Markup
    chi: tuple[str, str] | None
    rows: tuple[ConnectionRow, ...]
    rows_note: str
    members: tuple[MemberRow, ...]
    cause: causes.Cause | None
    look_at: str
    handshakes: tuple[Group, ...]
    alarming: int

    @property
    def opened(self) -> bool:
        """Failed and errored ones are open; what held is folded."""
        return self.scenario["outcome"] in {"failed", "errored"}

    @property
    def facts(self) -> str:
        """What was done, in one line."""
        scenario = self.scenario
        balancer = scenario["balancer"]
        words = [count(len(self.turns), "connection")]
        if balancer:
            words.append(f"{balancer['lbmethod']} over {count(len(balancer['members']), 'member')}")
        words.append(f"mod_proxy_{scenario['carrier']}")
        words += [f"{mount['path']} → {mount['target']}" for mount in scenario["mounts"]]
        return " · ".join(words)


def card(scenario: Mapping[str, Any], number: int, groups: Sequence[Group]) -> Card:
    """The card of a scenario of the saved document."""
    turns = turns_of(scenario)
    outcome = scenario["outcome"]
    failure = failure_of(scenario) if outcome in {"failed", "errored"} else None
    telling = (failure.verdict if failure else None) or next(iter(scenario["verdicts"]), None)
    positions, note = _positions(turns)
    chi = chi_square(turns.shares)
    return Card(
        scenario=scenario,
        number=number,
        word=WORDS[outcome],
        shape=SHAPES[outcome],
        seen=telling["observed"] if telling else "",
        failure=failure,
        turns=turns,
        strip=svg.strip(turns, rows=_strip_rows(turns, positions)),
        small_strip=svg.small_strip(turns),
        shares=svg.shares(turns.shares),
        chi=(f"{chi[0]:.2f}", f"{chi[1]:.2f}") if chi else None,
        rows=tuple(_row(scenario["connections"][i], i, turns) for i in positions),
        rows_note=note,
        members=_members(scenario),
        cause=causes.likely(scenario),
        look_at=causes.look_at(scenario),
        handshakes=tuple(group for group in groups if scenario["name"] in group.scenarios),
        alarming=sum(line["level"] in {"emerg", "alert", "crit", "error", "warn"} for line in scenario["log"]),
    )


def _positions(turns: Turns) -> tuple[list[int], str]:
    """Connections whose rows are shown, and what is left out."""
    total = len(turns)
    chosen = set(range(min(total, FULL_TABLE)))
    telling = [*turns.marks, *turns.unserved[:MOST_BREAKS]]
    for i in telling[:MOST_BREAKS]:
        chosen |= set(range(max(0, i - AROUND), min(total, i + AROUND + 1)))
    if len(chosen) == total:
        return sorted(chosen), ""
    note = f"Shown: the first {FULL_TABLE} of {total} connections, and {AROUND} on each side of "
    return sorted(chosen), note + (
        f"the first {MOST_BREAKS} of {len(telling)} breaks." if len(telling) > MOST_BREAKS else "every break."
    )


def _strip_rows(turns: Turns, positions: Sequence[int]) -> list[range]:
    """Rows of 100; above 2000 connections the first 300 and the stretches around breaks."""
    total = len(turns)
    if total <= 2000:
        return [range(i, min(i + 100, total)) for i in range(0, total, 100)]
    rows = [range(i, i + 100) for i in range(0, 300, 100)]
    start: int | None = None
    later = [i for i in positions if i >= 300]
    for i, following in zip(later, [*later[1:], -1], strict=True):
        start = i if start is None else start
        if following != i + 1 or i + 1 - start == 100:
            rows.append(range(start, i + 1))
            start = None
    return rows


def _row(connection: Mapping[str, Any], position: int, turns: Turns) -> ConnectionRow:
    seen, marked = turns.seen[position], position in set(turns.marks)
    notes = []
    if marked:
        notes.append("break" if position in turns.breaks else "first deviation")
    if connection["status"] != 101:
        notes.append(f"status {connection['status'] or 'none'}")
    if connection["error"]:
        notes.append(connection["error"])
    if len(connection["arrivals"]) > 1:
        notes.append(f"reached {len(connection['arrivals'])} backends")
    return ConnectionRow(
        number=connection["seq"],
        expected=turns.expected[position] or DASH,
        landed=seen or "nobody",
        lane=svg.lane_class(turns.lanes.index(seen)) if seen else "",
        milliseconds=milliseconds(connection["elapsed_seconds"]),
        note="; ".join(notes),
        marked=marked or seen is None,
    )


def _members(scenario: Mapping[str, Any]) -> tuple[MemberRow, ...]:
    before = {member["route"]: member for member in scenario["members"]["before"]}
    after = {member["route"]: member for member in scenario["members"]["after"]}
    rows = []
    for route in dict.fromkeys([*before, *after]):
        first, last = before.get(route), after.get(route)
        either = first or last or {}
        both = first is not None and last is not None
        rows.append(
            MemberRow(
                route=route,
                url=either["url"],
                loadfactor=either["loadfactor"],
                before=first["status"] if first else "not read",
                after=last["status"] if last else "not read",
                elected=last["elected"] - first["elected"] if both and first and last else None,
                busy=last["busy"] if last else None,
                transferred=last["transferred"] - first["transferred"] if both and first and last else None,
            )
        )
    return tuple(rows)
