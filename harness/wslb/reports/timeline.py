"""What happened besides opening connections: faults and member changes on the same time axis as the connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from wslb.model.results import Event
from wslb.reports import svg
from wslb.reports.document import SavedConnection, SavedScenario
from wslb.reports.sequences import Turns, turns_of
from wslb.reports.texts import count, seconds

__all__ = ["FaultNumbers", "Timeline", "fault_numbers", "fault_spans", "in_fault", "timeline"]

_WIDE, _LANE = 820, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultNumbers:
    """What one fault cost.

    Attributes:
        text: the backend, and what it did.
        begin, end: seconds since the scenario began; the end is the next fault's begin or the last thing seen.
        detected: from the fault to the first connection that it changed; None when it changed none.
        lost: connections that nobody served, and tunnels that broke, meanwhile.
        recovered: from the end to the first connection on the faulty backend; None when there was none.
    """

    text: str
    begin: float
    end: float
    detected: float | None
    lost: int
    recovered: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """One scenario's events."""

    scenario: str
    events: tuple[Event, ...]
    faults: tuple[FaultNumbers, ...]
    picture: Markup


def fault_spans(scenario: SavedScenario) -> list[tuple[float, float, Event]]:
    """Begin, end and event of every fault of a backend, its death included.

    The next event of the same backend ends it; one named ``none``, ``ended`` or ``back`` does only that.
    """
    faults = [event for event in scenario.events if event.kind == "fault" or _is_death(event) or _ends(event)]
    spans = []
    for number, event in enumerate(faults):
        if not _ends(event):
            after = [one.at for one in faults[number + 1 :] if _whose(one) == _whose(event)]
            spans.append((event.at, after[0] if after else _end(scenario), event))
    return spans


def _whose(event: Event) -> str:
    return str(event.text.partition(":")[0].strip())


def _what(event: Event) -> str:
    return str(event.text.rpartition(":")[2].strip())


def _is_death(event: Event) -> bool:
    return event.kind == "backend" and _what(event) in {"killed", "stopped"}


def _ends(event: Event) -> bool:
    ends = {"fault": {"none", "ended", "cleared", "started again"}, "backend": {"back"}}
    return _what(event) in ends.get(event.kind, set())


def fault_numbers(scenario: SavedScenario) -> tuple[FaultNumbers, ...]:
    """What each fault of a scenario cost."""
    turns = turns_of(scenario)
    return tuple(_numbers(scenario, turns, begin, end, event) for begin, end, event in fault_spans(scenario))


def _end(scenario: SavedScenario) -> float:
    """When the last thing of a scenario was seen."""
    moments = [event.at for event in scenario.events]
    for connection in scenario.connections:
        moments.append(connection.opened_at + connection.elapsed_seconds)
        moments += [connection.closed_at] if connection.closed_at is not None else []
    return max(moments, default=0.0)


def in_fault(scenario: SavedScenario) -> frozenset[int]:
    """Positions of the connections that were opened during a fault."""
    spans = fault_spans(scenario)
    return frozenset(
        i
        for i, connection in enumerate(scenario.connections)
        if any(begin <= connection.opened_at < end for begin, end, _ in spans)
    )


def timeline(scenario: SavedScenario) -> Timeline | None:
    """A scenario's events with what they did to its connections; None for a scenario without events."""
    if not scenario.events:
        return None
    turns = turns_of(scenario)
    faults = fault_numbers(scenario)
    return Timeline(
        scenario=scenario.name,
        events=tuple(scenario.events),
        faults=faults,
        picture=_picture(scenario, turns, faults),
    )


def _numbers(scenario: SavedScenario, turns: Turns, begin: float, end: float, event: Event) -> FaultNumbers:
    backend = _whose(event)
    connections = scenario.connections
    after = [i for i, c in enumerate(connections) if begin <= c.opened_at]
    changed = [
        i for i in after if connections[i].opened_at < end and (turns.seen[i] is None or i in set(turns.deviations))
    ]
    lost = sum(turns.seen[i] is None for i in after if connections[i].opened_at < end)
    lost += sum(c.broken and begin <= (c.closed_at or 0) <= end for c in connections)
    back = [c.opened_at for c in connections if c.opened_at >= end and c.backend == backend]
    first = connections[changed[0]] if changed else None
    return FaultNumbers(
        text=event.text,
        begin=begin,
        end=end,
        detected=first.opened_at + first.elapsed_seconds - begin if first else None,
        lost=lost,
        recovered=min(back) - end if back else None,
    )


def _picture(scenario: SavedScenario, turns: Turns, faults: Sequence[FaultNumbers]) -> Markup:
    end = _end(scenario) or 1.0
    left = max(96, svg.label_width(turns.lanes))
    scale = _WIDE / end
    top = 22
    bottom = top + _LANE * (len(turns.lanes) + 2)
    body: list[str] = []
    for fault in faults:
        x, width = left + fault.begin * scale, max(1.0, (fault.end - fault.begin) * scale)
        body.append(
            f'<rect class="fault" fill="#f59e0b" fill-opacity=".25" x="{x:.1f}" y="{top}" width="{width:.1f}" '
            f'height="{bottom - top}"/>'
        )
    for index, lane in enumerate(turns.lanes):
        y = top + index * _LANE
        ticks = [c.opened_at for c, seen in zip(scenario.connections, turns.seen, strict=True) if seen == lane]
        body.append(svg.text(left - 6, y + 14, svg.fit(lane), f"t end {svg.lane(index)}"))
        body += _ticks(ticks, left, y, scale, svg.stroke(index))
    y = top + len(turns.lanes) * _LANE
    body.append(svg.text(left - 6, y + 14, "nobody", "t end dim"))
    failed = [c.opened_at for c, seen in zip(scenario.connections, turns.seen, strict=True) if seen is None]
    body += _ticks(failed, left, y, scale, f'class="nope" stroke="{svg.OUTCOMES["failed"]}"')
    body += _live(scenario.connections, left, y + _LANE, scale)
    for number, event in enumerate(scenario.events, 1):
        x = left + event.at * scale
        body.append(f'<path class="tick" stroke="#111" stroke-dasharray="2 2" d="M{x:.1f} {top - 4}V{bottom}"/>')
        body.append(svg.text(x, top - 8, str(number), "t mid"))
    for part in range(5):
        moment = end * part / 4
        body.append(svg.text(left + moment * scale, bottom + 14, seconds(moment), "t mid dim"))
    label = f"{count(len(scenario.events), 'event')} over {seconds(end)}; {turns.finding}"
    return svg.picture("timeline", left + _WIDE + 40, bottom + 20, label, body)


def _ticks(moments: Sequence[float], left: float, y: float, scale: float, attributes: str) -> list[str]:
    """One path with a stroke per moment, at most one per half unit."""
    columns = sorted({round(2 * moment * scale) / 2 for moment in moments})
    if not columns:
        return []
    return [f'<path {attributes} stroke-width="2" d="{"".join(f"M{left + x:g} {y + 3:g}v14" for x in columns)}"/>']


def _live(connections: Sequence[SavedConnection], left: float, y: float, scale: float) -> list[str]:
    """Open tunnels over time as a step line; of each column the highest number survives."""
    steps = [(c.opened_at, 1) for c in connections if c.accepted]
    steps += [(c.closed_at, -1) for c in connections if c.accepted and c.closed_at is not None]
    highest, live, columns = 0, 0, dict[int, int]()
    for moment, change in sorted(steps):
        live += change
        highest = max(highest, live)
        column = round(moment * scale)
        columns[column] = max(live, columns.get(column, 0)) if change > 0 else columns.get(column, live)
    out = [svg.text(left - 6, y + 14, f"open (most {highest})", "t end dim")]
    if highest:
        line = f"M{left:g} {y + 17:g}" + "".join(
            f"H{left + column:g}V{y + 17 - 14 * value / highest:.1f}" for column, value in columns.items()
        )
        out.append(f'<path class="live" fill="none" stroke="#57606d" d="{line}"/>')
    return out
