"""What each lbmethod must elect: a model of the rule, run beside the real Apache.

A model is a pure function: counters in, elected member and counters out. `replay` runs one over a timeline of
elections and ends of tunnels and says whom every election must have chosen. Counters start from what balancer-manager
showed before the scenario, so a model is right on a server that has already worked.

Sources: the rules as measured in the project's experiments on httpd 2.4.71 (balancer-manager counters read between
opens), and the reference manual, mod_lbmethod_byrequests, mod_lbmethod_bytraffic and mod_lbmethod_bybusyness.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.balancer import Balancer, LbMethod, MemberState
from harness.results import MemberStatus

__all__ = ["MODELS", "Counters", "Prediction", "Step", "StepKind", "change", "elect", "replay", "start"]

FACTOR_SCALE = 100
"""httpd keeps ``loadfactor`` as an integer of hundredths (2.4.31 and later: ``loadfactor=1.5``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """One member's share of the balancer's shared memory.

    Attributes:
        factor: loadfactor in hundredths.
        lbstatus: credit of byrequests and bybusyness, in hundredths of a turn.
        busy: tunnels open through this member.
        transferred, read: bytes counted towards and from the member; tunnelled bytes are in neither.
        state: configured state; only ENABLED members take part in an ordinary election.
    """

    route: str
    factor: int = FACTOR_SCALE
    lbstatus: int = 0
    busy: int = 0
    transferred: int = 0
    read: int = 0
    state: MemberState = MemberState.ENABLED

    @property
    def usable(self) -> bool:
        """Whether an ordinary election may choose it."""
        return self.state is MemberState.ENABLED


Model = Callable[[tuple[Counters, ...]], tuple[int, tuple[Counters, ...]]]
"""Elects among usable members: index of the elected one, and the counters afterwards."""


def byrequests(members: tuple[Counters, ...]) -> tuple[int, tuple[Counters, ...]]:
    """Every usable member earns its factor; the richest (first listed on a tie) is elected and pays the sum of all."""
    earned = _earn(members)
    index = max(_usable(earned), key=lambda i: (earned[i].lbstatus, -i))
    return index, _pay(earned, index)


def bybusyness(members: tuple[Counters, ...]) -> tuple[int, tuple[Counters, ...]]:
    """The member with the fewest open requests is elected; a tie is settled as in byrequests."""
    earned = _earn(members)
    index = min(_usable(earned), key=lambda i: (earned[i].busy, -earned[i].lbstatus, i))
    return index, _pay(earned, index)


def bytraffic(members: tuple[Counters, ...]) -> tuple[int, tuple[Counters, ...]]:
    """The member with the least bytes per factor is elected, first listed on a tie; both quotients are integers."""
    index = min(
        _usable(members),
        key=lambda i: (members[i].transferred // members[i].factor + members[i].read // members[i].factor, i),
    )
    return index, members


MODELS: dict[LbMethod, Model] = {
    LbMethod.BYREQUESTS: byrequests,
    LbMethod.BYBUSYNESS: bybusyness,
    LbMethod.BYTRAFFIC: bytraffic,
}
"""The lbmethods that can be predicted. heartbeat depends on load reports of other servers and is not among them."""


def _usable(members: tuple[Counters, ...]) -> list[int]:
    usable = [i for i, member in enumerate(members) if member.usable]
    if not usable:
        raise ValueError("no usable member: there is nothing to elect")
    return usable


def _earn(members: tuple[Counters, ...]) -> tuple[Counters, ...]:
    return tuple(replace(m, lbstatus=m.lbstatus + m.factor) if m.usable else m for m in members)


def _pay(members: tuple[Counters, ...], index: int) -> tuple[Counters, ...]:
    total = sum(member.factor for member in members if member.usable)
    return tuple(replace(m, lbstatus=m.lbstatus - total) if i == index else m for i, m in enumerate(members))


class StepKind(StrEnum):
    """What happens on the timeline of a balancer."""

    OPEN = "open"
    CLOSE = "close"
    TURN = "turn"
    """A request that is no WebSocket, but is balanced: it takes a turn and has ended when the next one comes."""
    CHANGE = "change"
    """A member changed at run time through balancer-manager."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One event that changes the counters.

    Attributes:
        conn_id: connection that opened or closed.
        route: member that really served it, when known.
        sent_bytes: size of the request head that the member received, for bytraffic.
        read_bytes: bytes that the proxy counted from the member for the handshake.
        factor: loadfactor that a CHANGE set, in hundredths; None left it alone.
        state: state that a CHANGE gave the member; None left it alone.
    """

    kind: StepKind
    conn_id: str
    route: str | None = None
    sent_bytes: int = 0
    read_bytes: int = 0
    factor: int | None = None
    state: MemberState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Whom the model elected for one connection, and who really served it."""

    conn_id: str
    expected: str
    observed: str | None

    @property
    def holds(self) -> bool:
        """Whether model and Apache agree."""
        return self.expected == self.observed


def start(balancer: Balancer, before: Sequence[MemberStatus] = ()) -> tuple[Counters, ...]:
    """Counters before the first election: the claimed members, with what balancer-manager showed of each.

    Loadfactors and states are the claim's, never the server's: a server that runs with others must be found out.
    """
    shown = {status.route: status for status in before}
    return tuple(
        Counters(
            route=member.route,
            factor=round(member.loadfactor * FACTOR_SCALE),
            state=member.state,
            lbstatus=shown[member.route].lbstatus if member.route in shown else 0,
            busy=shown[member.route].busy if member.route in shown else 0,
            transferred=shown[member.route].transferred if member.route in shown else 0,
            read=shown[member.route].read if member.route in shown else 0,
        )
        for member in balancer.members
    )


def elect(lbmethod: LbMethod, members: tuple[Counters, ...]) -> tuple[str, tuple[Counters, ...]]:
    """Route that this method elects now, and the counters after the election, the new tunnel included.

    Raises:
        KeyError: the method has no model.
        ValueError: no member is usable.
    """
    index, after = MODELS[lbmethod](members)
    route = after[index].route
    return route, _counted(after, route, busy=1)


def _counted(
    members: tuple[Counters, ...], route: str | None, *, busy: int = 0, sent: int = 0, read: int = 0
) -> tuple[Counters, ...]:
    return tuple(
        replace(m, busy=max(0, m.busy + busy), transferred=m.transferred + sent, read=m.read + read)
        if m.route == route
        else m
        for m in members
    )


def change(members: tuple[Counters, ...], step: Step) -> tuple[Counters, ...]:
    """Counters after a member was changed at run time.

    A new loadfactor gives every member its own factor as credit, whatever it had before. A new state leaves every
    counter as it is: a member that comes back goes on where it stopped. Both seen in balancer-manager of httpd 2.4.71.
    """
    changed = tuple(
        replace(
            m,
            factor=m.factor if step.factor is None else step.factor,
            state=m.state if step.state is None else step.state,
        )
        if m.route == step.route
        else m
        for m in members
    )
    return changed if step.factor is None else tuple(replace(m, lbstatus=m.factor) for m in changed)


def replay(balancer: Balancer, before: Sequence[MemberStatus], steps: Sequence[Step]) -> tuple[Prediction, ...]:
    """Whom each election of the timeline must have chosen.

    The credit (lbstatus) follows the model alone; open tunnels and bytes follow what really happened, because they
    are facts about the connection and not decisions of the balancer.
    """
    members = start(balancer, before)
    predictions: list[Prediction] = []
    for step in steps:
        if step.kind is StepKind.CLOSE:
            members = _counted(members, step.route, busy=-1)
            continue
        if step.kind is StepKind.CHANGE:
            members = change(members, step)
            continue
        if step.kind is StepKind.TURN:
            if balancer.lbmethod is LbMethod.BYTRAFFIC:
                raise ValueError("the bytes of a request that is no WebSocket are in no journal")
            taken, members = elect(balancer.lbmethod, members)
            members = _counted(members, taken, busy=-1)
            continue
        expected, members = elect(balancer.lbmethod, members)
        members = _counted(members, expected, busy=-1)
        members = _counted(members, step.route, busy=1, sent=step.sent_bytes, read=step.read_bytes)
        predictions.append(Prediction(conn_id=step.conn_id, expected=expected, observed=step.route))
    return tuple(predictions)
