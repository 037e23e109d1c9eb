"""The core claims on every way to carry a WebSocket through httpd: modules, member URLs, RewriteRule, HTTP/2."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from wslb.checks import accounting, carrier, conversation, distribution, extended_connect, handshake, refusals, turns
from wslb.interfaces import ConnectorName
from wslb.lab.lab import Lab
from wslb.model.balancer import Balancer, Carrier, Member, Mount, Site
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, LIBERTY, NODE, balanced, cluster
from wslb.scenarios.scenario import Act, Elsewhere, Family, Scenario

__all__ = ["SCENARIOS"]

COMMAND = "WRKSBS"
COUNT = 8

TURNS: tuple[Check, ...] = (
    distribution.alternates,
    distribution.follows_model,
    accounting.members_as_claimed,
    accounting.witnesses_agree,
    accounting.elected_counted,
    accounting.nothing_left_open,
    carrier.carried_as_asked,
    carrier.read_counted,
)
SAID: tuple[Check, ...] = (conversation.greeted, conversation.listed(COMMAND))
CORE: tuple[Check, ...] = (handshake.answered_101, handshake.accept_is_right, *TURNS, *SAID)
OVER_HTTP2: tuple[Check, ...] = (extended_connect.opened_by_connect, extended_connect.bridged_to_http1, *TURNS)

H2 = ("Protocols h2c http/1.1", "H2WebSockets on")
NEEDS_H2 = ("http2",)


def as_http(member: Member, *parameters: tuple[str, str]) -> Member:
    """The member with an ``http://`` URL and these parameters."""
    return replace(member, url=member.url.replace("ws://", "http://"), parameters=parameters)


UPGRADE = ("upgrade", "websocket")
BY_UPGRADE = cluster(as_http(LIBERTY, UPGRADE), as_http(NODE, UPGRADE))
NO_UPGRADE = cluster(as_http(LIBERTY), as_http(NODE))


def with_parameters(member: Member, *parameters: tuple[str, str]) -> Member:
    """The member with these parameters of BalancerMember."""
    return replace(member, parameters=parameters)


ANY = ("upgrade", "ANY")
BY_ANY = cluster(with_parameters(LIBERTY, ANY), with_parameters(NODE, ANY))
BY_NAME = cluster(with_parameters(LIBERTY, UPGRADE), with_parameters(NODE, UPGRADE))


def over_http2(site: Site) -> Site:
    """The site with HTTP/2 in clear text, and WebSockets allowed over it."""
    return replace(site, modules=(*site.modules, "http2"), directives=(*site.directives, *H2))


def rewritten(*conditions: str) -> Site:
    """The balancer behind ``RewriteRule … [P]`` instead of ``ProxyPass``."""
    return Site(
        mounts=(Mount(path="/ws", target=CLUSTER, target_path="/CLRunner", rewrite=True, conditions=conditions),)
    )


def talk(count: int = COUNT, *, via: ConnectorName = "websockets", paths: Iterable[str | None] = (None,)) -> Act:
    """Open so many on each path, one after another; on each tunnel run one command."""

    async def act(lab: Lab) -> None:
        for path in paths:
            for _ in range(count):
                opened = await lab.open(path, via=via)
                await opened.run(COMMAND)
                await opened.close()

    return act


async def _client_speaks_first(lab: Lab) -> None:
    """Give the greeting a moment on each tunnel, then speak, and listen once more for what may have waited."""
    for _ in range(COUNT):
        opened = await lab.open(via="http2", greeting=False)
        await opened.receive(seconds=0.1)
        await opened.run(COMMAND)
        await opened.receive(seconds=0.1)
        await opened.close()


async def _page_between(lab: Lab) -> None:
    """Opens with an ordinary request to the same path between them."""
    for _ in range(4):
        opened = await lab.open()
        await opened.run(COMMAND)
        await opened.close()
        await lab.get("/ws")


async def _every_way(lab: Lab) -> None:
    for path in ("/wstunnel", "/fallback", "/upgrade", "/plain", "/rewrite"):
        await talk(2, paths=(path,))(lab)
    for path in ("/wstunnel", "/fallback"):
        for _ in range(2):
            opened = await lab.open(path, via="http2", greeting=False)
            await opened.run(COMMAND)
            await opened.receive(seconds=lab.settings.timeouts.message)
            await opened.close()


def _named(name: str, balancer: Balancer) -> Balancer:
    return replace(balancer, name=name)


EVERY_WAY = Site(
    carrier=Carrier.HTTP,
    modules=("http2",),
    directives=(*H2, "<Location /wstunnel>\n  ProxyWebsocketFallbackToProxyHttp Off\n</Location>"),
    mounts=(
        Mount(path="/fallback", target=_named("fallback", CLUSTER), target_path="/CLRunner"),
        Mount(path="/wstunnel", target=_named("wstunnel", CLUSTER), target_path="/CLRunner"),
        Mount(path="/upgrade", target=_named("upgrade", BY_UPGRADE), target_path="/CLRunner"),
        Mount(path="/plain", target=_named("plain", NO_UPGRADE), target_path="/CLRunner"),
        Mount(path="/rewrite", target=_named("rewrite", CLUSTER), target_path="/CLRunner", rewrite=True),
    ),
)

ask = Family(name="carrier")

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "wstunnel",
        "Do the core claims hold when mod_proxy_wstunnel carries the tunnels?",
        f"{COUNT} strict turns, every witness agrees, mod_proxy_wstunnel by two proofs, read +0",
        talk(),
        CORE,
        site=replace(balanced(CLUSTER), carrier=Carrier.WSTUNNEL),
        explanation=(
            "With mod_proxy_http loaded as well, mod_proxy_wstunnel carries ws:// only under "
            "ProxyWebsocketFallbackToProxyHttp Off (manual, mod_proxy_wstunnel; 2.4.47 and later)."
        ),
    ),
    ask(
        "fallback",
        "Do the core claims hold when httpd falls back to mod_proxy_http, its default with both modules?",
        f"{COUNT} strict turns, every witness agrees, mod_proxy_http by two proofs, read +32 a tunnel",
        talk(),
        CORE,
        site=replace(balanced(CLUSTER), carrier=Carrier.HTTP),
        explanation="Since 2.4.47 mod_proxy_wstunnel hands ws:// to mod_proxy_http unless told otherwise.",
    ),
    ask(
        "wstunnel-alone",
        "Does mod_proxy_wstunnel carry the tunnels where mod_proxy_http is not loaded?",
        f"{COUNT} strict turns, mod_proxy_wstunnel by two proofs",
        talk(),
        CORE,
        site=replace(balanced(CLUSTER), carrier=Carrier.WSTUNNEL, without=("proxy_http",)),
    ),
    ask(
        "http-alone",
        "Are ws:// members served where mod_proxy_wstunnel is not loaded at all?",
        f"yes: {COUNT} strict turns, mod_proxy_http by two proofs",
        talk(),
        CORE,
        site=replace(balanced(CLUSTER), carrier=Carrier.HTTP, without=("proxy_wstunnel",)),
        explanation="mod_proxy_http takes ws:// and wss:// URLs itself since 2.4.47.",
    ),
    ask(
        "upgrade",
        "Do http:// members with upgrade=websocket carry WebSockets by the same turns?",
        f"{COUNT} strict turns, mod_proxy_http by two proofs",
        talk(),
        CORE,
        site=replace(balanced(BY_UPGRADE), carrier=Carrier.HTTP),
    ),
    ask(
        "upgrade-fallback-off",
        "Does ProxyWebsocketFallbackToProxyHttp Off take http:// members with upgrade=websocket away?",
        f"no: {COUNT} strict turns, mod_proxy_http by two proofs",
        talk(),
        CORE,
        site=replace(balanced(BY_UPGRADE), carrier=Carrier.HTTP, directives=("ProxyWebsocketFallbackToProxyHttp Off",)),
        explanation="The directive is about ws:// and wss:// URLs only (manual, mod_proxy_wstunnel).",
    ),
    ask(
        "upgrade-missing",
        "What becomes of WebSockets when http:// members lack upgrade=websocket?",
        f"all {COUNT} refused with the backend's 404, and each takes a turn all the same",
        talk(),
        (
            carrier.upgrade_dropped(404),
            turns.turns_taken(thieves=0, whose="the refused handshakes"),
            accounting.elected_counted,
            accounting.nothing_left_open,
        ),
        site=replace(balanced(NO_UPGRADE), carrier=Carrier.HTTP),
        explanation=(
            "Upgrade is a hop-by-hop field: mod_proxy_http passes it on to http:// members only where upgrade= names "
            "the protocol (manual, mod_proxy, BalancerMember parameters). Backends see an ordinary GET, for which they "
            "have no page."
        ),
    ),
    ask(
        "upgrade-any-wstunnel",
        "Does upgrade=ANY on ws:// members let mod_proxy_wstunnel carry WebSockets?",
        "no: both backends receive Upgrade: *, Liberty refuses with 404, Node.js opens a tunnel, as the originals do",
        talk(2),
        (
            carrier.matrix(
                {"/ws": "101, *, logged 200, answered or 404, *, logged 200, no tunnel"},
                command=COMMAND,
            ),
            accounting.elected_counted,
        ),
        site=replace(balanced(BY_ANY), carrier=Carrier.WSTUNNEL),
        explanation=(
            "Seen on httpd 2.4.71: mod_proxy_wstunnel writes the wildcard itself into the request, and the package "
            "websocket of Node.js takes any Upgrade for one to WebSocket."
        ),
        elsewhere=(
            Elsewhere(
                before=(2, 4, 47),
                does="mod_proxy_wstunnel passes the client's own Upgrade on",
                source="measured on 2.4.46",
                limit="yes: both backends receive the client's Upgrade: websocket and open the tunnel",
                checks=(
                    carrier.matrix({"/ws": "101, websocket, logged 200, answered"}, command=COMMAND),
                    accounting.elected_counted,
                ),
            ),
        ),
    ),
    ask(
        "upgrade-any-http",
        "Does upgrade=ANY on ws:// members let mod_proxy_http carry WebSockets?",
        f"yes: {COUNT} strict turns, mod_proxy_http by two proofs",
        talk(),
        CORE,
        site=replace(balanced(BY_ANY), carrier=Carrier.HTTP),
    ),
    ask(
        "upgrade-named-wstunnel",
        "What does upgrade=websocket on ws:// members change for mod_proxy_wstunnel?",
        f"only the spelling: websocket instead of WebSocket at the backend, on all {COUNT} connections",
        talk(),
        (
            carrier.matrix({"/ws": "101, websocket, logged 200, answered"}, command=COMMAND),
            distribution.alternates,
            accounting.witnesses_agree,
            accounting.elected_counted,
        ),
        site=replace(balanced(BY_NAME), carrier=Carrier.WSTUNNEL),
    ),
    ask(
        "rewrite",
        "Do the core claims hold behind RewriteRule … [P] instead of ProxyPass?",
        f"{COUNT} strict turns, every witness agrees, the asked carrier by two proofs",
        talk(),
        CORE,
        site=rewritten(),
    ),
    ask(
        "rewrite-condition",
        "Can one path serve WebSockets by the balancer and leave ordinary requests to httpd?",
        "4 strict turns with 4 ordinary GETs between them that reach no member: httpd answers 404",
        _page_between,
        (
            *CORE,
            turns.turns_taken(thieves=0, whose="4 ordinary GETs on the same path"),
            refusals.requests_answered(4, 404),
        ),
        site=rewritten("%{HTTP:Upgrade} websocket [NC]"),
        explanation="The condition on %{HTTP:Upgrade} is the manual's recipe (mod_proxy_wstunnel, mod_rewrite).",
    ),
    ask(
        "h2-wstunnel",
        "Do WebSockets over HTTP/2 (RFC 8441) take the same strict turns, carried by mod_proxy_wstunnel?",
        f"{COUNT} strict turns; status 200, no HTTP/1.1 fields; a key of httpd's own for each backend",
        talk(via="http2"),
        (*OVER_HTTP2, *SAID),
        site=replace(over_http2(balanced(CLUSTER)), carrier=Carrier.WSTUNNEL),
        explanation="H2WebSockets On offers SETTINGS_ENABLE_CONNECT_PROTOCOL (manual, mod_http2).",
    ),
    ask(
        "h2-http",
        "Do WebSockets over HTTP/2 take the same turns with mod_proxy_http, and is every greeting delivered?",
        f"{COUNT} strict turns; each greeting comes first, at the latest behind the client's first message",
        _client_speaks_first,
        (extended_connect.greeting_not_lost, *OVER_HTTP2),
        site=replace(over_http2(balanced(CLUSTER)), carrier=Carrier.HTTP),
        explanation=(
            "A message that the backend sends right behind its 101 may wait in httpd until the client sends something: "
            "with mod_proxy_http over HTTP/2, 12 of 60 greetings did on httpd 2.4.71. mod_proxy_wstunnel and HTTP/1.1 "
            "deliver them at once."
        ),
    ),
    ask(
        "h2-upgrade",
        "Do http:// members with upgrade=websocket take WebSockets that came over HTTP/2?",
        f"{COUNT} strict turns; each greeting comes first, at the latest behind the client's first message",
        _client_speaks_first,
        (extended_connect.greeting_not_lost, *OVER_HTTP2),
        site=replace(over_http2(balanced(BY_UPGRADE)), carrier=Carrier.HTTP),
    ),
    ask(
        "h2-off",
        "Does a client over HTTP/2 learn that WebSockets are not offered when H2WebSockets is left off?",
        "2 attempts end at the client, by SETTINGS; no turn is taken",
        talk(2, via="http2"),
        (extended_connect.not_offered, accounting.elected_counted, accounting.nothing_left_open),
        site=replace(balanced(CLUSTER), modules=NEEDS_H2, directives=("Protocols h2c http/1.1",)),
        explanation="H2WebSockets is Off by default (manual, mod_http2).",
        elsewhere=(
            Elsewhere(
                before=(2, 4, 27),
                does="mod_http2 leaves an extended CONNECT without an answer",
                source="measured on 2.4.23; not so on 2.4.27",
            ),
            Elsewhere(
                before=(2, 4, 48),
                does="mod_http2 warns that mod_ssl is not loaded (AH02951), and H2WebSockets is not known at all",
                source="measured on 2.4.46",
                allow_log=("AH02951",),
            ),
        ),
    ),
    ask(
        "matrix",
        "In what do the ways to carry a WebSocket differ, side by side in one httpd?",
        "the matrix: answer, Upgrade at the backend, status in the access log, a command answered; 7 ways",
        _every_way,
        (
            carrier.matrix(
                {
                    "/wstunnel": "101, WebSocket, logged 200, answered",
                    "/fallback": "101, websocket, logged 101, answered",
                    "/upgrade": "101, websocket, logged 101, answered",
                    "/plain": "404, no Upgrade, logged 404, no tunnel",
                    "/rewrite": "101, websocket, logged 101, answered",
                    "h2 /wstunnel": "200, WebSocket, logged 200, answered",
                    "h2 /fallback": "200, websocket, logged 101, answered",
                },
                command=COMMAND,
            ),
            accounting.nothing_left_open,
        ),
        site=EVERY_WAY,
        explanation=(
            "mod_proxy_wstunnel always writes Upgrade: WebSocket and logs 200 for a tunnel; mod_proxy_http repeats the "
            "client's spelling and logs 101. Without upgrade= an http:// member never hears of the upgrade."
        ),
    ),
)
