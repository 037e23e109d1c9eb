"""One scenario as a card: claim, limit, evidence, verdict, likely cause, reproduce."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from wslb.model.balancer import Carrier
from wslb.model.results import ServedConfig, Verdict
from wslb.reports import bars, svg
from wslb.reports.causes import likely as causes
from wslb.reports.document import SavedConnection, SavedScenario
from wslb.reports.grades import mark, row_mark
from wslb.reports.headline import Failure, failure_of
from wslb.reports.inspector import Alike
from wslb.reports.sequences import Turns, turns_of
from wslb.reports.strip import FULL, rows_of, small_strip, strip
from wslb.reports.texts import DASH, count, milliseconds, shortened
from wslb.reports.timeline import Timeline, in_fault, timeline

__all__ = ["Card", "ConnectionRow", "MemberRow", "card"]

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
    """One member before and after the acting; a counter is None where it was not read twice."""

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
    """Everything that one card shows; see the template ``card.html.j2``.

    Attributes:
        seen: what the telling verdict observed.
        style, word, shape: of the outcome; "PASS, not strict" where only rules of grade SHOULD are broken.
        verdicts: style, word and shape of each with the verdict itself; failed ones first.
        lenient: broken rules of grade SHOULD.
        thousands: for very long series, first and last number of each thousand and the breaks in it.
        same_as: the scenario that failed by the same cause before; empty when there is none.
        detail: 2 everything; 1 without tables of connections and members, and data; 0 what its checks saw.
    """

    scenario: SavedScenario
    number: int
    style: str
    word: str
    shape: str
    seen: str
    failure: Failure | None
    turns: Turns
    strip: Markup
    small_strip: Markup
    shares: Markup
    verdicts: tuple[tuple[tuple[str, str, str], Verdict], ...]
    lenient: tuple[Verdict, ...]
    rows: tuple[ConnectionRow, ...]
    rows_note: str
    thousands: tuple[tuple[int, int, int], ...]
    members: tuple[MemberRow, ...]
    cause: causes.Cause | None
    ruled_out: tuple[str, ...]
    look_at: str
    handshakes: tuple[Alike, ...]
    timeline: Timeline | None
    alarming: int
    same_as: str = ""
    detail: int = 2

    @property
    def opened(self) -> bool:
        """Failed and errored ones are open; what held is folded, and what failed by a cause that was told before."""
        return self.unheld and not self.same_as

    @property
    def served(self) -> ServedConfig | None:
        """What the proxy was given, of one that failed or errored by a cause that was not told before."""
        return self.scenario.served if self.opened and self.detail else None

    @property
    def unheld(self) -> bool:
        """Failed or errored."""
        return self.scenario.outcome in {"failed", "errored"}

    def evidence(self, verdict: Verdict) -> str:
        """What a verdict names, connections by their number; what is left out is counted."""
        numbers = {connection.conn_id: f"#{connection.seq}" for connection in self.scenario.connections}
        items = [numbers.get(item) or shortened(item, 300) for item in verdict.evidence]
        most = 12 if all(item.startswith("#") for item in items) else 3
        more = f" and {len(items) - most} more" if len(items) > most else ""
        return ", ".join(items[:most]) + more

    @property
    def rows_of_verdicts(self) -> tuple[tuple[tuple[str, str, str], Verdict], ...]:
        """Verdicts that a table tells: all, or in a sparse card those that did not hold."""
        return tuple(row for row in self.verdicts if self.detail or not row[1].holds)

    @property
    def facts(self) -> str:
        """What was done, in one line."""
        scenario = self.scenario
        balancer = scenario.balancer
        words = [count(len(self.turns), "connection")]
        if balancer:
            words.append(f"{balancer.lbmethod} over {count(len(balancer.members), 'member')}")
        if scenario.carrier is not Carrier.OWN:
            words.append(scenario.carrier.module)
        words += [f"{mount.path} → {mount.target}" for mount in scenario.mounts]
        return " · ".join(words)


def card(
    scenario: SavedScenario,
    number: int,
    groups: Sequence[Alike],
    *,
    table_rows: int,
    same_as: str = "",
    detail: int = 2,
) -> Card:
    """The card of a scenario of the saved document.

    Args:
        scenario: of the saved document.
        number: its place in the run, from 1.
        groups: of the handshake inspector, to link to.
        table_rows: connections whose rows are all shown; of the others those around breaks.
        same_as: the scenario that failed by the same cause before.
        detail: `Card.detail`.
    """
    turns = turns_of(scenario)
    outcome = scenario.outcome
    failure = failure_of(scenario) if outcome in {"failed", "errored"} else None
    loose, (style, word, shape) = scenario.lenient, mark(scenario)
    telling = (failure.verdict if failure else None) or next(iter((*loose, *scenario.verdicts)), None)
    positions, note = _positions(turns, table_rows) if detail == 2 else ([], "")
    marks = frozenset(turns.marks)
    return Card(
        scenario=scenario,
        number=number,
        style=style,
        word=word,
        shape=shape,
        seen=telling.observed if telling else "",
        failure=failure,
        turns=turns,
        strip=strip(turns, rows_of(turns, positions), shaded=in_fault(scenario)) if detail else Markup(),
        small_strip=small_strip(turns),
        shares=bars.shares(turns.shares) if detail else Markup(),
        verdicts=tuple(
            (row_mark(verdict), verdict)
            for verdict in sorted(scenario.verdicts, key=lambda verdict: verdict.outcome != "failed")
        ),
        lenient=loose,
        rows=tuple(_row(scenario.connections[i], i, turns, i in marks) for i in positions),
        rows_note=note,
        thousands=_thousands(turns) if len(turns) > FULL and turns.ordered else (),
        members=_members(scenario),
        cause=causes.likely(scenario),
        ruled_out=causes.ruled_out(scenario),
        look_at=causes.look_at(scenario),
        handshakes=tuple(group for group in groups if scenario.name in group.scenarios),
        timeline=timeline(scenario),
        alarming=sum(line.alarming for line in scenario.log),
        same_as=same_as,
        detail=detail,
    )


def _positions(turns: Turns, most: int) -> tuple[list[int], str]:
    """Connections whose rows are shown, and a sentence about what is left out."""
    total = len(turns)
    chosen = set(range(min(total, most)))
    telling = sorted({*turns.marks, *turns.unserved})
    for i in telling[:MOST_BREAKS]:
        chosen |= set(range(max(0, i - AROUND), min(total, i + AROUND + 1)))
    if len(chosen) == total:
        return sorted(chosen), ""
    note = f"Shown: the first {most} of {total} connections"
    if telling:
        which = f"the first {MOST_BREAKS} of {len(telling)} breaks" if len(telling) > MOST_BREAKS else "every break"
        note += f", and {AROUND} on each side of {which}"
    return sorted(chosen), f"{note}. report.json has them all."


def _thousands(turns: Turns) -> tuple[tuple[int, int, int], ...]:
    rows = []
    for start in range(0, len(turns), 1000):
        stop = min(start + 1000, len(turns))
        breaks = sum(start <= i < stop for i in turns.breaks)
        rows.append((turns.numbers[start], turns.numbers[stop - 1], breaks))
    return tuple(rows)


def _row(connection: SavedConnection, position: int, turns: Turns, marked: bool) -> ConnectionRow:
    seen = turns.seen[position]
    notes = []
    if marked:
        notes.append("break" if position in turns.breaks else "first deviation")
    if not connection.accepted:
        notes.append(f"status {connection.status or 'none'}")
    if connection.error:
        notes.append(connection.error)
    if len(connection.arrivals) > 1:
        notes.append(f"reached {len(connection.arrivals)} backends")
    return ConnectionRow(
        number=connection.seq,
        expected=turns.expected[position] or DASH,
        landed=seen or "nobody",
        lane=svg.lane(turns.lanes.index(seen)) if seen else "",
        milliseconds=milliseconds(connection.elapsed_seconds),
        note="; ".join(notes),
        marked=marked or seen is None,
    )


def _members(scenario: SavedScenario) -> tuple[MemberRow, ...]:
    before = {member.route: member for member in scenario.members.before}
    after = {member.route: member for member in scenario.members.after}
    rows = []
    for route in dict.fromkeys([*before, *after]):
        first, last = before.get(route), after.get(route)
        either = first or last
        assert either is not None  # noqa
        rows.append(
            MemberRow(
                route=route,
                url=either.url,
                loadfactor=either.loadfactor,
                before=first.status if first else "not read",
                after=last.status if last else "not read",
                elected=last.elected - first.elected if first and last else None,
                busy=last.busy if last else None,
                transferred=last.transferred - first.transferred if first and last else None,
            )
        )
    return tuple(rows)
