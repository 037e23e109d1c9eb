"""What each lbmethod must elect: a model of the rule, run beside the real proxy.

A model is a pure function: counters in, elected member and counters out. `wslb.model.replay` runs one over a timeline
of elections, ends of tunnels and changes, and says whom every election must have chosen.

Sources: the rules as measured in the project's experiments on httpd 2.4.71 (balancer-manager counters read between
opens), and the reference manual, mod_proxy_balancer, mod_lbmethod_byrequests, mod_lbmethod_bytraffic and
mod_lbmethod_bybusyness; of nginx ngx_http_upstream_round_robin and ngx_http_upstream_least_conn; of HAProxy the orders
measured on 2.6.12 and 2.8.25, and its lb_fwlc.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from math import floor

from wslb.model.balancer import Balancer, LbMethod, MemberState
from wslb.model.results import MemberStatus

__all__ = [
    "FACTOR_SCALE",
    "MODELS",
    "Counters",
    "contest",
    "elect",
    "keeps",
    "pin",
    "requeue",
    "reset",
    "set_factor",
    "set_state",
    "start",
]

FACTOR_SCALE = 100
"""httpd keeps ``loadfactor`` as an integer of hundredths (2.4.28 and later: ``loadfactor=1.5``; CHANGES)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """One member's share of the balancer's shared memory.

    Attributes:
        factor: loadfactor in hundredths.
        lbstatus: credit of byrequests, bybusyness and nginx's methods, in hundredths of a turn; elections of HAProxy's
            roundrobin; of its leastconn the place in the queue.
        busy: tunnels open through this member.
        transferred, read: bytes counted towards and from the member; tunnelled bytes are in neither.
        state: configured state.
        lbset: the members of the lowest set that has a usable one take part in an election.
        in_error: whether its last connect failed; no election considers it until ``retry`` has passed.
    """

    route: str
    factor: int = FACTOR_SCALE
    lbstatus: int = 0
    busy: int = 0
    transferred: int = 0
    read: int = 0
    state: MemberState = MemberState.ENABLED
    lbset: int = 0
    in_error: bool = False

    @property
    def usable(self) -> bool:
        """Whether a request may go there at all; a drained member is usable, for the sticky ones."""
        return not self.in_error and self.state not in {
            MemberState.DISABLED,
            MemberState.STOPPED,
            MemberState.IN_ERROR,
        }


Model = Callable[[tuple[Counters, ...]], tuple[int, tuple[Counters, ...]]]
"""Elects among the members that take part: index of the elected one, and the counters afterwards."""


def contest(members: Sequence[Counters]) -> tuple[int, ...]:
    """Who takes part in an ordinary election, in the order that settles ties (mod_proxy, BalancerMember ``status=``).

    Ordinary members of the lowest lbset first. One spare steps in for each member that cannot be used, a drained one
    included. Standbys take part when nobody else is left; then the next lbset is asked.
    """
    spares: list[int] = []
    standbys: list[int] = []
    unusable = 0
    for lbset in sorted({member.lbset for member in members}):
        ordinary: list[int] = []
        for index, member in enumerate(members):
            if member.lbset != lbset:
                continue
            if member.state is MemberState.SPARE and member.usable:
                spares.append(index)
            elif member.state is MemberState.STANDBY and member.usable:
                standbys.append(index)
            elif member.state is MemberState.ENABLED and member.usable:
                ordinary.append(index)
            elif member.state not in {MemberState.SPARE, MemberState.STANDBY}:
                unusable += 1
        found = (*ordinary, *spares[:unusable]) or tuple(standbys)
        if found:
            return found
    return ()


def byrequests(members: tuple[Counters, ...]) -> tuple[int, tuple[Counters, ...]]:
    """Everyone in the contest earns its factor; the richest (first on a tie) is elected and pays the sum of all."""
    taking_part = _some(members)
    earned = _earn(members, taking_part)
    index = max(taking_part, key=lambda i: earned[i].lbstatus)
    return index, _pay(earned, index, taking_part)


def bybusyness(members: tuple[Counters, ...]) -> tuple[int, tuple[Counters, ...]]:
    """The member with the fewest open requests is elected; a tie is settled as in byrequests."""
    taking_part = _some(members)
    earned = _earn(members, taking_part)
    index = min(taking_part, key=lambda i: (earned[i].busy, -earned[i].lbstatus))
    return index, _pay(earned, index, taking_part)


def bytraffic(members: tuple[Counters, ...]) -> tuple[int, tuple[Counters, ...]]:
    """The member with the least bytes per factor is elected, first listed on a tie; both quotients are integers."""
    index = min(
        _some(members),
        key=lambda i: members[i].transferred // members[i].factor + members[i].read // members[i].factor,
    )
    return index, members


def least_conn(members: tuple[Counters, ...]) -> tuple[int, tuple[Counters, ...]]:
    """The member with the fewest open requests per weight; several such take turns among themselves, by credit."""
    taking_part = _some(members)
    least = min(Fraction(members[i].busy, members[i].factor) for i in taking_part)
    tied = tuple(i for i in taking_part if Fraction(members[i].busy, members[i].factor) == least)
    if len(tied) == 1:
        return tied[0], members
    earned = _earn(members, tied)
    index = max(tied, key=lambda i: earned[i].lbstatus)
    return index, _pay(earned, index, tied)


def roundrobin(members: tuple[Counters, ...]) -> tuple[int, tuple[Counters, ...]]:
    """Whose place in the cycle of all weights it is; each election moves the cycle on by one."""
    taking_part = _some(members)
    cycle = _cycle(tuple(members[i].factor // FACTOR_SCALE for i in taking_part))
    index = taking_part[cycle[sum(members[i].lbstatus for i in taking_part) % len(cycle)]]
    return index, tuple(replace(m, lbstatus=m.lbstatus + 1) if i == index else m for i, m in enumerate(members))


@cache
def _cycle(weights: tuple[int, ...]) -> tuple[int, ...]:
    """One cycle of HAProxy's roundrobin from a fresh start, as many turns as the weights' sum.

    The heaviest come first. Who has been elected comes again after sum / weight turns; until somebody's time has come,
    those who wait for their first turn are elected.
    """
    total = sum(weights)
    waiting = sorted(range(len(weights)), key=lambda i: -weights[i])
    due: dict[int, Fraction] = {}
    cycle: list[int] = []
    for turn in range(total):
        late = [i for i in due if floor(due[i]) <= turn]
        if late or not waiting:
            index = min(late or due, key=lambda i: (due[i], -weights[i], i))
        else:
            index = waiting.pop(0)
            due[index] = Fraction(turn)
        cycle.append(index)
        due[index] += Fraction(total, weights[index])
    return tuple(cycle)


def leastconn(members: tuple[Counters, ...]) -> tuple[int, tuple[Counters, ...]]:
    """The least (open + 1) / weight, but 0 with nothing open; on a tie whoever waits longest (HAProxy 2.6, 2.8)."""
    index = min(_some(members), key=lambda i: (_key(members[i]), members[i].lbstatus))
    return index, requeue(members, members[index].route)


def _key(member: Counters) -> int:
    """As HAProxy's tree has it, an integer: SRV_EWGHT_MAX is 256 times the scale of a weight."""
    return (member.busy + 1) * 256 * FACTOR_SCALE // member.factor if member.busy else 0


def requeue(members: tuple[Counters, ...], route: str) -> tuple[Counters, ...]:
    """Counters of leastconn after a member's open tunnels changed: it stands behind all others."""
    last = max(m.lbstatus for m in members) + 1
    return tuple(replace(m, lbstatus=last) if m.route == route else m for m in members)


MODELS: dict[LbMethod, Model] = {
    LbMethod.BYREQUESTS: byrequests,
    LbMethod.BYBUSYNESS: bybusyness,
    LbMethod.BYTRAFFIC: bytraffic,
    LbMethod.ROUND_ROBIN: byrequests,
    LbMethod.LEAST_CONN: least_conn,
    LbMethod.ROUNDROBIN: roundrobin,
    LbMethod.LEASTCONN: leastconn,
}
"""The lbmethods that can be predicted. heartbeat depends on load reports of other servers and is not among them."""


def _some(members: tuple[Counters, ...]) -> tuple[int, ...]:
    taking_part = contest(members)
    if not taking_part:
        raise ValueError("no usable member: there is nothing to elect")
    return taking_part


def _earn(members: tuple[Counters, ...], taking_part: Sequence[int]) -> tuple[Counters, ...]:
    return tuple(replace(m, lbstatus=m.lbstatus + m.factor) if i in taking_part else m for i, m in enumerate(members))


def _pay(members: tuple[Counters, ...], index: int, taking_part: Sequence[int]) -> tuple[Counters, ...]:
    total = sum(members[i].factor for i in taking_part)
    return tuple(replace(m, lbstatus=m.lbstatus - total) if i == index else m for i, m in enumerate(members))


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
            lbset=int(dict(member.parameters).get("lbset", 0)),
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
    return route, tuple(replace(m, busy=m.busy + 1) if m.route == route else m for m in after)


def keeps(lbmethod: LbMethod, members: tuple[Counters, ...], route: str) -> bool:
    """Whether a sticky request goes to its own member: nginx asks no backup for it while another serves."""
    index = next(i for i, member in enumerate(members) if member.route == route)
    return index in contest(members) if lbmethod is LbMethod.ROUND_ROBIN else members[index].usable


def pin(lbmethod: LbMethod, members: tuple[Counters, ...], route: str) -> tuple[Counters, ...]:
    """Counters after a sticky request went to its own member.

    httpd, with every lbmethod: every usable member earns, that one pays, so that sticky requests move the turns of the
    others; standbys, spares and drained members earn too. nginx: the same among those in the contest, but a member that
    is as deep in debt as one election leaves it does not pay again. HAProxy: nobody's turn moves.

    Raises:
        ValueError: nobody has measured it with this method.
    """
    index = next(i for i, member in enumerate(members) if member.route == route)
    if lbmethod in {LbMethod.LEAST_CONN, LbMethod.LEASTCONN}:
        raise ValueError(f"nobody has measured what a sticky request does to {lbmethod.value}")
    nginx = lbmethod is LbMethod.ROUND_ROBIN
    paying = contest(members) if nginx else [i for i, member in enumerate(members) if member.usable]
    others = sum(members[i].factor for i in paying if i != index)
    paid = members
    if not (lbmethod is LbMethod.ROUNDROBIN or (nginx and members[index].lbstatus <= -others)):
        paid = _pay(_earn(members, paying), index, paying)
    return tuple(replace(m, busy=m.busy + 1) if m.route == route else m for m in paid)


def set_factor(members: tuple[Counters, ...], route: str, factor: int) -> tuple[Counters, ...]:
    """Counters after a loadfactor was changed at run time: every member's credit becomes its own factor."""
    changed = tuple(replace(m, factor=factor) if m.route == route else m for m in members)
    return tuple(replace(m, lbstatus=m.factor) for m in changed)


def set_state(members: tuple[Counters, ...], route: str, state: MemberState) -> tuple[Counters, ...]:
    """Counters after a state was changed at run time: no credit moves; a member goes on where it was."""
    return tuple(replace(m, state=state) if m.route == route else m for m in members)


def reset(lbmethod: LbMethod, members: tuple[Counters, ...]) -> tuple[Counters, ...]:
    """Counters after this method took over at run time: each method clears the counters that it looks at.

    bybusyness forgets the tunnels that are open: its ``busy`` starts at 0 beside them.
    """
    if lbmethod is LbMethod.BYTRAFFIC:
        return tuple(replace(m, transferred=0, read=0) for m in members)
    if lbmethod is LbMethod.BYBUSYNESS:
        return tuple(replace(m, lbstatus=0, busy=0) for m in members)
    return tuple(replace(m, lbstatus=0) for m in members)
