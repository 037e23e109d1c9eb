"""Who was elected: strict turns, the model of the lbmethod, shares."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from wslb.checks.judging import About, called, judged, no_evidence, sequence
from wslb.model.balancer import LbMethod, MemberState
from wslb.model.handshake import Handshake
from wslb.model.lbmethods import FACTOR_SCALE
from wslb.model.replay import Prediction, Step, StepKind, replay
from wslb.model.results import Check, Claim, Event, Record, Verdict
from wslb.model.stickiness import route_asked, route_in_url

__all__ = [
    "alternates",
    "elected_as_modelled",
    "follows_model",
    "predicted",
    "served_by",
    "split_within",
    "timeline",
]


def timeline(record: Record) -> tuple[Step, ...]:
    """Elections, ends of tunnels, changes, and deaths and returns of backends, in the order in which they happened.

    Theory. A replay is right only if it meets these steps as the balancer did, but all moments are the client's: it
    says when it began to open and when a tunnel was closed for it, never when the balancer elected or counted. Between
    two moments that differ the client's clock decides. Where moments are equal, causes come before effects:

    * first (0) ends of tunnels: the lab waits for an end before it opens the next connection or changes a member, so
      ``busy`` has gone down when the next election looks at it;
    * then (1) openings, changes and events, among themselves in the order in which they were written down: the sort is
      stable, and no key tells more than that order;
    * last (2) the end of a handshake that was not accepted: it holds its member busy while it is tried, so it must end
      after its own opening even where the two are one moment.
    """
    moments: list[tuple[float, int, Step]] = []
    for handshake in record.handshakes:
        route = record.route_of(handshake)
        arrival = handshake.arrival
        opening = Step(
            kind=StepKind.OPEN,
            conn_id=handshake.conn_id,
            route=route,
            at=handshake.opened_at,
            until=handshake.opened_at + handshake.elapsed_seconds,
            sent_bytes=arrival.request_bytes if arrival else 0,
            read_bytes=record.carrier.read_per_tunnel if handshake.accepted else 0,
            asked=route_asked(record.balancer, handshake) if record.balancer else None,
        )
        moments.append((handshake.opened_at, 1, opening))
        ended = handshake.closed_at if handshake.accepted else handshake.opened_at + handshake.elapsed_seconds
        if ended is not None:
            closing = Step(kind=StepKind.CLOSE, conn_id=handshake.conn_id, route=route)
            moments.append((ended, 0 if handshake.accepted else 2, closing))
    moments += [(event.at, 1, step) for event in record.events if (step := _happened(event, record))]
    return tuple(step for _, _, step in sorted(moments, key=lambda moment: moment[:2]))


def _happened(event: Event, record: Record) -> Step | None:
    """What an event means to the balancer; None when it means nothing."""
    at, data = event.at, event.data
    if event.kind == "member":
        factor, state = data.get("loadfactor"), data.get("state")
        return Step(
            kind=StepKind.CHANGE,
            route=data.get("route"),
            at=at,
            factor=round(factor * FACTOR_SCALE) if factor is not None else None,
            state=MemberState(state) if state is not None else None,
        )
    if event.kind == "balancer":
        return Step(kind=StepKind.CHANGE, at=at, lbmethod=LbMethod(data["lbmethod"]))
    if event.kind == "backend" and record.balancer:
        kind = StepKind.UP if data["up"] else StepKind.DOWN
        return Step(kind=kind, route=record.balancer.route_of(data["backend"]), at=at)
    if event.kind == "request" and data.get("balanced"):
        asked = route_in_url(record.balancer, str(data.get("path", ""))) if record.balancer else None
        return Step(kind=StepKind.TURN, at=at, until=at, asked=asked)
    if event.kind == "restart":
        return Step(kind=StepKind.RESTART, at=at)
    return None


def predicted(record: Record) -> dict[str, str]:
    """Whom the model elects for each connection, by connection id; empty where it cannot predict."""
    if record.balancer is None:
        return {}
    try:
        predictions = replay(record.balancer, record.before, timeline(record))
    except (KeyError, ValueError):
        return {}
    return {p.conn_id: p.expected for p in predictions if p.expected is not None}


def follows_model(record: Record) -> Verdict:
    """Every serial connection was served by the member that the model of the lbmethod elects."""
    name = About(check="follows_model", phrase="an election differs from the model", claims=Claim.ORDER, tolerance=0)
    balancer = record.balancer
    if balancer is None or not record.handshakes:
        return no_evidence(name, expected="the model's elections", lacking="no connection was opened")
    try:
        predictions = replay(balancer, record.before, timeline(record))
    except (KeyError, ValueError) as exc:
        return no_evidence(name, expected="the model's elections", lacking=f"the model cannot predict ({exc})")
    by_id = {handshake.conn_id: handshake for handshake in record.handshakes}
    wrong = [prediction for prediction in predictions if not prediction.holds]
    expected = f"{balancer.lbmethod.value} elects {sequence([p.expected for p in predictions])}"
    if not wrong:
        return judged(
            name, holds=True, expected=expected, observed=f"all {len(predictions)} connections as the model says"
        )
    return judged(
        name,
        holds=False,
        expected=expected,
        observed=f"{_deviation(by_id[wrong[0].conn_id], wrong[0])}; {len(wrong)} of {len(predictions)} deviate",
        evidence=[p.conn_id for p in wrong],
    )


def _deviation(handshake: Handshake, prediction: Prediction) -> str:
    got = prediction.observed or f"nobody ({handshake.error or handshake.status or 'no greeting'})"
    return f"{called(handshake)} expected {prediction.expected or 'nobody'}, got {got}"


def elected_as_modelled(record: Record) -> Verdict:
    """``elected`` rose by the model's elections, those of members that then did not accept the connect included."""
    name = "elected_as_modelled"
    expected = "elected rises by the model's elections"
    balancer = record.balancer
    if balancer is None or not record.before or not record.after or not record.handshakes:
        return no_evidence(name, expected=expected, lacking="balancer-manager was not read around any connection")
    try:
        predictions = replay(balancer, record.before, timeline(record))
    except (KeyError, ValueError) as exc:
        return no_evidence(name, expected=expected, lacking=f"the model cannot predict ({exc})")
    elected = Counter(route for prediction in predictions for route in prediction.tried)
    before = {status.route: status.elected for status in record.before}
    rise = {status.route: status.elected - before.get(status.route, 0) for status in record.after}
    wrong = [m.route for m in balancer.members if rise.get(m.route) != elected[m.route]]
    told = ", ".join(f"{m.route} +{elected[m.route]}" for m in balancer.members)
    return judged(
        name,
        holds=not wrong,
        expected=f"elected rises by the model's elections: {told}",
        observed=", ".join(f"{route} +{count}" for route, count in rise.items()),
        evidence=wrong,
    )


def alternates(record: Record) -> Verdict:
    """Strict turns over members of equal weight: first listed first, no break, shares differ by one at most."""
    name = About(check="alternates", phrase="the turns broke", claims=Claim.TURNS, tolerance=0)
    balancer = record.balancer
    if balancer is None or len(record.handshakes) < 2:
        return no_evidence(name, expected="strict turns", lacking="fewer than two connections were opened")
    routes = [member.route for member in balancer.members]
    turns = [routes[i % len(routes)] for i in range(len(record.handshakes))]
    seen = record.elections
    counts = Counter(seen)
    breaks = sum(a == b for a, b in pairwise(seen))
    expected = f"strict turns {' '.join(routes)} … with 0 breaks over {len(turns)} connections"
    shares = ", ".join(f"{route} {counts[route]}" for route in routes)
    wrong = [(h, want, got) for h, want, got in zip(record.handshakes, turns, seen, strict=True) if want != got]
    if not wrong:
        return judged(name, holds=True, expected=expected, observed=f"0 breaks; {shares}")
    handshake, want, got = wrong[0]
    refused = f" ({handshake.error or 'it was not greeted'})" if got is None else ""
    told = f"{breaks} break{'' if breaks == 1 else 's'}"
    return judged(
        name,
        holds=False,
        expected=expected,
        observed=f"{called(handshake)} expected {want}, got {got or 'nobody'}{refused}; {told}; {shares}",
        evidence=[h.conn_id for h, _, _ in wrong],
    )


def split_within(tolerance: int, *, reason: str) -> Check:
    """Shares of concurrent connections: each member's count is within a tolerance of its part of the weights.

    Args:
        tolerance: connections; the largest allowed distance from the expected count.
        reason: why not exact, and where the number comes from.
    """

    def split(record: Record) -> Verdict:
        name = About(
            check="split_within", phrase="the shares are out of tolerance", claims=Claim.SHARE, tolerance=tolerance
        )
        expected = f"each share within {tolerance} of its part ({reason})"
        balancer = record.balancer
        if balancer is None or not record.handshakes:
            return no_evidence(name, expected=expected, lacking="no connection was opened")
        counts = Counter(record.elections)
        total = sum(member.loadfactor for member in balancer.members)
        parts = {m.route: len(record.handshakes) * m.loadfactor / total for m in balancer.members}
        worst = max(parts, key=lambda route: abs(counts[route] - parts[route]))
        lost = [handshake for handshake in record.handshakes if record.route_of(handshake) is None]
        shares = ", ".join(f"{route} {counts[route]} of {parts[route]:g}" for route in parts)
        unserved = f"; {len(lost)} served by nobody, first {called(lost[0])}" if lost else ""
        return judged(
            name,
            holds=abs(counts[worst] - parts[worst]) <= tolerance and not lost,
            expected=expected,
            observed=shares + unserved,
            evidence=[h.conn_id for h in lost],
        )

    return split


def served_by(*routes: str) -> Check:
    """Exactly this sequence of members, connection by connection."""

    def served(record: Record) -> Verdict:
        name = About(check="served_by", phrase="another member served", claims=Claim.ORDER, tolerance=0)
        expected = sequence(routes)
        seen = record.elections
        if not seen:
            return no_evidence(name, expected=expected, lacking="no connection was opened")
        for handshake, want, got in zip(record.handshakes, routes, seen, strict=False):
            if want != got:
                return judged(
                    name,
                    holds=False,
                    expected=expected,
                    observed=f"{called(handshake)} expected {want}, got {got or 'nobody'}; seen {sequence(seen)}",
                    evidence=[handshake.conn_id],
                )
        return judged(name, holds=len(seen) == len(routes), expected=expected, observed=sequence(seen))

    return served
