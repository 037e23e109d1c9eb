"""A relay before the proxy or before a backend changes the messages that travel through the tunnels."""

from __future__ import annotations

from wslb.commands.mutations.mutation import Mutation, Wire, anew, at, flipped
from wslb.lab.edits import (
    behind_next,
    cut,
    double,
    drop,
    followed_by,
    in_fragments,
    payload,
    swapped,
    unmasked_or_masked,
    with_first_byte,
    without_field,
)
from wslb.lab.relay import FRONT, End, Flow
from wslb.wire.frames import Opcode, serialise

__all__ = ["MUTATIONS"]

ECHO = ("echoed",)
TEXT, BINARY, LISTING = "payload-text", "payload-binary", "article-listing8"
UP = Flow.UP


ROWS: tuple[tuple[str, str, str, tuple[str, ...], Wire], ...] = (
    (
        "text-flipped",
        "a bit of one message is flipped on its way back",
        TEXT,
        ECHO,
        at(FRONT, payload(flipped), number=1),
    ),
    (
        "text-flipped-up",
        "a bit of one message is flipped on its way there",
        TEXT,
        ECHO,
        at(FRONT, payload(flipped), flow=UP, number=1),
    ),
    ("text-cut-short", "one message lacks its last byte", TEXT, ECHO, at(FRONT, payload(lambda p: p[:-1]), number=1)),
    ("text-lost", "one message does not come back", TEXT, ECHO, at(FRONT, drop, number=2, connections=(1,))),
    ("text-twice", "one message comes back twice", TEXT, ECHO, at(FRONT, double, number=1)),
    (
        "last-message-twice",
        "the last message comes back twice",
        "payload-1mib",
        ECHO,
        at("liberty", double, opcode=Opcode.BINARY),
    ),
    (
        "messages-reordered",
        "two messages arrive in the wrong order",
        "payload-side-by-side",
        ECHO,
        anew("node", behind_next, flow=UP),
    ),
    (
        "binary-as-text",
        "binary comes back as text",
        BINARY,
        ECHO,
        at(FRONT, with_first_byte(lambda b: b & 0xF0 | 1), opcode=Opcode.BINARY),
    ),
    (
        "text-as-binary",
        "text comes back as binary",
        TEXT,
        ECHO,
        at(FRONT, with_first_byte(lambda b: b & 0xF0 | 2), opcode=Opcode.TEXT),
    ),
    (
        "binary-flipped",
        "a bit of a binary message is flipped",
        BINARY,
        ECHO,
        at("node", payload(flipped), opcode=Opcode.BINARY),
    ),
    (
        "large-cut",
        "a message of 1 MiB ends with its connection",
        "payload-1mib",
        ECHO,
        at(FRONT, cut(End.RESET), opcode=Opcode.BINARY),
    ),
    (
        "large-flipped",
        "one bit of 1 MiB is flipped",
        "payload-1mib",
        ECHO,
        at("node", payload(flipped), flow=UP, opcode=Opcode.BINARY),
    ),
    (
        "unmasked-at-liberty",
        "the client's frames reach liberty without a mask",
        BINARY,
        ECHO,
        at("liberty", unmasked_or_masked, flow=UP, opcode=Opcode.BINARY),
    ),
    (
        "refragmented",
        "the backend's fragments arrive cut otherwise",
        "payload-fragments-out",
        ("cut_into",),
        at(FRONT, in_fragments(400)),
    ),
    (
        "reply-fragmented",
        "one message comes back in fragments",
        "payload-fragments-in",
        ("frames_came",),
        at(FRONT, in_fragments(1000), opcode=Opcode.TEXT),
    ),
    (
        "pong-lost",
        "a pong does not come back",
        "payload-pings",
        ("frames_came",),
        at(FRONT, drop, opcode=Opcode.PONG, connections=(1,)),
    ),
    (
        "pongs-lost",
        "pongs do not come back",
        "timeouts-pings-http",
        ("pinged",),
        at(FRONT, drop, opcode=Opcode.PONG, connections=(1,)),
    ),
    (
        "push-lost",
        "one pushed message does not arrive",
        "payload-push",
        ("pushed",),
        at(FRONT, drop, number=2, connections=(1,)),
    ),
    (
        "push-lost-in-duplex",
        "one of many pushed messages does not arrive",
        "payload-full-duplex",
        ("spoke_both_at_once",),
        at(FRONT, drop, number=5, connections=(1,)),
    ),
    (
        "bytes-added",
        "a ping of nobody's travels to the backend",
        "payload-counted",
        ("bytes_logged",),
        at(FRONT, followed_by(serialise(9, b"", mask=b"abcd")), flow=UP, number=1),
    ),
    (
        "deflate-refused",
        "the offer to compress is lost",
        "payload-deflate",
        ("compressed",),
        at(FRONT, without_field("Sec-WebSocket-Extensions"), head=True, flow=UP),
    ),
    ("reply-lost", "one listing does not arrive", LISTING, ("listed",), at(FRONT, drop, number=2, connections=(1,))),
    (
        "listing-short",
        "a listing lacks its end line",
        LISTING,
        ("listed",),
        at("liberty", payload(lambda p: p[:-20]), number=2),
    ),
    (
        "listing-heading",
        "a listing has another heading",
        LISTING,
        ("listed",),
        at(
            "liberty",
            payload(lambda p: p.replace(b"Work with", b"Play with").replace(b"System Status", b"Status")),
            number=2,
        ),
    ),
    (
        "listings-crossed",
        "each client gets the listing of the one before",
        LISTING,
        ("told_apart",),
        anew(FRONT, swapped, number=2),
    ),
)
"""Name, what is broken, the scenario, the checks that must go red, and how it is broken."""

MUTATIONS = tuple(
    Mutation(name=name, what=what, scenario=scenario, checks=checks, wire=wire)
    for name, what, scenario, checks, wire in ROWS
)
