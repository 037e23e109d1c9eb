"""The opening handshake of the article's Listings 6 and 7, at its four stations."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import accounting, carrier, distribution, encryption, handed_on, handshake, strictness
from wslb.errors import NotAskable
from wslb.lab.lab import Lab
from wslb.model.balancer import Carrier, Listener
from wslb.model.results import Check
from wslb.model.sites import NODE, TLS_CLUSTER, balanced, cluster
from wslb.scenarios.acts import sending
from wslb.scenarios.claims import ACCEPTED, handed_on_as_it_is
from wslb.scenarios.scenario import Act, Elsewhere, Family, Scenario
from wslb.wire.http1 import OPENING

__all__ = ["SCENARIOS"]

BROWSER = "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko"
SUBPROTOCOL = "wsconsole"
CHOSEN = "wsconsole offered among two, received and chosen on 4 handshakes"

CHECKS: tuple[Check, ...] = (
    handshake.answered_101,
    handshake.accept_is_right,
    handshake.arrived_intact,
    handshake.forwarded_headers,
    handshake.only_known_changes,
    handshake.answer_reaches_client,
    handshake.arrived_at("/CLRunner"),
    accounting.witnesses_agree,
    carrier.carried_as_asked,
    strictness.host_comes_first,
    strictness.hop_fields_dropped,
)


HANDED_ON: tuple[Check, ...] = (
    handshake.answered_101,
    handshake.accept_is_right,
    handshake.arrived_intact,
    handshake.arrived_at("/CLRunner"),
    accounting.witnesses_agree,
    carrier.carried_as_asked,
)
"""Of a proxy that hands the handshake on."""


def _handed_on(limit: str, *further: Check) -> tuple[Elsewhere, ...]:
    return handed_on_as_it_is(limit, *HANDED_ON, *further)


def _as_browser(*, count: int = 4, subprotocols: tuple[str, ...] = ()) -> Act:
    """Open with the fields of Listing 6: Origin of the proxy's own pages, a browser's User-Agent."""

    async def act(lab: Lab) -> None:
        mount = lab.site.mounts[0] if lab.site else None
        listener = mount.listener if mount else Listener.PLAIN
        scheme = "https" if listener is Listener.TLS else "http"
        origin = f"{scheme}://{lab.proxy.front.host}:{lab.proxy.front.port(listener)}"
        for _ in range(count):
            conversation = await lab.open(
                headers=(("Origin", origin), ("User-Agent", BROWSER)), subprotocols=subprotocols
            )
            await conversation.close()

    return act


async def _listing_seven(lab: Lab) -> None:
    """Four as a browser; of real servers, those alone whose own answer is Listing 7 can show whether it arrives so."""
    await _as_browser()(lab)
    answers = [handshake.names_but_ours(one.response) for one in await lab.fleet.journal() if one.accepted]
    if lab.fleet.real and any(names != handshake.LISTING_SEVEN for names in answers):
        raise NotAskable(needs="the article's Node.js server, whose answer has Listing 7's four fields")


async def _query(lab: Lab) -> None:
    for _ in range(2):
        conversation = await lab.open("/ws?x=1&y=2", headers=(("User-Agent", BROWSER),))
        await conversation.close()


HOP_FIELDS = OPENING.having("Connection", "keep-alive, Upgrade, X-Hop").adding(
    ("Keep-Alive", "timeout=5"),
    ("TE", "trailers"),
    ("Trailer", "X-Sum"),
    ("Proxy-Connection", "keep-alive"),
    ("X-Hop", "1"),
)
"""Fields of the client's own connection: four by their nature, one because Connection names it."""

ask = Family(name="headers")

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "handshake",
        "Is the handshake of the article's Listings 6 and 7 right at every station, on both backends?",
        "every field at client, backend and back as RFC 6455 section 4 wants it; 4 handshakes",
        _as_browser(),
        CHECKS,
        explanation=(
            "Upgrade and Connection are hop-by-hop: Apache takes them off and writes its own for the backend "
            "(RFC 9110 section 7.6.1). Host becomes the member's unless ProxyPreserveHost is On."
        ),
        elsewhere=_handed_on("4 handshakes"),
    ),
    ask(
        "subprotocol",
        "Does an offered subprotocol reach the backend, and the backend's choice the client?",
        CHOSEN,
        _as_browser(subprotocols=("chat.example", SUBPROTOCOL)),
        (handshake.subprotocol_chosen(SUBPROTOCOL), *CHECKS),
        elsewhere=_handed_on(CHOSEN, handshake.subprotocol_chosen(SUBPROTOCOL)),
    ),
    ask(
        "hop-fields",
        "Do fields of the client's own connection stay behind, as those that Connection names must?",
        "on 2 of 2 X-Hop, named by Connection, stays behind; so should Keep-Alive, TE, Trailer, Proxy-Connection",
        sending(HOP_FIELDS, HOP_FIELDS),
        (*ACCEPTED, strictness.nominated_fields_dropped, strictness.hop_fields_dropped),
        elsewhere=(
            Elsewhere(
                proxy="nginx",
                does="it leaves out fields that it knows, and looks at no name in Connection",
                source="ngx_http_proxy_module; measured on 1.31.3",
                limit="no: on 2 of 2 X-Hop, named by Connection, reaches the backend, and Trailer; "
                "Keep-Alive and TE do not",
                checks=(*ACCEPTED, handed_on.hop_fields_through("X-Hop", "Trailer", behind=("Keep-Alive", "TE"))),
            ),
            Elsewhere(
                proxy="HAProxy",
                does="it takes keep-alive out of Connection, and no field with it",
                source="measured on 2.8.25",
                limit="no: on 2 of 2 X-Hop, named by Connection, reaches the backend, and Keep-Alive, TE, Trailer, "
                "Proxy-Connection",
                checks=(
                    *ACCEPTED,
                    handed_on.hop_fields_through("X-Hop", "Keep-Alive", "TE", "Trailer", "Proxy-Connection"),
                ),
            ),
        ),
    ),
    ask(
        "listing7",
        "Does a client get Listing 7 as the article prints it, the client's own Origin included?",
        "4 of 4 answers of node, the Node.js server: its four fields, in its order",
        _listing_seven,
        (
            handshake.answered_101,
            handshake.accept_is_right,
            handshake.listing_seven,
            distribution.served_by(*["node"] * 4),
        ),
        site=replace(balanced(cluster(NODE)), carrier=Carrier.WSTUNNEL),
        explanation=(
            "Node.js's websocket writes these fields and no Date or Server; mod_proxy_wstunnel hands them on as they "
            "are. mod_proxy_http takes Upgrade and Connection off and writes its own behind the others."
        ),
    ),
    ask(
        "query",
        "Does the query string reach the backend behind the balancer's and the member's path?",
        "/ws?x=1&y=2 arrives as /WSConsole/CLRunner?x=1&y=2 and /CLRunner?x=1&y=2",
        _query,
        (
            handshake.answered_101,
            handshake.arrived_at("/CLRunner?x=1&y=2"),
            accounting.witnesses_agree,
        ),
    ),
    ask(
        "wss",
        "Is the handshake right at every station over TLS?",
        "every field as RFC 6455 section 4 wants it; 4 handshakes on wss",
        _as_browser(),
        (*CHECKS, encryption.encrypted()),
        site=balanced(TLS_CLUSTER),
        elsewhere=_handed_on("4 handshakes on wss", encryption.encrypted()),
    ),
    ask(
        "wss-subprotocol",
        "Does the choice of a subprotocol survive TLS on both hops?",
        CHOSEN,
        _as_browser(subprotocols=("chat.example", SUBPROTOCOL)),
        (handshake.subprotocol_chosen(SUBPROTOCOL), *CHECKS, encryption.encrypted()),
        site=balanced(TLS_CLUSTER),
        elsewhere=_handed_on(CHOSEN, handshake.subprotocol_chosen(SUBPROTOCOL), encryption.encrypted()),
    ),
)
