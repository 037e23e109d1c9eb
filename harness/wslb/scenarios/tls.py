"""TLS between Apache and its members, and between the client and Apache: whom mod_ssl believes, and what stalls."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from wslb.checks import accounting, carrier, conversation, distribution, encryption, handshake, log, payload, stall
from wslb.checks.answer import HTTPD, NOBODY, Expected, answered
from wslb.checks.members import shown_after
from wslb.identity import Identity
from wslb.lab.lab import Lab
from wslb.model.balancer import Carrier, Listener, Member, Mount, Site
from wslb.model.results import Check
from wslb.model.sites import CLUSTER, STRANGER, TLS_CLUSTER, TLS_LIBERTY, balanced, cluster, wide, with_stranger
from wslb.scenarios.acts import and_stranger, echoing, in_turn
from wslb.scenarios.claims import CERTIFICATE_REFUSED
from wslb.scenarios.scenario import Act, Elsewhere, Family, Scenario
from wslb.scenarios.tls_products import NAMED_OTHERWISE, UNVERIFIED
from wslb.wire.http1 import OPENING

__all__ = ["SCENARIOS"]

ODD = Member(route="odd", url="wss://node-9")
"""A member whose certificate is what a scenario makes of it."""
PAIR = cluster(ODD, TLS_LIBERTY)
ALONE = cluster(ODD)
ELSEWHERE = Identity(common_name="elsewhere.example", names=("DNS:elsewhere.example",))
NOBODY_KNOWS = Identity(trusted=False)
EXPIRED = Identity(expired=True)

REFUSED = Expected(status=500, by=HTTPD, arrives=False)
SERVED = Expected(status=101)
ALARMS = ("AH00898", "AH01084", "AH01097")
"""Error during SSL Handshake with remote server; pass request body failed (the last one mod_proxy_http only)."""
CHAIN = "AH02039"
"""Certificate Verification: Error (20) for an unknown issuer, (10) for an expired certificate."""

OPENS = 24
STALL_RATE = 0.5
"""Share of opens that stalled here: 18 of 36, and 30 of 52 on another day."""

GOOD: tuple[Check, ...] = (
    handshake.answered_101,
    handshake.accept_is_right,
    conversation.greeted,
    accounting.witnesses_agree,
    accounting.elected_counted,
    accounting.nothing_left_open,
    carrier.carried_as_asked,
)


ask = Family(name="tls")


def _believed(name: str, question: str, identity: Identity, explanation: str) -> Scenario:
    """A certificate that mod_ssl must accept: strict turns, nothing in the log."""
    return ask(
        name,
        question,
        "0 breaks over 4 connections in strict turns",
        in_turn(4),
        (distribution.alternates, *GOOD),
        site=replace(balanced(PAIR), identities={"node-9": identity}),
        explanation=explanation,
        elsewhere=NAMED_OTHERWISE,
    )


NO_TLS_13 = Elsewhere(
    before=(2, 4, 36), does="mod_ssl does not know TLS 1.3", source="CHANGES 2.4.36; httpd -t of 2.4.27 and 2.4.35"
)
UNANSWERED = Elsewhere(
    before=(2, 4, 39),
    does="a client gets no answer at all where the chain of a member's certificate is refused",
    source="measured on 2.4.27 and 2.4.35; not so on 2.4.39",
)
UNNAMED = Elsewhere(
    before=(2, 4, 46),
    does="mod_proxy_wstunnel does not have a member's certificate compared with its name",
    source="mod_proxy_wstunnel.c sets no proxy-request-hostname; measured on 2.4.27 to 2.4.39, not so on 2.4.46",
)


def _doubted(
    name: str,
    question: str,
    identity: Identity,
    *codes: str,
    explanation: str = "",
    elsewhere: tuple[Elsewhere, ...],
) -> Scenario:
    """A certificate that mod_ssl must refuse: one 500, no second try, and then the member is left out."""
    return ask(
        name,
        question,
        "500 for the 1st of 4 opens, the other member for the rest, the member in error",
        in_turn(4),
        (
            answered(http=[REFUSED, SERVED, SERVED, SERVED]),
            shown_after(odd="Init Err", liberty="Init Ok"),
            log.announced("AH00898", "AH01084", *codes),
        ),
        site=replace(balanced(PAIR), identities={"node-9": identity}),
        allow_log=(*ALARMS, *codes),
        explanation=(
            explanation
            or (
                "A TLS failure counts as 500 and not as a failed connect: the client that meets it gets no second try, "
                "the member is in error for retry= seconds, and the log says no more than AH00898 unless it says why."
            )
        ),
        elsewhere=elsewhere,
    )


def _switched(
    name: str, question: str, identity: Identity, *directives: str, accepted: bool, codes: tuple[str, ...] = ()
) -> Scenario:
    """One member with a bad certificate, and some of mod_ssl's checks switched off."""
    checks: tuple[Check, ...] = (
        (distribution.alternates, *GOOD) if accepted else (answered(http=REFUSED), log.announced("AH00898", *codes))
    )
    return ask(
        name,
        question,
        "101 on 2 of 2" if accepted else "500 on 2 of 2: the only member is tried again each time",
        in_turn(2),
        checks,
        site=replace(balanced(ALONE), identities={"node-9": identity}, tls_directives=directives),
        allow_log=() if accepted else (*ALARMS, *codes),
        elsewhere=(UNANSWERED,) if codes else (),
    )


def _plain_front(*directives: str, identity: Identity | None = None) -> Site:
    """``wss://`` members behind the plain listener, outside the virtual host that knows about TLS."""
    return Site(
        mounts=(Mount(path="/ws", target=ALONE, target_path="/CLRunner"),),
        modules=("ssl",),
        directives=directives,
        identities={"node-9": identity or Identity()},
    )


def crossed(plain_at_tls: Expected) -> Check:
    """What came of bytes for the one listener at the other, and of a good handshake on each."""
    return answered(http=[plain_at_tls, Expected(status=None, by=NOBODY, arrives=False), SERVED, SERVED])


async def _crossed(lab: Lab) -> None:
    """Bytes for the one listener sent to the other, then a good handshake on each."""
    for listener, tls in ((Listener.TLS, False), (Listener.PLAIN, True), (Listener.TLS, True), (Listener.PLAIN, False)):
        tunnel = await lab.raw(OPENING, path=f"/{listener.value}", listener=listener, tls=tls, frames=1)
        await tunnel.close()


def opening_at_once(*, patience_seconds: float | None = None, rounds: int = 1) -> Act:
    """Two dozen clients open side by side and keep still; after the patience those without an answer send a ping.

    Args:
        patience_seconds: None waits as long as any handshake may take, and sends nothing.
        rounds: at most so many times, until one stalled.
    """

    async def act(lab: Lab) -> None:
        for _ in range(rounds):
            tunnels = await asyncio.gather(*(lab.raw(OPENING, seconds=patience_seconds) for _ in range(OPENS)))
            still = [tunnel for tunnel in tunnels if not tunnel.accepted]
            for tunnel in still if patience_seconds else []:
                await tunnel.nudge()
                await tunnel.answer()
            await asyncio.gather(*(tunnel.close() for tunnel in tunnels))
            if still:
                return

    return act


def _thirteen(protocol: str, which: Carrier) -> Site:
    return replace(balanced(TLS_CLUSTER), carrier=which, tls_directives=(f"SSLProxyProtocol {protocol}",))


def _steady(name: str, question: str, site: Site, *, explanation: str = "") -> Scenario:
    return ask(
        name,
        question,
        f"{OPENS} of {OPENS} opened at once are accepted while the clients keep still",
        opening_at_once(),
        (stall.never_stalled(OPENS), handshake.answered_101, accounting.nothing_left_open),
        site=site,
        explanation=explanation,
    )


NAMES = (
    "SSLProxyCheckPeerName compares the host of the member's URL with the DNS entries of subjectAltName, and with the "
    "common name; entries of type IP are not looked at."
)

SCENARIOS: tuple[Scenario, ...] = (
    # In order of certificates: a backend reads its own at its start, so each change of it costs a restart.
    _doubted(
        "untrusted",
        "Is a member refused whose certificate nobody knows has signed?",
        NOBODY_KNOWS,
        CHAIN,
        elsewhere=(UNANSWERED, *UNVERIFIED),
    ),
    _switched(
        "verify-none-untrusted",
        "Does SSLProxyVerify none let a certificate pass that nobody knows has signed?",
        NOBODY_KNOWS,
        "SSLProxyVerify none",
        accepted=True,
    ),
    ask(
        "engine-alone",
        "Is SSLProxyEngine on alone enough to know whom one talks to?",
        "101 on 2 of 2 from a member whose certificate nobody knows has signed",
        in_turn(2),
        (distribution.alternates, *GOOD),
        site=_plain_front("SSLProxyEngine on", "SSLProxyProtocol TLSv1.2", identity=NOBODY_KNOWS),
        explanation=(
            "SSLProxyVerify is none by default: name and dates are checked, the signature is not. Anybody between "
            "Apache and the member can show a certificate of his own making."
        ),
    ),
    _doubted(
        "expired",
        "Is a member refused whose certificate has expired?",
        EXPIRED,
        CHAIN,
        elsewhere=(UNANSWERED, *UNVERIFIED),
    ),
    _switched(
        "expire-off",
        "Does SSLProxyCheckPeerExpire off rescue a member whose certificate has expired?",
        EXPIRED,
        "SSLProxyCheckPeerExpire off",
        accepted=False,
        codes=(CHAIN,),
    ),
    _switched(
        "verify-none-expired",
        "Does SSLProxyVerify none rescue a member whose certificate has expired?",
        EXPIRED,
        "SSLProxyVerify none",
        accepted=False,
    ),
    _doubted(
        "wrong-name",
        "Is a member refused whose certificate is for another name?",
        ELSEWHERE,
        elsewhere=(UNNAMED, *NAMED_OTHERWISE),
    ),
    _switched(
        "name-off",
        "Does SSLProxyCheckPeerName off let a certificate for another name pass?",
        ELSEWHERE,
        "SSLProxyCheckPeerName off",
        accepted=True,
    ),
    _switched(
        "all-off",
        "Does everything pass once all three checks are off?",
        replace(ELSEWHERE, expired=True, trusted=False),
        "SSLProxyVerify none",
        "SSLProxyCheckPeerName off",
        "SSLProxyCheckPeerExpire off",
        accepted=True,
    ),
    _doubted(
        "ip-only",
        "Is a member reached by address believed when its certificate names the address as an IP entry only?",
        Identity(common_name="backend.example", names=("IP:{address}",)),
        explanation=NAMES + " The client gets 500, though RFC 9110 section 4.3.5 wants IP entries matched.",
        elsewhere=(UNNAMED, *NAMED_OTHERWISE),
    ),
    _believed(
        "common-name",
        "Is the address as common name, without any subjectAltName, believed?",
        Identity(names=()),
        NAMES + " Browsers and RFC 9525 would refuse such a certificate.",
    ),
    _believed(
        "address-as-dns",
        "Is the address believed when it stands as a DNS entry beside the IP entry?",
        Identity(common_name="backend.example", names=("DNS:{address}", "IP:{address}")),
        NAMES,
    ),
    _believed(
        "common-name-beside",
        "Does a fitting common name still count when subjectAltName names another host?",
        Identity(names=("DNS:elsewhere.example",)),
        NAMES + " RFC 6125 section 6.4.4 would have the common name ignored then.",
    ),
    ask(
        "no-engine",
        "What does a client see when wss members stand where SSLProxyEngine was forgotten?",
        "500 by httpd on 2 of 2, no backend sees it, AH01961 and AH00961 in the log",
        in_turn(2),
        (answered(http=REFUSED), log.announced("AH01961", "AH00961"), shown_after(odd="Init Err")),
        site=_plain_front(),
        allow_log=("AH01961", "AH00961"),
        explanation="SSLProxyEngine is off by default and counts for its own server or virtual host only (mod_ssl).",
    ),
    ask(
        "members-only",
        "Can plain ws in front lead to verified wss members behind?",
        "101 on 2 of 2, certificate verified against the run's authority",
        and_stranger(in_turn(2)),
        (
            distribution.alternates,
            encryption.encrypted(front=False),
            encryption.stranger_refused(STRANGER),
            *GOOD,
        ),
        site=with_stranger(
            _plain_front(
                "SSLProxyEngine on",
                "SSLProxyVerify require",
                'SSLProxyCACertificateFile "${RUN}/tls/ca.pem"',
                "SSLProxyProtocol TLSv1.2",
            )
        ),
        allow_log=CERTIFICATE_REFUSED,
    ),
    ask(
        "client-only",
        "Can wss in front lead to plain ws members behind, and do the turns stay strict?",
        "0 breaks over 12 connections",
        in_turn(12),
        (distribution.alternates, encryption.encrypted(behind=False), *GOOD),
        site=Site(mounts=(Mount(path="/wss", target=CLUSTER, target_path="/CLRunner", listener=Listener.TLS),)),
    ),
    ask(
        "crossed-ports",
        "What does a client get that speaks plain ws to the TLS port, or TLS to the plain port?",
        "400 by httpd; no TLS; and 101 for the same handshakes on the right ports",
        _crossed,
        (crossed(Expected(status=400, by=HTTPD, arrives=False, says="speaking plain HTTP to an SSL-enabled")),),
        site=wide(),
        elsewhere=(
            Elsewhere(
                proxy="nginx",
                does="plain HTTP on a port with ssl is answered by a page of its own (status 497 to itself)",
                source="error_page 497 in the manual of ngx_http_ssl_module; measured on 1.22.1 and 1.31.3",
                limit="400 by nginx; no TLS; and 101 for the same handshakes on the right ports",
                checks=(crossed(Expected(status=400, by=HTTPD, arrives=False, says="sent to HTTPS port")),),
            ),
            Elsewhere(
                proxy="HAProxy",
                does="what is no TLS on a port with ssl ends the connection without a word but in the log",
                source="measured on 2.6.12 and 2.8.25",
                limit="no answer; no TLS; and 101 for the same handshakes on the right ports",
                checks=(
                    crossed(Expected(status=None, by=NOBODY, arrives=False, ends=True)),
                    log.announced("AH01996"),
                ),
                allow_log=("AH01996",),
            ),
        ),
    ),
    ask(
        "payload",
        "Does a message of 4 MiB pass unharmed through TLS on both hops?",
        "1 of 1 on each of 2 connections, by SHA-256",
        echoing(1 << 22),
        (
            payload.echoed(1),
            encryption.encrypted(),
            *(check for check in GOOD if check is not conversation.greeted),
        ),
        site=balanced(TLS_CLUSTER, echo=True),
    ),
    ask(
        "stall",
        "Does mod_proxy_wstunnel keep handshakes to itself when a member speaks TLS 1.3?",
        f"at least 1 of {OPENS} opened at once gets no answer in 1 s, until the client sends a ping",
        opening_at_once(patience_seconds=1.0, rounds=4),
        (stall.stalled(at_least=1, rate=STALL_RATE), handshake.answered_101, accounting.nothing_left_open),
        site=_thirteen("TLSv1.3", Carrier.WSTUNNEL),
        elsewhere=(NO_TLS_13,),
        explanation=(
            "The member's session tickets and its 101 arrive together. mod_proxy_wstunnel's poll wakes once, one read "
            "takes the ticket, the 101 waits inside mod_ssl, and the socket has nothing more to wake the poll."
        ),
    ),
    _steady(
        "stall-cured",
        "Does SSLProxyProtocol TLSv1.2 cure the stall of mod_proxy_wstunnel?",
        _thirteen("TLSv1.2", Carrier.WSTUNNEL),
        explanation="TLS 1.2 sends its session ticket within the handshake, before any answer.",
    ),
    _steady(
        "thirteen-http",
        "Is mod_proxy_http free of that stall with TLS 1.3 members?",
        _thirteen("TLSv1.3", Carrier.HTTP),
        explanation="mod_proxy_http reads the answer's head before it polls, and asks mod_ssl for what is left.",
    ),
)
