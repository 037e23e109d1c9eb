"""A balancer's course, played again by the model: whom every election of a timeline must have chosen, and how often.

Theory
------
An election is a pure function of counters: of each member its credit, its open tunnels, its bytes, its state. Whoever
knows the counters before the first election, and every event that changes them, in order, can say whom each election
chose. The question is only which counters to believe. There are two kinds, and they are fed from different sides:

*Decisions*, the credit (lbstatus), follow the model alone. If Apache departs from the rule once, its credit and ours
differ from then on, and every later election is measured against the rule, not against Apache's mistake. To follow
Apache here would make the model agree with whatever it did.

*Facts*, open tunnels and bytes, follow what really happened: a tunnel is open on the member that serves it, whomever
the model would have chosen. For bybusyness and bytraffic these facts are the input of the rule, and a wrong input would
blame all later elections for one.

    OPEN     for each election until a connect succeeds:  decision (credit moves)  --> whom we expect
             then the member that really served it:       fact (busy + 1, bytes)   --> whom we observed
    CLOSE    fact (busy - 1)
    CHANGE   both: a new loadfactor, state or method moves credit by rules of its own (`lbmethods`)
    DOWN/UP  neither yet: nobody knows it before an election runs into it
    RESTART  everything is forgotten

One open may need several elections. A member whose backend is down is elected as if nothing were wrong, its connect
fails, it goes into error for ``retry`` seconds, and the next election goes on without it. httpd raises ``busy`` at each
of these elections and lowers it with the request, which for a WebSocket is the whole tunnel: until the tunnel ends, the
dead member counts one that it does not have. `_Course.phantoms` remembers on whom.

*Time* enters at one place only, the end of ``retry``. httpd decides it by its own clock, a moment that we know between
two bounds: when the client began to open, and when the answer was there. If ``retry`` ended outside these bounds the
model is sure; if within, it refuses to guess (ValueError), for a guess would be a verdict on our luck.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from wslb.model.balancer import Balancer, LbMethod, Member, MemberState
from wslb.model.lbmethods import Counters, contest, elect, keeps, pin, requeue, reset, set_factor, set_state, start
from wslb.model.results import MemberStatus

__all__ = ["Prediction", "Step", "StepKind", "replay", "retry_seconds"]

RETRY_SECONDS = 60.0
"""``retry`` of a member that says nothing (mod_proxy, BalancerMember parameters)."""


class StepKind(StrEnum):
    """What happens on the timeline of a balancer."""

    OPEN = "open"
    CLOSE = "close"
    TURN = "turn"
    """A request that is no WebSocket, but is balanced: it takes a turn and has ended when the next one comes."""
    CHANGE = "change"
    """A member or the lbmethod was changed at run time through balancer-manager."""
    DOWN = "down"
    """A member's backend refuses or ignores connects from now on."""
    UP = "up"
    """It serves again."""
    RESTART = "restart"
    """httpd read its configuration again: every counter and every change at run time is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event that changes the counters.

    Attributes:
        conn_id: connection that opened or closed.
        route: member that really served it, or that the event is about.
        at, until: seconds between which it happened, for the end of ``retry``.
        sent_bytes: size of the request head that the member received, for bytraffic.
        read_bytes: bytes that the proxy counted from the member for the handshake.
        asked: route that a sticky request asks for.
        factor: loadfactor that a CHANGE set, in hundredths; None left it alone.
        state: state that a CHANGE gave the member; None left it alone.
        lbmethod: method that a CHANGE gave the balancer; None left it alone.
    """

    kind: StepKind
    conn_id: str = ""
    route: str | None = None
    at: float = 0.0
    until: float = 0.0
    sent_bytes: int = 0
    read_bytes: int = 0
    asked: str | None = None
    factor: int | None = None
    state: MemberState | None = None
    lbmethod: LbMethod | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Whom the model elected for one connection, and who really served it; None is nobody.

    Attributes:
        tried: every member elected for it, in order; those before the last did not accept the connect. HAProxy counts
            no election for a sticky one (``lbtot``).
    """

    conn_id: str
    expected: str | None
    observed: str | None
    tried: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether model and Apache agree."""
        return self.expected == self.observed


def retry_seconds(member: Member) -> float:
    """Seconds that a member in error is left alone (``retry=``; a bare number is seconds)."""
    text = dict(member.parameters).get("retry")
    if text is None:
        return RETRY_SECONDS
    return float(text.removesuffix("ms")) / 1000 if text.endswith("ms") else float(text.removesuffix("s"))


def replay(balancer: Balancer, before: Sequence[MemberStatus], steps: Sequence[Step]) -> tuple[Prediction, ...]:
    """Whom each election of the timeline must have chosen.

    The credit (lbstatus) follows the model alone; open tunnels and bytes follow what really happened, because they
    are facts about the connection and not decisions of the balancer.

    Raises:
        KeyError: the method has no model.
        ValueError: the timeline leaves open what had to happen.
    """
    course = _Course(balancer=balancer, members=start(balancer, before), lbmethod=balancer.lbmethod)
    return tuple(prediction for step in steps if (prediction := course.take(step)) is not None)


@dataclass(slots=True, kw_only=True)
class _Course:
    """The model's state between two steps."""

    balancer: Balancer
    members: tuple[Counters, ...]
    lbmethod: LbMethod
    down: set[str] = field(default_factory=set)
    failed: dict[str, tuple[float, float]] = field(default_factory=dict)
    phantoms: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def take(self, step: Step) -> Prediction | None:
        match step.kind:
            case StepKind.OPEN:
                return self._open(step)
            case StepKind.TURN:
                self._turn(step)
            case StepKind.CLOSE:
                for route in (step.route, *self.phantoms.pop(step.conn_id, ())):
                    self._count(route, busy=-1)
                    if self.lbmethod is LbMethod.LEASTCONN and route:
                        self.members = requeue(self.members, route)
            case StepKind.CHANGE:
                self._change(step)
            case StepKind.DOWN if step.route:
                self.down.add(step.route)
            case StepKind.UP if step.route:
                self.down.discard(step.route)
            case StepKind.RESTART:
                self.members, self.lbmethod = start(self.balancer), self.balancer.lbmethod
                self.failed.clear()
        return None

    def _open(self, step: Step) -> Prediction:
        """A tunnel counts as busy on every member that was tried for it, until it ends: httpd takes back ``busy`` of a
        failed connect with the request, and the request is the tunnel.
        """
        tried = self._elect(step)
        expected = tried[-1] if tried and tried[-1] not in self.down else None
        if expected is None:
            for route in tried:
                self._count(route, busy=-1)
        else:
            self._count(expected, busy=-1)
            self.phantoms[step.conn_id] = tried[:-1]
        self._count(step.route, busy=1, sent=step.sent_bytes, read=step.read_bytes)
        uncounted = self.lbmethod is LbMethod.ROUNDROBIN and tried[:1] == (step.asked,)
        return Prediction(conn_id=step.conn_id, expected=expected, observed=step.route, tried=tried[uncounted:])

    def _turn(self, step: Step) -> None:
        if self.lbmethod is LbMethod.BYTRAFFIC:
            raise ValueError("the bytes of a request that is no WebSocket are in no journal")
        for route in self._elect(step):
            self._count(route, busy=-1)

    def _elect(self, step: Step) -> tuple[str, ...]:
        """Everyone elected until a connect succeeds, or the attempts are used up (``maxattempts``)."""
        tried: list[str] = []
        for _ in range(1 + self._attempts):
            self._recover(step)
            route = self._next(step.asked)
            if route is None:
                break
            tried.append(route)
            if route not in self.down:
                break
            self.failed[route] = (step.at, step.until)
            self.members = tuple(replace(m, in_error=True) if m.route == route else m for m in self.members)
        return tuple(tried)

    def _next(self, asked: str | None) -> str | None:
        """Route of one election: the sticky one where it can be used, else the method's choice."""
        known = next((m for m in self.members if m.route == asked), None)
        if known is not None and keeps(self.lbmethod, self.members, known.route):
            self.members = pin(self.lbmethod, self.members, known.route)
            return known.route
        if known is not None and self._says("nofailover"):
            return None
        if not contest(self.members):
            return None
        route, self.members = elect(self.lbmethod, self.members)
        return route

    def _recover(self, step: Step) -> None:
        """End the errors whose ``retry`` has passed; all of them when nobody else is left (``forcerecovery``)."""
        late = {route for route in self.failed if self._expired(route, step)}
        if not late and len(self.failed) == len(self.members) and not self._says("forcerecovery", "off"):
            late = set(self.failed)
        for route in late:
            del self.failed[route]
        self.members = tuple(replace(m, in_error=False) if m.route in late else m for m in self.members)

    def _expired(self, route: str, step: Step) -> bool:
        earliest, latest = self.failed[route]
        seconds = retry_seconds(self.balancer.member(route))
        if step.until < earliest + seconds:
            return False
        if step.at > latest + seconds:
            return True
        raise ValueError(f"connection {step.conn_id} came too close to the end of retry={seconds:g} of {route}")

    @property
    def _attempts(self) -> int:
        """Further members that are tried; by default all others (mod_proxy_balancer, ``maxattempts``)."""
        return int(dict(self.balancer.parameters).get("maxattempts", len(self.members) - 1))

    def _says(self, parameter: str, value: str = "on") -> bool:
        return dict(self.balancer.parameters).get(parameter, "").lower() == value

    def _change(self, step: Step) -> None:
        if step.factor is not None and step.route:
            self.members = set_factor(self.members, step.route, step.factor)
        if step.state is not None and step.route:
            self.members = set_state(self.members, step.route, step.state)
        if step.lbmethod is not None and step.lbmethod is not self.lbmethod:
            self.lbmethod = step.lbmethod
            self.members = reset(step.lbmethod, self.members)

    def _count(self, route: str | None, *, busy: int = 0, sent: int = 0, read: int = 0) -> None:
        """httpd never lets ``busy`` fall below 0."""
        self.members = tuple(
            replace(m, busy=max(0, m.busy + busy), transferred=m.transferred + sent, read=m.read + read)
            if m.route == route
            else m
            for m in self.members
        )
