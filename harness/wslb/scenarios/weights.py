"""Loadfactors: the exact cycle from a fresh start, and after a change at run time."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import distribution, turns
from wslb.interfaces import MemberChange
from wslb.lab.lab import Lab
from wslb.model.balancer import LbMethod, Member
from wslb.model.results import Check
from wslb.model.sites import LIBERTY, NODE, balanced, cluster
from wslb.scenarios.lb import COMMON, in_turn
from wslb.scenarios.scenario import Act, Scenario

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
    return (turns.repeats(*cycle), distribution.follows_model, *COMMON)


def changed(*counts: int, factors: tuple[tuple[str, float], ...], hold: bool = False) -> Act:
    """Open so many, change a loadfactor, open so many, change the next, …"""

    async def act(lab: Lab) -> None:
        await lab.open_in_turn(counts[0], hold=hold)
        for count, (route, loadfactor) in zip(counts[1:], factors, strict=True):
            await lab.change(MemberChange(route=route, loadfactor=loadfactor))
            await lab.open_in_turn(count, hold=hold)

    return act


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="weights-3-1",
        question="Does a loadfactor of 3 to 1 give the first member exactly three of every four WebSockets?",
        limit="liberty liberty node liberty, five times over 20 connections",
        site=balanced(cluster(weighted(LIBERTY, 3), NODE)),
        act=in_turn(20),
        checks=checks(L, L, N, L),
        explanation=RULE,
    ),
    Scenario(
        name="weights-3-1-held",
        question="Does the cycle of 3 to 1 stay the same when all tunnels are kept open?",
        limit="liberty liberty node liberty, five times over 20 connections",
        site=balanced(cluster(weighted(LIBERTY, 3), NODE)),
        act=in_turn(20, hold=True),
        checks=checks(L, L, N, L),
    ),
    Scenario(
        name="weights-1-3",
        question="Does the heavier member lead the cycle although it is listed second?",
        limit="node liberty node node, five times over 20 connections",
        site=balanced(cluster(LIBERTY, weighted(NODE, 3))),
        act=in_turn(20),
        checks=checks(N, L, N, N),
        explanation=RULE,
    ),
    Scenario(
        name="weights-three-members",
        question="Do three members of equal weight take strict turns?",
        limit="0 breaks over 21 connections on three backends",
        site=balanced(cluster(LIBERTY, NODE, NODE_2)),
        act=in_turn(21),
        checks=(distribution.alternates, *checks(L, N, N2)),
    ),
    Scenario(
        name="weights-2-1-1",
        question="Do three members share 2 to 1 to 1?",
        limit="liberty node node-2 liberty, five times over 20 connections",
        site=balanced(cluster(weighted(LIBERTY, 2), NODE, NODE_2)),
        act=in_turn(20),
        checks=checks(L, N, N2, L),
        explanation=RULE,
    ),
    Scenario(
        name="weights-70-30",
        question="Does a split of 70 to 30 hold in every ten WebSockets, not only on average?",
        limit="the same 7 and 3 in each of 4 tens, 40 connections",
        site=balanced(cluster(weighted(LIBERTY, 70), weighted(NODE, 30))),
        act=in_turn(40),
        checks=checks(L, N, L, L, L, N, L, L, N, L),
        explanation=RULE,
    ),
    Scenario(
        name="weights-fraction",
        question="Is a fractional loadfactor of 1.5 to 1 honoured?",
        limit="3 and 2 in every 5, in the model's cycle, over 20 connections",
        site=balanced(cluster(weighted(LIBERTY, 1.5), NODE)),
        act=in_turn(20),
        checks=checks(L, N, L, N, L),
        explanation="httpd keeps loadfactors in hundredths since 2.4.31 (manual, mod_proxy, loadfactor).",
    ),
    Scenario(
        name="weights-bybusyness",
        question="Does bybusyness give a member of loadfactor 3 more tunnels than one of loadfactor 1?",
        limit="no: 10 and 10 of 20 held tunnels, whatever the loadfactor says",
        site=balanced(cluster(weighted(LIBERTY, 3), NODE, lbmethod=LbMethod.BYBUSYNESS)),
        act=in_turn(20, hold=True),
        checks=checks(L, N),
        explanation=(
            "bybusyness compares the plain number of open requests; the loadfactor only settles ties "
            "(mod_lbmethod_bybusyness)."
        ),
    ),
    Scenario(
        name="weights-bytraffic",
        question="Does bytraffic divide the bytes of the request heads by the loadfactor?",
        limit="the model, reading the heads' bytes from the journals, predicts all 20 connections",
        site=balanced(cluster(weighted(LIBERTY, 3), NODE, lbmethod=LbMethod.BYTRAFFIC)),
        act=in_turn(20),
        checks=(distribution.follows_model, *COMMON),
    ),
    Scenario(
        name="weights-changed",
        question="Does a loadfactor changed at run time take effect with the next WebSocket?",
        limit="1:1 for 4 connections, then 3 to 1 in blocks of four for 12, as the model says",
        site=balanced(cluster(LIBERTY, NODE)),
        act=changed(4, 12, factors=((L, 3),)),
        checks=(
            distribution.served_by(L, N, L, N, *[L, L, L, N] * 3),
            distribution.follows_model,
            *COMMON,
        ),
        explanation=RECREDIT,
    ),
    Scenario(
        name="weights-changed-held",
        question="Does a loadfactor changed under open tunnels leave them alone and the new ones in the new cycle?",
        limit="all 16 tunnels stay; the cycle after the change is that of closed ones",
        site=balanced(cluster(LIBERTY, NODE)),
        act=changed(4, 12, factors=((L, 3),), hold=True),
        checks=(
            distribution.served_by(L, N, L, N, *[L, L, L, N] * 3),
            distribution.follows_model,
            *COMMON,
        ),
        explanation=RECREDIT,
    ),
    Scenario(
        name="weights-changed-mid-cycle",
        question="Is the old cycle forgotten when a loadfactor changes in the middle of it?",
        limit="the model predicts all 18 connections through two changes, 3:1 to 3:2 to 1:2",
        site=balanced(cluster(weighted(LIBERTY, 3), NODE)),
        act=changed(2, 8, 8, factors=((N, 2), (L, 1))),
        checks=(distribution.follows_model, *COMMON),
        explanation=RECREDIT,
    ),
)
