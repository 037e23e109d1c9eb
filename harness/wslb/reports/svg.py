"""Inline SVG by hand: text stays text, one path per series, colours from CSS variables, the finding as its label.

Presentation attributes repeat the light colours, so that a viewer that blocks style sheets still shows the picture.
"""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

from wslb.reports.texts import clean, shortened

__all__ = ["LANES", "OUTCOMES", "TIMES", "fit", "label_width", "lane", "picture", "stroke", "text"]

LANES = ("#1f5fbf", "#a34f00", "#0f766e", "#7c3aed", "#9d174d", "#4d7c0f")
"""Blue and orange first: the pair that the common kinds of colour-blindness tell apart."""

OUTCOMES = {"passed": "#1a7f37", "failed": "#c4271b", "errored": "#8a3ffc", "skipped": "#6b7280"}

TIMES = "\N{MULTIPLICATION SIGN}"
_LONGEST = 16


def lane(index: int) -> str:
    """Class of a lane, which chooses its colour."""
    return f"l{index % len(LANES)}"


def stroke(index: int) -> str:
    """Attributes of a lane's path."""
    return f'class="{lane(index)}" fill="none" stroke="{LANES[index % len(LANES)]}"'


def fit(label: str) -> str:
    """A lane's name at the length that pictures leave for it."""
    return shortened(label, _LONGEST)


def label_width(labels: Iterable[str]) -> int:
    """Room to the left of the lanes, in units of the picture."""
    return 14 + 7 * min(_LONGEST, max((len(label) for label in labels), default=0))


def text(x: float, y: float, words: str, classes: str = "t") -> str:
    """A text element; ``end`` and ``mid`` among its classes set the anchor."""
    names = classes.split()
    anchor = ' text-anchor="end"' if "end" in names else ' text-anchor="middle"' if "mid" in names else ""
    return f'<text x="{x:g}" y="{y:g}"{anchor} class="{classes}">{escape(clean(words))}</text>'


def picture(name: str, width: float, height: float, label: str, body: Iterable[str]) -> Markup:
    """The whole picture, with the finding as its accessible name."""
    return Markup(  # noqa: S704 - every text inside went through escape()
        f'<svg class="{name}" role="img" aria-label="{escape(clean(label))}" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" font-family="system-ui,sans-serif" font-size="11">{"".join(body)}</svg>'
    )
