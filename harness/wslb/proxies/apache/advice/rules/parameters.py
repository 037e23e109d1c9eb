"""Parameters of members and balancers: misspelt, in the wrong place, out of range, lost to sharing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from wslb.proxies.apache.advice.rule import Rule, Severity, Spot
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.mounting import Mounting, Way
from wslb.proxies.apache.conf.urls import is_open, scheme_of
from wslb.proxies.apache.conf.vocabulary import (
    BALANCER_PARAMETERS,
    HC_METHODS,
    LINE_PARAMETERS,
    MEMBER_PARAMETERS,
    SHARED_PARAMETERS,
    meant,
)
from wslb.proxies.apache.since import PARAMETERS

__all__ = ["RULES"]


_KNOWN = BALANCER_PARAMETERS | MEMBER_PARAMETERS | SHARED_PARAMETERS


_FLAGS = re.compile(r"(?:[+-]?[DSINHERC]+)+", re.IGNORECASE)


def _on_members_only(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``ProxyPass unknown Balancer parameter`` for upgrade=, retry= and loadfactor=."""
    for balancer in conf.balancers:
        for key, value, at in balancer.settings:
            if key in MEMBER_PARAMETERS:
                yield Spot(
                    at,
                    f"{key}={value} stands on balancer://{balancer.name}",
                    cure=f"Write {key}={value} on every BalancerMember line of balancer://{balancer.name}."
                    if conf.knows(key)
                    else "Take it off: this httpd does not know it.",
                )


def _on_balancers_only(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``BalancerMember unknown Worker parameter`` for lbmethod= and stickysession=."""
    for _, member in conf.direct_members():
        for key, value in member.parameters.items():
            if key in BALANCER_PARAMETERS:
                yield Spot(
                    member.directive,
                    f"{key}={value} stands on the member {member.url}",
                    cure=f"ProxySet {key}={value} inside <Proxy balancer://…>",
                )


def _unknown(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``BalancerMember unknown Worker parameter`` for ``timout=5``; on 2.4.12 for ``hcmethod=TCP``."""
    found: list[tuple[str, Directive]] = [(key, at) for balancer in conf.balancers for key, _, at in balancer.settings]
    found += [(key, member.directive) for _, member in conf.direct_members() for key in member.parameters]
    for key, at in found:
        if is_open(at):
            continue
        if not conf.knows(key):
            yield Spot(
                at, f"{key}= is no parameter before httpd {PARAMETERS[key].text}", cure="Take it off, or update httpd."
            )
        if key in _KNOWN | LINE_PARAMETERS or "$" in key or (at.key == "rewriterule"):
            continue
        near = meant(key, _KNOWN)
        yield Spot(
            at,
            f"{key!r} is no parameter of mod_proxy",
            cure=f"Did you mean {near}=?" if near and conf.knows(near) else "",
        )


def _values(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: each of these stops ``httpd -t``, such as ``LoadFactor must be a number between 1..100``."""
    for _, member in conf.direct_members():
        for key, value in member.parameters.items():
            wrong = "" if "$" in value or is_open(member.directive) else _wrong(key, value)
            if wrong and not conf.knows(key):
                continue
            if conf.older_than(2, 4, 55):
                wrong = wrong.replace(", one of these with 11", "")
            if wrong:
                yield Spot(member.directive, f"{key}={value} on {member.url}", cure=wrong)


_VALUES: tuple[tuple[str, Callable[[str], object], str], ...] = (
    ("loadfactor", lambda value: _between(value, 1, 100), "loadfactor= is a number from 1 to 100."),
    ("timeout", re.compile(r"0*[1-9]\d*(?:ms|s|mi|min)?").fullmatch, "timeout= is at least one second."),
    ("retry", re.compile(r"\d+(?:ms|s|mi|min)?").fullmatch, "retry= is a number of seconds, 0 or more."),
    ("route", lambda value: len(value) < 64, "A route is shorter than 64 characters."),
    ("status", _FLAGS.fullmatch, "status= takes the flags D, S, I, H, E, N, R and C, each with + or -."),
    (
        "hcmethod",
        lambda value: value.lower() in {*HC_METHODS, "cping"},
        "hcmethod= is TCP, GET, HEAD, OPTIONS, one of these with 11, or NONE.",
    ),
)


def _wrong(key: str, value: str) -> str:
    """What the value must be, where it is not; empty where it is fine."""
    return next((told for name, fine, told in _VALUES if name == key and not fine(value)), "")


def _between(value: str, low: float, high: float) -> bool:
    try:
        return low <= float(value) <= high
    except ValueError:
        return False


def _shared(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: AH01146 Ignoring parameter, because of worker sharing with the earlier, shorter URL."""
    for scope in conf.scopes:
        earlier: dict[str, Mounting] = {}
        for mounting in conf.mountings_in(scope):
            if mounting.way is Way.REWRITE or scheme_of(mounting.url) in {"", "balancer"}:
                continue
            url = mounting.url.rstrip("/")
            starts = (url[:at] for at, character in enumerate(url) if character == "/")
            first = next((earlier[start] for start in (*starts, url) if start in earlier), None)
            if first and any(key not in LINE_PARAMETERS for key in mounting.parameters):
                told = ", ".join(f"{k}={v}" for k, v in mounting.parameters.items())
                yield Spot(
                    mounting.directive, f"{told}: {mounting.url} shares the settings of line {first.directive.line}"
                )
            earlier.setdefault(url, mounting)


RULES = (
    Rule(
        id="WSLB-C020",
        severity=Severity.ERROR,
        why="Parameters of a connection belong to its member: httpd does not start, unknown Balancer parameter.",
        cure="Write it on every BalancerMember line.",
        find=_on_members_only,
    ),
    Rule(
        id="WSLB-C021",
        severity=Severity.ERROR,
        why="Parameters of the election belong to the balancer: httpd does not start, unknown Worker parameter.",
        cure="Write it with ProxySet inside <Proxy balancer://…>.",
        find=_on_balancers_only,
    ),
    Rule(
        id="WSLB-C022",
        severity=Severity.ERROR,
        why="httpd does not start: unknown Worker or Balancer parameter.",
        cure="See ProxyPass in the manual of mod_proxy for the names.",
        find=_unknown,
    ),
    Rule(
        id="WSLB-C023",
        severity=Severity.ERROR,
        why="httpd does not start with this value.",
        cure="Correct the value.",
        find=_values,
    ),
    Rule(
        id="WSLB-C029",
        severity=Severity.WARNING,
        why="ProxyPass lines whose URLs begin alike share the connection settings of the first: later ones are ignored "
        "(AH01146).",
        cure="Put the parameters on the first line, or the longer URL before the shorter.",
        find=_shared,
    ),
)
