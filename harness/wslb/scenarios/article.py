"""The article's own configurations and stories: Listings 5 and 8, Figures 7, 11, 17 and 20."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import accounting, carrier, conversation, distribution, handshake
from wslb.lab.lab import Lab
from wslb.model.balancer import Balancer, Listener, Mount, Site
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, TLS_CLUSTER
from wslb.scenarios.scenario import Act, Scenario

__all__ = ["LISTING_8", "SCENARIOS"]

ONE_BACKEND: tuple[Check, ...] = (
    handshake.answered_101,
    handshake.accept_is_right,
    conversation.greeted,
    conversation.listed("WRKSYSSTS"),
    accounting.witnesses_agree,
    carrier.carried_as_asked,
)


def listing_5(url: str) -> Site:
    """Listing 5: ``ProxyPass`` of one path to one backend, plain on ``/ws`` or over TLS on ``/wss``."""
    listener = Listener(url.partition("://")[0])
    return Site(mounts=(Mount(path=f"/{listener.value}", target=url, listener=listener),), inherit=True)


def _verbatim(balancer: Balancer, listener: Listener) -> Mount:
    unsaid = replace(balancer, set_lbmethod=False)
    return Mount(
        path=f"/{listener.value}",
        target=unsaid,
        target_path="/CLRunner",
        listener=listener,
        reverse=True,
        balancer_path=True,
    )


LISTING_8 = Site(mounts=(_verbatim(CLUSTER, Listener.PLAIN), _verbatim(TLS_CLUSTER, Listener.TLS)))
"""Listing 8 as printed: lbmethod unsaid, ProxyPassReverse, the path in <Proxy> too, both sides under one name."""

LISTING_8_TLS = replace(LISTING_8, mounts=LISTING_8.mounts[::-1])


def _run(command: str, *, times: int = 1) -> Act:
    """Connect, run a command, disconnect; that many times."""

    async def act(lab: Lab) -> None:
        for _ in range(times):
            async with await lab.open() as console:
                await console.run(command)

    return act


async def _story(lab: Lab) -> None:
    """Figure 20, twice around: connect, WRKSYSSTS, disconnect, connect again and meet the other backend."""
    for _ in range(4):
        console = await lab.open()
        await console.run("WRKSYSSTS")
        await console.close()


async def _several_commands(lab: Lab) -> None:
    """Many commands over one connection each, without any further handshake."""
    for _ in range(2):
        async with await lab.open() as console:
            for command in ("WRKSBS", "WRKSYSSTS", "WRKSBS"):
                await console.run(command)


def _listing_5_scenario(backend: str, url: str, title: str) -> Scenario:
    scheme = url.partition("://")[0]
    return Scenario(
        name=f"article-listing5-{backend}{'-wss' if scheme == 'wss' else ''}",
        question=f"Does the article's plain ProxyPass (Listing 5) reach the {title} over {scheme}?",
        limit=f"2 of 2 connections greeted by {backend}, WRKSYSSTS answered in the figure's layout",
        site=listing_5(url),
        act=_run("WRKSYSSTS", times=2),
        checks=(distribution.served_by(backend, backend), *ONE_BACKEND),
    )


CL: tuple[Check, ...] = (
    distribution.alternates,
    handshake.answered_101,
    conversation.greeted,
    accounting.witnesses_agree,
    accounting.elected_counted,
    carrier.carried_as_asked,
)

SCENARIOS: tuple[Scenario, ...] = (
    _listing_5_scenario("liberty", "ws://liberty/WSConsole/CLRunner", "Liberty stand-in"),
    _listing_5_scenario("node", "ws://node/CLRunner", "Node.js stand-in"),
    _listing_5_scenario("liberty", "wss://liberty/WSConsole/CLRunner", "Liberty stand-in"),
    _listing_5_scenario("node", "wss://node/CLRunner", "Node.js stand-in"),
    Scenario(
        name="article-listing8",
        question="Does the article's balancer (Listing 8), as printed, take turns on ws?",
        limit="0 breaks over 8 connections, first-listed member first",
        site=LISTING_8,
        act=_run("WRKSBS", times=8),
        checks=(
            *CL,
            conversation.listed("WRKSBS"),
            conversation.told_apart("WRKSBS"),
            handshake.arrived_at(liberty="/WSConsole/CLRunner", node="/CLRunner"),
        ),
        explanation=(
            "The article saw the second-listed member answer first. Apache 2.4 starts every member with the same "
            "credit and settles the tie for the first-listed one (mod_lbmethod_byrequests)."
        ),
    ),
    Scenario(
        name="article-listing8-wss",
        question="Does the article's balancer (Listing 8), as printed, take turns on wss?",
        limit="0 breaks over 8 connections, certificates verified on both hops",
        site=LISTING_8_TLS,
        act=_run("WRKSBS", times=8),
        checks=(*CL, conversation.listed("WRKSBS"), conversation.told_apart("WRKSBS")),
    ),
    Scenario(
        name="article-figure20",
        question="Does the story of Figure 20 hold: connect, WRKSYSSTS, disconnect, connect again, the other answers?",
        limit="4 connections in turns over wss, each listing in the figure's layout and with its host's own values",
        site=LISTING_8_TLS,
        act=_story,
        checks=(*CL, conversation.listed("WRKSYSSTS"), conversation.told_apart("WRKSYSSTS")),
    ),
    Scenario(
        name="article-commands",
        question="Do several commands over one connection reach one backend and come back in order?",
        limit="3 commands on each of 2 connections, one handshake each, every listing in the layout",
        site=LISTING_8,
        act=_several_commands,
        checks=(*CL, conversation.listed("WRKSBS"), conversation.listed("WRKSYSSTS")),
    ),
)
