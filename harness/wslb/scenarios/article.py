"""The article's own configurations and stories: Listings 5 and 8, Figures 7, 11, 17 and 20."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import accounting, carrier, conversation, distribution, encryption, handshake, refusals, turns
from wslb.lab.lab import Lab
from wslb.model.balancer import Balancer, Listener, Mount, Site
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, STRANGER, TLS_CLUSTER, with_stranger
from wslb.scenarios.acts import and_stranger, in_turn
from wslb.scenarios.claims import BEFORE_UPGRADES_IN_HTTP, CERTIFICATE_REFUSED
from wslb.scenarios.scenario import Act, Family, Scenario

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

COMMANDS = ("WRKSBS", "WRKSYSSTS", "WRKSBS")

LISTING_8_PLAIN = replace(LISTING_8, mounts=LISTING_8.mounts[:1])
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
            for command in COMMANDS:
                await console.run(command)


async def _one_turn_later(lab: Lab) -> None:
    """Somebody asks the balanced path for a page before the first WebSocket comes."""
    await lab.get("/ws")
    await lab.open_in_turn(10)


ask = Family(name="article")


def _listing_5_scenario(backend: str, url: str, title: str) -> Scenario:
    scheme = url.partition("://")[0]
    private = scheme == "wss"
    return ask(
        f"listing5-{backend}{'-wss' if private else ''}",
        f"Does the article's plain ProxyPass (Listing 5) reach the {title} over {scheme}?",
        f"2 of 2 connections greeted by {backend}, WRKSYSSTS answered in the figure's layout",
        _run("WRKSYSSTS", times=2),
        (
            distribution.served_by(backend, backend),
            encryption.encrypted(front=private, behind=private),
            *ONE_BACKEND,
        ),
        site=listing_5(url),
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
    ask(
        "listing8",
        "Does the article's balancer (Listing 8), as printed, take turns on ws?",
        "0 breaks over 8 connections, first-listed member first",
        _run("WRKSBS", times=8),
        (
            *CL,
            conversation.listed("WRKSBS"),
            conversation.told_apart("WRKSBS"),
            handshake.arrived_at("/CLRunner"),
            encryption.encrypted(front=False, behind=False),
        ),
        site=LISTING_8,
        explanation=(
            "The article saw the second-listed member answer first, on 2.4.12. Fresh started, 2.4.12 begins with the "
            "first-listed one too: every member has the same credit, and it wins the tie (mod_lbmethod_byrequests)."
        ),
    ),
    ask(
        "listing8-first",
        "Freshly started on Listing 8's half for ws, which member answers first?",
        "0 breaks over 10 connections, first-listed member first",
        in_turn(10),
        CL,
        site=LISTING_8_PLAIN,
        explanation="Without the half for wss it can be asked of the article's own 2.4.12 where that has no mod_ssl.",
    ),
    ask(
        "listing8-late",
        "When does the second-listed member of Listing 8 answer first, as the article saw it?",
        "after one turn that no WebSocket took: behind a plain GET of /ws, 0 breaks over 10 connections, node first",
        _one_turn_later,
        (
            distribution.served_by(*["node", "liberty"] * 5),
            distribution.follows_model,
            turns.turns_taken(thieves=1, whose="a GET of /ws"),
            refusals.requests_answered(1),
            handshake.answered_101,
            carrier.carried_as_asked,
        ),
        site=LISTING_8_PLAIN,
        explanation="Every request that reaches the balancer takes a turn; a page, a probe or a reload is enough.",
        elsewhere=(BEFORE_UPGRADES_IN_HTTP,),
    ),
    ask(
        "listing8-wss",
        "Does the article's balancer (Listing 8), as printed, take turns on wss?",
        "0 breaks over 8 connections, certificates verified on both hops",
        and_stranger(_run("WRKSBS", times=8)),
        (
            *CL,
            conversation.listed("WRKSBS"),
            conversation.told_apart("WRKSBS"),
            encryption.encrypted(),
            encryption.stranger_refused(STRANGER),
        ),
        site=with_stranger(LISTING_8_TLS),
        allow_log=CERTIFICATE_REFUSED,
    ),
    ask(
        "figure20",
        "Does the story of Figure 20 hold: connect, WRKSYSSTS, disconnect, connect again, the other answers?",
        "4 connections in turns over wss, each listing in the figure's layout and with its host's own values",
        _story,
        (*CL, conversation.listed("WRKSYSSTS"), conversation.told_apart("WRKSYSSTS"), encryption.encrypted()),
        site=LISTING_8_TLS,
    ),
    ask(
        "commands",
        "Do several commands over one connection reach one backend and come back in order?",
        "3 commands on each of 2 connections, one handshake each, every listing in the layout",
        _several_commands,
        (*CL, conversation.in_order(*COMMANDS), conversation.listed("WRKSBS"), conversation.listed("WRKSYSSTS")),
        site=LISTING_8,
    ),
)
