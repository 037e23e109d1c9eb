"""Stickiness on the upgrade: which cookies and URLs pin a client to a member, and what beats what."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import accounting, distribution, handshake, members, refusals, strictness, tunnels
from wslb.errors import NotAskable
from wslb.interfaces import Capability
from wslb.lab.lab import Lab
from wslb.model.balancer import Balancer, Member, MemberState, Mount, Site
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, LIBERTY, NODE, balanced, cluster, with_proxy_set
from wslb.scenarios import acts as do
from wslb.scenarios.claims import CONNECT_FAILED, DRAINS_UNSEEN, FORESEEN
from wslb.scenarios.scenario import Act, Elsewhere, Family, Scenario

__all__ = ["SCENARIOS"]

NAMES = "ROUTEID|routeid"
"""Name of the cookie, and of the parameter in the URL (``stickysession=``)."""

STRICT = "no: 4 connections take strict turns"
AS_COOKIE = "no: 4 of 4 connections go to liberty, as the cookie says"

PINNED = (("Cookie", "ROUTEID=.node"),)
DEAD_NODE = Member(route="node", url="ws://refused")

COMMON: tuple[Check, ...] = (handshake.answered_101, *FORESEEN)


def sticky(balancer: Balancer) -> Site:
    """A site whose balancer looks for the route in cookie and URL."""
    return balanced(replace(balancer, stickysession=NAMES))


def cookie(value: str, *, times: int, path: str | None = None) -> Act:
    """Open so many with this Cookie header."""

    async def act(lab: Lab) -> None:
        await lab.open_in_turn(times, path, headers=(("Cookie", value),))

    return act


async def _pinned_then_free(lab: Lab) -> None:
    await lab.open_in_turn(3, headers=PINNED)
    await lab.open_in_turn(6)


async def _path_parameter(lab: Lab) -> None:
    if lab.fleet.real:
        raise NotAskable(needs="a backend that accepts no path but its own")
    for path in ("/ws;routeid=.node", "/ws/;routeid=.node", "/ws/;routeid=.node"):
        await lab.open_in_turn(1, path)


async def _drained(lab: Lab) -> None:
    held = await lab.open_in_turn(2, hold=True, headers=PINNED)
    await do.set_state(lab, "node", MemberState.DRAIN)
    await do.speak(lab, held, "while draining")
    await lab.open_in_turn(2, headers=PINNED)
    await lab.open_in_turn(2)


async def _killed(lab: Lab) -> None:
    """A client that reconnects with its cookie after its member's death, and again after its return."""
    await lab.open_in_turn(2, headers=PINNED)
    await do.kill(lab, "node")
    await lab.open_in_turn(2, headers=PINNED)
    await do.revive(lab, "node")
    await do.wait_for(lab, 1.1)
    await lab.open_in_turn(2, headers=PINNED)


async def _recipe(lab: Lab) -> None:
    """Two WebSockets, two pages, then WebSockets with the cookie of the second page."""
    await lab.open_in_turn(2)
    await lab.get("/page")
    await lab.get("/page")
    await lab.open_in_turn(3, headers=PINNED)


RECIPE = 'Header add Set-Cookie "ROUTEID=.%{BALANCER_WORKER_ROUTE}e; path=/" env=BALANCER_ROUTE_CHANGED'
"""As the manual gives it (mod_proxy_balancer, Examples of a balancer configuration)."""

PAGES = Balancer(
    name="pages",
    members=(Member(route="liberty", url="http://liberty/WSConsole"), Member(route="node", url="http://node")),
    stickysession=NAMES,
)


ask = Family(name="sticky", site=sticky(CLUSTER))


def pinned_scenario(
    name: str, question: str, act: Act, *, explanation: str = "", elsewhere: tuple[Elsewhere, ...] = ()
) -> Scenario:
    """Four connections that all go to node, the second-listed member."""
    return ask(
        name,
        question,
        "4 of 4 connections go to node",
        act,
        (distribution.served_by(*["node"] * 4), *COMMON),
        explanation=explanation,
        elsewhere=elsewhere,
    )


def query_unheard(limit: str, *routes: str) -> Elsewhere:
    """Who serves where the query names no route, whatever it says."""
    return Elsewhere(
        since=(2, 4, 62),
        before=(2, 4, 64),
        does="a route in the query is not recognized",
        source="CHANGES 2.4.64, PR 69443",
        limit=limit,
        checks=(distribution.served_by(*routes), handshake.answered_101, accounting.witnesses_agree),
    )


def on(proxy: str, limit: str, does: str, *checks: Check, source: str = "") -> Elsewhere:
    """What another product does with the same cookies and URLs."""
    manual, version = {"HAProxy": ("cookie", "2.8.25"), "nginx": ("sticky", "1.31.3")}[proxy]
    told = source or f"{manual} in the manual; measured on {version}"
    return Elsewhere(proxy=proxy, does=does, source=told, limit=limit, checks=checks)


WHOLE = "the whole value of the cookie names a server, and no URL does (cookie … insert)"
PIN_TAKES_NO_TURN = "a pinned request takes no turn: the free ones go on as if it had not come"
"""HAProxy's words."""


def free_scenario(name: str, question: str, value: str, *, explanation: str) -> Scenario:
    """Four connections whose cookie pins nothing: they take turns."""
    return ask(
        name,
        question,
        STRICT,
        cookie(value, times=4),
        (distribution.alternates, *COMMON),
        explanation=explanation,
    )


SCENARIOS: tuple[Scenario, ...] = (
    pinned_scenario(
        "cookie", "Does the cookie ROUTEID=.node pin the upgrade to its member?", cookie("a=1; ROUTEID=.node", times=4)
    ),
    pinned_scenario(
        "suffix",
        "Does a route at the end of a server's own value (sess123.node, as JSESSIONID has it) pin the upgrade?",
        cookie("ROUTEID=sess123.node", times=4),
        elsewhere=(on("HAProxy", STRICT, WHOLE, distribution.alternates, *COMMON),),
    ),
    pinned_scenario(
        "query",
        "Does ?routeid=.node pin the upgrade, for clients that cannot set cookies?",
        do.in_turn(4, "/ws?a=1&routeid=.node"),
        elsewhere=(
            query_unheard(STRICT, *["liberty", "node"] * 2),
            on("HAProxy", STRICT, WHOLE, distribution.alternates, *COMMON),
        ),
    ),
    pinned_scenario(
        "url-first",
        "When cookie and URL disagree, does the URL win?",
        cookie("ROUTEID=.liberty", times=4, path="/ws?routeid=.node"),
        elsewhere=(
            query_unheard(AS_COOKIE, *["liberty"] * 4),
            on("HAProxy", AS_COOKIE, WHOLE, distribution.served_by(*["liberty"] * 4), *COMMON),
        ),
    ),
    free_scenario(
        "unknown-route",
        "Does a route that no member has pin the upgrade, or refuse it?",
        "ROUTEID=.gone",
        explanation="A cookie that outlived its member is ignored: the request is balanced as any other.",
    ),
    free_scenario(
        "no-dot",
        "Is a route without a dot understood?",
        "ROUTEID=node",
        explanation="The route is what follows the first dot; without one there is none (stickysessionsep).",
    ),
    free_scenario(
        "two-dots",
        "Is the route found behind the last dot of a value that has several?",
        "ROUTEID=sess.1.node",
        explanation="The first dot ends the value: the route is read as 1.node, which no member has.",
    ),
    free_scenario(
        "quoted",
        "Is a cookie value in quotes understood?",
        'ROUTEID=".node"',
        explanation="The quote stays part of the route, which no member has.",
    ),
    ask(
        "turns",
        "Do sticky connections take turns away from the others?",
        "after 3 pinned to node the next 4 free ones go to liberty, then turns, as the model says",
        _pinned_then_free,
        (distribution.served_by(*["node"] * 3, *["liberty"] * 4, "node", "liberty"), *COMMON),
        explanation="A pinned request pays the same credit as an elected one, so the free ones even it out.",
        elsewhere=(
            on(
                "HAProxy",
                "no: after 3 pinned to node the next 6 free ones take strict turns",
                PIN_TAKES_NO_TURN,
                distribution.served_by(*["node"] * 3, *["liberty", "node"] * 3),
                *COMMON,
            ),
            on(
                "nginx",
                "after 3 pinned to node the next 2 free ones go to liberty, then turns, as the model says",
                "a pinned request pays as an elected one, but no more than one election leaves a member in debt",
                distribution.served_by(*["node"] * 3, "liberty", *["liberty", "node"] * 2, "liberty"),
                *COMMON,
                source="measured on 1.31.3 (30 series of 24 with two and three members, all as the model says)",
            ),
        ),
    ),
    ask(
        "path-parameter",
        "Does ;routeid=.node behind the path pin the upgrade?",
        "as /ws;routeid=.node httpd itself answers 404; as /ws/;routeid=.node 2 of 2 reach node",
        _path_parameter,
        (
            refusals.answers(404, 404, 404),
            members.elected_between("node", 2, 2, reason="its own 404: the parameter is part of the path there"),
            members.elected_between("liberty", 0, 0, reason="nothing asked for it"),
        ),
        explanation="ProxyPass /ws fits /ws and /ws/…, and /ws;routeid=.node is neither.",
        elsewhere=(
            on(
                "HAProxy",
                "as /ws;routeid=.node it answers 404 itself; as /ws/;routeid=.node 2 take turns",
                WHOLE,
                refusals.answers(404, 404, 404),
                members.elected_between("node", 1, 1, reason="its turn: the parameter is no cookie"),
                members.elected_between("liberty", 1, 1, reason="its turn: the parameter is no cookie"),
            ),
        ),
    ),
    ask(
        "dead-route",
        "When the pinned member is dead, is its client served by another one, and does it return?",
        "2 to node, after its death 2 to liberty without an error, 2 to node once it is back and retry=1 over",
        _killed,
        (distribution.served_by("node", "node", "liberty", "liberty", "node", "node"), *COMMON),
        site=sticky(cluster(LIBERTY, replace(NODE, parameters=(("retry", "1"),)))),
        allow_log=CONNECT_FAILED,
    ),
    ask(
        "nofailover",
        "With nofailover=On, is the client of a dead member served by another one?",
        "no: 503 three times; clients without a route are served by the living member",
        _pinned_then_free,
        (refusals.answers(*[503] * 3, *[101] * 6), members.shown_after(node="Init Err"), *FORESEEN),
        site=sticky(with_proxy_set(cluster(LIBERTY, DEAD_NODE), nofailover="On")),
        allow_log=(*CONNECT_FAILED, "AH01167"),
        explanation="AH01167: all members are in error for this route.",
    ),
    ask(
        "drain",
        "Do pinned clients still reach a member that drains?",
        "2 tunnels live, 2 pinned reconnects go to node, 2 new clients to liberty",
        _drained,
        (
            tunnels.answered("while draining", "node", count=2),
            distribution.served_by(*["node"] * 4, *["liberty"] * 2),
            members.shown_after(node="Init Drn Ok"),
            *COMMON,
        ),
        asks=(Capability.CONTROL,),
        explanation="Draining keeps the clients that belong there (mod_proxy, status N).",
        elsewhere=(DRAINS_UNSEEN,),
    ),
    ask(
        "disabled",
        "Do pinned clients still reach a member that is disabled?",
        "no: 3 of 3 go to the other member",
        cookie("ROUTEID=.node", times=3),
        (distribution.served_by(*["liberty"] * 3), *COMMON),
        site=sticky(cluster(LIBERTY, replace(NODE, state=MemberState.DISABLED))),
    ),
    ask(
        "standby",
        "Does a cookie reach a hot standby while the other member serves?",
        "3 of 3 pinned ones go to the standby; the free ones never do",
        _pinned_then_free,
        (distribution.served_by(*["node"] * 3, *["liberty"] * 6), *COMMON),
        site=sticky(cluster(LIBERTY, replace(NODE, state=MemberState.STANDBY))),
        elsewhere=(
            on(
                "nginx",
                "no: 9 of 9 connections go to liberty, as without it",
                "a backup is asked for nothing while another server serves, whatever the route says",
                distribution.served_by(*["liberty"] * 9),
                *COMMON,
            ),
        ),
    ),
    ask(
        "set-cookie",
        "Does the manual's cookie recipe (Header add Set-Cookie) reach a client that only opens WebSockets?",
        "never on a 101; on 2 of 2 pages of the same site, and that cookie then pins 3 of 3 upgrades",
        _recipe,
        (
            refusals.never_carries("Set-Cookie", beginning="ROUTEID="),
            refusals.requests_carry("Set-Cookie", "ROUTEID=."),
            strictness.cookies_once,
            distribution.served_by("liberty", "node", "node", "node", "node"),
            *COMMON,
        ),
        site=replace(
            sticky(CLUSTER),
            mounts=(*sticky(CLUSTER).mounts, Mount(path="/page", target=PAGES, target_path="/WSConsole.html")),
            modules=("headers",),
            directives=(RECIPE,),
        ),
        explanation=(
            "A 101 does not pass mod_headers' output filter. The cookie must come from the backend, or from an "
            "earlier HTTP answer."
        ),
    ),
)
