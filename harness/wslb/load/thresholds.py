"""Limits that a load run must keep, such as ``p99<10ms``, ``errors=0`` or ``imbalance<1%``."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from wslb.errors import ConfigError
from wslb.load.saved import Clock, JudgedLimit
from wslb.load.tally import Histogram
from wslb.load.totals import Totals
from wslb.model.percentiles import samples_needed

__all__ = ["Limit", "judge", "parse_limit"]

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
_LIMIT = re.compile(r"\s*([a-z][a-z0-9._]*)\s*(<=|>=|==|<|>|=)\s*(\d+(?:\.\d+)?)\s*(us|ms|s|%|/s|)\s*")
_PERCENTILE = re.compile(r"(?:(echo|lag)\.)?p(\d{1,2}(?:\.\d{1,3})?)")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}

NAMES: dict[str, tuple[str, str]] = {
    "mean": ("time", "mean time to open"),
    "max": ("time", "longest time to open"),
    "echo.mean": ("time", "mean time of an echo"),
    "echo.max": ("time", "longest time of an echo"),
    "errors": ("count or share", "connections that failed, whatever the kind; lost ones are among them"),
    "lost": ("count or share", "connections that ended without a close frame, or with their process"),
    "opened": ("count or share", "connections that were opened, checked and greeted"),
    "echoed": ("count or share", "messages that came back as they were sent"),
    "imbalance": ("share", "largest distance of a backend from its equal share of the opens, relative to that share"),
    "rate": ("rate", "opens per second"),
}
"""Every name but the percentiles (``p50``, ``p99.9``, ``echo.p99``, ``lag.p99``): what kind of value, and its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit, as it was written and as it is meant."""

    text: str
    name: str
    sign: str
    value: float
    unit: str


def parse_limit(text: str) -> Limit:
    """Understand a limit.

    Raises:
        ConfigError: its name is unknown, or the unit does not belong to it.
    """
    match = _LIMIT.fullmatch(text)
    if match is None:
        raise ConfigError(option="--limit", value=text, allowed="NAME<VALUE with <, <=, =, >= or >, such as 'p99<10ms'")
    name, sign, value, unit = match[1], match[2].replace("==", "="), float(match[3]), match[4]
    percentile = _PERCENTILE.fullmatch(name)
    if percentile is None and name not in NAMES:
        known = [*NAMES, "p50", "p90", "p99", "p99.9", "echo.p99", "lag.p99"]
        close = difflib.get_close_matches(name, known, n=1)
        raise ConfigError(
            option="--limit",
            value=text,
            allowed=f"about one of {', '.join(known)}",
            hint=f"Did you mean {close[0]}?" if close else "",
        )
    kind = "time" if percentile else NAMES[name][0]
    units = {"time": ("us", "ms", "s"), "share": ("%", ""), "count or share": ("%", ""), "rate": ("/s", "")}[kind]
    if unit not in units:
        wanted = " or ".join(repr(one) if one else "no unit" for one in units)
        raise ConfigError(option="--limit", value=text, allowed=f"a {kind} with {wanted}")
    if kind == "time":
        value *= _SECONDS[unit]
    elif unit == "%":
        value /= 100
    return Limit(text=text.strip(), name=name, sign=sign, value=value, unit=unit)


def judge(limits: Sequence[Limit], totals: Totals) -> tuple[JudgedLimit, ...]:
    """Hold each limit against what a run came to; what cannot be told does not hold."""
    return tuple(_judge(limit, totals) for limit in limits)


def _judge(limit: Limit, totals: Totals) -> JudgedLimit:
    value, shown = _observed(limit, totals)
    holds = value is not None and _OPERATORS[limit.sign](value, limit.value)
    return JudgedLimit(text=limit.text, holds=holds, observed=shown)


def _observed(limit: Limit, totals: Totals) -> tuple[float | None, str]:
    """The value that a limit is about, in its own unit, and its words."""
    name, counts = limit.name, totals.counts
    percentile = _PERCENTILE.fullmatch(name)
    if percentile:
        return _percentile(totals.latency[cast("Clock", percentile[1] or "open")], float(percentile[2]), limit.unit)
    clock, _, field = name.rpartition(".")
    if field in {"mean", "max"}:
        histogram = totals.latency[cast("Clock", clock or "open")]
        seconds = histogram.mean if field == "mean" else histogram.highest
        return (seconds, _time(seconds, limit.unit)) if histogram.count else (None, "no samples")
    if name == "rate":
        return counts.rate, f"{counts.rate:.1f}/s"
    if name == "imbalance":
        return counts.imbalance, "fewer than two backends" if counts.imbalance is None else f"{counts.imbalance:.2%}"
    count: int = getattr(counts, name)
    whole = counts.messages_due if name == "echoed" else counts.planned
    if limit.unit != "%":
        return count, f"{count} of {whole}"
    return (count / whole, f"{count / whole:.3%} ({count} of {whole})") if whole else (None, "nothing was planned")


def _percentile(histogram: Histogram, percent: float, unit: str) -> tuple[float | None, str]:
    seconds = histogram.told((percent,))[percent]
    if seconds is None:
        return None, f"withheld: {histogram.count} samples, p{percent:g} needs {samples_needed(percent)}"
    return seconds, f"{_time(seconds, unit)} (n = {histogram.count})"


def _time(seconds: float, unit: str) -> str:
    value = seconds / _SECONDS[unit]
    return f"{value:.0f}{unit}" if value >= 1000 else f"{value:.4g}{unit}"
