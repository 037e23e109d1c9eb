"""WebSockets over HTTP/2 (RFC 8441) behind HAProxy, which has them, and before nginx, which has not."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks import accounting, conversation, distribution, extended_connect, handshake, refusals
from wslb.lab.lab import Lab
from wslb.model.balancer import Native
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, TLS_CLUSTER, balanced
from wslb.scenarios import acts as do
from wslb.scenarios.carrier import COMMAND, COUNT, talk
from wslb.scenarios.claims import MODELLED
from wslb.scenarios.scenario import Family, Scenario

__all__ = ["SCENARIOS"]


async def _then_http1(lab: Lab) -> None:
    """Two clients over HTTP/2, then four over HTTP/1.1."""
    await talk(2, via="http2")(lab)
    await do.in_turn(4)(lab)


FALLEN_BACK = "2 attempts end at the client, by SETTINGS; no turn is taken; 4 over HTTP/1.1 take strict turns"
IN_HTTP1: tuple[Check, ...] = (
    extended_connect.not_offered,
    refusals.answers(None, None, *[101] * 4),
    refusals.reached(3, "liberty"),
    refusals.reached(4, "node"),
    refusals.reached(5, "liberty"),
    refusals.reached(6, "node"),
    conversation.greeted,
    accounting.witnesses_agree,
    accounting.elected_counted,
    accounting.nothing_left_open,
)

ask = Family(name="carrier")

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "h2-native",
        "Do WebSockets over HTTP/2 (RFC 8441) take the same strict turns where nothing is configured for it?",
        f"{COUNT} strict turns; status 200, of the fields of HTTP/1.1 the backend's Sec-WebSocket-Accept alone; "
        "a key of httpd's own for each backend",
        talk(via="http2"),
        (
            extended_connect.opened_with_accept,
            extended_connect.bridged_to_http1,
            distribution.alternates,
            conversation.greeted,
            conversation.listed(COMMAND),
            *(check for check in MODELLED if check not in {handshake.answered_101, handshake.accept_is_right}),
        ),
        site=replace(balanced(CLUSTER), native={"HAProxy": Native()}),
        explanation=(
            "HAProxy knows HTTP/2 by its first bytes, over TLS by ALPN, too (alpn h2,http/1.1). RFC 8441 section 5 has "
            "no Sec-WebSocket-Accept; HAProxy hands on what the backend answers to the key that it made up."
        ),
    ),
    ask(
        "h2-withheld",
        "With h2-workaround-bogus-websocket-clients, does a client learn to open WebSockets over HTTP/1.1?",
        FALLEN_BACK,
        _then_http1,
        IN_HTTP1,
        site=replace(balanced(CLUSTER), native={"HAProxy": Native(process=("h2-workaround-bogus-websocket-clients",))}),
        explanation="The line takes SETTINGS_ENABLE_CONNECT_PROTOCOL out of HAProxy's first frame.",
    ),
    ask(
        "h2-unoffered",
        "Does nginx with http2 on offer WebSockets over HTTP/2 (RFC 8441)?",
        f"no: {FALLEN_BACK}",
        _then_http1,
        IN_HTTP1,
        site=replace(balanced(TLS_CLUSTER), native={"nginx": Native(common=("http2 on;",))}),
        explanation=(
            "nginx sends no SETTINGS_ENABLE_CONNECT_PROTOCOL, so browsers open a second connection over HTTP/1.1 for "
            "their WebSockets, which the same port takes."
        ),
    ),
)
