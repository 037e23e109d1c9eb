"""Does Apache take turns: the lbmethods of the article, serial, held, at once, plain and over TLS."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import accounting, distribution, encryption, tunnels
from wslb.lab.lab import Lab
from wslb.model.balancer import LbMethod
from wslb.model.results import Check
from wslb.model.sites import (
    LIBERTY,
    NODE,
    STRANGER,
    TLS_CLUSTER,
    TLS_LIBERTY,
    TLS_NODE,
    balanced,
    cluster,
    with_stranger,
)
from wslb.scenarios.acts import and_stranger, in_turn
from wslb.scenarios.claims import CERTIFICATE_REFUSED, LEAST_CONN, MODELLED, SERVED
from wslb.scenarios.scenario import Elsewhere, Family, Scenario

__all__ = ["SCENARIOS"]

SHORT = 20

STRICT: tuple[Check, ...] = (distribution.alternates, *MODELLED)
AT_ONCE = 50
AT_ONCE_BOUND = 2
AT_ONCE_REASON = (
    "elections are locked inside one process only; 12 of 12 runs with 4 processes were exact, 2 leaves room for a race"
)


async def _at_once(lab: Lab) -> None:
    await lab.open_many(AT_ONCE, at_once=AT_ONCE)


async def _one_side_closed(lab: Lab) -> None:
    """Six held, then everything on the first member closed: the next three must go there."""
    held = await lab.open_in_turn(6, hold=True)
    first = held[0].backend
    await lab.close([conversation for conversation in held if conversation.backend == first])
    await lab.open_in_turn(4, hold=True)


UNROUNDED = Elsewhere(
    before=(2, 4, 28),
    does="bytraffic compares bytes as they are; later ones divide by the loadfactor in hundredths and cut off the rest",
    source="CHANGES 2.4.28, loadfactor as a decimal number; measured on 2.4.12 to 2.4.27, and on 2.4.35",
    limit="liberty's heads are longer, so after the first two node is elected first in each pair",
    checks=(
        *(check for check in MODELLED if check is not distribution.follows_model),
        distribution.served_by("liberty", "node", *["node", "liberty"] * (SHORT // 2 - 1)),
    ),
)

GO_THERE = "3 closed on one side, the next 3 go there"

ask = Family(name="lb")

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "byrequests",
        "Do 20 WebSockets, opened one after another and closed, land on the two backends in strict turns?",
        "0 breaks over 20 connections, first-listed member first",
        in_turn(SHORT),
        STRICT,
        every=True,
    ),
    ask(
        "byrequests-held",
        "Do the turns stay strict when all 20 tunnels are kept open?",
        "0 breaks over 20 connections",
        in_turn(SHORT, hold=True),
        (*STRICT, tunnels.open_together(SHORT)),
        every=True,
    ),
    ask(
        "byrequests-long",
        "Do the turns stay strict over a long series of connections?",
        "0 breaks over 200 connections (--connections)",
        in_turn(),
        STRICT,
        every=True,
    ),
    ask(
        "byrequests-long-held",
        "Do the turns stay strict while a long series of tunnels piles up?",
        "0 breaks over 200 connections (--connections), all open at the end",
        in_turn(hold=True),
        (*STRICT, tunnels.open_together()),
        every=True,
    ),
    ask(
        "byrequests-reversed",
        "Does the first-listed member get the first connection when the order is reversed?",
        "node first, then strict turns over 20 connections",
        in_turn(SHORT),
        STRICT,
        site=balanced(cluster(NODE, LIBERTY)),
        every=True,
    ),
    ask(
        "byrequests-at-once",
        "Are 50 WebSockets opened at the same time split evenly?",
        f"25 and 25, each within {AT_ONCE_BOUND}",
        _at_once,
        (distribution.split_within(AT_ONCE_BOUND, reason=AT_ONCE_REASON), tunnels.open_together(AT_ONCE), *SERVED),
    ),
    ask(
        "bybusyness",
        "Does bybusyness take turns when every tunnel is closed before the next one opens?",
        "0 breaks over 20 connections: with nothing open the tie is settled as in byrequests",
        in_turn(SHORT, settle=True),
        STRICT,
        site=balanced(cluster(LIBERTY, NODE, lbmethod=LbMethod.BYBUSYNESS)),
        every=True,
    ),
    ask(
        "bybusyness-held",
        "Does bybusyness send new connections to the side whose tunnels were closed?",
        "6 held in turns, 3 closed on one side, the next 3 go there, the model holds for all 10",
        _one_side_closed,
        (distribution.served_by(*["liberty", "node"] * 3, "liberty", "liberty", "liberty", "node"), *MODELLED),
        site=balanced(cluster(LIBERTY, NODE, lbmethod=LbMethod.BYBUSYNESS)),
        elsewhere=(replace(LEAST_CONN, limit=f"6 held three and three, {GO_THERE}, the model holds for all 10"),),
    ),
    ask(
        "bytraffic",
        "Does bytraffic elect the member with fewer bytes, counted over the handshakes alone?",
        "the model, fed with the bytes of the request heads, predicts all 20 connections",
        in_turn(SHORT),
        (*MODELLED, accounting.bytes_counted),
        site=balanced(cluster(LIBERTY, NODE, lbmethod=LbMethod.BYTRAFFIC)),
        explanation=(
            "Bytes that travel through an open tunnel are in neither counter: bytraffic balances WebSockets by the "
            "size of their request heads (mod_lbmethod_bytraffic reads transferred and read of each member)."
        ),
        elsewhere=(UNROUNDED,),
        every=True,
    ),
    ask(
        "bytraffic-held",
        "Does bytraffic elect by the same rule when the tunnels stay open?",
        "the model predicts all 20 connections",
        in_turn(SHORT, hold=True),
        (*MODELLED, accounting.bytes_counted, tunnels.open_together(SHORT)),
        site=balanced(cluster(LIBERTY, NODE, lbmethod=LbMethod.BYTRAFFIC)),
        elsewhere=(UNROUNDED,),
        every=True,
    ),
    ask(
        "wss-byrequests",
        "Do the turns stay strict over TLS, from the client to the proxy and on to the backends?",
        "0 breaks over 20 connections on wss, certificates verified on both hops",
        and_stranger(in_turn(SHORT)),
        (*STRICT, encryption.encrypted(), encryption.stranger_refused(STRANGER)),
        site=with_stranger(balanced(TLS_CLUSTER)),
        allow_log=CERTIFICATE_REFUSED,
        every=True,
    ),
    ask(
        "wss-byrequests-held",
        "Do the turns over TLS stay strict when all tunnels are kept open?",
        "0 breaks over 20 connections on wss",
        in_turn(SHORT, hold=True),
        (*STRICT, encryption.encrypted(), tunnels.open_together(SHORT)),
        site=balanced(TLS_CLUSTER),
        every=True,
    ),
    ask(
        "wss-bybusyness",
        "Does bybusyness keep its rule over TLS?",
        "6 held in turns, 3 closed on one side, the next 3 go there",
        _one_side_closed,
        (
            distribution.served_by(*["liberty", "node"] * 3, "liberty", "liberty", "liberty", "node"),
            *MODELLED,
            encryption.encrypted(),
        ),
        site=balanced(cluster(TLS_LIBERTY, TLS_NODE, lbmethod=LbMethod.BYBUSYNESS)),
        elsewhere=(
            replace(
                LEAST_CONN,
                limit=f"6 held three and three, {GO_THERE}",
                checks=(*(LEAST_CONN.checks or ()), encryption.encrypted()),
            ),
        ),
    ),
    ask(
        "wss-bytraffic",
        "Does bytraffic keep its rule over TLS, as in the article's second listing?",
        "the model predicts all 20 connections",
        in_turn(SHORT),
        (*MODELLED, encryption.encrypted()),
        site=balanced(cluster(TLS_LIBERTY, TLS_NODE, lbmethod=LbMethod.BYTRAFFIC)),
        elsewhere=(UNROUNDED,),
        every=True,
    ),
)
