"""Counts as bars: scenarios by outcome, connections by member."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from wslb.reports import svg
from wslb.reports.document import Counts
from wslb.reports.sequences import Share

__all__ = ["counts_bar", "shares"]

_WIDE, _HIGH = 240, 14
_BAR = 200


def counts_bar(counts: Counts, missing: int) -> Markup:
    """Scenarios by outcome as one bar; what is left empty stands for those that did not run."""
    told = [f"{n} {outcome}" for outcome, n in counts.by_outcome.items() if n]
    told += [f"{missing} not run"] if missing else []
    total = sum(counts.by_outcome.values()) + missing
    body = [f'<rect class="rest" width="{_WIDE}" height="{_HIGH}" rx="3" fill="#d1d5db"/>']
    x = 0.0
    for outcome, n in counts.by_outcome.items():
        if n:
            width = _WIDE * n / total
            body.append(
                f'<rect class="o-{outcome}" x="{x:.1f}" width="{max(2.0, width - 1):.1f}" height="{_HIGH}" rx="2" '
                f'fill="{svg.OUTCOMES[outcome]}"/>'
            )
            x += width
    return svg.picture("counts", _WIDE, _HIGH, ", ".join(told) or "no scenario ran", body)


def shares(rows: Sequence[Share]) -> Markup:
    """Connections per member: a bar for what was seen, a tick for what was expected, a band for the tolerance."""
    largest = max((max(share.seen, (share.expected or 0) + (share.tolerance or 0)) for share in rows), default=0) or 1
    left = svg.label_width(share.lane for share in rows)
    scale = _BAR / largest
    body: list[str] = []
    for index, share in enumerate(rows):
        top = index * 22
        body.append(svg.text(left - 6, top + 15, svg.fit(share.lane), f"t end {svg.lane(index)}"))
        body.append(
            f'<rect class="{svg.lane(index)}" fill="{svg.LANES[index % len(svg.LANES)]}" x="{left}" y="{top + 4}" '
            f'width="{share.seen * scale:.1f}" height="14"/>'
        )
        if share.expected is not None:
            x = left + share.expected * scale
            if share.tolerance:
                half = share.tolerance * scale
                body.append(
                    f'<rect class="band" fill="#6b7280" fill-opacity=".35" x="{x - half:.1f}" y="{top + 1}" '
                    f'width="{2 * half:.1f}" height="20"/>'
                )
            body.append(f'<path class="tick" stroke="#111" stroke-width="2" d="M{x:.1f} {top + 1}v20"/>')
        body.append(svg.text(left + _BAR + 10, top + 15, str(share.seen)))
    label = "; ".join(
        f"{share.lane} {share.seen}" + (f", expected {share.expected:g}" if share.expected is not None else "")
        for share in rows
    )
    return svg.picture("shares", left + _BAR + 60, 22 * len(rows), label, body)
