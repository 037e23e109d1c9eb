"""One way to break the lab on purpose, and the check that must notice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum

from wslb.commands.mutations.explained import rule_of, why_not
from wslb.interfaces import Capability
from wslb.lab.lab import Lab
from wslb.lab.relay import Edit, Flow, Twist
from wslb.model.balancer import Carrier, Site
from wslb.wire.frames import Opcode

__all__ = ["HEADERS", "LB", "Mutation", "Touch", "Wire", "anew", "at", "flipped"]

Wire = Callable[[], Mapping[str, Sequence[Twist]]]
"""Makes what relays do, by their place (`wslb.lab.relay.relayed`)."""

LB = "lb-byrequests"
HEADERS = "headers-handshake"
"""The scenarios that most mutations break."""


class Touch(StrEnum):
    """What a mutation breaks: what the proxy is given, what passes around it, or a backend or another client."""

    CONFIGURATION = "configuration"
    WIRE = "wire"
    SERVER = "server"

    @property
    def told(self) -> str:
        """Its name in a count."""
        return {"configuration": "the configuration", "wire": "the wire", "server": "a server or another client"}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A lie that a scenario must not believe.

    Attributes:
        name: stable id.
        what: what is broken, in words.
        scenario: name of the shipped scenario that is asked; it passes as long as nothing is broken.
        checks: all of these must go red. Others may, but a mutation that only others notice is not caught.
        tamper: what the proxy is really given, behind the scenario's back.
        before: what happens after the proxy has started and before the scenario acts.
        beside: what goes on from then until the evidence is there, and what ends with it.
        wire: makes what relays do.
        carrier: module that the scenario is asked with; None takes the run's setting.
        asks: what the proxy must be able to do.
        cause: the rule that must name it, where that is not what `wslb.commands.mutations.explained` has.
        unnamed: why none may, likewise.
        idle: why it breaks nothing on this product; empty where it does.
        known_before: first version of the product that cannot be broken so any more; empty where all can.
    """

    name: str
    what: str
    scenario: str
    checks: tuple[str, ...]
    tamper: Callable[[Site], Site] | None = None
    before: Callable[[Lab], Awaitable[None]] | None = None
    beside: Callable[[Lab], AbstractAsyncContextManager[None]] | None = None
    wire: Wire | None = None
    carrier: Carrier | None = None
    asks: tuple[Capability, ...] = ()
    cause: str | None = None
    unnamed: str = ""
    idle: str = ""
    known_before: tuple[int, ...] = ()

    @property
    def rule(self) -> str:
        """The rule of `wslb.reports.causes` that must speak; empty where none may."""
        return rule_of(self.name) if self.cause is None else self.cause

    @property
    def silent(self) -> str:
        """Why no rule may speak; empty where one must."""
        return why_not(self.name) if self.cause is None else self.unnamed

    @property
    def touches(self) -> Touch:
        """What it breaks."""
        if self.wire is not None:
            return Touch.WIRE
        return Touch.CONFIGURATION if self.tamper is not None else Touch.SERVER


def at(
    place: str,
    edit: Edit,
    *,
    flow: Flow = Flow.DOWN,
    head: bool = False,
    opcode: Opcode | None = None,
    number: int | None = None,
    connections: tuple[int, ...] = (),
) -> Wire:
    """One twist at one place; `wslb.lab.relay.Twist` says what the arguments are."""
    which = frozenset(connections)
    twist = Twist(edit=edit, flow=flow, head=head, opcode=opcode, number=number, connections=which)
    return lambda: {place: (twist,)}


def anew(place: str, make: Callable[[], Edit], *, flow: Flow = Flow.DOWN, number: int | None = None) -> Wire:
    """One twist at one place, whose edit keeps something in mind and is therefore made anew for each run."""

    def wire() -> Mapping[str, Sequence[Twist]]:
        return {place: (Twist(edit=make(), flow=flow, number=number),)}

    return wire


def flipped(data: bytes) -> bytes:
    """The last bit of the first byte is another one."""
    return bytes((data[0] ^ 1,)) + data[1:] if data else data
