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
from wslb.scenarios.handshake_elsewhere import AS_CLIENTS
from wslb.scenarios.scenario import Family, Scenario
from wslb.wire.clients import CLIENTS

__all__ = ["SCENARIOS"]

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
            elsewhere=AS_CLIENTS,
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
