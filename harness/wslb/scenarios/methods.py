"""What each lbmethod really counts on tunnels: the same work, side by side."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import accounting, distribution, log, refusals, traffic, turns
from wslb.checks.narrowing import on
from wslb.errors import NotAskable
from wslb.lab.conversation import Conversation
from wslb.lab.lab import Lab
from wslb.model.balancer import Balancer, Carrier, LbMethod, Member, Mount, Site
from wslb.model.results import Check
from wslb.model.sites import LIBERTY, NODE, balanced, cluster
from wslb.scenarios.acts import in_turn
from wslb.scenarios.claims import LEAST_CONN, MODELLED, SERVED
from wslb.scenarios.scenario import Act, Elsewhere, Family, Scenario

__all__ = ["SCENARIOS"]

L, N = "liberty", "node"
HELD = 6
AFTERWARDS = 4
CHATTER = "x" * 10_000
ROUNDS = 10

TOLD = f"{ROUNDS * len(CHATTER)} bytes each way through each of one member's tunnels"
TUNNEL_BYTES = (
    "Neither transferred nor read grows with what travels through an open tunnel: mod_proxy counts the request head, "
    "mod_proxy_http also the status line. mod_logio's %I and %O count all of it."
)


COUNTED_WHOLE = tuple(
    Elsewhere(
        proxy=proxy,
        does="transferred grows with what travels through a tunnel, which moves no turn",
        source=f"measured on {versions}",
        limit=f"no: the model predicts all {2 * HELD} connections{told}",
        checks=(*MODELLED, *checks),
    )
    for proxy, versions, told, checks in (
        ("nginx", "1.22.1 and 1.31.3; $request_length knows heads alone", "", ()),
        ("HAProxy", "2.6.12 and 2.8.25", f", {TOLD}", (traffic.logged_by_logio(ROUNDS * len(CHATTER)),)),
    )
)


def of(lbmethod: LbMethod, *members: Member, echo: bool = False) -> Site:
    """The article's two members under this method."""
    return balanced(cluster(*(members or (LIBERTY, NODE)), lbmethod=lbmethod), echo=echo)


def refilled(path: str | None = None) -> Act:
    """Hold six, close all of the first member's, hold four more; counters are noted while tunnels are open."""

    async def act(lab: Lab) -> None:
        held = await lab.open_in_turn(HELD, path, hold=True)
        await lab.close([one for one in held if one.backend == held[0].backend])
        await lab.open_in_turn(AFTERWARDS, path, hold=True)

    return act


async def _chatty(lab: Lab) -> None:
    """Hold six on the echo endpoints, send 100 KB through each of the first member's, then hold six more."""
    held = [await lab.open(greeting=False) for _ in range(HELD)]
    await _chat([one for one in held if one.backend == held[0].backend])
    for _ in range(HELD):
        await lab.open(greeting=False)


async def _chat(tunnels: list[Conversation]) -> None:
    for one in tunnels:
        for _ in range(ROUNDS):
            await one.send(CHATTER)
            await one.receive()


async def _page_first(lab: Lab) -> None:
    """One page of plain HTTP through the balancer, then twelve WebSockets."""
    if lab.fleet.real:
        raise NotAskable(needs="a page of plain HTTP that every backend has")
    await lab.get("/ws/WSConsole.html")
    await lab.open_in_turn(12, "/ws/CLRunner")


async def _refused(lab: Lab) -> None:
    await lab.open_in_turn(3)


async def _reported(lab: Lab) -> None:
    """Report the second member alone as alive, as mod_heartmonitor would, then open."""
    address = lab.addresses[f"ws://{N}"].rpartition(":")[0]
    report = f"{address} &ready=4&busy=1&lastseen=1\n"
    await lab.proxy.runtime.write("heartbeat.dat", report.encode())
    await lab.open_in_turn(8)


COMPARED = (LbMethod.BYREQUESTS, LbMethod.BYBUSYNESS, LbMethod.BYTRAFFIC)


def _named(lbmethod: LbMethod) -> Balancer:
    return replace(cluster(LIBERTY, NODE, lbmethod=lbmethod), name=lbmethod.value)


SIDE_BY_SIDE = Site(
    mounts=tuple(Mount(path=f"/{method.value}", target=_named(method), target_path="/CLRunner") for method in COMPARED)
)


async def _compared(lab: Lab) -> None:
    """The same work under each method in one httpd, and each balancer's counters while its tunnels are open."""
    for method in COMPARED:
        held = await lab.open_in_turn(HELD, f"/{method.value}", hold=True)
        for one in held:
            if one.backend == held[0].backend:
                await one.run(CHATTER)
                await one.close()
        await lab.settled(balancer=_named(method), busy=HELD // 2)
        await lab.open_in_turn(AFTERWARDS, f"/{method.value}", hold=True)
        shown = await lab.proxy.status(_named(method))
        members = {
            status.route: {name: getattr(status, name) for name in ("elected", "busy", "transferred", "read")}
            for status in shown
        }
        told = ", ".join(f"{route} {' '.join(f'{k} {v}' for k, v in row.items())}" for route, row in members.items())
        lab.note("counters", f"{method.value}: {told}", lbmethod=method.value, members=members)


def _on_each(check: Check) -> tuple[Check, ...]:
    return tuple(on(f"/{method.value}", _named(method), check) for method in COMPARED)


PAGES_TOO = Site(
    carrier=Carrier.HTTP,
    mounts=(
        Mount(
            path="/ws",
            target=cluster(
                replace(LIBERTY, url="http://liberty/WSConsole", parameters=(("upgrade", "websocket"),)),
                replace(NODE, url="http://node", parameters=(("upgrade", "websocket"),)),
                lbmethod=LbMethod.BYTRAFFIC,
            ),
        ),
    ),
)

ask = Family(name="methods")

SCENARIOS: tuple[Scenario, ...] = (
    *(
        ask(
            f"{method.value}-chatty",
            f"Does {method.value} look at what travels through open tunnels?",
            f"no: the model, which knows only request heads, predicts all {2 * HELD} connections, {TOLD}",
            _chatty,
            (*MODELLED, accounting.bytes_counted, traffic.logged_by_logio(ROUNDS * len(CHATTER))),
            site=of(method, echo=True),
            explanation=TUNNEL_BYTES,
            elsewhere=COUNTED_WHOLE if method is not LbMethod.BYTRAFFIC else (),
        )
        for method in COMPARED
    ),
    ask(
        "byrequests-refill",
        "Does byrequests notice that one member's tunnels have all ended?",
        f"no: strict turns go on, {AFTERWARDS} more end up 2 and 2",
        refilled(),
        (distribution.served_by(*[L, N] * 5), *MODELLED),
        site=of(LbMethod.BYREQUESTS),
        explanation="byrequests counts elections, not open tunnels (manual, mod_lbmethod_byrequests).",
    ),
    ask(
        "bybusyness-refill",
        "Does bybusyness give the new tunnels to the member whose own have ended?",
        "yes: 3 in a row go there, then turns again",
        refilled(),
        (distribution.served_by(*[L, N] * 3, L, L, L, N), *MODELLED),
        site=of(LbMethod.BYBUSYNESS),
        elsewhere=(replace(LEAST_CONN, limit="yes: 3 in a row go there, then turns again"),),
    ),
    ask(
        "bytraffic-refill",
        "Does bytraffic notice that one member's tunnels have all ended?",
        "no: it goes on by the bytes of the request heads; the model predicts all 10 connections",
        refilled(),
        (*MODELLED, accounting.bytes_counted),
        site=of(LbMethod.BYTRAFFIC),
        explanation=TUNNEL_BYTES,
    ),
    ask(
        "bybusyness-closed",
        "In what does bybusyness differ from byrequests when every tunnel is closed before the next opens?",
        "in nothing: strict turns over 12 connections",
        in_turn(12, settle=True),
        (distribution.alternates, *MODELLED),
        site=of(LbMethod.BYBUSYNESS),
        explanation="With nothing open every member ties, and lbstatus settles ties as in byrequests.",
    ),
    ask(
        "bytraffic-page",
        "Does one page of plain HTTP weigh more for bytraffic than all tunnels together?",
        "yes: after one page from liberty the next 12 WebSockets all go to node",
        _page_first,
        (
            distribution.served_by(*[N] * 12),
            turns.turns_taken(thieves=1, whose="the page"),
            refusals.requests_answered(1, 200),
            accounting.witnesses_agree,
        ),
        site=PAGES_TOO,
        explanation="mod_proxy_http counts the bytes of ordinary responses as read, and none of a tunnel's.",
    ),
    ask(
        "heartbeat",
        "What does the heartbeat method do where no mod_heartmonitor reports on the members?",
        "503 for all 3, AH01213 in the log, no member elected, no backend asked",
        _refused,
        (refusals.answers(503, 503, 503), turns.never_elected, log.announced("AH01213", "AH01170")),
        site=of(LbMethod.HEARTBEAT),
        allow_log=("AH01213", "AH01170"),
        explanation="heartbeat elects only members whose load some monitor has reported (manual, mod_heartmonitor).",
    ),
    ask(
        "heartbeat-reported",
        "Does the heartbeat method send WebSockets to the member that a report names, and to no other?",
        "8 of 8 on node, the only member in the report file",
        _reported,
        (distribution.served_by(*[N] * 8), *SERVED),
        site=replace(of(LbMethod.HEARTBEAT), directives=('HeartbeatStorage "${RUN}/heartbeat.dat"',)),
        explanation=(
            "The report stands in a file (HeartbeatStorage), in the form that mod_heartmonitor writes; members of one "
            "address cannot be told apart, so this needs backends on addresses of their own."
        ),
    ),
    ask(
        "compared",
        "What do byrequests, bybusyness and bytraffic make of the same work, side by side?",
        f"{HELD} held, one side closed, {AFTERWARDS} more: each by its model; the counters hold heads and open "
        "tunnels, no tunnel bytes",
        _compared,
        (
            on("/byrequests", _named(LbMethod.BYREQUESTS), distribution.served_by(*[L, N] * 5)),
            on("/bybusyness", _named(LbMethod.BYBUSYNESS), distribution.served_by(*[L, N] * 3, L, L, L, N)),
            *_on_each(distribution.follows_model),
            *_on_each(accounting.witnesses_agree),
            traffic.counted_on_tunnels,
            accounting.nothing_left_open,
        ),
        site=SIDE_BY_SIDE,
        explanation=TUNNEL_BYTES,
    ),
)
