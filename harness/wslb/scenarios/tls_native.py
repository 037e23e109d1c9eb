"""TLS to the members behind nginx and HAProxy, whose checks of a certificate have names and rules of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from wslb.checks import accounting, distribution, encryption, log, members, refusals
from wslb.identity import Identity
from wslb.model.balancer import Listener, Native, Site
from wslb.model.results import Check
from wslb.model.sites import STRANGER, TLS_CLUSTER, balanced, with_stranger
from wslb.scenarios.acts import and_stranger, in_turn
from wslb.scenarios.claims import CERTIFICATE_REFUSED
from wslb.scenarios.scenario import Elsewhere, Family, Scenario
from wslb.scenarios.tls import ELSEWHERE, GOOD, PAIR
from wslb.scenarios.tls_products import MISMATCH, NAMED_OTHERWISE, NGINX

__all__ = ["SCENARIOS"]

ASKED = "localhost"
"""The one name under which all members are asked."""

EITHER: Mapping[str, Native] = {"nginx": Native(), "HAProxy": Native()}

ALTERNATING: tuple[Check, ...] = (distribution.alternates, *GOOD)
IN_TURNS = "0 breaks over 4 connections in strict turns"


def identified(identity: Identity, native: Mapping[str, Native] = EITHER) -> Site:
    """A member whose certificate says this, beside one whose certificate everybody accepts."""
    return replace(balanced(PAIR), identities={"node-9": identity}, native=native)


def told(*, nginx: str, haproxy: str) -> Mapping[str, Native]:
    """How members are asked over TLS, in the words of either product."""
    return {
        "nginx": Native(common=(nginx,)),
        "HAProxy": Native(members={member.route: haproxy for member in PAIR.members}),
    }


PLAIN_FRONT = tuple(replace(mount, path="/ws", listener=Listener.PLAIN) for mount in balanced(TLS_CLUSTER).mounts)

ask = Family(name="tls")

SCENARIOS: tuple[Scenario, ...] = (
    ask(
        "behind-alone",
        "Can plain ws in front lead to verified wss members behind?",
        "101 on 4 of 4, certificate verified against the run's authority",
        and_stranger(in_turn(4)),
        (encryption.encrypted(front=False), encryption.stranger_refused(STRANGER), *ALTERNATING),
        site=with_stranger(Site(mounts=PLAIN_FRONT, native=EITHER)),
        allow_log=CERTIFICATE_REFUSED,
        explanation="proxy_ssl_verify of nginx and verify required of a server on HAProxy are no matter of the front.",
    ),
    ask(
        "asked-name",
        "Is the name under which members are asked believed as common name, without any subjectAltName?",
        IN_TURNS,
        in_turn(4),
        ALTERNATING,
        site=identified(Identity(common_name=ASKED, names=())),
        explanation="Both look at the common name where there are no DNS entries. Browsers and RFC 9525 would not.",
    ),
    ask(
        "asked-name-beside",
        "Does the name under which members are asked count as common name when subjectAltName names another host?",
        IN_TURNS,
        in_turn(4),
        ALTERNATING,
        site=identified(Identity(common_name=ASKED, names=("DNS:elsewhere.example",))),
        explanation=(
            "HAProxy looks at the common name wherever no entry fits. RFC 6125 section 6.4.4 would have it ignored."
        ),
        elsewhere=(
            replace(
                NAMED_OTHERWISE[0],
                does="the common name is looked at only where there are no DNS entries",
                source=f"X509_check_host(3), which proxy_ssl_verify asks; {NGINX}",
            ),
        ),
    ),
    ask(
        "unverified",
        "Does every certificate pass where nothing is verified (proxy_ssl_verify off, verify none)?",
        f"{IN_TURNS}, one with an unknown issuer, another name and an expired date",
        in_turn(4),
        ALTERNATING,
        site=identified(
            replace(ELSEWHERE, expired=True, trusted=False),
            told(nginx="proxy_ssl_verify off;", haproxy="ssl verify none"),
        ),
        explanation=(
            "off is the default of nginx: https:// in proxy_pass alone believes anybody. HAProxy refuses to start "
            "with ssl alone, and asks for a ca-file or verify none."
        ),
    ),
    ask(
        "unnamed",
        "Without a name of the members (proxy_ssl_name; verifyhost, sni), what is a certificate compared with?",
        f"nothing: one for another host passes, {IN_TURNS}",
        in_turn(4),
        ALTERNATING,
        site=identified(
            ELSEWHERE, told(nginx="proxy_ssl_name $proxy_host;", haproxy="ssl verify required ca-file ca.pem")
        ),
        explanation="verify required looks at the chain and the dates alone: any certificate of the authority will do.",
        elsewhere=(
            Elsewhere(
                proxy="nginx",
                does="a certificate is compared with the name of the upstream, which no certificate has",
                source=f"proxy_ssl_name, $proxy_host by default; {NGINX}",
                limit="502 on 4 of 4, each member refused once, the good one too",
                checks=(
                    refusals.answers(*[502] * 4),
                    members.elected_between("odd", 1, 1, reason="left alone for fail_timeout"),
                    members.elected_between("liberty", 1, 1, reason="left alone for fail_timeout"),
                    log.announced(MISMATCH, "AH00959", "AH01167"),
                    accounting.nothing_left_open,
                ),
                allow_log=(MISMATCH, "AH00959", "AH01167"),
            ),
        ),
    ),
)
