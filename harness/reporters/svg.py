"""Pictures as inline SVG: text stays text, one path per series, colours from CSS variables, the finding as label.

Presentation attributes repeat the light colours, so that a viewer that blocks style sheets still shows the picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from markupsafe import Markup, escape

from harness.reporters.texts import clean, shortened
from harness.reporters.turns import Share, Turns

__all__ = ["LANE_COLOURS", "counts_bar", "lane_class", "shares", "small_strip", "strip"]

LANE_COLOURS = ("#1f5fbf", "#b85c00", "#0f766e", "#7c3aed", "#9d174d", "#4d7c0f")
"""Blue and orange first: the pair that the common kinds of colour-blindness tell apart."""

_OUTCOMES = {"passed": "#1a7f37", "failed": "#c4271b", "errored": "#8a3ffc", "skipped": "#6b7280"}
_PER_ROW = 100
_LANE, _BAND, _GAP = 16, 18, 10


def lane_class(lane: int) -> str:
    """Class of a lane, which chooses its colour."""
    return f"l{lane % len(LANE_COLOURS)}"


def strip(turns: Turns, *, rows: Sequence[range] | None = None) -> Markup:
    """One lane per member and one column per connection; ▼ and a frame mark a break, a cross one that nobody served.

    Args:
        turns: the sequence.
        rows: positions of each row; by default 100 per row.
    """
    rows = (
        rows if rows is not None else [range(i, min(i + _PER_ROW, len(turns))) for i in range(0, len(turns), _PER_ROW)]
    )
    widest = max((len(row) for row in rows), default=0)
    step = 8 if widest > 60 else 12
    left = 10 + 7 * min(16, max((len(lane) for lane in turns.lanes), default=0))
    height = _BAND + _LANE * max(1, len(turns.lanes)) + _GAP
    body: list[str] = []
    for number, row in enumerate(rows):
        body += _row(turns, row, left=left, top=number * height, step=step)
    return _svg("strip", left + widest * step + 44, height * len(rows), turns.finding, body)


def _row(turns: Turns, row: range, *, left: int, top: int, step: int) -> list[str]:
    size = step - 2
    lanes_top = top + _BAND
    bottom = lanes_top + _LANE * len(turns.lanes)
    out: list[str] = []
    if row:
        out.append(_text(left - 6, top + 12, f"#{turns.numbers[row[0]]}", "t end"))
    for index, lane in enumerate(turns.lanes):
        middle = lanes_top + index * _LANE + _LANE // 2
        out.append(_text(left - 6, middle + 4, shortened(lane, 16), f"t end {lane_class(index)}"))
        columns = [column for column, i in enumerate(row) if turns.seen[i] == lane]
        if columns:
            out.append(
                f'<path class="{lane_class(index)}" stroke="{LANE_COLOURS[index % len(LANE_COLOURS)]}" '
                f'stroke-width="{_LANE - 4}" d="{_dashes(columns, left, middle, step, size)}"/>'
            )
    marks = [(column, i) for column, i in enumerate(row) if i in set(turns.marks)]
    if marks:
        frames = "".join(
            f"M{left + column * step - 2} {lanes_top - 1}h{size + 4}V{bottom + 1}h-{size + 4}z" for column, _ in marks
        )
        out.append(f'<path class="brk" fill="none" stroke="{_OUTCOMES["failed"]}" d="{frames}"/>')
        free = 0
        for column, i in marks:
            x = left + column * step + size // 2
            label = f"▼{turns.numbers[i]}" if x >= free else "▼"
            if x >= free:
                free = x + 9 * len(label) + 4
            out.append(_text(x, top + 14, label, "t brk mid"))
    lost = [column for column, i in enumerate(row) if turns.seen[i] is None]
    if lost:
        middle = (lanes_top + bottom) // 2
        crosses = "".join(f"M{left + c * step} {middle - 3}l{size} 6m0-6l-{size} 6" for c in lost)
        out.append(f'<path class="nope" fill="none" stroke="{_OUTCOMES["failed"]}" stroke-width="2" d="{crosses}"/>')
    if row:
        out.append(_text(left + len(row) * step + 4, (lanes_top + bottom) // 2 + 4, f"#{turns.numbers[row[-1]]}", "t"))
    return out


def _dashes(columns: Sequence[int], left: int, middle: int, step: int, size: int) -> str:
    """Horizontal strokes at these columns, as one relative path."""
    path = [f"M{left + columns[0] * step} {middle}h{size}"]
    for before, column in pairwise(columns):
        path.append(f"m{(column - before) * step - size} 0h{size}")
    return "".join(path)


def small_strip(turns: Turns, *, most: int = 40) -> Markup:
    """The first connections as a picture of a few millimetres, for a table of scenarios."""
    shown = range(min(most, len(turns)))
    body: list[str] = []
    for index, lane in enumerate(turns.lanes):
        columns = [i for i in shown if turns.seen[i] == lane]
        if columns:
            body.append(
                f'<path class="{lane_class(index)}" stroke="{LANE_COLOURS[index % len(LANE_COLOURS)]}" '
                f'stroke-width="5" d="{_dashes(columns, 0, 3 + 6 * index, 4, 3)}"/>'
            )
    lost = [i for i in shown if turns.seen[i] is None]
    height = 6 * max(1, len(turns.lanes))
    if lost:
        crosses = "".join(f"M{4 * i} {height // 2 - 2}l3 4m0-4l-3 4" for i in lost)
        body.append(f'<path class="nope" fill="none" stroke="{_OUTCOMES["failed"]}" d="{crosses}"/>')
    label = f"first {len(shown)} of {len(turns)} connections" if len(turns) > most else turns.finding
    return _svg("mini", 4 * most, height, label, body)


def counts_bar(counts: dict[str, int], missing: int) -> Markup:
    """Scenarios by outcome as one bar; a gap of paper stands for those that did not run."""
    total = sum(counts.values()) + missing
    label = ", ".join(
        [*(f"{n} {outcome}" for outcome, n in counts.items() if n), *([f"{missing} not run"] if missing else [])]
    )
    body = ['<rect class="rest" width="240" height="14" rx="3" fill="#d1d5db"/>']
    x = 0.0
    for outcome, n in counts.items():
        if n:
            width = 240 * n / total
            body.append(
                f'<rect class="o-{outcome}" x="{x:.1f}" width="{max(2.0, width - 1):.1f}" height="14" rx="2" '
                f'fill="{_OUTCOMES[outcome]}"/>'
            )
            x += width
    return _svg("counts", 240, 14, label or "no scenario ran", body)


def shares(rows: Sequence[Share]) -> Markup:
    """Seen connections per member as bars; a tick stands where the expected number is, a band for the tolerance."""
    largest = max((max(share.seen, (share.expected or 0) + (share.tolerance or 0)) for share in rows), default=0) or 1
    left = 10 + 7 * min(16, max((len(share.lane) for share in rows), default=0))
    scale = 220 / largest
    body: list[str] = []
    for index, share in enumerate(rows):
        top = index * 24
        body.append(_text(left - 6, top + 15, shortened(share.lane, 16), f"t end {lane_class(index)}"))
        body.append(
            f'<rect class="{lane_class(index)}" fill="{LANE_COLOURS[index % len(LANE_COLOURS)]}" x="{left}" '
            f'y="{top + 4}" width="{share.seen * scale:.1f}" height="14"/>'
        )
        if share.expected is not None:
            x = left + share.expected * scale
            if share.tolerance:
                width = 2 * share.tolerance * scale
                body.append(
                    f'<rect class="band" fill="#6b7280" fill-opacity=".3" x="{x - width / 2:.1f}" y="{top + 1}" '
                    f'width="{width:.1f}" height="20"/>'
                )
            body.append(f'<path class="tick" stroke="#111" stroke-width="2" d="M{x:.1f} {top + 1}v20"/>')
        body.append(_text(left + 228, top + 15, f"{share.seen}", "t"))
    label = "; ".join(
        f"{share.lane} {share.seen}" + (f" of {share.expected:g} expected" if share.expected is not None else "")
        for share in rows
    )
    return _svg("shares", left + 290, 24 * len(rows), label, body)


def _text(x: float, y: float, text: str, classes: str) -> str:
    anchor = ' text-anchor="end"' if "end" in classes else ' text-anchor="middle"' if "mid" in classes else ""
    return f'<text x="{x:g}" y="{y:g}"{anchor} class="{classes}">{escape(clean(text))}</text>'


def _svg(name: str, width: float, height: float, label: str, body: Iterable[str]) -> Markup:
    return Markup(  # noqa: S704 - every text inside went through escape()
        f'<svg class="{name}" role="img" aria-label="{escape(clean(label))}" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" font-family="system-ui,sans-serif" font-size="11">{"".join(body)}</svg>'
    )
