"""A relay before the proxy or before a backend spoils greetings and the ends of tunnels."""

from __future__ import annotations

from wslb.commands.mutations.mutation import HEADERS, LB, Mutation, Wire, anew, at, flipped
from wslb.lab.edits import (
    cut,
    double,
    drop,
    followed_by,
    garbage,
    payload,
    swapped,
    unmasked_or_masked,
    with_first_byte,
)
from wslb.lab.relay import FRONT, Edit, End, Flow, Pause
from wslb.wire.frames import Opcode, serialise

__all__ = ["MUTATIONS"]

GREETING, LIVING = ("witnesses_speak",), ("ended_orderly",)
UP, DOWN = Flow.UP, Flow.DOWN
SOON = 0.2


def ended(end: End = End.FIN) -> Edit:
    """Lost, and the connection ends a moment later: a client would wait for seconds."""
    return lambda _: (Pause(seconds=SOON), end)


def closing(code: int, reason: bytes = b"") -> bytes:
    """A server's Close frame."""
    return serialise(Opcode.CLOSE, code.to_bytes(2) + reason, mask=None)


def greeting(edit: Edit) -> Wire:
    """The greeting of liberty's first connection."""
    return at("liberty", edit, number=1, connections=(1,))


def closes(flow: Flow, edit: Edit, place: str = FRONT) -> Wire:
    """Every Close frame in this direction."""
    return at(place, edit, flow=flow, opcode=Opcode.CLOSE)


ROWS: tuple[tuple[str, str, str, tuple[str, ...], Wire], ...] = (
    ("greeting-silent", "one greeting does not arrive", HEADERS, GREETING, greeting(drop)),
    ("greeting-twice", "one greeting arrives twice", HEADERS, GREETING, greeting(double)),
    ("greeting-binary", "one greeting arrives as binary", HEADERS, GREETING, greeting(with_first_byte(lambda _: 0x82))),
    ("greeting-masked", "one greeting arrives masked", HEADERS, (*GREETING, *LIVING), greeting(unmasked_or_masked)),
    (
        "greeting-rsv",
        "one greeting has RSV1",
        HEADERS,
        (*GREETING, *LIVING),
        greeting(with_first_byte(lambda b: b | 64)),
    ),
    (
        "greeting-no-utf8",
        "one greeting is no UTF-8",
        HEADERS,
        (*GREETING, *LIVING),
        greeting(payload(lambda _: b"\xff")),
    ),
    (
        "greeting-no-opcode",
        "one greeting has an opcode that does not exist",
        HEADERS,
        (*GREETING, *LIVING),
        greeting(with_first_byte(lambda _: 0x83)),
    ),
    (
        "greeting-continues",
        "one greeting continues nothing",
        HEADERS,
        (*GREETING, *LIVING),
        greeting(with_first_byte(lambda _: 0x80)),
    ),
    ("greeting-unfinished", "one greeting does not end", HEADERS, GREETING, greeting(with_first_byte(lambda _: 0x01))),
    (
        "greeting-altered",
        "a bit of one greeting is flipped",
        LB,
        (*GREETING, "witnesses_agree"),
        greeting(payload(flipped)),
    ),
    (
        "greeting-short",
        "one greeting lacks its end",
        "article-listing5-liberty",
        (*GREETING, "greeted"),
        greeting(payload(lambda p: p[:-2])),
    ),
    (
        "greeting-behind-noise",
        "a message of nobody's comes before one greeting",
        HEADERS,
        GREETING,
        greeting(garbage(serialise(1, b"hi", mask=None))),
    ),
    (
        "greetings-crossed",
        "node's clients get liberty's greeting",
        LB,
        ("witnesses_agree",),
        anew(FRONT, swapped, number=1),
    ),
    (
        "tunnel-fin",
        "every connection ends right behind its 101",
        "lb-byrequests-held",
        LIVING,
        at(FRONT, cut(End.FIN, behind=True), head=True),
    ),
    (
        "tunnel-reset",
        "every connection is reset behind its greeting",
        "lb-byrequests-held",
        LIVING,
        at(FRONT, cut(behind=True), number=1),
    ),
    (
        "tunnel-dies-at-node",
        "node's tunnels are reset behind the greeting",
        "weights-3-1-held",
        LIVING,
        at("node", cut(behind=True), number=1),
    ),
    (
        "tunnel-closed-by-relay",
        "something sends 1011 in node's name",
        HEADERS,
        LIVING,
        at("node", followed_by(closing(1011)), number=1),
    ),
    (
        "tunnel-closed-with-1000",
        "something sends 1000 in liberty's name",
        HEADERS,
        LIVING,
        at("liberty", followed_by(closing(1000)), number=1),
    ),
    (
        "close-lost-up",
        "the client's Close frame does not arrive",
        HEADERS,
        LIVING,
        at("node", ended(), flow=UP, opcode=Opcode.CLOSE, connections=(1,)),
    ),
    (
        "close-lost-down",
        "the backend's Close frame does not arrive",
        HEADERS,
        LIVING,
        at("node", ended(), opcode=Opcode.CLOSE, connections=(1,)),
    ),
    (
        "close-code-up",
        "the client's close code arrives as another",
        HEADERS,
        LIVING,
        closes(UP, payload(lambda _: b"\x03\xe9"), "node"),
    ),
    (
        "close-code-down",
        "the backend's close code arrives as another",
        HEADERS,
        LIVING,
        closes(DOWN, payload(lambda _: b"\x03\xe9"), "node"),
    ),
    (
        "close-code-forbidden",
        "the backend's close code arrives as 1005",
        HEADERS,
        LIVING,
        closes(DOWN, payload(lambda _: b"\x03\xed"), "node"),
    ),
    (
        "close-one-byte",
        "the backend's Close frame has one byte",
        HEADERS,
        LIVING,
        closes(DOWN, payload(lambda _: b"\x03"), "node"),
    ),
    (
        "close-empty-up",
        "the client's Close frame arrives empty",
        HEADERS,
        LIVING,
        closes(UP, payload(lambda _: b""), "node"),
    ),
    (
        "close-reason-lost",
        "the backend's reason does not arrive",
        "payload-close-by-backend",
        ("closed_as",),
        closes(DOWN, payload(lambda p: p[:2])),
    ),
    (
        "close-reason-altered",
        "the client's reasons arrive altered",
        "payload-close-by-client",
        ("closed_as",),
        closes(UP, payload(lambda p: p[:2] + b"x")),
    ),
    (
        "close-code-altered",
        "the backend's 4001 arrives as 4000",
        "payload-close-by-backend",
        ("closed_as",),
        closes(DOWN, payload(lambda p: b"\x0f\xa0" + p[2:])),
    ),
    (
        "idle-close-altered",
        "a backend's 1001 arrives as 4001",
        "timeouts-backend-idle",
        ("closed_with",),
        closes(DOWN, payload(lambda p: b"\x0f\xa1" + p[2:])),
    ),
    (
        "answer-after-drain-lost",
        "a drained member's tunnel does not answer",
        "manager-drain",
        ("answered",),
        at("node", drop, number=2),
    ),
    (
        "tunnel-dies-while-disabled",
        "tunnels of a disabled member are cut",
        "manager-disable",
        ("still_open",),
        at("node", cut(), number=2),
    ),
    (
        "closed-before-timeout",
        "idle tunnels end before their time",
        "timeouts-backend-idle",
        ("lasted",),
        at(FRONT, lambda unit: (unit.data, Pause(seconds=SOON), End.FIN), number=1),
    ),
    (
        "closed-politely",
        "a tunnel that should be cut gets a Close frame",
        "failover-stop",
        ("lost",),
        at(FRONT, lambda unit: (unit.data, closing(1000)), number=1),
    ),
)
"""Name, what is broken, the scenario, the checks that must go red, and how it is broken."""

MUTATIONS = tuple(
    Mutation(name=name, what=what, scenario=scenario, checks=checks, wire=wire)
    for name, what, scenario, checks, wire in ROWS
)
