"""Which rule of `wslb.reports.causes` names the cause of each mutation, and why none may where none does."""

from __future__ import annotations

__all__ = ["CAUSES", "UNBROKEN", "UNEXPLAINED", "rule_of", "why_not"]

UNBROKEN: dict[str, str] = {
    "knocked": "whatever listens completes a TCP connect in its kernel, and the WebSockets beside it need a listener",
}
"""Checks that no mutation turns red, and why; every other one has a mutation that it must notice."""

CAUSES: dict[str, str] = {
    "lbmethod": (
        "heartbeat-is-byrequests referer-made-up "
        "byrequests-is-bytraffic byrequests-is-bybusyness byrequests-is-heartbeat bybusyness-is-byrequests "
        "bybusyness-is-bytraffic bytraffic-is-byrequests bytraffic-is-bybusyness"
    ),
    "loadfactor": "weight-doubled weight-tripled-at-once weight-lost crowd-weighted",
    "members": "order-reversed members-crossed member-elsewhere member-hidden members-unencrypted",
    "member-out": (
        "member-disabled member-drain member-stopped member-standby member-spare drained-by-hand retry-long "
        "standby-shown"
    ),
    "setting": "member-in-another-set member-limited member-redirects attempts-more",
    "failover": "member-dead",
    "sticky": "sticky-cookie",
    "path": "path-changed proxied-path-longer",
    "preserve-host": "host-preserved",
    "add-headers": "forwarded-dropped",
    "field": (
        "origin-rewritten agent-removed field-added offer-removed key-removed answer-without-upgrade "
        "answer-without-connection answer-without-accept answer-accept-twice answer-field-added "
        "answer-signature-lost answer-signature-other answer-extension choice-lost choice-other choice-twice "
        "choice-swapped request-origin-other request-origin-lost request-agent-lost request-agent-other "
        "request-key-other request-key-short request-version-other request-cookie-added request-offer-lost "
        "listing7-origin-other "
        "proxied-hop-field version-unnamed redirect-altered cookie-on-101"
    ),
    "connection": "proxied-nominated",
    "httpd-refused": "route-forbidden",
    "carrier": "carrier-is-http carrier-is-wstunnel",
    "impostor": "greeting-lies greeting-lies-once backend-lies greetings-crossed",
    "lone-witness": (
        "signature-lies journal-forgets journal-forgets-one answer-signature-nobody greeting-silent "
        "greeting-unfinished greeting-lost-over-h2"
    ),
    "accept": "accept-wrong answer-accept-other accept-other-unjudged",
    "backend-refused": "backend-refuses backend-refuses-once proxied-host-lost request-is-post refused-over-h2",
    "hung-up": "backend-hangs-up",
    "died": (
        "backend-closes-early backend-cuts held-closed-early answer-comes-twice greeting-masked "
        "greeting-rsv greeting-no-utf8 "
        "greeting-no-opcode greeting-continues tunnel-fin tunnel-reset tunnel-dies-at-node "
        "tunnel-closed-by-relay tunnel-closed-with-1000 close-lost-up close-lost-down close-code-up "
        "close-code-down close-code-forbidden close-one-byte close-empty-up answer-after-drain-lost "
        "tunnel-dies-while-disabled binary-as-text large-cut unmasked-at-liberty drained-tunnel-ends closed-politely "
        "frozen-tunnel-ends"
    ),
    "others": "probe-proxied probe-proxied-twice tunnel-of-another asked-uncounted",
    "unacceptable": "answer-upgrade-other answer-connection-close",
    "dropped": "answer-is-102 answer-is-http10 answer-is-no-http answer-reset answer-fin",
    "not-upgraded": "request-upgrade-lost request-path-other",
    "query": "request-query-lost request-query-reordered proxied-query-lost",
    "forwarded": (
        "request-host-other request-forwarded-before proxied-client-lost proxied-client-other "
        "proxied-server-other proxied-to-other-host"
    ),
    "unmarked": "request-unmarked request-marked-alike",
    "misgreeted": "greeting-twice greeting-binary greeting-altered greeting-short greeting-behind-noise",
    "end-lost": "close-reason-lost close-code-altered",
    "message": (
        "text-flipped text-flipped-up text-cut-short text-lost text-twice last-message-twice "
        "messages-reordered text-as-binary binary-flipped large-flipped"
    ),
    "restated": "refusal-restated refusal-restated-raw",
    "tls-stall": "stall-not-cured",
}
"""Mutations by the rule that names them."""

UNEXPLAINED: dict[str, str] = {
    "what was changed is a directive that no page of httpd shows": (
        "cookie-set-twice log-silenced log-elsewhere wildcard-lost upgrade-named stall-cured peer-unverified "
        "child-stays states-persist h2-offered probes-rare recipe-lost threads-to-spare threads-for-pages "
        "status-forgiven connect-hasty members-unverified backend-unencrypted page-forbidden endpoint-probed"
    ),
    "the ends tell what came, not where on its way it was changed, and the check's sentence says that much": (
        "proxied-spelt-anew proxied-host-last idle-close-altered refragmented reply-fragmented "
        "bytes-added deflate-refused listing-short listing-heading listings-crossed frame-behind-late body-altered "
        "keys-alike head-longer head-longer-compared signature-other-compared reason-short chat-cut-short "
        "idleness-disturbed listing-twice close-reason-altered behind-body-altered"
    ),
    "what does not come leaves nothing behind that could name who kept it": (
        "proxied-reset pong-lost pongs-lost push-lost push-lost-in-duplex reply-lost abandoned-lost connection-held "
        "frame-behind-lost"
    ),
    "whoever ended, accepted or answered in the place of another did it as that one would": (
        "closed-before-timeout silence-broken frozen-answered-for accepted-for-httpd answered-for-httpd"
    ),
    "counters tell that somebody else was there only where the scenario claims all of them as its own": (
        "tunnels-of-others tunnel-outlives-httpd tunnel-outlives-stop asked-beside-crowd asked-unforeseen "
        "opened-under-byrequests opened-under-bybusyness opened-under-bytraffic"
    ),
}
"""Mutations by the reason why no rule may speak: a guess would be worse than silence."""

_RULE = {name: rule for rule, names in CAUSES.items() for name in names.split()}
_REASON = {name: reason for reason, names in UNEXPLAINED.items() for name in names.split()}


def rule_of(name: str) -> str:
    """The rule that must speak; empty where none may."""
    return _RULE.get(name, "")


def why_not(name: str) -> str:
    """Why no rule may speak; empty where one must."""
    return _REASON.get(name, "")
