"""Idle tunnels and silent handshakes: which limit wins for each carrier. Seconds are scaled down, the logic is kept."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import accounting, carrier, handshake, members, refusals, tunnels
from wslb.lab.lab import Lab
from wslb.model.balancer import Balancer, Carrier, Member, Site
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, LIBERTY, NODE, balanced, cluster, with_parameters
from wslb.scenarios import acts as do
from wslb.scenarios.scenario import Act, Elsewhere, Family, Scenario

__all__ = ["COMMON", "SCENARIOS", "cut", "idle_for", "kept", "pinged"]

PATIENCE = 20.0
"""Seconds after which a tunnel counts as kept: far above every limit under test, for busy machines."""

COMMON: tuple[Check, ...] = (
    handshake.answered_101,
    accounting.witnesses_agree,
    accounting.nothing_left_open,
    carrier.carried_as_asked,
)


def site(
    *,
    timeout: float | None = None,
    carried: Carrier | None = None,
    of: Balancer = CLUSTER,
    directives: tuple[str, ...] = (),
    modules: tuple[str, ...] = (),
) -> Site:
    """A balanced site with the server's own ``Timeout``."""
    return replace(balanced(of), timeout_seconds=timeout, carrier=carried, directives=directives, modules=modules)


def with_timeout(seconds: str) -> Balancer:
    """Both members with ``timeout=``."""
    return cluster(with_parameters(LIBERTY, timeout=seconds), with_parameters(NODE, timeout=seconds))


async def _until_cut(lab: Lab) -> None:
    """Open one tunnel to each member and leave them alone until the other side ends them."""
    await do.ended(await lab.open_in_turn(2, hold=True), seconds=PATIENCE)


def idle_for(seconds: float) -> Act:
    """Open one tunnel to each member, leave them alone for a time, then ask whether they live."""

    async def act(lab: Lab) -> None:
        opened = await lab.open_in_turn(2, hold=True)
        await do.wait_for(lab, seconds)
        await do.speak(lab, opened, "after the idle time")

    return act


async def pinged(lab: Lab) -> None:
    """Ping one tunnel for 3 s, five times a second, then ask whether it lives."""
    tunnel = await lab.open()
    await do.ping(lab, tunnel, seconds=3.0, every_seconds=0.2)
    await do.speak(lab, [tunnel], "after the pings")


async def _never_answered(lab: Lab) -> None:
    await do.silence(lab, "node")
    for _ in range(3):
        await lab.open(timeout_seconds=2.0)


def cut(*, least_seconds: float, most_seconds: float = PATIENCE) -> tuple[Check, ...]:
    """Both tunnels end without a close frame, not before this."""
    return (
        tunnels.lasted(least_seconds=least_seconds, most_seconds=most_seconds, count=2),
        tunnels.lost(count=2),
        *COMMON,
    )


def kept(*, least_seconds: float) -> tuple[Check, ...]:
    """Both tunnels answer after this idle time."""
    return (
        tunnels.idle_until("after the idle time", least_seconds=least_seconds),
        tunnels.answered("after the idle time", count=2),
        tunnels.still_open(count=2),
        *COMMON,
    )


SMALLER_WINS = Elsewhere(
    before=(2, 4, 53),
    does="the smaller of Timeout and of timeout= or ProxyTimeout ends an idle tunnel",
    source="CHANGES 2.4.53, PR 65886; measured on 2.4.48",
)

ask = Family(name="timeouts")

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "idle-http",
        "How does an idle tunnel end behind mod_proxy_http, and when?",
        "2 of 2 after Timeout (1 s), without a close frame: 1006 at the client",
        _until_cut,
        cut(least_seconds=1.0),
        site=site(timeout=1, carried=Carrier.HTTP),
        explanation="The mysterious disconnect after 60 seconds: httpd's default Timeout on a tunnel without traffic.",
        otherwise=2,
    ),
    ask(
        "idle-wstunnel",
        "Does Timeout end an idle tunnel behind mod_proxy_wstunnel?",
        "no: 2 of 2 answer after 1.5 s of silence, with Timeout, ProxyTimeout and timeout= all at 1 s",
        idle_for(1.5),
        kept(least_seconds=1.5),
        site=site(timeout=1, carried=Carrier.WSTUNNEL, of=with_timeout("1"), directives=("ProxyTimeout 1",)),
        explanation="mod_proxy_wstunnel polls without a limit: a client that vanished holds its thread for good.",
    ),
    ask(
        "member-wins-http",
        "Can timeout= of a member prolong idle tunnels beyond Timeout (mod_proxy_http)?",
        "yes: with Timeout 1 and timeout=2 both end after 2 s or more",
        _until_cut,
        cut(least_seconds=2.0),
        site=site(timeout=1, carried=Carrier.HTTP, of=with_timeout("2")),
        explanation="The larger of the client's and the member's limit wins (2.4.53 and later).",
        otherwise=2,
        elsewhere=(SMALLER_WINS,),
    ),
    ask(
        "proxytimeout-wins-http",
        "Can ProxyTimeout prolong idle tunnels beyond Timeout (mod_proxy_http)?",
        "yes: with Timeout 1 and ProxyTimeout 2 both end after 2 s or more",
        _until_cut,
        cut(least_seconds=2.0),
        site=site(timeout=1, carried=Carrier.HTTP, directives=("ProxyTimeout 2",)),
        otherwise=2,
        elsewhere=(SMALLER_WINS,),
    ),
    ask(
        "member-shorter-http",
        "Can a smaller timeout= of a member end idle tunnels sooner than Timeout (mod_proxy_http)?",
        "no: with Timeout 60 and timeout=1, 2 of 2 answer after 1.5 s of silence",
        idle_for(1.5),
        kept(least_seconds=1.5),
        site=site(timeout=60, carried=Carrier.HTTP, of=with_timeout("1")),
        explanation="The larger limit wins: a smaller timeout= or ProxyTimeout does nothing for tunnels.",
        elsewhere=(SMALLER_WINS,),
    ),
    ask(
        "proxytimeout-shorter-http",
        "Can ProxyTimeout 1 end idle tunnels sooner than Timeout (mod_proxy_http)?",
        "no: with Timeout 60, 2 of 2 answer after 1.5 s of silence",
        idle_for(1.5),
        kept(least_seconds=1.5),
        site=site(timeout=60, carried=Carrier.HTTP, directives=("ProxyTimeout 1",)),
        elsewhere=(SMALLER_WINS,),
    ),
    ask(
        "milliseconds-http",
        "Is timeout=500ms half a second, as connectiontimeout=500ms is?",
        "no: the number is read as 500 s; with Timeout 1, 2 of 2 answer after 1.5 s of silence",
        idle_for(1.5),
        kept(least_seconds=1.5),
        site=site(timeout=1, carried=Carrier.HTTP, of=with_timeout("500ms")),
        explanation="timeout= takes whole seconds and drops the unit without a word; connectiontimeout= knows ms.",
        elsewhere=(SMALLER_WINS,),
    ),
    ask(
        "pings-http",
        "Do pings keep an idle tunnel open beyond Timeout (mod_proxy_http)?",
        "with Timeout 2 and 5 pings a second the tunnel answers after 3 s, every ping answered",
        pinged,
        (
            tunnels.pinged(5),
            tunnels.idle_until("after the pings", least_seconds=3.0),
            tunnels.answered("after the pings", count=1),
            tunnels.still_open(count=1),
            *COMMON,
        ),
        site=site(timeout=2, carried=Carrier.HTTP),
        explanation="Any byte counts as traffic: a ping interval below Timeout is the usual cure.",
    ),
    ask(
        "reqtimeout",
        "Does RequestReadTimeout (mod_reqtimeout) touch a running tunnel?",
        "no: with header=1 body=1, 2 of 2 answer after 2.2 s of silence",
        idle_for(2.2),
        kept(least_seconds=2.2),
        site=site(directives=("RequestReadTimeout header=1 body=1",), modules=("reqtimeout",)),
    ),
    ask(
        "backend-idle",
        "Does a backend's own idle limit (1 s) reach the client as a proper close?",
        "2 of 2 closed by the server with 1000 or 1001 after 1 s or more",
        _until_cut,
        (
            tunnels.closed_with(1000, 1001, count=2),
            tunnels.lasted(least_seconds=1.0, most_seconds=PATIENCE, count=2),
            *COMMON,
        ),
        site=balanced(
            cluster(
                Member(route="liberty", url="ws://liberty-idle/WSConsole"), Member(route="node", url="ws://node-idle")
            )
        ),
        explanation="A close frame is payload for both carriers: whoever must end a tunnel politely is the backend.",
        otherwise=2,
    ),
    ask(
        "silent-handshake-http",
        "What does a client get when a backend accepts and never answers the handshake (mod_proxy_http)?",
        "502 (not 504) after timeout=1; the member stays Ok",
        _never_answered,
        (
            refusals.answers(101, 502, 101),
            refusals.waited(2, least_seconds=1.0),
            members.shown_after(liberty="Init Ok", node="Init Ok"),
        ),
        site=site(carried=Carrier.HTTP, of=with_timeout("1")),
        allow_log=("AH01102", "AH00898"),
    ),
    ask(
        "silent-handshake-wstunnel",
        "What does a client get when a backend never answers the handshake (mod_proxy_wstunnel)?",
        "nothing: it gives up after 2 s, although timeout=1 and Timeout 1; the member stays Ok",
        _never_answered,
        (
            refusals.answers(101, None, 101),
            refusals.waited(2, least_seconds=2.0),
            members.shown_after(liberty="Init Ok", node="Init Ok"),
        ),
        site=site(timeout=1, carried=Carrier.WSTUNNEL, of=with_timeout("1")),
        explanation="mod_proxy_wstunnel waits for the answer inside the tunnel, and the tunnel has no limit.",
    ),
)
