"""A full server: who waits, in which order the waiting are served, and what becomes of those who give up.

The scenario notes ``full`` when every slot is taken, and ``slot`` just before it frees one.
"""

from __future__ import annotations

from wslb.checks.judging import called, judged, no_evidence
from wslb.model.handshake import Handshake
from wslb.model.results import Check, Event, Record, Verdict

__all__ = ["abandoned_still_arrive", "requests_waited", "served_slot_by_slot"]


def served_slot_by_slot(waited_seconds: float, *, in_order: bool = True) -> Check:
    """Handshakes that found every slot taken are answered one for each freed slot, first come, first served.

    Args:
        waited_seconds: how long every slot was taken at least before the first was freed.
        in_order: False where nobody knows which of them came first, since the server reads their requests at once.
    """

    def served(record: Record) -> Verdict:
        name = "served_slot_by_slot"
        expected = f"no answer for {waited_seconds:g} s while full, then one handshake for each freed slot"
        expected += ", in order" if in_order else ""
        full, slots = _moment(record, "full"), _moments(record, "slot")
        waiting = [h for h in record.handshakes if full is not None and h.opened_at >= full and not _gave_up(h)]
        if full is None or not slots or not waiting:
            return no_evidence(name, expected=expected, lacking="the server was never full with somebody waiting")
        if not in_order:
            waiting.sort(key=lambda handshake: _greeted(handshake) or float("inf"))
        if slots[0] - full < waited_seconds:
            told = f"it was full for {slots[0] - full:.2f} s only"
            return judged(name, holds=False, expected=expected, observed=told)
        wrong = ""
        for index, handshake in enumerate(waiting):
            answered = _greeted(handshake)
            until = slots[index + 1] if index + 1 < len(slots) else float("inf")
            if not handshake.accepted:
                wrong = f"{called(handshake)} got {handshake.status or 'no answer'} ({handshake.error})"
            elif answered is None or index >= len(slots) or not slots[index] <= answered < until:
                at = "never greeted" if answered is None else f"greeted at {answered:.2f} s"
                wrong = f"{called(handshake)} was {at}, slots were freed at {_times(slots)}"
            if wrong:
                return judged(name, holds=False, expected=expected, observed=wrong, evidence=[handshake.conn_id])
        told = ", ".join(f"{called(h)} after {(_greeted(h) or 0) - h.opened_at:.2f} s" for h in waiting)
        return judged(name, holds=True, expected=expected, observed=told)

    return served


def requests_waited(status: int, *, waited_seconds: float) -> Check:
    """Ordinary requests made while every slot was taken are answered, but only once a slot was freed."""

    def waited(record: Record) -> Verdict:
        name = "requests_waited"
        expected = f"no answer for {waited_seconds:g} s while full, then {status}, for every ordinary request"
        full, slots = _moment(record, "full"), _moments(record, "slot")
        made = [e for e in record.events if e.kind == "request" and full is not None and _begun(e) >= full]
        if full is None or not slots or not made:
            return no_evidence(name, expected=expected, lacking="no request was made while the server was full")
        wrong = [event for event in made if not _begun(event) < slots[0] <= event.at or event.data["status"] != status]
        told = ", ".join(f"{event.text} after {event.data['seconds']:.2f} s" for event in wrong or made)
        long_enough = slots[0] - full >= waited_seconds
        return judged(name, holds=not wrong and long_enough, expected=expected, observed=told)

    return waited


def abandoned_still_arrive(record: Record) -> Verdict:
    """The handshake of a client that gave up waiting is served all the same: it lies in the backlog ahead of others."""
    name = "abandoned_still_arrive"
    expected = "each abandoned handshake was connected and sent, reached a backend later, and has ended there"
    gone = [handshake for handshake in record.handshakes if _gave_up(handshake)]
    if not gone:
        return no_evidence(name, expected=expected, lacking="nobody gave up")
    wrong = [h for h in gone if not h.request or not h.arrivals or any(a.closed is None for a in h.arrivals)]
    told = ", ".join(f"{called(h)} reached {h.arrivals[0].backend if h.arrivals else 'nobody'}" for h in gone)
    return judged(name, holds=not wrong, expected=expected, observed=told, evidence=[h.conn_id for h in wrong])


def _greeted(handshake: Handshake) -> float | None:
    """When the greeting came: by the lab's clock, so that it can be compared with the moments of events."""
    return next((exchange.at for exchange in handshake.exchanges if not exchange.sent), None)


def _gave_up(handshake: Handshake) -> bool:
    return handshake.status is None


def _moments(record: Record, kind: str) -> list[float]:
    return [event.at for event in record.events if event.kind == kind]


def _moment(record: Record, kind: str) -> float | None:
    return next(iter(_moments(record, kind)), None)


def _begun(event: Event) -> float:
    return event.at - float(event.data["seconds"])


def _times(moments: list[float]) -> str:
    return ", ".join(f"{moment:.2f}" for moment in moments)
