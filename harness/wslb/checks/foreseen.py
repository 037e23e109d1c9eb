"""What a configuration led to expect of a failing backend, and what clients saw: the rules of ``wslb try``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from wslb.checks.judging import About, called, judged, no_evidence, told_status
from wslb.model.handshake import Handshake
from wslb.model.results import Check, Claim, Record, Verdict

__all__ = ["came_back", "ended_after", "felt", "fitted", "refused_times", "served_next"]


def _returned(record: Record, backend: str) -> float | None:
    """When the backend served again; None where it never did."""
    events = (e for e in record.events if e.kind == "backend" and e.data.get("backend") == backend and e.data.get("up"))
    return next((event.at for event in events), None)


def felt(backend: str, *, first: int, meanwhile: int, every: int = 0) -> Check:
    """What clients got while a backend was down: the first one, whose turn it was, and those after it.

    Args:
        backend: that was killed before the first handshake.
        first: status for the one that found it dead.
        meanwhile: for everybody else until it was back.
        every: after how many handshakes its turn comes again, where a dead one keeps its turns; 0 where it does not.
    """

    def saw(record: Record) -> Verdict:
        name = About(check="felt", phrase="clients saw another answer than foreseen", claims=Claim.OPENING)
        expected = f"{first} for the client that finds it dead, then {meanwhile}"
        expected += f", and {first} again at each of its turns, one in {every}" if every else ""
        back = _returned(record, backend)
        made = [h for h in record.handshakes if back is None or h.opened_at + h.elapsed_seconds < back]
        if len(made) < 2 or back is None:
            return no_evidence(name, expected=expected, lacking=f"{len(made)} handshakes were made while it was down")
        due = [first if not n or (every and n % every == 0) else meanwhile for n in range(len(made))]
        wrong = [h for h, status in zip(made, due, strict=True) if h.status != status]
        longest = max(h.elapsed_seconds for h in made)
        odd = f"{called(wrong[0])}: {told_status(wrong[0])}; " if wrong else ""
        counted = Counter(h.status for h in made)
        counts = ", ".join(f"{count} times {status or 'no answer'}" for status, count in counted.items())
        told = f"{odd}{counts}, the longest after {longest * 1000:.0f} ms"
        return judged(name, holds=not wrong, expected=expected, observed=told, evidence=[h.conn_id for h in wrong])

    return saw


def came_back(backend: str, *, after_seconds: float, slack_seconds: float) -> Check:
    """A backend that was killed and revived serves again, this long after the handshake that found it dead.

    Args:
        backend: it was killed before the first handshake.
        after_seconds: never sooner; counted from the beginning of that handshake to the answer.
        slack_seconds: how much later it may be, or than its return, where that comes after it.
    """

    def back(record: Record) -> Verdict:
        name = About(check="came_back", phrase="it was tried again at another time than foreseen")
        expected = f"tried again {after_seconds:g} s after it had failed, and not {slack_seconds:g} s later"
        returned = _returned(record, backend)
        if returned is None or not record.handshakes:
            return no_evidence(name, expected=expected, lacking="it was not brought back after a failure")
        failed = record.handshakes[0]
        served = next((h for h in record.handshakes[1:] if h.accepted and h.backend == backend), None)
        if served is None:
            last = record.handshakes[-1]
            told = f"not within {last.opened_at - failed.opened_at:.2f} s"
            return judged(name, holds=False, expected=expected, observed=told, evidence=[last.conn_id])
        passed = served.opened_at + served.elapsed_seconds - failed.opened_at
        due = max(failed.opened_at + failed.elapsed_seconds + after_seconds, returned)
        return judged(
            name,
            holds=passed >= after_seconds and served.opened_at - due <= slack_seconds,
            expected=expected,
            observed=f"after {passed:.2f} s",
            evidence=[served.conn_id],
        )

    return back


def ended_after(limits: Mapping[str, float | None], *, late_seconds: float, kept_seconds: float) -> Check:
    """Tunnels that carried nothing ended when the limit of their backend says, without a Close frame, or not at all.

    Args:
        limits: seconds by backend; None for one whose tunnels live on and answer.
        late_seconds: how much later than its limit a tunnel may end.
        kept_seconds: how long one without a limit must have carried nothing before it answers.
    """

    def at_its_time(record: Record) -> Verdict:
        name = About(check="ended_after", phrase="idle tunnels end at another time than foreseen", claims=Claim.END)
        told = sorted({f"after {limit} s" if limit is not None else "never" for limit in limits.values()})
        expected = f"idle tunnels end {' or '.join(told)}"
        if not record.accepted:
            return no_evidence(name, expected=expected, lacking="no tunnel was opened")
        asked = next((e.at for e in record.events if e.kind == "spoken"), None)
        wrong = [(h, odd) for h in record.accepted if (odd := _untimely(h, asked))]
        first = f"{called(wrong[0][0])}: {wrong[0][1]}; " if wrong else ""
        ended = [f"{idle:.2f} s" for h in record.accepted if (idle := _idle_seconds(h)) is not None]
        seen = f"{len(ended)} of {len(record.accepted)} ended" + (f" after {', '.join(ended)}" if ended else "")
        return judged(
            name, holds=not wrong, expected=expected, observed=first + seen, evidence=[h.conn_id for h, _ in wrong]
        )

    def _untimely(handshake: Handshake, asked: float | None) -> str:
        idle = _idle_seconds(handshake)
        limit = limits.get(handshake.backend or "")
        if handshake.backend not in limits:
            return f"it was served by {handshake.backend or 'nobody'}"
        if limit is None:
            if idle is not None:
                return f"it ended after {idle:.2f} s"
            if asked is None or asked - handshake.opened_at < kept_seconds:
                return "it was not left alone for long enough"
            return (
                "" if any(not e.sent and e.at >= asked for e in handshake.exchanges) else "it did not answer any more"
            )
        if idle is None:
            return "it did not end"
        return "" if limit <= idle <= limit + late_seconds else f"it ended after {idle:.2f} s"

    return at_its_time


def _idle_seconds(handshake: Handshake) -> float | None:
    """Seconds from the handshake until the other side ended the connection; None where it did not."""
    ended = handshake.wire.ended_at if handshake.wire else None
    by_other = handshake.closed is None or handshake.closed.by != "client"
    return ended - handshake.opened_at if ended is not None and by_other else None


def fitted(count: int, *, full: bool, astray: int = 0) -> Check:
    """So many tunnels were open at a time; where that is all the room there is, one more client got no answer.

    Args:
        count: tunnels that there is room for, all asked for before the event ``full``.
        full: whether one more was asked for after it.
        astray: how many of all may go unanswered although there is room: of several processes one that is full may
            accept a client, and a place in another stays free (seen on 2.4.71 under event: up to 7 of 400).
    """

    def so_many(record: Record) -> Verdict:
        name = About(check="fitted", phrase="another number of tunnels fits than foreseen", claims=Claim.OPEN)
        expected = f"{count} tunnels open at a time" + (", and no answer for one more client" if full else "")
        expected += f"; up to {astray} astray in processes that are full" if astray else ""
        at = next((e.at for e in record.events if e.kind == "full"), None)
        if at is None or not record.handshakes:
            return no_evidence(name, expected=expected, lacking="no tunnel was asked for")
        opened = [h for h in record.accepted if h.closed_at is None or h.closed_at > at]
        others = [h for h in record.handshakes if h not in opened]
        refused = [h for h in others if h.status is not None]
        told = f"{len(opened)} open, {len(others)} not answered" + (f"; {told_status(refused[0])}" if refused else "")
        return judged(
            name,
            holds=count - astray <= len(opened) <= count and len(record.handshakes) == count + full and not refused,
            expected=expected,
            observed=told,
            evidence=[h.conn_id for h in (*refused, *others)],
        )

    return so_many


def refused_times(status: int, *, least: int, most: int) -> Check:
    """So many handshakes got this status from the backend, all others 101."""

    def counted(record: Record) -> Verdict:
        name = About(check="refused_times", phrase="another number of clients was refused", claims=Claim.OPENING)
        expected = f"{least if least == most else f'{least} or more'} times {status}, and 101 for all others"
        if not record.handshakes:
            return no_evidence(name, expected=expected, lacking="no handshake was made")
        refused = [h for h in record.handshakes if h.status == status]
        wrong: list[Handshake] = [h for h in record.handshakes if h.status not in {status, 101}]
        odd = f"; {called(wrong[0])}: {told_status(wrong[0])}" if wrong else ""
        return judged(
            name,
            holds=least <= len(refused) <= most and not wrong,
            expected=expected,
            observed=f"{len(refused)} of {len(record.handshakes)} clients{odd}",
            evidence=[h.conn_id for h in (wrong or refused)],
        )

    return counted


def served_next(*, accepted: bool) -> Check:
    """The first client after the last event ``restart`` was served, or got no answer."""

    def next_one(record: Record) -> Verdict:
        name = About(check="served_next", phrase="the next client fared otherwise than foreseen", claims=Claim.OPENING)
        expected = f"the first client after the restart {'is served' if accepted else 'gets no answer'}"
        at = next((e.at for e in reversed(record.events) if e.kind == "restart"), None)
        found = next((h for h in record.handshakes if at is not None and h.opened_at >= at), None)
        if found is None:
            return no_evidence(name, expected=expected, lacking="nobody came after a restart")
        holds = found.accepted if accepted else found.status is None
        told = f"{told_status(found)} after {found.elapsed_seconds:.2f} s"
        return judged(name, holds=holds, expected=expected, observed=told, evidence=[found.conn_id])

    return next_one
