"""Members whose certificate nginx and HAProxy do not believe, and what becomes of their clients: claims of tls."""

from __future__ import annotations

from wslb.checks import accounting, carrier, conversation, distribution, handshake, log, members, refusals
from wslb.model.results import Check
from wslb.scenarios.scenario import Elsewhere

__all__ = ["MISMATCH", "NAMED_OTHERWISE", "NGINX", "UNVERIFIED"]

MISMATCH = "AH02411"
"""The certificate is for another name."""

NGINX = "measured on 1.22.1 and 1.31.3"
HAPROXY = "measured on 2.6.12 and 2.8.25"

KEPT: tuple[Check, ...] = (accounting.witnesses_agree, accounting.nothing_left_open, carrier.carried_as_asked)
"""What holds whether or not everybody was served."""


def by_the_other(proxy: str, does: str, source: str, *codes: str, elected: int, limit: str) -> Elsewhere:
    """All four clients are served by the other member, and the refused one was elected so often."""
    return Elsewhere(
        proxy=proxy,
        does=does,
        source=source,
        limit=f"101 on 4 of 4 by the other member; {limit}",
        checks=(
            distribution.served_by(*["liberty"] * 4),
            members.elected_between("odd", elected, elected, reason=limit),
            log.announced(*codes),
            handshake.answered_101,
            handshake.accept_is_right,
            conversation.greeted,
            *KEPT,
        ),
        allow_log=codes,
    )


def nginx_asks_another(code: str, does: str, directives: str) -> Elsewhere:
    """A refused certificate is an error, after which nginx asks another member and leaves this one alone."""
    return by_the_other(
        "nginx",
        f"{does}; another member is asked at once, the refused one left alone for fail_timeout (10 s)",
        f"{directives}, proxy_next_upstream and fail_timeout in the manual; {NGINX}",
        code,
        "AH00959",
        elected=1,
        limit="the refused one elected once",
    )


UNVERIFIED = (
    nginx_asks_another(
        "AH02039", "a certificate that cannot be verified is an error in connecting", "proxy_ssl_verify"
    ),
    by_the_other(
        "HAProxy",
        "a certificate that cannot be verified is a failed connect: option redispatch 1 asks another server at once, "
        "and without check nobody remembers",
        f"verify required and option redispatch in the manual; {HAPROXY}",
        "AH00957",
        elected=4,
        limit="the refused one elected 4 times, at each of its turns",
    ),
)
"""The issuer is unknown, or the certificate has expired."""

NAMED_OTHERWISE = (
    nginx_asks_another(
        MISMATCH,
        "a certificate is compared with proxy_ssl_name alone, here localhost, never with the member's address",
        "proxy_ssl_name",
    ),
    Elsewhere(
        proxy="HAProxy",
        does=(
            "a certificate is compared with the name in sni, here localhost, never with the server's address; where it "
            "is for another, no other server is asked"
        ),
        source=f"sni and verifyhost in the manual; {HAPROXY}",
        limit="503 at each of the refused one's 2 turns, the other member serves the rest",
        checks=(
            refusals.answers(503, 101, 503, 101),
            refusals.reached(2, "liberty"),
            refusals.reached(4, "liberty"),
            members.elected_between("odd", 2, 2, reason="its turns"),
            log.announced(MISMATCH),
            *KEPT,
        ),
        allow_log=(MISMATCH,),
    ),
)
"""The certificate is not for the one name under which all members are asked there."""
