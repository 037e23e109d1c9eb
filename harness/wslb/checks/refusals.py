"""Handshakes that must not succeed, and how long a client had to wait for its answer."""

from __future__ import annotations

from wslb.checks.judging import About, called, judged, no_evidence, numbered
from wslb.model.handshake import Handshake, header_values
from wslb.model.results import Check, Claim, Record, Verdict

__all__ = ["answers", "never_carries", "reached", "requests_answered", "requests_carry", "waited"]


def answers(*statuses: int | None) -> Check:
    """Exactly these HTTP statuses, connection by connection; None where no answer came at all."""

    def so_answered(record: Record) -> Verdict:
        expected = _row(statuses)
        if not record.handshakes:
            return no_evidence("answers", expected=expected, lacking="no handshake was made")
        seen = [handshake.status for handshake in record.handshakes]
        wrong = [
            handshake for handshake, want in zip(record.handshakes, statuses, strict=False) if handshake.status != want
        ]
        first = f"{called(wrong[0])}: {wrong[0].error or wrong[0].status}; " if wrong else ""
        return judged(
            "answers",
            holds=seen == list(statuses),
            expected=expected,
            observed=first + _row(seen),
            evidence=[handshake.conn_id for handshake in wrong],
        )

    return so_answered


def _row(statuses: tuple[int | None, ...] | list[int | None]) -> str:
    return " ".join(str(status or "none") for status in statuses)


def waited(seq: int, *, least_seconds: float, most_seconds: float = 30) -> Check:
    """Connection `seq` waited at least so long for its answer; the upper bound only tells it from a lost one."""

    def judge(handshake: Handshake) -> tuple[bool, str]:
        waited = handshake.elapsed_seconds
        return least_seconds <= waited < most_seconds, f"{waited:.3f} s"

    def so_long(record: Record) -> Verdict:
        expected = f"connection {seq} waits {least_seconds:g} s or more, and less than {most_seconds:g} s"
        return numbered("waited", record, seq, expected=expected, judge=judge)

    return so_long


def reached(seq: int, route: str) -> Check:
    """Connection `seq` was served by this member."""

    def judge(record: Record) -> Verdict:
        def so(handshake: Handshake) -> tuple[bool, str]:
            served = record.route_of(handshake)
            return served == route, served or "nobody served it"

        return numbered("reached", record, seq, expected=f"connection {seq} is served by {route}", judge=so)

    return judge


def never_carries(field: str, *, beginning: str = "") -> Check:
    """No answer to a handshake that was accepted carries this header field, with a value that begins so."""

    def without(record: Record) -> Verdict:
        name = About(check="never_carries", claims=Claim.FIELDS)
        expected = f"no 101 carries {field}" + (f": {beginning}…" if beginning else "")
        if not record.accepted:
            return no_evidence(name, expected=expected, lacking="no handshake was accepted")
        with_it = [h for h in record.accepted if any(v.startswith(beginning) for v in header_values(h.response, field))]
        return judged(
            name,
            holds=not with_it,
            expected=expected,
            observed=f"{len(with_it)} of {len(record.accepted)} carry it",
            evidence=[h.conn_id for h in with_it],
        )

    return without


def requests_answered(count: int, *statuses: int) -> Check:
    """So many ordinary HTTP requests were made, and every one was answered.

    Args:
        count: how many; what an unanswered request does not do says nothing.
        statuses: any of these; none takes every status.
    """

    def all_answered(record: Record) -> Verdict:
        name = "requests_answered"
        expected = f"{count} HTTP requests answered {' or '.join(map(str, statuses))}".rstrip()
        seen = [event.data["status"] for event in record.events if event.kind == "request"]
        if not seen:
            return no_evidence(name, expected=expected, lacking="no HTTP request was made")
        wrong = [status for status in seen if status not in statuses and (statuses or not status)]
        told = " ".join(str(status or "none") for status in seen)
        return judged(name, holds=len(seen) == count and not wrong, expected=expected, observed=told)

    return all_answered


def requests_carry(field: str, value: str) -> Check:
    """Every ordinary HTTP answer of the scenario carries this field with a value that begins so."""

    def on_all(record: Record) -> Verdict:
        expected = f"every HTTP answer carries {field}: {value}…"
        requests = [event for event in record.events if event.kind == "request"]
        if not requests:
            return no_evidence("requests_carry", expected=expected, lacking="no HTTP request was made")
        carried = [header_values(_fields(event.data.get("headers", [])), field) for event in requests]
        return judged(
            "requests_carry",
            holds=all(values and all(v.startswith(value) for v in values) for values in carried),
            expected=expected,
            observed=", ".join(v for values in carried for v in values) or "no such field",
        )

    return on_all


def _fields(pairs: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in pairs)
