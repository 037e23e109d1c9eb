"""The sequence of connections as a strip: one lane per member, one column per connection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from markupsafe import Markup

from wslb.reports import svg
from wslb.reports.sequences import Turns

__all__ = ["excerpt", "rows_of", "small_strip", "strip"]

PER_ROW = 100
FULL = 2000
"""Connections up to which the strip shows all of them."""

_FIRST = 300
_LANE, _BAND, _GAP = 16, 18, 10


def rows_of(turns: Turns, telling: Sequence[int]) -> list[range]:
    """Rows of 100; above 2000 connections the first 300, then the stretches that tell something.

    Args:
        turns: the sequence.
        telling: positions around breaks, in order.
    """
    total = len(turns)
    if total <= FULL:
        return [range(i, min(i + PER_ROW, total)) for i in range(0, total, PER_ROW)]
    rows = [range(i, i + PER_ROW) for i in range(0, _FIRST, PER_ROW)]
    later = [i for i in telling if i >= _FIRST]
    start = later[0] if later else 0
    for i, following in zip(later, [*later[1:], None], strict=False):
        if following != i + 1 or i + 1 - start == PER_ROW:
            rows.append(range(start, i + 1))
            start = following or 0
    return rows


def excerpt(turns: Turns, position: int, *, around: int = 14) -> Markup:
    """The strip on both sides of one connection."""
    return strip(turns, [range(max(0, position - around), min(len(turns), position + around + 1))])


def strip(turns: Turns, rows: Sequence[range], *, shaded: Collection[int] = frozenset()) -> Markup:
    """The picture; a triangle and a frame mark a break, a cross between the lanes a connection that nobody served.

    Args:
        turns: the sequence.
        rows: positions of each row.
        shaded: positions of connections that were opened during a fault.
    """
    step = 8 if max((len(row) for row in rows), default=0) > 60 else 12
    left = svg.label_width(turns.lanes)
    height = _BAND + _LANE * max(1, len(turns.lanes)) + _GAP
    marks, body = frozenset(turns.marks), []
    for number, row in enumerate(rows):
        if row:
            body += _row(turns, row, marks=marks, shaded=shaded, left=left, top=number * height, step=step)
    width = left + step * max((len(row) for row in rows), default=0) + 50
    return svg.picture("strip", width, height * len(rows), turns.finding, body)


def _row(
    turns: Turns, row: range, *, marks: Collection[int], shaded: Collection[int], left: int, top: int, step: int
) -> list[str]:
    size, upper = step - 2, top + _BAND
    lower = upper + _LANE * len(turns.lanes)
    out = [
        svg.text(left - 6, top + 13, f"#{turns.numbers[row[0]]}", "t end dim"),
        svg.text(left + len(row) * step + 4, (upper + lower) // 2 + 4, f"#{turns.numbers[row[-1]]}", "t dim"),
    ]
    dark = [column for column, i in enumerate(row) if i in shaded]
    if dark:
        cells = "".join(f"M{left + c * step - 1} {upper}h{step}V{lower}h-{step}z" for c in dark)
        out.append(f'<path class="fault" fill="#f59e0b" fill-opacity=".25" d="{cells}"/>')
    for index, lane in enumerate(turns.lanes):
        middle = upper + index * _LANE + _LANE // 2
        out.append(svg.text(left - 6, middle + 4, svg.fit(lane), f"t end {svg.lane(index)}"))
        columns = [column for column, i in enumerate(row) if turns.seen[i] == lane]
        if columns:
            dashes = _dashes(columns, left, middle, step, size)
            out.append(f'<path {svg.stroke(index)} stroke-width="{_LANE - 4}" d="{dashes}"/>')
    out += _marked([(column, turns.numbers[i]) for column, i in enumerate(row) if i in marks], left, upper, lower, step)
    lost = [column for column, i in enumerate(row) if turns.seen[i] is None]
    if lost:
        middle = (upper + lower) // 2
        crosses = "".join(f"M{left + c * step} {middle - 4}l{size} 8m0-8l-{size} 8" for c in lost)
        out.append(f'<path class="nope" fill="none" stroke="{svg.OUTCOMES["failed"]}" stroke-width="2" d="{crosses}"/>')
    return out


def _marked(marks: Sequence[tuple[int, int]], left: int, upper: int, lower: int, step: int) -> list[str]:
    """Frames around marked columns, and their numbers as far as there is room."""
    if not marks:
        return []
    frames = "".join(f"M{left + c * step - 2} {upper - 1}h{step + 2}V{lower + 1}h-{step + 2}z" for c, _ in marks)
    out = [f'<path class="brk" fill="none" stroke="{svg.OUTCOMES["failed"]}" d="{frames}"/>']
    free = 0
    for column, number in marks:
        x = left + column * step + step // 2
        if x >= free:
            label = f"▼{number}"
            free = x + 9 * len(label) + 6
            out.append(svg.text(x, upper - 5, label, "t brk mid"))
    return out


def _dashes(columns: Sequence[int], left: int, middle: int, step: int, size: int) -> str:
    """Horizontal strokes at these columns, as one relative path."""
    path = [f"M{left + columns[0] * step} {middle}h{size}"]
    path += [f"m{(column - before) * step - size} 0h{size}" for before, column in pairwise(columns)]
    return "".join(path)


def small_strip(turns: Turns, *, most: int = 40) -> Markup:
    """The first connections as a picture of a few millimetres, for a table of scenarios."""
    shown = range(min(most, len(turns)))
    body: list[str] = []
    for index, lane in enumerate(turns.lanes):
        columns = [i for i in shown if turns.seen[i] == lane]
        if columns:
            body.append(f'<path {svg.stroke(index)} stroke-width="5" d="{_dashes(columns, 0, 3 + 6 * index, 4, 3)}"/>')
    height = 6 * max(1, len(turns.lanes))
    crosses = "".join(f"M{4 * i} {height // 2 - 2}l3 4m0-4l-3 4" for i in shown if turns.seen[i] is None)
    if crosses:
        body.append(f'<path class="nope" fill="none" stroke="{svg.OUTCOMES["failed"]}" d="{crosses}"/>')
    label = turns.finding if len(turns) <= most else f"The first {len(shown)} of: {turns.finding}"
    return svg.picture("mini", 4 * most, height, label, body)
