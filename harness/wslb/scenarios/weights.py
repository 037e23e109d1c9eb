"""Loadfactors: the exact cycle from a fresh start, and after a change at run time."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import carrier, distribution, handshake, tunnels, turns
from wslb.interfaces import Capability, MemberChange
from wslb.lab.lab import Lab
from wslb.model.balancer import LbMethod, Member
from wslb.model.results import Check
from wslb.model.sites import LIBERTY, NODE, balanced, cluster
from wslb.scenarios.acts import in_turn
from wslb.scenarios.claims import SERVED
from wslb.scenarios.scenario import Act, Elsewhere, Family, Scenario

__all__ = ["SCENARIOS"]

L, N, N2 = "liberty", "node", "node-2"
NODE_2 = Member(route=N2, url="ws://node-2")

RULE = (
    "Each election adds every member's loadfactor to its lbstatus, elects the richest (first listed on a tie) and "
    "takes the sum of all from it: a smooth cycle, not blocks (manual, mod_lbmethod_byrequests)."
)
RECREDIT = (
    "A loadfactor set through balancer-manager makes every member's lbstatus its own loadfactor, so the cycle starts "
    "with a debt already paid: 3:1 then runs liberty liberty liberty node, not liberty liberty node liberty."
)


def weighted(member: Member, loadfactor: float) -> Member:
    """The member with another loadfactor."""
    return replace(member, loadfactor=loadfactor)


def checks(*cycle: str) -> tuple[Check, ...]:
    """What every cycle must show: itself, the model, and all witnesses."""
    return (turns.repeats(*cycle), distribution.follows_model, *SERVED)


def on_haproxy(limit: str, *cycle: str, besides: tuple[Check, ...] = ()) -> Elsewhere:
    """The same weights in the order of HAProxy's roundrobin."""
    return Elsewhere(
        proxy="HAProxy",
        does="the heaviest lead a cycle, and whoever was elected comes again after sum / weight turns (roundrobin)",
        source="measured on 2.6.12",
        limit=limit,
        checks=(*checks(*cycle), *besides),
    )


def by_weight(proxy: str, does: str, source: str) -> Elsewhere:
    """The fewest tunnels are the fewest in relation to the weight, while they are held."""
    reason = "15 and 5 once all are held; a tie in between goes one way or the other"
    return Elsewhere(
        proxy=proxy,
        does=does,
        source=source,
        limit="yes: 15 and 5 of 20 held tunnels, each within 1, in the order of the model",
        checks=(
            distribution.split_within(1, reason=reason),
            distribution.follows_model,
            tunnels.open_together(20),
            *SERVED,
        ),
    )


def reweighed(limit: str, *besides: Check) -> Elsewhere:
    """Strict turns, then 3 to 1 set at HAProxy's statistics socket; where its cycle goes on is measured."""
    return Elsewhere(
        proxy="HAProxy",
        does="roundrobin goes on from the places that its servers have, by the new weight (set weight)",
        source="measured on 2.6.12",
        limit=limit,
        checks=(distribution.served_by(*[L, N] * 2, *[L, N, L, L] * 3), *besides, *SERVED),
    )


def changed(*counts: int, factors: tuple[tuple[str, float], ...], hold: bool = False) -> Act:
    """Open so many, change a loadfactor, open so many, change the next, …"""

    async def act(lab: Lab) -> None:
        await lab.open_in_turn(counts[0], hold=hold)
        for count, (route, loadfactor) in zip(counts[1:], factors, strict=True):
            await lab.change(MemberChange(route=route, loadfactor=loadfactor))
            await lab.open_in_turn(count, hold=hold)

    return act


ask = Family(name="weights")

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "3-1",
        "Does a loadfactor of 3 to 1 give the first member exactly three of every four WebSockets?",
        "liberty liberty node liberty, five times over 20 connections",
        in_turn(20),
        checks(L, L, N, L),
        site=balanced(cluster(weighted(LIBERTY, 3), NODE)),
        explanation=RULE,
        elsewhere=(on_haproxy("liberty liberty liberty node, five times over 20 connections", L, L, L, N),),
    ),
    ask(
        "3-1-held",
        "Does the cycle of 3 to 1 stay the same when all tunnels are kept open?",
        "liberty liberty node liberty, five times over 20 connections",
        in_turn(20, hold=True),
        (*checks(L, L, N, L), tunnels.open_together(20)),
        site=balanced(cluster(weighted(LIBERTY, 3), NODE)),
        elsewhere=(
            on_haproxy(
                "liberty liberty liberty node, five times over 20 connections",
                *[L, L, L, N],
                besides=(tunnels.open_together(20),),
            ),
        ),
    ),
    ask(
        "1-3",
        "Does the heavier member lead the cycle although it is listed second?",
        "node liberty node node, five times over 20 connections",
        in_turn(20),
        checks(N, L, N, N),
        site=balanced(cluster(LIBERTY, weighted(NODE, 3))),
        explanation=RULE,
        elsewhere=(on_haproxy("node node node liberty, five times over 20 connections", N, N, N, L),),
    ),
    ask(
        "three-members",
        "Do three members of equal weight take strict turns?",
        "0 breaks over 21 connections on three backends",
        in_turn(21),
        (distribution.alternates, *checks(L, N, N2)),
        site=balanced(cluster(LIBERTY, NODE, NODE_2)),
    ),
    ask(
        "2-1-1",
        "Do three members share 2 to 1 to 1?",
        "liberty node node-2 liberty, five times over 20 connections",
        in_turn(20),
        checks(L, N, N2, L),
        site=balanced(cluster(weighted(LIBERTY, 2), NODE, NODE_2)),
        explanation=RULE,
        elsewhere=(on_haproxy("liberty node liberty node-2, five times over 20 connections", L, N, L, N2),),
    ),
    ask(
        "70-30",
        "Does a split of 70 to 30 hold in every ten WebSockets, not only on average?",
        "the same 7 and 3 in each of 4 tens, 40 connections",
        in_turn(40),
        checks(L, N, L, L, L, N, L, L, N, L),
        site=balanced(cluster(weighted(LIBERTY, 70), weighted(NODE, 30))),
        explanation=RULE,
        elsewhere=(on_haproxy("the same 7 and 3 in each of 4 tens, 40 connections", L, L, L, N, L, L, N, L, L, N),),
    ),
    ask(
        "fraction",
        "Is a fractional loadfactor of 1.5 to 1 honoured?",
        "3 and 2 in every 5, in the model's cycle, over 20 connections",
        in_turn(20),
        checks(L, N, L, N, L),
        site=balanced(cluster(weighted(LIBERTY, 1.5), NODE)),
        explanation="httpd keeps loadfactors in hundredths (manual, mod_proxy, loadfactor).",
        elsewhere=(
            Elsewhere(
                before=(2, 4, 28),
                does="a loadfactor is cut to its whole part",
                source="CHANGES 2.4.28; measured on 2.4.12, 2.4.23 and 2.4.27",
                limit="no: 1.5 counts as 1, so strict turns over 20 connections",
                checks=(distribution.alternates, handshake.answered_101, carrier.carried_as_asked),
            ),
        ),
    ),
    ask(
        "bybusyness",
        "Does bybusyness give a member of loadfactor 3 more tunnels than one of loadfactor 1?",
        "no: 10 and 10 of 20 held tunnels, whatever the loadfactor says",
        in_turn(20, hold=True),
        (*checks(L, N), tunnels.open_together(20)),
        site=balanced(cluster(weighted(LIBERTY, 3), NODE, lbmethod=LbMethod.BYBUSYNESS)),
        explanation=(
            "bybusyness compares the plain number of open requests; the loadfactor only settles ties "
            "(mod_lbmethod_bybusyness)."
        ),
        elsewhere=(
            by_weight(
                "nginx",
                "least_conn compares the tunnels in relation to the weight",
                "ngx_http_upstream_least_conn in the manual; measured on 1.22.1",
            ),
            by_weight(
                "HAProxy",
                "leastconn compares (tunnels + 1) / weight, and 0 where nothing is open",
                "measured on 2.6.12",
            ),
        ),
    ),
    ask(
        "bytraffic",
        "Does bytraffic divide the bytes of the request heads by the loadfactor?",
        "the model, reading the heads' bytes from the journals, predicts all 20 connections",
        in_turn(20),
        (distribution.follows_model, *SERVED),
        site=balanced(cluster(weighted(LIBERTY, 3), NODE, lbmethod=LbMethod.BYTRAFFIC)),
    ),
    ask(
        "changed",
        "Does a loadfactor changed at run time take effect with the next WebSocket?",
        "1:1 for 4 connections, then 3 to 1 in blocks of four for 12, as the model says",
        changed(4, 12, factors=((L, 3),)),
        (distribution.served_by(L, N, L, N, *[L, L, L, N] * 3), distribution.follows_model, *SERVED),
        asks=(Capability.CONTROL,),
        explanation=RECREDIT,
        elsewhere=(reweighed("1:1 for 4 connections, then liberty node liberty liberty for 12"),),
    ),
    ask(
        "changed-held",
        "Does a loadfactor changed under open tunnels leave them alone and the new ones in the new cycle?",
        "all 16 tunnels stay; the cycle after the change is that of closed ones",
        changed(4, 12, factors=((L, 3),), hold=True),
        (
            distribution.served_by(L, N, L, N, *[L, L, L, N] * 3),
            distribution.follows_model,
            tunnels.open_together(16),
            *SERVED,
        ),
        asks=(Capability.CONTROL,),
        explanation=RECREDIT,
        elsewhere=(
            reweighed(
                "all 16 tunnels stay; the cycle after the change is that of closed ones", tunnels.open_together(16)
            ),
        ),
    ),
    ask(
        "changed-mid-cycle",
        "Is the old cycle forgotten when a loadfactor changes in the middle of it?",
        "the model predicts all 18 connections through two changes, 3:1 to 3:2 to 1:2",
        changed(2, 8, 8, factors=((N, 2), (L, 1))),
        (distribution.follows_model, *SERVED),
        site=balanced(cluster(weighted(LIBERTY, 3), NODE)),
        asks=(Capability.CONTROL,),
        explanation=RECREDIT,
        elsewhere=(
            Elsewhere(
                proxy="HAProxy",
                does="roundrobin goes on from the places that its servers have, by the new weight (set weight)",
                source="measured on 2.6.12 and 2.8.25",
                limit="liberty node liberty node liberty liberty node liberty at 3:2, then node node liberty at 1:2",
                checks=(
                    distribution.served_by(L, L, *[L, N, L, N, L, L, N, L], *[N, N, L, N, N, L, N, N]),
                    *SERVED,
                ),
            ),
        ),
    ),
)
