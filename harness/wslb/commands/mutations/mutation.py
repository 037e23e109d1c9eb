"""One way to break the lab on purpose, and the check that must notice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from wslb.lab.lab import Lab
from wslb.model.balancer import Carrier, Site
from wslb.model.results import Record

__all__ = ["HEADERS", "LB", "Mutation"]

LB = "lb-byrequests"
HEADERS = "headers-handshake"
"""The scenarios that most mutations break."""


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
        spoil: what the record is turned into before it is judged.
        carrier: module that the scenario is asked with; None takes the run's setting.
    """

    name: str
    what: str
    scenario: str
    checks: tuple[str, ...]
    tamper: Callable[[Site], Site] | None = None
    before: Callable[[Lab], Awaitable[None]] | None = None
    spoil: Callable[[Record], Record] | None = None
    carrier: Carrier | None = None
