"""What several families claim: rows of checks, and what Apache says of a connect that failed."""

from __future__ import annotations

from wslb.checks import accounting, carrier, conversation, distribution, handshake
from wslb.model.results import Check
from wslb.scenarios.scenario import Elsewhere

__all__ = [
    "ACCEPTED",
    "BEFORE_UPGRADES_IN_HTTP",
    "BOOKS",
    "CERTIFICATE_REFUSED",
    "CONNECT_FAILED",
    "DRAINS_UNSEEN",
    "FORESEEN",
    "LEAST_CONN",
    "MODELLED",
    "SERVED",
]

SERVED: tuple[Check, ...] = (
    handshake.answered_101,
    handshake.accept_is_right,
    accounting.members_as_claimed,
    accounting.witnesses_agree,
    accounting.elected_counted,
    accounting.nothing_left_open,
    carrier.carried_as_asked,
)
"""Every client was served, and everybody who counts has counted the same."""

MODELLED: tuple[Check, ...] = (distribution.follows_model, *SERVED)

ACCEPTED: tuple[Check, ...] = (
    handshake.answered_101,
    handshake.accept_is_right,
    conversation.greeted,
    distribution.alternates,
    accounting.witnesses_agree,
    carrier.carried_as_asked,
)
"""A tunnel as good as any other, on either backend in turn."""

BOOKS: tuple[Check, ...] = (
    accounting.members_as_claimed,
    accounting.witnesses_agree,
    accounting.nothing_left_open,
    carrier.carried_as_asked,
)
"""What holds whether or not everybody was served."""

FORESEEN: tuple[Check, ...] = (distribution.follows_model, distribution.elected_as_modelled, *BOOKS)
"""Members failed or were changed on the way: the model has foreseen who serves whom, and how often it is elected."""

LEAST_CONN = Elsewhere(
    proxy="nginx",
    does="servers with equally few tunnels take turns among themselves alone: liberty node node liberty, and again",
    source="ngx_http_upstream_least_conn in the manual; measured on 1.22.1",
    checks=(
        distribution.served_by(*["liberty", "node", "node", "liberty", "liberty", "node"], *["liberty"] * 3, "node"),
        *MODELLED,
    ),
)
"""Six tunnels held, all of the first member's closed, four more."""

CONNECT_FAILED = ("AH00957", "AH00959", "AH02452", "AH01114")
"""Attempt failed, member disabled for retry seconds, and each carrier's own word for it (wstunnel, http)."""

CERTIFICATE_REFUSED = ("AH00898", "AH01084", "AH01097", "AH02039")
"""TLS with a member failed; its request was not sent (the third only by mod_proxy_http); the issuer is unknown."""

BEFORE_UPGRADES_IN_HTTP = Elsewhere(
    before=(2, 4, 47),
    does="no module takes a request without Upgrade to a ws:// member: 500, AH01144",
    source="CHANGES 2.4.47; measured on 2.4.46",
    allow_log=("AH01144",),
)
"""A request on the path of ws:// members that asks for no WebSocket."""

DRAINS_UNSEEN = Elsewhere(
    before=(2, 4, 23),
    does="balancer-manager's XML does not show that a member drains",
    source="mod_proxy_balancer.c; measured on 2.4.12 and 2.4.23",
)
