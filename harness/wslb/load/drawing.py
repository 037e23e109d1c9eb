"""``load.json`` and ``load.html``: the saved document, and one page drawn from it alone, without scripts or network."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from wslb.load.speech import summary
from wslb.load.tally import Histogram
from wslb.load.thresholds import BEYOND, needed
from wslb.resources import resource

__all__ = ["render", "write"]

COLOURS = ("#1f5fbf", "#b85c00", "#0f766e", "#7c3aed", "#9d174d", "#4d7c0f")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 180, 64, 22, 14
_ROOM = 44
"""Between the middles of two names on the axis, so that they do not touch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One curve: points in order of time."""

    name: str
    points: Sequence[tuple[float, float]]


def write(document: Mapping[str, Any], folder: Path) -> tuple[Path, ...]:
    """Save the document and draw it."""
    folder.mkdir(parents=True, exist_ok=True)
    data, drawn = folder / "load.json", folder / "load.html"
    data.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    drawn.write_text(render(document), encoding="utf-8")
    return drawn, data


def render(document: Mapping[str, Any]) -> str:
    """Text of ``load.html``; the same document gives the same bytes."""
    steps = document["timeline"]["steps"]
    width = document["timeline"]["width_seconds"]
    names = [backend["name"] for backend in document["backends"] if backend["name"]]
    events = document["events"]
    opens = [
        Line(name=name, points=[(step["at"], step["opened"].get(name, 0) / width) for step in steps]) for name in names
    ]
    failed = Line(name="failed", points=[(step["at"], step["failed"] / width) for step in steps])
    live = [
        Line(name=name, points=[(step["at"] + width, step["live"].get(name, 0)) for step in steps]) for name in names
    ]
    echoed = Line(name="echoed", points=[(step["at"], step["echoed"] / width) for step in steps])
    usage = document["usage"]
    figures = [
        ("Opens per second, by backend", chart([*opens, failed], events)),
        ("Tunnels live", chart(live, events)),
        *([("Messages echoed per second", chart([echoed], events))] if document["echoed"] else []),
        ("Latency by percentile, milliseconds", percentiles(document)),
        ("Memory, MiB (sum of resident sets)", chart(_memory(usage), events)),
        ("CPU, in cores", chart(_cores(usage), events)),
    ]
    return (
        _environment()
        .get_template("load.html.j2")
        .render(document=document, summary=summary(document), figures=figures, percents=_percents(document))
    )


def _memory(usage: Mapping[str, Any]) -> list[Line]:
    return [
        Line(name=name, points=[(at, memory / 2**20) for at, _, memory in group["series"]])
        for name, group in usage.items()
    ]


def _cores(usage: Mapping[str, Any]) -> list[Line]:
    lines: list[Line] = []
    for name, group in usage.items():
        series = group["series"]
        points = [(b[0], (b[1] - a[1]) / (b[0] - a[0])) for a, b in pairwise(series) if b[0] - a[0] > 0.2]
        lines.append(Line(name=name, points=points))
    return lines


def percentiles(document: Mapping[str, Any]) -> Markup:
    """Latency over percentile, the tail stretched: each step to the right has a tenth of the samples beyond it."""
    lines: list[Line] = []
    for name, words in (("open", "open"), ("echo", "echo"), ("lag", "client's lag")):
        one = document["latency"][name]
        if one["count"] and (name == "lag" or document["outcome"]["word"] != "invalid"):
            histogram = Histogram(one["histogram"])
            told = [float(key) for key, value in one["percentiles"].items() if value is not None]
            top = 100 * (1 - BEYOND / one["count"]) if one["count"] >= needed(50) else 0.0
            grid = sorted({*told, top, *(100 - 100 / 10 ** (step / 8) for step in range(1, 33))})
            values = histogram.percentiles([p for p in grid if 0 < p <= top])
            points = [(-math.log10(1 - p / 100), value * 1e3) for p, value in values.items()]
            lines.append(Line(name=words, points=points))
    marks = [(-math.log10(1 - float(p) / 100), f"p{p}") for p in _percents(document)]
    return chart(lines, (), marks=marks)


def _percents(document: Mapping[str, Any]) -> list[str]:
    """Percentiles that the document tells."""
    return list(document["latency"]["open"]["percentiles"])


def chart(
    lines: Sequence[Line], events: Sequence[Mapping[str, Any]], *, marks: Sequence[tuple[float, str]] = ()
) -> Markup:
    """Curves over time, or over marked positions; events as dashed lines with their words."""
    shown = [line for line in lines if line.points]
    if all(len({x for x, _ in line.points}) < 2 for line in shown):
        return Markup(
            '<p class="note">No curve: the run was too short for two points. The tables have its numbers.</p>'
        )
    right = max((x for line in shown for x, _ in line.points), default=1.0) or 1.0
    right = max(right, *(event["at"] for event in events)) if events else right
    top = _round_up(max((y for line in shown for _, y in line.points), default=1.0) or 1.0)

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + (_WIDTH - _LEFT - 8) * x / right,
            _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - y / top),
        )

    body: list[str] = []
    for part in (0, 0.5, 1):
        _, y = place(0, part * top)
        body.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{_WIDTH - 8}"/>')
        body.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" class="end">{part * top:.4g}</text>')
    named = -math.inf
    for x, label in marks or [(right * part, f"{right * part:.3g} s") for part in (0, 0.25, 0.5, 0.75, 1)]:
        if x <= right * 1.001:
            left, _ = place(x, 0)
            if left - named < _ROOM:
                continue
            named = left
            anchor = "end" if left > _WIDTH - 40 else "mid"
            body.append(f'<text x="{left:.1f}" y="{_HEIGHT - 6}" class="{anchor}">{escape(label)}</text>')
    for event in events:
        left, _ = place(event["at"], 0)
        title = escape(f"{event['at']:.1f} s: {event['text']}")
        body.append(f'<path class="event" d="M{left:.1f} {_TOP}V{_HEIGHT - _BOTTOM}"><title>{title}</title></path>')
    for index, line in enumerate(shown):
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in (place(x, max(y, 0)) for x, y in line.points))
        colour = COLOURS[index % len(COLOURS)]
        body.append(f'<path class="curve" stroke="{colour}" d="M{path}"><title>{escape(line.name)}</title></path>')
    legend = "".join(
        f'<tspan fill="{COLOURS[index % len(COLOURS)]}" dx="12">— {escape(line.name)}</tspan>'
        for index, line in enumerate(shown)
    )
    body.append(f'<text x="{_LEFT}" y="10">{legend or "no samples"}</text>')
    label = "; ".join(f"{line.name} at most {max(y for _, y in line.points):.4g}" for line in shown) or "no samples"
    return Markup(  # noqa: S704 - every text inside went through escape()
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" font-size="11">{"".join(body)}</svg>'
    )


def _round_up(value: float) -> float:
    """The next number of one digit that is 1, 2, 4, 5 or 8 times a power of ten."""
    scale = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(factor * scale for factor in (1, 2, 4, 5, 8, 10) if factor * scale >= value * 0.999)


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1e3:.3g}"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: resource(f"load/{name}")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["ms"] = _ms
    return environment
