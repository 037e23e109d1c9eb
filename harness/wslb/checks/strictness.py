"""Rules that peers may live without: a broken one is told, and the scenario passes, not strictly (RFC 2119, SHOULD)."""

from __future__ import annotations

from collections import Counter

from wslb.checks.judging import each as _each
from wslb.checks.judging import judged, no_evidence
from wslb.model.handshake import Handshake, Headers, header_values
from wslb.model.hops import HOP_BY_HOP
from wslb.model.results import Grade, Record, Verdict

__all__ = ["cookies_once", "hop_fields_dropped", "host_comes_first", "nominated_fields_dropped"]

_HOP_ANEW = frozenset({"connection", "upgrade"})
"""Hop-by-hop fields that an upgrade needs on every hop; the proxy writes its own."""


def hop_fields_dropped(record: Record) -> Verdict:
    """Fields of the client's own connection stay behind, whether or not Connection names them (RFC 9110 section 7.6.1).

    The section's words: intermediaries SHOULD remove fields that are known to require removal.
    """
    fields = sorted(HOP_BY_HOP - _HOP_ANEW)

    def wrong(handshake: Handshake) -> str:
        if handshake.arrival is None:
            return "no backend saw it"
        through = [name for name in fields if header_values(handshake.arrival.headers, name)]
        return f"{', '.join(through)} reached the backend" if through else ""

    return _each(
        "hop_fields_dropped",
        record,
        expected=f"none of {', '.join(fields)} reaches a backend",
        wrong=wrong,
        grade=Grade.SHOULD,
    )


def nominated_fields_dropped(record: Record) -> Verdict:
    """A field that Connection names stays behind: intermediaries MUST remove it (RFC 9110 section 7.6.1)."""

    def wrong(handshake: Handshake) -> str:
        if handshake.arrival is None:
            return "no backend saw it"
        named = [
            token.strip().lower()
            for value in header_values(handshake.request, "Connection")
            for token in value.split(",")
        ]
        named = [name for name in named if name not in _HOP_ANEW and header_values(handshake.request, name)]
        if not named:
            return "Connection names no field of the request"
        through = [name for name in named if header_values(handshake.arrival.headers, name)]
        return f"{', '.join(through)} reached the backend, though Connection names it" if through else ""

    return _each(
        "nominated_fields_dropped", record, expected="no field that Connection names reaches a backend", wrong=wrong
    )


def host_comes_first(record: Record) -> Verdict:
    """Host is the first field of the request that a backend receives (RFC 9110 section 7.2: SHOULD)."""

    def wrong(handshake: Handshake) -> str:
        if handshake.arrival is None:
            return "no backend saw it"
        first = handshake.arrival.headers[0][0] if handshake.arrival.headers else "nothing"
        return "" if first.lower() == "host" else f"{first} came first"

    return _each(
        "host_comes_first",
        record,
        expected="Host is the first field that the backend receives",
        wrong=wrong,
        grade=Grade.SHOULD,
    )


def cookies_once(record: Record) -> Verdict:
    """No answer sets a cookie of one name twice (RFC 6265 section 4.1.1: servers SHOULD NOT).

    A route that is set twice pins a client to whichever of the two the client happens to keep.
    """
    expected = "no answer sets a cookie of one name twice"
    answers = [(f"connection {h.seq}", h.response) for h in record.handshakes if h.status]
    answers += [
        (f"answer to {event.text}", tuple((name, value) for name, value in event.data.get("headers", ())))
        for event in record.events
        if event.kind == "request"
    ]
    if not answers:
        return no_evidence("cookies_once", expected=expected, lacking="nothing was answered")
    twice = [f"{where} sets {', '.join(names)} twice" for where, headers in answers if (names := _twice(headers))]
    told = f"{twice[0]}; so in {len(twice)} of {len(answers)} answers" if twice else f"so in all {len(answers)} answers"
    return judged("cookies_once", holds=not twice, expected=expected, observed=told, evidence=twice, grade=Grade.SHOULD)


def _twice(headers: Headers) -> list[str]:
    """Names of the cookies that are set more than once."""
    names = Counter(value.partition("=")[0].strip() for value in header_values(headers, "Set-Cookie"))
    return [name for name, times in names.items() if times > 1]
