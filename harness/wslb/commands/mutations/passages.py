"""A relay before the proxy or before a backend spoils what scenarios beyond the main job look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from wslb.commands.mutations.mutation import Mutation, Wire, at, flipped
from wslb.lab.edits import cut, drop, field_added, field_of, late, line, payload, sent_back, without_field
from wslb.lab.relay import FRONT, Back, Edit, End, Flow, Pause, Twist, Unit
from wslb.model.balancer import Carrier
from wslb.model.handshake import accept_for
from wslb.wire.frames import Opcode, serialise

__all__ = ["MUTATIONS"]

UP = Flow.UP
HELD_SECONDS = 3.0
"""Longer than the client waits for the end of a connection after its goodbye."""

COMPARED = ("byrequests", "bybusyness", "bytraffic")
NOT_NOW = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
SAID = serialise(Opcode.TEXT, b"said by nobody", mask=None)


def head(place: str, edit: Edit, *, flow: Flow = Flow.DOWN, connections: tuple[int, ...] = ()) -> Wire:
    """Heads that pass there."""
    return at(place, edit, flow=flow, head=True, connections=connections)


def replaced(old: bytes, new: bytes) -> Edit:
    """The first line has something else."""
    return line(lambda first: first.replace(old, new, 1))


def one_key(place: str, key: str) -> Wire:
    """Every handshake arrives there with this key, and its answer is made right again on its way back."""
    own: dict[int, str] = {}
    accept = "Sec-WebSocket-Accept"

    def asked(unit: Unit) -> Iterable[bytes | Back | Pause | End]:
        own[unit.connection] = field_of(unit, "Sec-WebSocket-Key")
        return field_added("Sec-WebSocket-Key", key, instead=True)(unit)

    def answered(unit: Unit) -> Iterable[bytes | Back | Pause | End]:
        return field_added(accept, accept_for(own.pop(unit.connection, "")), instead=True)(unit)

    def wire() -> Mapping[str, Sequence[Twist]]:
        return {place: (Twist(edit=asked, flow=UP, head=True), Twist(edit=answered, head=True))}

    return wire


def nothing_but_there(place: str) -> Wire:
    """A relay that changes nothing, and yet accepts where nobody else does any more."""
    return lambda: {place: ()}


ROWS: tuple[tuple[str, str, str, tuple[str, ...], Wire, Carrier | None], ...] = (
    (
        "abandoned-lost",
        "the handshake of a client that gave up does not arrive",
        "limits-abandoned",
        ("abandoned_still_arrive",),
        head(FRONT, drop, flow=UP, connections=(5,)),
        None,
    ),
    (
        "refusal-restated",
        "a backend's 403 comes as 404",
        "thieves-refused",
        ("answers",),
        head(FRONT, replaced(b"403 Forbidden", b"404 Not Found")),
        None,
    ),
    (
        "refusal-restated-raw",
        "a backend's 403 comes as 404 to a client that writes its handshake itself",
        "handshake-backend-403",
        ("answered",),
        head(FRONT, replaced(b"403 Forbidden", b"404 Not Found")),
        None,
    ),
    (
        "frame-behind-late",
        "a message arrives 0.2 s behind its handshake, not in one piece with it",
        "handshake-frame-behind",
        ("behind_the_handshake",),
        at(FRONT, late(0.2), flow=UP, number=1),
        Carrier.WSTUNNEL,
    ),
    (
        "body-altered",
        "a bit of a handshake's body is flipped",
        "handshake-body",
        ("body_in_tunnel",),
        at(FRONT, payload(flipped), flow=UP, number=1),
        Carrier.WSTUNNEL,
    ),
    (
        "frame-behind-lost",
        "a message right behind its handshake is lost",
        "handshake-frame-behind",
        ("behind_the_handshake",),
        at(FRONT, drop, flow=UP, number=1),
        None,
    ),
    (
        "behind-body-altered",
        "a bit of the message is flipped that follows a handshake with a body",
        "handshake-body",
        ("body_in_tunnel",),
        at(FRONT, payload(flipped), flow=UP, number=2),
        None,
    ),
    (
        "keys-alike",
        "every handshake reaches node with the same key",
        "carrier-h2-wstunnel",
        ("bridged_to_http1",),
        one_key("node", "dGhlIHNhbXBsZSBub25jZQ=="),
        None,
    ),
    (
        "greeting-lost-over-h2",
        "node's greetings do not arrive",
        "carrier-h2-http",
        ("greeting_not_lost", "witnesses_speak"),
        at("node", drop, number=1),
        None,
    ),
    (
        "head-longer",
        "node gets a field that no proxy sent",
        "lb-bytraffic",
        ("bytes_counted",),
        head("node", field_added("X-Pad", "1"), flow=UP),
        None,
    ),
    (
        "head-longer-compared",
        "node gets a field that no proxy sent, under each method",
        "methods-compared",
        ("counted_on_tunnels",),
        head("node", field_added("X-Pad", "1"), flow=UP),
        None,
    ),
    (
        "signature-other-compared",
        "every answer is signed by node, under each method",
        "methods-compared",
        tuple(f"witnesses_agree on /{method}" for method in COMPARED),
        head(FRONT, field_added("X-Backend", "node", instead=True)),
        None,
    ),
    (
        "reason-short",
        "node's status line has a shorter reason",
        "carrier-fallback",
        ("read_counted",),
        head("node", replaced(b"Switching Protocols", b"Switching")),
        None,
    ),
    (
        "version-unnamed",
        "a refusal does not name the version that the backend speaks",
        "handshake-wrong-version",
        ("carries",),
        head(FRONT, without_field("Sec-WebSocket-Version")),
        None,
    ),
    (
        "redirect-altered",
        "a redirect leads elsewhere",
        "handshake-backend-302",
        ("redirected",),
        head(FRONT, field_added("Location", "http://elsewhere.example/", instead=True)),
        None,
    ),
    (
        "cookie-on-101",
        "a 101 sets a cookie",
        "sticky-set-cookie",
        ("never_carries",),
        head(FRONT, field_added("Set-Cookie", "ROUTEID=.node")),
        None,
    ),
    (
        "silence-broken",
        "what stands before node ends the connection instead of waiting",
        "handshake-backend-silent",
        ("gives_up_after",),
        head("node", cut(End.FIN), flow=UP),
        None,
    ),
    (
        "connection-held",
        "the proxy ends its connection, and the client does not see it",
        "payload-close-after-goodbye",
        ("ended_by_proxy",),
        at(FRONT, lambda unit: (unit.data, Pause(seconds=HELD_SECONDS)), opcode=Opcode.CLOSE),
        None,
    ),
    (
        "idleness-disturbed",
        "a message of nobody's comes while a tunnel should be idle",
        "timeouts-idle-wstunnel",
        ("idle_until",),
        at(FRONT, lambda unit: (unit.data, Pause(seconds=0.5), SAID), number=1),
        None,
    ),
    (
        "chat-cut-short",
        "messages reach httpd with one byte each",
        "methods-byrequests-chatty",
        ("logged_by_logio",),
        at(FRONT, payload(lambda data: data[:1]), flow=UP, opcode=Opcode.TEXT),
        None,
    ),
    (
        "drained-tunnel-ends",
        "the tunnel of a drained member ends",
        "manager-drain",
        ("busy_at", "still_open"),
        at(FRONT, cut(End.FIN, behind=True), number=1, connections=(2,)),
        None,
    ),
    (
        "frozen-answered-for",
        "something answers in place of a frozen backend",
        "failover-frozen-tunnels",
        ("unanswered",),
        at(FRONT, sent_back(SAID), flow=UP, number=1, connections=(2,)),
        None,
    ),
    (
        "frozen-tunnel-ends",
        "a tunnel of the living backend ends while the other one is frozen",
        "failover-frozen-tunnels",
        ("still_open",),
        at(FRONT, cut(End.FIN), flow=UP, number=1, connections=(1,)),
        None,
    ),
    (
        "accepted-for-httpd",
        "something accepts in place of an httpd that stops",
        "restart-winch",
        ("refused",),
        nothing_but_there(FRONT),
        None,
    ),
    (
        "answered-for-httpd",
        "something answers 503 in place of a proxy that was stopped",
        "restart-term",
        ("not_served",),
        head(FRONT, lambda _: (Back(data=NOT_NOW), End.FIN), flow=UP, connections=(5,)),
        None,
    ),
)
"""Name, what is broken, the scenario, the checks that must go red, how it is broken, and the module it needs."""

MUTATIONS = tuple(
    Mutation(name=name, what=what, scenario=scenario, checks=checks, wire=wire, carrier=carrier)
    for name, what, scenario, checks, wire, carrier in ROWS
)
