"""``load.json`` and ``load.html``: the saved document, and one page drawn from it alone, without scripts or network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markupsafe import Markup, escape

from wslb.load.saved import Clock, GroupUse, LoadDocument, LoadEvent, encode
from wslb.load.speech import summary
from wslb.load.tally import Histogram
from wslb.model.percentiles import BEYOND
from wslb.reports import pages, svg
from wslb.reports.files import put

__all__ = ["draw", "save"]

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 180, 64, 22, 14
_ROOM = 44
"""Between the middles of two names on the axis, so that they do not touch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Points in order of their first number."""

    name: str
    points: Sequence[tuple[float, float]]


def save(document: LoadDocument, folder: Path) -> tuple[Path, ...]:
    """Save the document and draw it; the page first in what is returned.

    Raises:
        EvidenceError: the folder cannot be written.
    """
    data = put(folder / "load.json", encode(document))
    return put(folder / "load.html", draw(document)), data


def draw(document: LoadDocument) -> str:
    """Text of ``load.html``; the same document gives the same bytes."""
    steps, width = document.timeline.steps, document.timeline.width_seconds
    names = [backend.name for backend in document.backends if backend.name]
    events = document.events
    opens = [Curve(name=name, points=[(one.at, one.opened.get(name, 0) / width) for one in steps]) for name in names]
    failed = Curve(name="failed", points=[(one.at, one.failed / width) for one in steps])
    live = [Curve(name=name, points=[(one.at + width, one.live.get(name, 0)) for one in steps]) for name in names]
    echoed = Curve(name="echoed", points=[(one.at, one.echoed / width) for one in steps])
    memory = [Curve(name=name, points=_memory(use)) for name, use in document.usage.items()]
    cores = [Curve(name=name, points=_cores(use)) for name, use in document.usage.items()]
    figures = [
        ("Opens per second, by backend", chart([*opens, failed], events)),
        ("Tunnels live", chart(live, events)),
        *([("Messages echoed per second", chart([echoed], events))] if document.echoed else []),
        ("Latency by percentile, milliseconds", _percentiles(document)),
        ("Memory, MiB (sum of resident sets)", chart(memory, events)),
        ("CPU, in cores", chart(cores, events)),
    ]
    template = pages.environment("load").get_template("load.html.j2")
    return template.render(document=document, summary=summary(document), figures=figures, beyond=BEYOND)


def _memory(use: GroupUse) -> list[tuple[float, float]]:
    return [(at, memory / 2**20) for at, _, memory in use.series]


def _cores(use: GroupUse) -> list[tuple[float, float]]:
    return [(b[0], (b[1] - a[1]) / (b[0] - a[0])) for a, b in pairwise(use.series) if b[0] - a[0] > 0.2]


def _percentiles(document: LoadDocument) -> Markup:
    """Latency over percentile, the tail stretched: each step to the right has a tenth of the samples beyond it."""
    words: dict[Clock, str] = {"open": "open", "echo": "echo", "lag": "client's lag"}
    curves: list[Curve] = []
    for clock, name in words.items():
        one = document.latency[clock]
        if one.count >= 2 * BEYOND and (clock == "lag" or document.valid):
            top = 100 * (1 - BEYOND / one.count)
            told = [float(key) for key, value in one.percentiles.items() if value is not None]
            grid = sorted({*told, top, *(100 - 100 / 10 ** (step / 8) for step in range(1, 33))})
            values = Histogram(one.histogram).percentiles([p for p in grid if 0 < p <= top])
            curves.append(Curve(name=name, points=[(_nines(p), value * 1e3) for p, value in values.items()]))
    return chart(curves, (), marks=[(_nines(float(p)), f"p{p}") for p in document.percents])


def _nines(percent: float) -> float:
    return -math.log10(1 - percent / 100)


def chart(curves: Sequence[Curve], events: Sequence[LoadEvent], *, marks: Sequence[tuple[float, str]] = ()) -> Markup:
    """Curves over time, or over marked positions; events as dashed lines with their words."""
    shown = [curve for curve in curves if curve.points]
    if all(len({x for x, _ in curve.points}) < 2 for curve in shown):
        return Markup(
            '<p class="note">No curve: the run was too short for two points. The tables have its numbers.</p>'
        )
    right = max([x for curve in shown for x, _ in curve.points] + [event.at for event in events])
    top = _round_up(max(y for curve in shown for _, y in curve.points) or 1.0)

    def place(x: float, y: float) -> tuple[float, float]:
        return _LEFT + (_WIDTH - _LEFT - 8) * x / right, _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - y / top)

    body: list[str] = []
    for part in (0, 0.5, 1):
        _, y = place(0, part * top)
        body.append(f'<path class="grid" stroke="#d1d5db" d="M{_LEFT} {y:.1f}H{_WIDTH - 8}"/>')
        body.append(svg.text(_LEFT - 6, round(y + 4, 1), f"{part * top:.4g}", "t end"))
    named = -math.inf
    for x, label in marks or [(right * part, f"{right * part:.3g} s") for part in (0, 0.25, 0.5, 0.75, 1)]:
        left, _ = place(x, 0)
        if x <= right * 1.001 and left - named >= _ROOM:
            named = left
            body.append(svg.text(round(left, 1), _HEIGHT - 6, label, "t end" if left > _WIDTH - 40 else "t mid"))
    for event in events:
        left, _ = place(event.at, 0)
        title = escape(f"{event.at:.1f} s: {event.text}")
        body.append(f'<path class="event" d="M{left:.1f} {_TOP}V{_HEIGHT - _BOTTOM}"><title>{title}</title></path>')
    legend = _LEFT
    for index, curve in enumerate(shown):
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in (place(x, max(y, 0)) for x, y in curve.points))
        body.append(
            f'<path {svg.stroke(index)} stroke-width="1.8" d="M{path}"><title>{escape(curve.name)}</title></path>'
        )
        name = svg.fit(curve.name)
        body.append(svg.text(legend, 10, f"— {name}", f"t {svg.lane(index)}"))
        legend += 7 * len(name) + 26
    label = "; ".join(f"{curve.name} at most {max(y for _, y in curve.points):.4g}" for curve in shown)
    return svg.picture("chart", _WIDTH, _HEIGHT, label, body)


def _round_up(value: float) -> float:
    """The next number of one digit that is 1, 2, 4, 5 or 8 times a power of ten."""
    scale = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(factor * scale for factor in (1, 2, 4, 5, 8, 10) if factor * scale >= value * 0.999)
