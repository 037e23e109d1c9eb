"""How long the opening handshakes took: percentiles with their sample size, and a curve.

A percentile that fewer than ten samples lie above is withheld: it would be an anecdote. Handshakes that were opened one
at a time and handshakes that were opened at once are different loads and are never mixed, nor are ws and wss.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from markupsafe import Markup

from wslb.model import percentiles
from wslb.reports import svg
from wslb.reports.document import SavedScenario
from wslb.reports.sequences import overlapping
from wslb.reports.texts import milliseconds

__all__ = ["CLOCK", "Latencies", "curve", "latencies", "percentile"]

CLOCK = (
    "Client's monotonic clock, from the start of the TCP connect to the end of the answer's head. The load is closed: "
    "a scenario that opens one at a time waits for each answer, so values are not corrected for coordinated omission."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """Accepted handshakes of one kind.

    Attributes:
        label: scheme and load.
        values: seconds, sorted.
        percentiles: that are shown.
    """

    label: str
    values: tuple[float, ...]
    percentiles: tuple[float, ...] = percentiles.REPORT

    @property
    def shown(self) -> tuple[tuple[float, float | None], ...]:
        """Percentiles and their values; None where too few samples lie above."""
        return tuple((p, percentile(self.values, p)) for p in self.percentiles)


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Nearest-rank percentile of sorted values; None with too few samples above it (`wslb.model.percentiles`)."""
    if len(values) < percentiles.samples_needed(percent):
        return None
    return values[max(0, math.ceil(len(values) * percent / 100 - 1e-9) - 1)]


def latencies(
    scenarios: Iterable[SavedScenario], percents: Sequence[float] = percentiles.REPORT
) -> tuple[Latencies, ...]:
    """Accepted handshakes by scheme and load, in order of appearance, and the percentiles to show of them."""
    found: dict[str, list[float]] = {}
    for scenario in scenarios:
        connections = scenario.connections
        at_once = overlapping(connections) * 10 > len(connections)
        for connection in connections:
            if connection.accepted:
                scheme = urlsplit(connection.url).scheme
                over = " over HTTP/2" if connection.extended_connect else ""
                label = f"{scheme}{over}, {'at once' if at_once else 'one at a time'}"
                found.setdefault(label, []).append(connection.elapsed_seconds)
    return tuple(
        Latencies(label=label, values=tuple(sorted(values)), percentiles=tuple(percents))
        for label, values in found.items()
    )


_WIDE, _HIGH, _LEFT, _BOTTOM = 520, 200, 54, 34
_ROOM = 44
"""Between the middles of two names of percentiles, so that they do not touch."""


def curve(groups: Sequence[Latencies]) -> Markup | None:
    """Percentile curve; the axis of percentiles stretches with every nine, that of times is logarithmic.

    None when no group has 20 samples.
    """
    drawn = [group for group in groups if len(group.values) >= 2 * percentiles.BEYOND]
    if not drawn:
        return None
    nines = max(math.log10(len(group.values) / percentiles.BEYOND) for group in drawn)
    low = max(1e-5, min(group.values[0] for group in drawn)) / 1.2
    high = max(low * 2, max(group.values[_last(group)] for group in drawn) * 1.2)
    body: list[str] = []
    body += _grid(drawn[0].percentiles, nines)
    for tick in _ticks(low * 1000, high * 1000):
        y = _y(tick / 1000, low, high)
        body.append(f'<path class="grid" stroke="#d1d5db" d="M{_LEFT} {y:.1f}H{_LEFT + _WIDE}"/>')
        body.append(svg.text(_LEFT - 6, y + 4, f"{tick:g} ms", "t end"))
    taken: list[float] = []
    for index, group in enumerate(drawn):
        dash = ' stroke-dasharray="6 3"' if index % 2 else ""
        body.append(f'<path {svg.stroke(index)} stroke-width="2"{dash} d="{_line(group, nines, low, high)}"/>')
        y = _y(group.values[_last(group)], low, high)
        while any(abs(y - other) < 13 for other in taken):
            y -= 13
        taken.append(y)
        x = _x(_last(group) / len(group.values), nines)
        body.append(svg.text(x + 6, y + 4, f"{group.label} (n = {len(group.values)})", f"t {svg.lane(index)}"))
    label = "; ".join(
        f"{group.label}: "
        + ", ".join(f"{percentiles.label(p)} {milliseconds(v)} ms" for p, v in group.shown if v is not None)
        for group in drawn
    )
    return svg.picture("curve", _LEFT + _WIDE + 190, _HIGH + _BOTTOM, label, body)


def _grid(percents: Sequence[float], nines: float) -> list[str]:
    """A line for each percentile that the curve reaches, and its name where there is room for it."""
    body: list[str] = []
    named = -math.inf
    for percent in (0.0, *(p for p in percents if p / 100 <= 1 - 10**-nines + 1e-9)):
        x = _x(percent / 100, nines)
        body.append(f'<path class="grid" stroke="#d1d5db" d="M{x:.1f} 8V{_HIGH}"/>')
        name = percentiles.label(percent) if percent else "fastest"
        if x - named >= _ROOM:
            body.append(svg.text(x, _HIGH + 14, name, "t mid"))
            named = x
    return body


def _last(group: Latencies) -> int:
    """Index of the last sample that enough others lie above."""
    return len(group.values) - percentiles.BEYOND


def _line(group: Latencies, nines: float, low: float, high: float) -> str:
    """Line through at most 80 ranks, closer together towards the slow end."""
    last = _last(group)
    ranks = sorted({0, last, *(round(len(group.values) * (1 - 10 ** (-nines * i / 80))) for i in range(81))})
    points = [(rank / len(group.values), group.values[rank]) for rank in ranks if rank <= last]
    return "M" + "L".join(f"{_x(part, nines):.1f} {_y(value, low, high):.1f}" for part, value in points)


def _x(part: float, nines: float) -> float:
    return _LEFT + _WIDE * min(1.0, -math.log10(max(1e-12, 1 - part)) / nines)


def _y(value: float, low: float, high: float) -> float:
    return 8 + (_HIGH - 8) * (1 - math.log(max(value, low) / low) / math.log(high / low))


def _ticks(low: float, high: float) -> list[float]:
    """The numbers 1, 2 and 5 of every power of ten between two values."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [tick for power in powers for digit in (1, 2, 5) if low <= (tick := digit * 10.0**power) <= high]
