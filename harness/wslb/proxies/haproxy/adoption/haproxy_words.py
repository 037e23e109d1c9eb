"""What became of an upgrade behind HAProxy, in the lines of the user's file. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wslb.model.handshake import Arrival, Handshake, one_header
from wslb.model.results import LogLine
from wslb.proxies.adopting import TriedPath, disclosed
from wslb.proxies.haproxy.adoption.sections import HaproxyLine, HaproxySection, in_force

__all__ = ["TOOK", "explained"]

TOOK = "took the request of"
"""Begin of the line in which the access log tells what took a request: its id, then ``took N end M TS``."""

STRANGER = "the lab asks from 127.0.0.1, without a name or password"
_SEEN = ("Host", "Origin", "Upgrade", "Connection", "X-Forwarded-For", "X-Forwarded-Proto")
_TOLD = re.compile(r"took (?P<took>\d+|-) end (?P<end>\d+|-) (?P<state>\S+)$")

_STATES: Mapping[str, str] = {
    "SC": "no server of it could be reached",
    "sC": "the connect took longer than timeout connect",
    "sQ": "it waited for a free server until timeout queue",
    "SH": "the server hung up before it answered",
    "sH": "the server gave no answer within timeout server",
    "PH": "the answer was none that HAProxy passes on",
    "PR": "HAProxy itself refused the request",
    "cR": "the request did not come within timeout http-request",
}
"""Termination states of HAProxy's log (configuration manual, section 8.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """What HAProxy told of a request."""

    took: HaproxyLine | None
    end: HaproxyLine | None
    state: str


def explained(
    sections: Sequence[HaproxySection],
    marks: Sequence[HaproxyLine],
    asked: TriedPath,
    handshake: Handshake,
    log: Sequence[LogLine],
) -> Iterator[str]:
    """Line, backend and what it saw of an upgrade that was accepted; line, cause and cure of one that was not."""
    way = _way(marks, handshake, log)
    arrival = handshake.arrival
    where = _told(way.took) if way.took else "HAProxy does not tell which line"
    behind = _behind(sections, way.took)
    to = f"; {behind.at.place}: {behind.told}" if behind is not None and behind.at is not way.took else ""
    if handshake.accepted:
        yield f"{where} took it{to}"
    elif way.end is not None:
        yield f"{_told(way.end)} ends it with {handshake.status or 'no answer'}"
        yield from _ended(way.end, asked, handshake.status)
    elif arrival is not None and (lost := _lost(arrival)):
        yield f"{where} takes it as plain HTTP: {lost} does not reach the backend{to}"
        yield from _removing(sections, behind, lost)
    elif arrival is not None:
        asked_for = f"{arrival.method} {arrival.target}"
        yield f"{where} takes it, and the backend itself answers {arrival.status} to {asked_for}{to}"
    elif handshake.status is None:
        yield f"no answer: {handshake.error}"
    elif behind is None:
        yield f"no use_backend counts for it and there is no default_backend: HAProxy answers {handshake.status}"
        yield from ([f"meant for it: {asked.at}"] if asked.at else [])
    else:
        why = _STATES.get(way.state[:2], "")
        yield f"{where} takes it, and {handshake.status} comes back{to}" + (f": {why}" if why else "")
        yield from _unserved(behind, handshake.status)
    if arrival is not None:
        fields = "; ".join(f"{name}: {value}" for name in _SEEN if (value := one_header(arrival.headers, name)))
        yield f"{arrival.backend} saw {arrival.method} {arrival.target} HTTP/{arrival.http_version}; {fields}"
    if not handshake.accepted:
        yield from (f"HAProxy's log: {line.text}" for line in log[:200] if line.alarming)


def _way(marks: Sequence[HaproxyLine], handshake: Handshake, log: Sequence[LogLine]) -> _Way:
    told = next((line.text for line in log if line.text.startswith(f"{TOOK} {handshake.conn_id}:")), "")
    found = _TOLD.search(told)

    def mark(name: str) -> HaproxyLine | None:
        return marks[int(found[name])] if found and found[name].isdigit() and int(found[name]) < len(marks) else None

    return _Way(took=mark("took"), end=mark("end"), state=found["state"] if found else "")


def _told(line: HaproxyLine) -> str:
    return f"{line.place}: {disclosed(str(line))}"


def _behind(sections: Sequence[HaproxySection], took: HaproxyLine | None) -> HaproxySection | None:
    """The section whose servers a line leads to."""
    if took is None:
        return None
    name = took.word(1)
    return next((one for one in sections if one.kind in {"backend", "listen"} and one.name == name), None)


def _lost(arrival: Arrival) -> str:
    """The field of an upgrade that did not arrive; empty where both did."""
    if not one_header(arrival.headers, "Upgrade"):
        return "the Upgrade field"
    tokens = (one_header(arrival.headers, "Connection") or "").lower()
    return "" if "upgrade" in tokens else "Connection: upgrade"


def _removing(sections: Sequence[HaproxySection], behind: HaproxySection | None, lost: str) -> Iterator[str]:
    """Rules that take a field away."""
    name = "connection" if lost.startswith("Connection") else "upgrade"
    for section in sections:
        if section.kind in {"frontend", "listen"} or section is behind:
            for line in section.inside("http-request"):
                words = [word.lower() for word in line.words]
                if words[1:2] and words[1] in {"del-header", "set-header", "replace-header"} and name in words[2:3]:
                    yield f"{_told(line)} takes it away"


def _ended(line: HaproxyLine, asked: TriedPath, status: int | None) -> Iterator[str]:
    if status is not None and 300 <= status < 400:
        yield "a WebSocket client follows no redirect: keep the WebSocket path out of it"
    if status in {401, 403}:
        yield STRANGER
    if asked.at and line.place not in asked.at:
        yield f"meant for it: {asked.at}"


def _unserved(behind: HaproxySection, status: int | None) -> Iterator[str]:
    if status != 503:
        return
    servers = [*behind.inside("server"), *behind.inside("server-template")]
    if not servers:
        yield f"{behind.told} ({behind.at.place}) has no server"
        return
    given = in_force(behind, "default-server")
    off = [line for line in servers if "disabled" in (*line.words, *(given.words if given else ()))]
    if len(off) == len(servers):
        yield f"every server of {behind.told} is disabled: {', '.join(line.place for line in off)}"
