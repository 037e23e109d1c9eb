"""Does Apache take turns: the lbmethods of the article, serial, held, at once, plain and over TLS."""

from __future__ import annotations

from wslb.checks import accounting, carrier, distribution, handshake
from wslb.lab.lab import Lab
from wslb.model.balancer import LbMethod
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, LIBERTY, NODE, TLS_CLUSTER, TLS_LIBERTY, TLS_NODE, balanced, cluster
from wslb.scenarios.scenario import Act, Scenario

__all__ = ["SCENARIOS"]

SHORT = 20

COMMON: tuple[Check, ...] = (
    handshake.answered_101,
    handshake.accept_is_right,
    accounting.members_as_claimed,
    accounting.witnesses_agree,
    accounting.elected_counted,
    accounting.nothing_left_open,
    carrier.carried_as_asked,
)
STRICT: tuple[Check, ...] = (distribution.alternates, distribution.follows_model, *COMMON)
MODELLED: tuple[Check, ...] = (distribution.follows_model, *COMMON)

AT_ONCE = 50
AT_ONCE_BOUND = 2
AT_ONCE_REASON = (
    "elections are locked inside one process only; 12 of 12 runs with 4 processes were exact, 2 leaves room for a race"
)


def in_turn(count: int | None = None, *, hold: bool = False, settle: bool = False) -> Act:
    """Open one after another: `count`, or as many as the run's settings say."""

    async def act(lab: Lab) -> None:
        await lab.open_in_turn(count or lab.settings.connections, hold=hold, settle=settle)

    return act


async def _at_once(lab: Lab) -> None:
    await lab.open_many(AT_ONCE, at_once=AT_ONCE)


async def _one_side_closed(lab: Lab) -> None:
    """Six held, then everything on the first member closed: the next three must go there."""
    held = await lab.open_in_turn(6, hold=True)
    first = held[0].backend
    await lab.close([conversation for conversation in held if conversation.backend == first])
    await lab.open_in_turn(4, hold=True)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="lb-byrequests",
        question="Do 20 WebSockets, opened one after another and closed, land on the two backends in strict turns?",
        limit="0 breaks over 20 connections, first-listed member first",
        site=balanced(CLUSTER),
        act=in_turn(SHORT),
        checks=STRICT,
    ),
    Scenario(
        name="lb-byrequests-held",
        question="Do the turns stay strict when all 20 tunnels are kept open?",
        limit="0 breaks over 20 connections",
        site=balanced(CLUSTER),
        act=in_turn(SHORT, hold=True),
        checks=STRICT,
    ),
    Scenario(
        name="lb-byrequests-long",
        question="Do the turns stay strict over a long series of connections?",
        limit="0 breaks over 200 connections (--connections)",
        site=balanced(CLUSTER),
        act=in_turn(),
        checks=STRICT,
    ),
    Scenario(
        name="lb-byrequests-long-held",
        question="Do the turns stay strict while a long series of tunnels piles up?",
        limit="0 breaks over 200 connections (--connections), all open at the end",
        site=balanced(CLUSTER),
        act=in_turn(hold=True),
        checks=STRICT,
    ),
    Scenario(
        name="lb-byrequests-reversed",
        question="Does the first-listed member get the first connection when the order is reversed?",
        limit="node first, then strict turns over 20 connections",
        site=balanced(cluster(NODE, LIBERTY)),
        act=in_turn(SHORT),
        checks=STRICT,
    ),
    Scenario(
        name="lb-byrequests-at-once",
        question="Are 50 WebSockets opened at the same time split evenly?",
        limit=f"25 and 25, each within {AT_ONCE_BOUND}",
        site=balanced(CLUSTER),
        act=_at_once,
        checks=(distribution.split_within(AT_ONCE_BOUND, reason=AT_ONCE_REASON), *COMMON),
    ),
    Scenario(
        name="lb-bybusyness",
        question="Does bybusyness take turns when every tunnel is closed before the next one opens?",
        limit="0 breaks over 20 connections: with nothing open the tie is settled as in byrequests",
        site=balanced(cluster(LIBERTY, NODE, lbmethod=LbMethod.BYBUSYNESS)),
        act=in_turn(SHORT, settle=True),
        checks=STRICT,
    ),
    Scenario(
        name="lb-bybusyness-held",
        question="Does bybusyness send new connections to the side whose tunnels were closed?",
        limit="6 held in turns, 3 closed on one side, the next 3 go there, the model holds for all 10",
        site=balanced(cluster(LIBERTY, NODE, lbmethod=LbMethod.BYBUSYNESS)),
        act=_one_side_closed,
        checks=(
            distribution.served_by(*["liberty", "node"] * 3, "liberty", "liberty", "liberty", "node"),
            *MODELLED,
        ),
    ),
    Scenario(
        name="lb-bytraffic",
        question="Does bytraffic elect the member with fewer bytes, counted over the handshakes alone?",
        limit="the model, fed with the bytes of the request heads, predicts all 20 connections",
        site=balanced(cluster(LIBERTY, NODE, lbmethod=LbMethod.BYTRAFFIC)),
        act=in_turn(SHORT),
        checks=(*MODELLED, accounting.bytes_counted),
        explanation=(
            "Bytes that travel through an open tunnel are in neither counter: bytraffic balances WebSockets by the "
            "size of their request heads (mod_lbmethod_bytraffic reads transferred and read of each member)."
        ),
    ),
    Scenario(
        name="lb-bytraffic-held",
        question="Does bytraffic elect by the same rule when the tunnels stay open?",
        limit="the model predicts all 20 connections",
        site=balanced(cluster(LIBERTY, NODE, lbmethod=LbMethod.BYTRAFFIC)),
        act=in_turn(SHORT, hold=True),
        checks=(*MODELLED, accounting.bytes_counted),
    ),
    Scenario(
        name="lb-wss-byrequests",
        question="Do the turns stay strict over TLS, from the client to Apache and from Apache to the backends?",
        limit="0 breaks over 20 connections on wss, certificates verified on both hops",
        site=balanced(TLS_CLUSTER),
        act=in_turn(SHORT),
        checks=STRICT,
    ),
    Scenario(
        name="lb-wss-byrequests-held",
        question="Do the turns over TLS stay strict when all tunnels are kept open?",
        limit="0 breaks over 20 connections on wss",
        site=balanced(TLS_CLUSTER),
        act=in_turn(SHORT, hold=True),
        checks=STRICT,
    ),
    Scenario(
        name="lb-wss-bybusyness",
        question="Does bybusyness keep its rule over TLS?",
        limit="6 held in turns, 3 closed on one side, the next 3 go there",
        site=balanced(cluster(TLS_LIBERTY, TLS_NODE, lbmethod=LbMethod.BYBUSYNESS)),
        act=_one_side_closed,
        checks=(
            distribution.served_by(*["liberty", "node"] * 3, "liberty", "liberty", "liberty", "node"),
            *MODELLED,
        ),
    ),
    Scenario(
        name="lb-wss-bytraffic",
        question="Does bytraffic keep its rule over TLS, as in the article's second listing?",
        limit="the model predicts all 20 connections",
        site=balanced(cluster(TLS_LIBERTY, TLS_NODE, lbmethod=LbMethod.BYTRAFFIC)),
        act=in_turn(SHORT),
        checks=MODELLED,
    ),
)
