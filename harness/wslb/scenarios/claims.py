"""What several families claim: rows of checks, and what Apache says of a connect that failed."""

from __future__ import annotations

from wslb.checks import accounting, carrier, conversation, distribution, handed_on, handshake
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
    "handed_on_as_it_is",
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

_ANSWERED = {
    "nginx": (
        "Server and Date are nginx's own",
        "proxy_set_header, ngx_http_header_filter_module; measured on 1.31.3",
        handed_on.answer_but(writes={"Server": "nginx", "Date": ""}),
    ),
    "HAProxy": (
        "no Content-Length reaches the client",
        "option forwardfor is off; measured on 2.8.25",
        handed_on.answer_but(drops=("Content-Length",)),
    ),
}
"""What becomes of the backend's answer, where that is written, and the check that looks at it."""


def handed_on_as_it_is(limit: str, *checks: Check) -> tuple[Elsewhere, ...]:
    """What nginx and HAProxy do instead of telling the backend of the client: less."""
    return tuple(
        Elsewhere(
            proxy=title,
            does=f"the backend gets the client's Host and no X-Forwarded field; {answer}",
            source=source,
            limit=f"Host as the client sent it, no X-Forwarded field; {answer}; {limit}",
            checks=(*checks, handed_on.host_kept, handshake.only_known_changes, check),
        )
        for title, (answer, source, check) in _ANSWERED.items()
    )
