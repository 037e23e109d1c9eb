"""A relay before the proxy or before a backend changes the heads of requests and answers."""

from __future__ import annotations

from wslb.commands.mutations.mutation import HEADERS, LB, Mutation, at
from wslb.lab.edits import (
    cut,
    double,
    field_added,
    first_field_last,
    line,
    without_field,
)
from wslb.lab.relay import FRONT, Edit, End, Flow

__all__ = ["MUTATIONS"]


def instead(name: str, value: str) -> Edit:
    """The head has this field instead of its own."""
    return field_added(name, value, instead=True)


def replaced(old: bytes, new: bytes) -> Edit:
    """The first line of the head has something else."""
    return line(lambda first: first.replace(old, new, 1))


SUBPROTOCOL, QUERY, HOP = "headers-subprotocol", "headers-query", "headers-hop-fields"
ANSWERED, FORWARDED, INTACT = ("answered_101",), ("forwarded_headers",), ("arrived_intact", "only_known_changes")
ACCEPT = ("answered_101", "accept_is_right")
BACK = ("answer_reaches_client",)
OTHER_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
OTHER_ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

ANSWERS: tuple[tuple[str, str, str, tuple[str, ...], Edit], ...] = (
    ("answer-without-upgrade", "loses Upgrade", HEADERS, ANSWERED, without_field("Upgrade")),
    ("answer-upgrade-other", "upgrades to h2c", HEADERS, ANSWERED, instead("Upgrade", "h2c")),
    ("answer-without-connection", "loses Connection", HEADERS, ANSWERED, without_field("Connection")),
    ("answer-connection-close", "says Connection: close", HEADERS, ANSWERED, instead("Connection", "close")),
    ("answer-without-accept", "loses Sec-WebSocket-Accept", HEADERS, ACCEPT, without_field("Sec-WebSocket-Accept")),
    (
        "answer-accept-other",
        "has another key's Accept",
        HEADERS,
        ACCEPT,
        instead("Sec-WebSocket-Accept", OTHER_ACCEPT),
    ),
    (
        "answer-accept-twice",
        "has a second Accept",
        HEADERS,
        ACCEPT,
        field_added("Sec-WebSocket-Accept", OTHER_ACCEPT),
    ),
    (
        "accept-other-unjudged",
        "has another key's Accept, for a client that does not look",
        "handshake-smallest",
        ("accept_is_right",),
        instead("Sec-WebSocket-Accept", OTHER_ACCEPT),
    ),
    ("answer-is-102", "is 102", HEADERS, ANSWERED, replaced(b"101 Switching Protocols", b"102 Processing")),
    ("answer-is-http10", "is of HTTP/1.0", HEADERS, ANSWERED, replaced(b"HTTP/1.1", b"HTTP/1.0")),
    ("answer-is-no-http", "has no HTTP in its first line", HEADERS, ANSWERED, replaced(b"HTTP/1.1", b"ICY")),
    ("answer-comes-twice", "comes twice", HEADERS, ("witnesses_speak", "ended_orderly"), double),
    ("answer-reset", "is a TCP reset", HEADERS, ANSWERED, cut(End.RESET)),
    ("answer-fin", "is the end of the connection", HEADERS, ANSWERED, cut(End.FIN)),
    ("answer-field-added", "has a field that no backend sent", HEADERS, BACK, field_added("X-Stowaway", "1")),
    ("answer-signature-lost", "loses X-Backend", HEADERS, ("witnesses_speak", *BACK), without_field("X-Backend")),
    ("answer-signature-other", "is signed by node", HEADERS, ("witnesses_agree", *BACK), instead("X-Backend", "node")),
    ("answer-signature-nobody", "is signed by nobody", LB, ("witnesses_speak",), instead("X-Backend", "mallory")),
    ("answer-extension", "agrees to an extension", HEADERS, ANSWERED, field_added("Sec-WebSocket-Extensions", "x-zip")),
    (
        "listing7-origin-other",
        "has another Origin than Listing 7",
        "headers-listing7",
        ("listing_seven",),
        instead("Origin", "http://elsewhere.example"),
    ),
    (
        "choice-lost",
        "loses the subprotocol",
        "payload-subprotocol",
        ("subprotocol_chosen",),
        without_field("Sec-WebSocket-Protocol"),
    ),
    ("choice-other", "chooses another one", SUBPROTOCOL, ANSWERED, instead("Sec-WebSocket-Protocol", "telnet")),
    ("choice-twice", "chooses twice", SUBPROTOCOL, ANSWERED, field_added("Sec-WebSocket-Protocol", "telnet")),
    (
        "choice-swapped",
        "has the offer not chosen",
        SUBPROTOCOL,
        ("subprotocol_chosen",),
        instead("Sec-WebSocket-Protocol", "chat.example"),
    ),
)
"""Name, what an answer does on its way to the client, the scenario, the checks that must go red, and how."""

REQUESTS: tuple[tuple[str, str, str, str, tuple[str, ...], Edit], ...] = (
    (
        "request-origin-other",
        FRONT,
        "has another Origin",
        HEADERS,
        INTACT,
        instead("Origin", "http://elsewhere.example"),
    ),
    ("request-origin-lost", FRONT, "loses Origin", HEADERS, INTACT, without_field("Origin")),
    ("request-agent-lost", FRONT, "loses User-Agent", HEADERS, INTACT, without_field("User-Agent")),
    ("request-agent-other", FRONT, "has another User-Agent", HEADERS, INTACT, instead("User-Agent", "bot")),
    ("request-key-other", FRONT, "has another key", HEADERS, ANSWERED, instead("Sec-WebSocket-Key", OTHER_KEY)),
    ("request-key-short", FRONT, "has a key of 3 bytes", HEADERS, ANSWERED, instead("Sec-WebSocket-Key", "YWJj")),
    ("request-version-other", FRONT, "has version 12", HEADERS, ANSWERED, instead("Sec-WebSocket-Version", "12")),
    ("request-upgrade-lost", FRONT, "loses Upgrade", HEADERS, ANSWERED, without_field("Upgrade")),
    ("request-cookie-added", FRONT, "gets a Cookie", HEADERS, ("only_known_changes",), field_added("Cookie", "a=b")),
    ("request-is-post", FRONT, "is a POST", HEADERS, ANSWERED, replaced(b"GET", b"POST")),
    ("request-path-other", FRONT, "has another path", HEADERS, ANSWERED, replaced(b"/ws", b"/elsewhere")),
    ("request-query-lost", FRONT, "loses its query", QUERY, ("arrived_at",), replaced(b"?x=1&y=2", b"")),
    (
        "request-query-reordered",
        FRONT,
        "has its query turned round",
        QUERY,
        ("arrived_at",),
        replaced(b"x=1&y=2", b"y=2&x=1"),
    ),
    (
        "request-offer-lost",
        FRONT,
        "loses the offer",
        SUBPROTOCOL,
        ("subprotocol_chosen", "arrived_intact"),
        without_field("Sec-WebSocket-Protocol"),
    ),
    ("request-host-other", FRONT, "asks another host", HEADERS, FORWARDED, instead("Host", "other.example")),
    (
        "request-forwarded-before",
        FRONT,
        "was forwarded before",
        HEADERS,
        FORWARDED,
        field_added("X-Forwarded-For", "192.0.2.1"),
    ),
    (
        "request-unmarked",
        FRONT,
        "loses the mark that joins the witnesses",
        LB,
        ("witnesses_speak", "witnesses_agree"),
        without_field("X-Wslb-Conn"),
    ),
    (
        "request-marked-alike",
        FRONT,
        "has the mark of connection 1",
        LB,
        ("witnesses_speak",),
        instead("X-Wslb-Conn", "lb-byrequests-1"),
    ),
    ("proxied-client-lost", "node", "loses X-Forwarded-For", HEADERS, FORWARDED, without_field("X-Forwarded-For")),
    (
        "proxied-client-other",
        "node",
        "has another X-Forwarded-For",
        HEADERS,
        FORWARDED,
        instead("X-Forwarded-For", "192.0.2.1"),
    ),
    # The backend then cannot tell a page of the proxy from a foreign one, and refuses it.
    (
        "proxied-host-lost",
        "node",
        "loses X-Forwarded-Host",
        HEADERS,
        ("answered_101",),
        without_field("X-Forwarded-Host"),
    ),
    (
        "proxied-server-other",
        "node",
        "has another X-Forwarded-Server",
        HEADERS,
        FORWARDED,
        instead("X-Forwarded-Server", "other.example"),
    ),
    ("proxied-to-other-host", "node", "has another Host", HEADERS, FORWARDED, instead("Host", "other.example")),
    ("proxied-query-lost", "node", "loses its query", QUERY, ("arrived_at",), replaced(b"?x=1&y=2", b"")),
    ("proxied-path-longer", "node", "gets a slash", HEADERS, ("arrived_at",), replaced(b"/CLRunner", b"/CLRunner/")),
    (
        "proxied-spelt-anew",
        "node",
        "has Upgrade in small letters",
        HEADERS,
        ("carried_as_asked",),
        instead("Upgrade", "websocket"),
    ),
    (
        "proxied-hop-field",
        "node",
        "keeps Keep-Alive",
        HEADERS,
        ("hop_fields_dropped",),
        field_added("Keep-Alive", "timeout=5"),
    ),
    (
        "proxied-nominated",
        "node",
        "keeps a field that Connection named",
        HOP,
        ("nominated_fields_dropped",),
        field_added("X-Hop", "1"),
    ),
    ("proxied-host-last", "node", "has Host as its last field", HEADERS, ("host_comes_first",), first_field_last()),
    ("proxied-reset", "node", "is lost with its connection", LB, ("answered_101", "alternates"), cut(End.RESET)),
)
"""Name, place, what a request does there, the scenario, the checks that must go red, and how."""

MUTATIONS = (
    *(
        Mutation(
            name=name, what=f"the answer {what}", scenario=scenario, checks=checks, wire=at(FRONT, edit, head=True)
        )
        for name, what, scenario, checks, edit in ANSWERS
    ),
    *(
        Mutation(
            name=name,
            what=f"the request {what}" + (f" on its way to {place}" if place != FRONT else ""),
            scenario=scenario,
            checks=checks,
            wire=at(place, edit, head=True, flow=Flow.UP),
        )
        for name, place, what, scenario, checks, edit in REQUESTS
    ),
)
