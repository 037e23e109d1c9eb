"""Handshakes in the shape of clients that people use: their fields, in their order."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import handshake
from wslb.checks.answer import HTTPD, Expected, answered
from wslb.model.balancer import Site
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, balanced
from wslb.scenarios.acts import sending
from wslb.scenarios.claims import ACCEPTED
from wslb.scenarios.scenario import Family, Scenario
from wslb.wire.http1 import RawRequest

__all__ = ["CLIENTS", "SCENARIOS"]

_AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
_DEFLATE = "permessage-deflate; client_max_window_bits"

CLIENTS: dict[str, RawRequest] = {
    "Chrome": RawRequest(
        headers=(
            ("Host", "{host}"),
            ("Connection", "Upgrade"),
            ("Pragma", "no-cache"),
            ("Cache-Control", "no-cache"),
            ("User-Agent", f"{_AGENT} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"),
            ("Upgrade", "websocket"),
            ("Origin", "{origin}"),
            ("Sec-WebSocket-Version", "13"),
            ("Accept-Encoding", "gzip, deflate, br, zstd"),
            ("Accept-Language", "en-US,en;q=0.9"),
            ("Cookie", "theme=dark; visits=3"),
            ("Sec-WebSocket-Key", "{key}"),
            ("Sec-WebSocket-Extensions", _DEFLATE),
        )
    ),
    "Firefox": RawRequest(
        headers=(
            ("Host", "{host}"),
            ("User-Agent", f"{_AGENT[:-1]}; rv:133.0) Gecko/20100101 Firefox/133.0"),
            ("Accept", "*/*"),
            ("Accept-Language", "en-US,en;q=0.5"),
            ("Accept-Encoding", "gzip, deflate, br, zstd"),
            ("Sec-WebSocket-Version", "13"),
            ("Origin", "{origin}"),
            ("Sec-WebSocket-Extensions", "permessage-deflate"),
            ("Sec-WebSocket-Key", "{key}"),
            ("Connection", "keep-alive, Upgrade"),
            ("Sec-Fetch-Dest", "empty"),
            ("Sec-Fetch-Mode", "websocket"),
            ("Sec-Fetch-Site", "same-origin"),
            ("Pragma", "no-cache"),
            ("Cache-Control", "no-cache"),
            ("Upgrade", "websocket"),
        )
    ),
    "Safari": RawRequest(
        headers=(
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Host", "{host}"),
            ("Origin", "{origin}"),
            ("Pragma", "no-cache"),
            ("Cache-Control", "no-cache"),
            ("Sec-WebSocket-Key", "{key}"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Extensions", "x-webkit-deflate-frame"),
            ("User-Agent", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/14.1 Safari"),
        )
    ),
    "curl": RawRequest(
        headers=(
            ("Host", "{host}"),
            ("User-Agent", "curl/8.11.0"),
            ("Accept", "*/*"),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "{key}"),
        )
    ),
    "Node.js": RawRequest(
        headers=(
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "{key}"),
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Extensions", _DEFLATE),
            ("Host", "{host}"),
        )
    ),
    "Java": RawRequest(
        headers=(
            ("Connection", "Upgrade"),
            ("Host", "{host}"),
            ("Sec-WebSocket-Key", "{key}"),
            ("Sec-WebSocket-Version", "13"),
            ("Upgrade", "websocket"),
            ("User-Agent", "Java-http-client/21.0.5"),
        )
    ),
    "Internet Explorer": RawRequest(
        headers=(
            ("Origin", "{origin}"),
            ("Sec-WebSocket-Key", "{key}"),
            ("Connection", "Upgrade"),
            ("Upgrade", "Websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("User-Agent", "Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko"),
            ("Host", "{host}"),
            ("Cache-Control", "no-cache"),
        )
    ),
}
"""One request for each client, in the order in which it sends its fields."""

STATIONS: tuple[Check, ...] = (
    handshake.arrived_intact,
    handshake.forwarded_headers,
    handshake.only_known_changes,
    handshake.answer_reaches_client,
)


def _rewriting(pattern: str) -> Site:
    """A site that picks WebSockets out by their Connection field, as many recipes do."""
    rules = (
        "RewriteEngine On",
        "RewriteCond %{HTTP:Upgrade} websocket [NC]",
        f"RewriteCond %{{HTTP:Connection}} {pattern} [NC]",
        "RewriteRule ^/app(.*) balancer://mycluster/CLRunner$1 [P,L]",
    )
    return replace(balanced(CLUSTER), directives=rules, modules=("rewrite",))


_BOTH = sending(*(replace(CLIENTS[name], target="/app") for name in ("Chrome", "Firefox")))

ask = Family(name="handshake")

SCENARIOS: tuple[Scenario, ...] = (
    *(
        ask(
            f"as-{client.lower().replace(' ', '-').replace('.', '')}",
            f"Does a handshake in the shape of {client} open a tunnel, with every field where it belongs?",
            "101 and the greeting on 2 of 2, nothing changed but Host, Upgrade, Connection and X-Forwarded-*",
            sending(request, request),
            (*ACCEPTED, *STATIONS),
        )
        for client, request in CLIENTS.items()
    ),
    ask(
        "rewrite-exact",
        "Does a RewriteCond that wants exactly Connection: Upgrade let every browser in?",
        "Chrome's handshake opens, Firefox's gets 404 from httpd",
        _BOTH,
        (answered(http=[Expected(status=101), Expected(status=404, by=HTTPD, arrives=False)]),),
        site=_rewriting("^Upgrade$"),
        explanation="Firefox sends Connection: keep-alive, Upgrade; a pattern for the whole field misses it.",
    ),
    ask(
        "rewrite-contained",
        "Does a RewriteCond that looks for upgrade anywhere in Connection let every browser in?",
        "101 for Chrome's and Firefox's handshake",
        _BOTH,
        ACCEPTED,
        site=_rewriting("upgrade"),
    ),
)
