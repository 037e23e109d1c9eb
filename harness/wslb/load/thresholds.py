"""Limits that a load run must keep, such as ``p99<10ms``, ``errors=0`` or ``imbalance<1%``."""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wslb.errors import ConfigError

__all__ = ["BEYOND", "Limit", "Limited", "judge", "needed", "parse_limit"]

BEYOND = 5
"""A percentile is told only when so many samples at least lie beyond it: else it would be the luck of one of them."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """What became of a limit."""

    limit: Limit
    holds: bool
    observed: str


def needed(percent: float) -> int:
    """Samples that a percentile needs to be told."""
    return math.ceil(round(BEYOND / (1 - percent / 100), 6))


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


def judge(limits: Sequence[Limit], facts: Mapping[str, Any]) -> tuple[Limited, ...]:
    """Hold each limit against the facts of a document; what cannot be told does not hold."""
    return tuple(_judge(limit, facts) for limit in limits)


def _judge(limit: Limit, facts: Mapping[str, Any]) -> Limited:
    value, shown = _observed(limit, facts)
    holds = value is not None and _OPERATORS[limit.sign](value, limit.value)
    return Limited(limit=limit, holds=holds, observed=shown)


def _observed(limit: Limit, facts: Mapping[str, Any]) -> tuple[float | None, str]:
    """The value that a limit is about, in its own unit, and its words."""
    name = limit.name
    percentile = _PERCENTILE.fullmatch(name)
    if percentile:
        return _percentile(percentile[1] or "open", float(percentile[2]), limit.unit, facts)
    series, _, field = name.rpartition(".")
    if field in {"mean", "max"}:
        latency = facts["latency"][series or "open"]
        seconds = latency[f"{field}_seconds"] if latency["count"] else None
        return seconds, "no samples" if seconds is None else _time(seconds, limit.unit)
    if name == "rate":
        return facts["rate"], f"{facts['rate']:.1f}/s"
    if name == "imbalance":
        imbalance = facts["imbalance"]
        return (None, "fewer than two backends") if imbalance is None else (imbalance, f"{imbalance:.2%}")
    count, whole = facts[name], facts["messages_due"] if name == "echoed" else facts["planned"]
    if limit.unit == "%":
        share = count / whole if whole else None
        return share, "nothing was planned" if share is None else f"{share:.3%} ({count} of {whole})"
    return count, f"{count} of {whole}"


def _percentile(series: str, percent: float, unit: str, facts: Mapping[str, Any]) -> tuple[float | None, str]:
    latency = facts["latency"][series]
    if latency["count"] < needed(percent):
        return None, f"withheld: {latency['count']} samples, p{percent:g} needs {needed(percent)}"
    seconds = latency["histogram"].percentile(percent)
    return seconds, f"{_time(seconds, unit)} (n = {latency['count']})"


def _time(seconds: float, unit: str) -> str:
    value = seconds / _SECONDS[unit]
    return f"{value:.0f}{unit}" if value >= 1000 else f"{value:.4g}{unit}"
