"""How numbers and foreign text become words on a page: units on every number, nothing that a terminal would obey."""

from __future__ import annotations

import re

from wslb.model.disclosure import clean

__all__ = ["DASH", "clean", "count", "milliseconds", "number", "seconds", "shortened", "signed", "spoken_time"]

DASH = "\N{EN DASH}"
"""Stands where there is no value, and for what was skipped."""

_MINUS = "\N{MINUS SIGN}"


def count(number: int, noun: str, plural: str = "") -> str:
    """``1 connection``, ``20 connections``."""
    return f"{spaced(number)} {noun if number == 1 else plural or noun + 's'}"


def spaced(number: int) -> str:
    """An integer with narrow gaps between thousands from 10 000 on, as it is read aloud."""
    return f"{number:,}".replace(",", "\u202f") if abs(number) >= 10_000 else str(number)


def number(value: float) -> str:
    """A number without superfluous decimals."""
    return spaced(int(value)) if float(value).is_integer() else f"{value:.2f}".rstrip("0").rstrip(".")


def signed(value: float) -> str:
    """A difference with its sign; zero is ``±0``."""
    return "±0" if not value else f"{'+' if value > 0 else _MINUS}{number(abs(value))}"


def milliseconds(value: float) -> str:
    """Seconds as milliseconds without a unit, with three significant digits at most."""
    ms = value * 1000
    return f"{ms:.2f}" if ms < 10 else f"{ms:.1f}" if ms < 100 else f"{ms:.0f}"


def seconds(value: float) -> str:
    """A duration with the unit that suits it."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 120:
        return f"{value:.1f} s" if value < 100 else f"{value:.0f} s"
    return f"{int(value // 60)} min {int(value % 60):02d} s"


def spoken_time(started: str) -> str:
    """``2026-11-22T17:55:57+00:00`` as ``2026-11-22 17:55:57 +00:00``; anything else as it is."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(.*)", started)
    return " ".join(part for part in match.groups() if part) if match else started


def shortened(text: str, length: int) -> str:
    """Text cut at a length, with an ellipsis that says so."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
