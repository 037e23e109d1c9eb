"""Who lives and who dies: what became of open tunnels, judged by what the clients received."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from wslb.checks.judging import About, called, judged, no_evidence
from wslb.model.handshake import Exchange, Handshake
from wslb.model.results import Check, Claim, Event, Record, Verdict

__all__ = [
    "answered",
    "closed_with",
    "idle_until",
    "lasted",
    "lost",
    "open_together",
    "pinged",
    "still_open",
    "unanswered",
]


def _chosen(record: Record, routes: Sequence[str]) -> list[Handshake]:
    """Accepted connections of these members; of all members for none."""
    return [handshake for handshake in record.accepted if not routes or record.route_of(handshake) in routes]


def _moment(record: Record, label: str) -> Event | None:
    return next((e for e in record.events if e.kind == "spoken" and e.data.get("label") == label), None)


def _spoken_to(record: Record, label: str, routes: Sequence[str]) -> tuple[float, list[Handshake]] | None:
    """When the tunnels were asked under this label, and those of these members that were."""
    moment = _moment(record, label)
    if moment is None:
        return None
    asked = moment.data["connections"]
    return moment.at, [handshake for handshake in _chosen(record, routes) if handshake.conn_id in asked]


def _since(handshake: Handshake, at: float, *, sent: bool) -> list[Exchange]:
    return [exchange for exchange in handshake.exchanges if exchange.sent is sent and exchange.at >= at]


def _received_after(handshake: Handshake, at: float) -> bool:
    return any(not exchange.sent and exchange.at >= at for exchange in handshake.exchanges)


def _each(
    name: str | About, expected: str, handshakes: Sequence[Handshake], count: int, wrong: Callable[[Handshake], str]
) -> Verdict:
    """The rule on each of exactly `count` tunnels; the first that breaks it is named."""
    broken = [(handshake, sentence) for handshake in handshakes if (sentence := wrong(handshake))]
    first = f"{called(broken[0][0])}: {broken[0][1]}; " if broken else ""
    return judged(
        name,
        holds=count > 0 and len(handshakes) == count and not broken,
        expected=expected,
        observed=f"{first}holds on {len(handshakes) - len(broken)} of {len(handshakes)} tunnels",
        evidence=[handshake.conn_id for handshake, _ in broken],
    )


def answered(label: str, *routes: str, count: int) -> Check:
    """So many tunnels of these members answered a command sent at this moment: they are alive."""

    def alive(record: Record) -> Verdict:
        name = About(check="answered", claims=Claim.MESSAGES)
        expected = f"{count} tunnels {_of(routes)}answer: {label}"
        spoken = _spoken_to(record, label, routes)
        if spoken is None:
            return no_evidence(name, expected=expected, lacking="nothing was asked on any tunnel")
        at, handshakes = spoken
        return _each(name, expected, handshakes, count, lambda h: "" if _received_after(h, at) else "it did not answer")

    return alive


def unanswered(label: str, *routes: str, count: int) -> Check:
    """So many tunnels of these members stayed silent when a command was sent, without being closed."""

    def silent(record: Record) -> Verdict:
        expected = f"{count} tunnels {_of(routes)}stay silent: {label}"
        spoken = _spoken_to(record, label, routes)
        if spoken is None:
            return no_evidence("unanswered", expected=expected, lacking="nothing was asked on any tunnel")
        at, handshakes = spoken
        next_moments = [event.at for event in record.events if event.at > at and event.kind != "spoken"]
        end = min(next_moments, default=float("inf"))

        def wrong(handshake: Handshake) -> str:
            came = [e for e in handshake.exchanges if not e.sent and at <= e.at < end]
            return "it answered" if came else ""

        return _each("unanswered", expected, handshakes, count, wrong)

    return silent


def lost(*routes: str, count: int, before_signal: bool = False) -> Check:
    """So many tunnels of these members ended without a close frame, which libraries call 1006 (RFC 6455, 7.1.5).

    Args:
        routes: of the members; none mean all. Tunnels of other members must not be lost.
        count: how many.
        before_signal: only tunnels that were open when httpd got its signal.

    Those that ended only when the lab itself killed httpd (event ``forced``) are not lost by what is asked about.
    """

    def gone(record: Record) -> Verdict:
        expected = f"{count} tunnels {_of(routes)}end without a close frame (1006)"
        signals = [event.at for event in record.events if event.kind == "signal"]
        if not record.accepted or (before_signal and not signals):
            return no_evidence("lost", expected=expected, lacking="no tunnel was opened, or httpd got no signal")
        looked_at = [h for h in record.accepted if not before_signal or h.opened_at < signals[0]]
        ours = min((event.at for event in record.events if event.kind == "forced"), default=math.inf)
        by_itself = [h for h in looked_at if ours == math.inf or (h.closed_at is not None and h.closed_at <= ours)]
        broken = [h for h in by_itself if h.closed and h.closed.code == 1006]
        others = [h for h in broken if routes and record.route_of(h) not in routes]
        so = len(broken) - len(others)
        return judged(
            "lost",
            holds=count > 0 and so == count and not others,
            expected=expected,
            observed=f"{so} of {len(looked_at)} ended so" + (f", and {len(others)} of other members" if others else ""),
            evidence=[h.conn_id for h in broken],
        )

    return gone


def still_open(*routes: str, count: int) -> Check:
    """So many tunnels of these members were open until the client closed them, with both close frames."""

    def kept(record: Record) -> Verdict:
        expected = f"{count} tunnels {_of(routes)}stay open until the client closes them"
        if not record.accepted:
            return no_evidence("still_open", expected=expected, lacking="no tunnel was opened")
        kept_ones = [h for h in _chosen(record, routes) if h.closed and h.closed.by == "client"]
        return judged(
            "still_open",
            holds=count > 0 and len(kept_ones) == count,
            expected=expected,
            observed=f"{len(kept_ones)} of {len(record.accepted)} stayed open",
        )

    return kept


def open_together(count: int | None = None) -> Check:
    """There was a moment at which all tunnels were open: none began after one had ended, and none ended by itself.

    Args:
        count: how many there must be; None takes two or more.
    """

    def together(record: Record) -> Verdict:
        name = About(check="open_together", phrase="the tunnels were not all open at once", claims=Claim.LIVING)
        expected = f"{'all' if count is None else count} tunnels open at one moment, until the client closes them"
        tunnels = record.accepted
        if len(tunnels) < 2:
            return no_evidence(name, expected=expected, lacking=f"{len(tunnels)} handshakes were accepted")
        begun = max(tunnel.opened_at + tunnel.elapsed_seconds for tunnel in tunnels)
        early = [t for t in tunnels if t.closed is None or t.closed.by != "client" or (t.closed_at or 0.0) < begun]
        first = f"{called(early[0])} had ended before; " if early else ""
        return judged(
            name,
            holds=not early and count in {None, len(tunnels)},
            expected=expected,
            observed=f"{first}holds on {len(tunnels) - len(early)} of {len(tunnels)} tunnels",
            evidence=[tunnel.conn_id for tunnel in early],
        )

    return together


def closed_with(*codes: int, count: int, by: str = "server") -> Check:
    """So many tunnels were closed by this side with one of these codes."""

    def closed(record: Record) -> Verdict:
        told = " or ".join(map(str, codes))
        expected = f"{count} tunnels closed by the {by} with {told}"
        ends = [h for h in record.accepted if h.closed]
        if not ends:
            return no_evidence("closed_with", expected=expected, lacking="no tunnel has ended")
        so = [h for h in ends if h.closed and h.closed.by == by and h.closed.code in codes]
        seen = sorted({f"{h.closed.code} by {h.closed.by} {h.closed.reason!r}" for h in ends if h.closed})
        return judged(
            "closed_with",
            holds=count > 0 and len(so) == count,
            expected=expected,
            observed=f"{len(so)}; ends: {', '.join(seen)}",
            evidence=[h.conn_id for h in ends if h not in so],
        )

    return closed


def lasted(*, least_seconds: float, most_seconds: float, count: int) -> Check:
    """So many tunnels, idle since their opening, were ended by the other side after a time within bounds.

    The time runs from the start of the handshake, so that the lower bound is exact however slow the client is.
    """

    def so_long(record: Record) -> Verdict:
        expected = f"{count} idle tunnels end after {least_seconds:g} s or more, and before {most_seconds:g} s"
        if not record.accepted:
            return no_evidence("lasted", expected=expected, lacking="no tunnel was opened")
        ended = [h for h in record.accepted if h.closed and h.closed.by != "client" and h.closed_at is not None]
        times = [(h.closed_at or 0.0) - h.opened_at for h in ended]
        return judged(
            "lasted",
            holds=count > 0
            and len(times) == count
            and all(least_seconds <= seconds < most_seconds for seconds in times),
            expected=expected,
            observed=", ".join(f"{seconds:.2f} s" for seconds in times) or "none was ended",
            evidence=[h.conn_id for h in ended],
        )

    return so_long


def idle_until(label: str, *, least_seconds: float) -> Check:
    """Every tunnel that was asked at this moment had carried nothing for at least so long, not even from the far side.

    A message that came unasked is read only when the answer is waited for: there is then one more than was asked for.
    """

    def idle(record: Record) -> Verdict:
        expected = f"no message for {least_seconds:g} s before: {label}"
        spoken = _spoken_to(record, label, ())
        if spoken is None or not spoken[1]:
            return no_evidence("idle_until", expected=expected, lacking="nothing was asked on any tunnel")
        at, handshakes = spoken
        quiet = min(at - max([h.opened_at, *(e.at for e in h.exchanges if e.at < at)]) for h in handshakes)
        unasked = [h for h in handshakes if len(_since(h, at, sent=False)) > len(_since(h, at, sent=True))]
        if unasked:
            told = f"{called(unasked[0])} received {len(_since(unasked[0], at, sent=False))} messages for one command"
            return judged(
                "idle_until", holds=False, expected=expected, observed=told, evidence=[h.conn_id for h in unasked]
            )
        return judged("idle_until", holds=quiet >= least_seconds, expected=expected, observed=f"{quiet:.2f} s")

    return idle


def pinged(least: int) -> Check:
    """At least so many pings were sent, and every one was answered by a pong."""

    def all_answered(record: Record) -> Verdict:
        expected = f"{least} or more pings, all answered"
        moments = [event for event in record.events if event.kind == "pings"]
        if not moments:
            return no_evidence("pinged", expected=expected, lacking="no ping was sent")
        sent, pongs = (sum(event.data[key] for event in moments) for key in ("sent", "pongs"))
        return judged(
            "pinged", holds=sent >= least and pongs == sent, expected=expected, observed=f"{pongs} of {sent} answered"
        )

    return all_answered


def _of(routes: Sequence[str]) -> str:
    return f"of {' and '.join(routes)} " if routes else ""
