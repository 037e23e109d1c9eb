"""Which requests take a turn from the WebSockets, and which do not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from wslb.checks import accounting, distribution, refusals, turns
from wslb.interfaces import Fault
from wslb.lab.lab import Lab
from wslb.model.balancer import LbMethod, Mount, Site
from wslb.model.handshake import Headers
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, LIBERTY, NODE, balanced, cluster
from wslb.scenarios.acts import KEYLESS
from wslb.scenarios.claims import BEFORE_UPGRADES_IN_HTTP, CONNECT_FAILED
from wslb.scenarios.scenario import Act, Elsewhere, Family, Scenario

__all__ = ["SCENARIOS"]

L, N = "liberty", "node"
PAIRS = 4
HONEST: tuple[Check, ...] = (accounting.witnesses_agree, accounting.nothing_left_open)
TURN = (
    "mod_proxy_balancer elects a member for every request on a balanced path, before it knows whether a tunnel will "
    "come of it: elected and lbstatus move (manual, mod_proxy_balancer)."
)

Errand = Callable[[Lab], Awaitable[object]]


def between(errand: Errand, *, times: int = 1, path: str | None = None) -> Act:
    """Opens, each followed by the same errand so many times."""

    async def act(lab: Lab) -> None:
        for _ in range(PAIRS):
            await lab.open_in_turn(1, path)
            for _ in range(times):
                await errand(lab)
        await lab.settled()

    return act


def get(path: str, *, method: str = "GET", headers: Headers = ()) -> Errand:
    """An ordinary request."""
    return lambda lab: lab.get(path, method=method, headers=headers)


def stolen(count: int, whose: str, *routes: str) -> tuple[Check, ...]:
    """So many turns taken, and the WebSockets on these members because of it."""
    return (
        turns.turns_taken(thieves=count, whose=whose),
        distribution.served_by(*routes),
        distribution.follows_model,
        *HONEST,
    )


def innocent(whose: str) -> tuple[Check, ...]:
    """No turn taken: the WebSockets alternate as if nothing had happened."""
    return (*stolen(0, whose, *[L, N] * (PAIRS // 2)), distribution.alternates, accounting.elected_counted)


def refused_early(whose: str) -> tuple[Check, ...]:
    """No turn taken by requests to the balanced path that httpd refuses before it elects; the model knows none."""
    return (
        turns.turns_taken(thieves=0, whose=whose),
        distribution.alternates,
        accounting.elected_counted,
        *HONEST,
    )


async def _refused_in_between(lab: Lab) -> None:
    await lab.open_in_turn(1)
    await lab.fault(N, Fault(kind="status", parameters={"status": 403}, times=1))
    await lab.open_in_turn(5)


async def _one_member_dead(lab: Lab) -> None:
    await lab.fleet.kill(N)
    await lab.open_in_turn(PAIRS)


async def _pinned_in_between(lab: Lab) -> None:
    """Opens pinned to the first member by its cookie, then opens that are free."""
    await lab.open_in_turn(3, headers=(("Cookie", "ROUTEID=.liberty"),))
    await lab.open_in_turn(6)


async def _held_and_asked(lab: Lab) -> None:
    """Hold tunnels, with a GET behind each that httpd has counted out before the next."""
    for _ in range(PAIRS):
        await lab.open_in_turn(1, hold=True)
        await lab.get("/ws")
        await lab.settled()


BUSY = cluster(LIBERTY, NODE, lbmethod=LbMethod.BYBUSYNESS)
WHOLE_SITE = Site(
    mounts=(Mount(path="/", target=CLUSTER, target_path="/"),),
    directives=("ProxyPass /wslb-ready !", "ProxyPass /balancer-manager !"),
)
TWO_BALANCERS = Site(
    mounts=(
        *balanced(CLUSTER).mounts,
        Mount(path="/other", target=replace(CLUSTER, name="other"), target_path="/CLRunner"),
    )
)
GUARDED = replace(
    balanced(CLUSTER),
    directives=("<Location /ws>\n  Require expr tolower(%{HTTP:Upgrade}) == 'websocket'\n</Location>",),
)

ask = Family(name="thieves")

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "get",
        "Does an ordinary GET on the balanced path take a WebSocket's turn?",
        f"yes: {PAIRS} WebSockets with a GET after each all land on the first member",
        between(get("/ws")),
        (refusals.requests_answered(PAIRS), *stolen(PAIRS, "a GET after each connection", *[L] * PAIRS)),
        explanation=TURN,
        elsewhere=(BEFORE_UPGRADES_IN_HTTP,),
    ),
    ask(
        "get-twice",
        "Does a thief that comes in pairs show in the order of the WebSockets?",
        f"no: strict turns over {PAIRS} WebSockets although {2 * PAIRS} turns were taken",
        between(get("/ws"), times=2),
        (
            refusals.requests_answered(2 * PAIRS),
            *stolen(2 * PAIRS, "two GETs after each connection", *[L, N] * (PAIRS // 2)),
        ),
        explanation="With two members, an even number of thieves hides: only the count of elections tells of them.",
        elsewhere=(BEFORE_UPGRADES_IN_HTTP,),
    ),
    ask(
        "head",
        "Does a monitor that sends HEAD to the balanced path take a turn?",
        f"yes: {PAIRS} WebSockets with a HEAD after each all land on the first member",
        between(get("/ws", method="HEAD")),
        (refusals.requests_answered(PAIRS), *stolen(PAIRS, "a HEAD after each connection", *[L] * PAIRS)),
        elsewhere=(BEFORE_UPGRADES_IN_HTTP,),
    ),
    ask(
        "options",
        "Does a health check that sends OPTIONS to the balanced path take a turn?",
        f"yes: {PAIRS} WebSockets with an OPTIONS after each all land on the first member",
        between(get("/ws", method="OPTIONS")),
        (refusals.requests_answered(PAIRS), *stolen(PAIRS, "an OPTIONS after each connection", *[L] * PAIRS)),
        elsewhere=(BEFORE_UPGRADES_IN_HTTP,),
    ),
    ask(
        "subpath",
        "Does a GET below the balanced path take a turn, even one that no backend knows?",
        f"yes: {PAIRS} turns taken by GET /ws/nothing-here",
        between(get("/ws/nothing-here")),
        (
            refusals.requests_answered(PAIRS),
            *stolen(PAIRS, "a GET of /ws/nothing-here after each connection", *[L] * PAIRS),
        ),
        elsewhere=(BEFORE_UPGRADES_IN_HTTP,),
    ),
    ask(
        "malformed",
        "Does a handshake without a key, which the backend refuses, take a turn?",
        f"yes: {PAIRS} turns taken by upgrade requests without Sec-WebSocket-Key",
        between(get("/ws", headers=KEYLESS)),
        (
            refusals.requests_answered(PAIRS, 400),
            *stolen(PAIRS, "a keyless handshake after each connection", *[L] * PAIRS),
        ),
        explanation=TURN,
        elsewhere=(
            Elsewhere(
                proxy="HAProxy",
                does="a handshake without a key is answered 400 by HAProxy itself, before it elects",
                source="measured on 2.6.12",
                limit=f"no: strict turns over {PAIRS} WebSockets with a 400 after each",
                checks=(refusals.requests_answered(PAIRS, 400), *refused_early("a keyless handshake")),
            ),
            Elsewhere(
                since=(2, 4, 13),
                before=(2, 4, 28),
                does="the refusal of a backend may not reach a client whole",
                source="CHANGES 2.4.28, PR 61283; measured on 2.4.23 and 2.4.27",
            ),
        ),
    ),
    ask(
        "refused",
        "Does a WebSocket that its backend refuses with 403 use up the turn?",
        "yes: the turns go on behind it, one 403 among 6",
        _refused_in_between,
        (
            refusals.answers(101, 403, 101, 101, 101, 101),
            *stolen(0, "the refused handshake", *[L, N] * 3),
            accounting.elected_counted,
        ),
    ),
    ask(
        "failover",
        "Does failing over count as a turn of the dead member?",
        "yes: 5 elections for 4 WebSockets, which all land on the living one",
        _one_member_dead,
        (
            refusals.answers(*[101] * PAIRS),
            turns.turns_taken(thieves=1, whose="the failed attempt"),
            distribution.served_by(*[L] * PAIRS),
            accounting.nothing_left_open,
        ),
        allow_log=CONNECT_FAILED,
        explanation="A refused connect makes mod_proxy elect again (AH00957); the member is left alone for retry= s.",
        elsewhere=(
            Elsewhere(
                proxy="HAProxy",
                does="without check no failure is remembered: the dead member is elected at each of its turns",
                source="measured on 2.6.12 (option redispatch 1)",
                limit="yes: 7 elections for 4 WebSockets, which all land on the living one",
                checks=(
                    refusals.answers(*[101] * PAIRS),
                    turns.turns_taken(thieves=3, whose="the failed attempts"),
                    distribution.served_by(*[L] * PAIRS),
                    accounting.nothing_left_open,
                ),
            ),
        ),
    ),
    ask(
        "sticky",
        "Do WebSockets pinned by a route cookie change whose turn it is for the others?",
        "yes: after 3 pinned to liberty the free ones go to node until the credit is even",
        _pinned_in_between,
        (
            distribution.served_by(L, L, L, N, N, N, L, N, L),
            turns.turns_taken(thieves=0, whose="the pinned connections"),
            accounting.witnesses_agree,
            accounting.elected_counted,
        ),
        site=balanced(replace(CLUSTER, stickysession="ROUTEID|routeid")),
        explanation="A pinned request takes its member's turn too: lbstatus moves as if that member had been elected.",
        elsewhere=(
            Elsewhere(
                proxy="nginx",
                does="a member that is as deep in debt as one election leaves it does not pay again",
                source="measured on 1.31.3",
                limit="yes: after 3 pinned to liberty node is next, and the free ones take strict turns",
                checks=(
                    distribution.served_by(L, L, L, *[N, L] * 3),
                    turns.turns_taken(thieves=0, whose="the pinned connections"),
                    accounting.witnesses_agree,
                    accounting.elected_counted,
                ),
            ),
            Elsewhere(
                proxy="HAProxy",
                does="who is pinned takes no turn, and is not counted as elected (lbtot)",
                source="measured on 2.6.12 and 2.8.25",
                limit="no: after 3 pinned to liberty the free ones take strict turns, liberty first",
                checks=(
                    distribution.served_by(L, L, L, *[L, N] * 3),
                    turns.turns_taken(thieves=-3, whose="the pinned connections, which are not counted"),
                    accounting.witnesses_agree,
                ),
            ),
        ),
    ),
    ask(
        "bybusyness",
        "Does an ordinary GET disturb bybusyness while tunnels are held?",
        f"{PAIRS} held WebSockets and {PAIRS} GETs as the model says, 2 and 2 tunnels",
        _held_and_asked,
        (
            refusals.requests_answered(PAIRS),
            turns.turns_taken(thieves=PAIRS, whose="a GET after each connection"),
            distribution.split_within(0, reason="2 and 2, whoever comes first"),
            distribution.follows_model,
            *HONEST,
        ),
        site=balanced(BUSY),
        explanation="bybusyness looks at what is open now; a GET that has ended leaves only its lbstatus behind.",
        elsewhere=(BEFORE_UPGRADES_IN_HTTP,),
    ),
    ask(
        "favicon",
        "Does a browser's request for /favicon.ico take a turn?",
        f"no: strict turns over {PAIRS} WebSockets with a GET of /favicon.ico after each",
        between(get("/favicon.ico")),
        (refusals.requests_answered(PAIRS), *innocent("a GET of /favicon.ico after each connection")),
    ),
    ask(
        "favicon-balanced",
        "Does the favicon take a turn where the whole site is balanced (ProxyPass /)?",
        f"yes: {PAIRS} WebSockets with a GET of /favicon.ico after each all land on the first member",
        between(get("/favicon.ico"), path="/CLRunner"),
        (
            refusals.requests_answered(PAIRS),
            *stolen(PAIRS, "a GET of /favicon.ico after each connection", *[L] * PAIRS),
        ),
        site=WHOLE_SITE,
        explanation=TURN,
        elsewhere=(BEFORE_UPGRADES_IN_HTTP,),
    ),
    ask(
        "page",
        "Does loading the console page from httpd take a turn?",
        f"no: strict turns over {PAIRS} WebSockets with a GET of /WSConsole.html after each",
        between(get("/WSConsole.html")),
        (refusals.requests_answered(PAIRS, 200), *innocent("a GET of /WSConsole.html after each connection")),
        elsewhere=(
            Elsewhere(
                proxy="HAProxy",
                does="serves no files",
                source="what it returns itself must fit into a buffer: http-request return in the manual",
            ),
        ),
    ),
    ask(
        "neighbour",
        "Does a path that only begins like the balanced one take a turn?",
        f"no: strict turns over {PAIRS} WebSockets with a GET of /wsx after each",
        between(get("/wsx")),
        (refusals.requests_answered(PAIRS), *innocent("a GET of /wsx after each connection")),
        explanation="ProxyPass matches whole path segments (manual, mod_proxy, ProxyPass).",
    ),
    ask(
        "tcp",
        "Does a TCP health check, connect and close, take a turn?",
        f"no: strict turns over {PAIRS} WebSockets with 3 TCP connects after each",
        between(lambda lab: lab.knock(), times=3),
        (turns.knocked(3 * PAIRS), *innocent("three TCP connects after each connection")),
    ),
    ask(
        "manager",
        "Does reading balancer-manager take a turn?",
        f"no: strict turns over {PAIRS} WebSockets with 3 readings after each",
        between(lambda lab: lab.status(), times=3),
        innocent("three readings of balancer-manager after each connection"),
        elsewhere=(
            Elsewhere(
                proxy="nginx",
                does="has nothing that tells of its members",
                source="stub_status in the manual tells of its own connections alone",
            ),
        ),
    ),
    ask(
        "readiness",
        "Does the harness take a turn when it waits until httpd is ready?",
        f"no: strict turns over {PAIRS} WebSockets with 3 readiness requests after each",
        between(get("/wslb-ready"), times=3),
        (refusals.requests_answered(3 * PAIRS, 404), *innocent("three readiness requests after each connection")),
        explanation="The readiness path is not balanced; it answers with the id of this run's configuration.",
        elsewhere=tuple(
            Elsewhere(
                proxy=proxy,
                does="the readiness path is answered 200",
                source=f"measured on {versions}",
                limit=f"no: strict turns over {PAIRS} WebSockets with 3 readiness requests after each",
                checks=(
                    refusals.requests_answered(3 * PAIRS, 200),
                    *innocent("three readiness requests after each connection"),
                ),
            )
            for proxy, versions in (("nginx", "1.22.1 and 1.31.3"), ("HAProxy", "2.6.12 and 2.8.25"))
        ),
    ),
    ask(
        "other-balancer",
        "Do requests to another balancer with the same members take this one's turns?",
        f"no: strict turns over {PAIRS} WebSockets with a GET to the other balancer after each",
        between(get("/other")),
        (refusals.requests_answered(PAIRS), *innocent("a GET to the other balancer after each connection")),
        site=TWO_BALANCERS,
        explanation="Each balancer keeps counters of its own, so two balancers do not balance the members' joint load.",
        elsewhere=(BEFORE_UPGRADES_IN_HTTP,),
    ),
    ask(
        "too-long",
        "Does a request that the proxy itself refuses, a header of 9,000 bytes, take a turn?",
        f"no: strict turns over {PAIRS} WebSockets with a 400 after each",
        between(get("/ws", headers=(("X-Long", "x" * 9000),))),
        (refusals.requests_answered(PAIRS, 400), *refused_early("an over-long request after each connection")),
        explanation="LimitRequestFieldSize is checked before any module sees the request (manual, core).",
        elsewhere=(
            Elsewhere(
                proxy="HAProxy",
                does="heads of up to 15 kB fit into tune.bufsize, so the backend gets the request",
                source="tune.bufsize in the manual; measured on 2.6.12",
                limit=f"yes: {PAIRS} WebSockets with a 404 after each all land on the first member",
                checks=(
                    refusals.requests_answered(PAIRS, 404),
                    *stolen(PAIRS, "an over-long request after each connection", *[L] * PAIRS),
                ),
            ),
        ),
    ),
    ask(
        "forbidden",
        "Can authorization keep thieves from taking turns?",
        f"yes: strict turns over {PAIRS} WebSockets with a forbidden GET after each",
        between(get("/ws")),
        (refusals.requests_answered(PAIRS, 403), *refused_early("a forbidden GET after each connection")),
        site=GUARDED,
        allow_log=("AH01630",),
        explanation="Require is decided before a member is elected; AH01630 names each client that was denied.",
    ),
)
