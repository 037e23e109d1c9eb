"""Which percentiles tables and curves show: ``50,90,99,99.9``."""

from __future__ import annotations

import math
import re

__all__ = ["ALLOWED", "BEYOND", "REPORT", "label", "parse", "samples_needed"]

REPORT: tuple[float, ...] = (50.0, 90.0, 99.0, 99.9)
"""What a report shows when nobody asks for others."""

BEYOND = 10
"""A percentile is told only when so many samples at least lie beyond it.

How many do is a matter of chance, with a standard deviation of its square root: of 10 that is a third, so that a told
p99 is the true p98.2 to p99.5 in 19 of 20 runs. With fewer it would be the luck of some of them.
"""

MOST = 12
ALLOWED = (
    f"at most {MOST} numbers between 0 and 100, with four decimals at most and commas between them, such as "
    "50,90,99,99.9"
)
_ONE = re.compile(r"\s*p?(\d{1,2}(?:\.\d{1,4})?)\s*")


def parse(text: str) -> tuple[float, ...]:
    """The percentiles of a text in ascending order, each once; ``p99`` is 99.

    Raises:
        ValueError: it is not what `ALLOWED` says.
    """
    found: set[float] = set()
    for part in text.split(","):
        match = _ONE.fullmatch(part)
        if match is None or not 0 < float(match[1]) < 100:
            raise ValueError(f"{part!r} is no percentile")
        found.add(float(match[1]))
    if len(found) > MOST:
        raise ValueError(f"{len(found)} percentiles are too many")
    return tuple(sorted(found))


def samples_needed(percent: float) -> int:
    """How many samples a percentile needs to be told: 1000 for 99."""
    return math.ceil(round(BEYOND / (1 - percent / 100), 6))


def label(percent: float) -> str:
    """``p99.9``."""
    return f"p{percent:.10g}"
