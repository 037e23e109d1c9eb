"""The Upgrade that got lost on the way: the backend saw an ordinary GET, and says so in its own words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wslb.wire.refusals.cause import Likely
from wslb.wire.refusals.refusal import Refusal

__all__ = ["named", "upgrade"]

_REMEDIES = {
    "nginx": 'Add to the location: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header '
    'Connection "upgrade";',
    "Apache": "Add upgrade=websocket to ProxyPass http://… or to its BalancerMember (2.4.47 and later), or write ws:// "
    "there and load mod_proxy_wstunnel",
    "Envoy": "Add upgrade_configs: [{upgrade_type: websocket}] to the HTTP connection manager or to the route",
    "HAProxy": "Take away what deletes Upgrade or Connection (http-request del-header, set-header)",
    "Traefik": "Take away the middleware that sets or deletes Upgrade or Connection (customRequestHeaders)",
    "Caddy": "Take away what deletes Upgrade or Connection (header_up -Upgrade), and versions without 1.1",
}  # fmt: skip

_UNKNOWN = (
    "Let each proxy on the way pass Upgrade and Connection on (nginx: proxy_http_version 1.1 and two proxy_set_header, "
    "Apache: upgrade=websocket, Envoy: upgrade_configs)"
)

_WORDS = re.compile(
    r"upgrade required|can \"upgrade\" only|websocket upgrade|upgrade to websocket|not using the websocket protocol|"
    r"(missing|invalid|no|expected)[^.\n]{0,40}\b(upgrade|connection)\b[^.\n]{0,10}(header|hdr)|"
    r"\b(upgrade|connection)\b'? header[^.\n]{0,40}(missing|must|did not|invalid|not)|"
    r"cannot access a websocket server directly|websocket connections? only|websocket request was expected|"
    r"expected (a )?websocket|only websocket|must be a websocket|not a websocket (handshake|request)|"
    r"\{\"code\":3,\"message\":\"bad request\"\}",
    re.IGNORECASE,
)
"""How servers answer a GET that came without Upgrade where a handshake should have come."""

_FRAMEWORKS = re.compile(r'\A\{"detail":"Not Found"\}\Z')
"""What FastAPI answers a GET to the path of a WebSocket; to a handshake for a wrong path it says 403."""


def upgrade(it: Refusal) -> Likely:
    """The cause, with what to do at the proxy that answered."""
    who = it.proxy if it.proxy in _REMEDIES else ""
    cause = (
        "Envoy takes no Upgrade on this route"
        if who == "Envoy" and it.page_of
        else f"{who or 'A proxy on the way'} does not pass the Upgrade on, so the server behind sees an ordinary GET"
    )
    return Likely(name="upgrade lost", cause=cause, remedy=_REMEDIES.get(who, _UNKNOWN))


def named(it: Refusal) -> Iterator[Likely]:
    """The cause, where the answer's own words say so: we did send an Upgrade."""
    if it.status == 426 or _WORDS.search(it.body) or _FRAMEWORKS.match(it.body.strip()):
        yield upgrade(it)
