"""One connection of a load run: opens, is greeted, sends what is due, and closes; tells its shard what became of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Protocol

from wslb.load.plan import Identification, LoadPlan
from wslb.model.cookies import cookie_set
from wslb.model.handshake import one_header
from wslb.wire.http1 import AnswerHead
from wslb.wire.machine import Accepted, Failed, Machine, Received, WireEvent

__all__ = ["Link", "LinkOwner", "Phase"]

SIGNATURE = "X-Backend"
"""Header field by which our own backends tell who they are."""

MOST_UNSENT = 32 * 1024 * 1024
"""Bytes that may wait to be sent while more are read: twice the longest message, so that only pongs can be so many."""

_NAME = re.compile(r"[\x20-\x7e]{1,120}")


class Phase(IntEnum):
    """How far a connection has come; it only moves forward."""

    OPENING = 0
    GREETING = 1
    OPEN = 2
    CLOSING = 3
    DONE = 4


class LinkOwner(Protocol):
    """Who gave a link its work, and hears what becomes of it.

    Attributes:
        identified: what tells who answered.
        greeters: names by greeting; when empty, a greeting stands for itself.
    """

    plan: LoadPlan
    identified: Identification
    greeters: Mapping[str | bytes, str]

    def payload(self, number: int, nth: int) -> str:
        """Message number `nth` of this connection."""
        ...

    def opened(self, link: Link) -> None:
        """It is open, and greeted where that is due."""
        ...

    def echoed(self, link: Link) -> None:
        """A message came back as it was sent."""
        ...

    def closed(self, link: Link) -> None:
        """It ended with close frames on both sides."""
        ...

    def failed(self, link: Link, kind: str, *, was_open: bool) -> None:
        """It failed."""
        ...


class Link(asyncio.Protocol):
    """One connection. There may be tens of thousands, so it holds only what it needs."""

    __slots__ = ("backend", "deadline", "due", "echoed", "machine", "number", "owner", "phase", "place",
                 "request", "sent", "transport")  # fmt: skip

    def __init__(self, owner: LinkOwner, *, number: int, due: float, machine: Machine, request: bytes) -> None:
        self.owner = owner
        self.number = number
        self.due = due
        self.machine = machine
        self.request = request
        self.transport: asyncio.Transport | None = None
        self.phase = Phase.OPENING
        self.backend = ""
        self.deadline = 0.0
        self.place = 0
        self.sent = 0
        self.echoed = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        self.transport = transport  # type: ignore[assignment]  # create_connection makes stream transports
        if self.phase is Phase.DONE:
            transport.abort()  # type: ignore[attr-defined]  # it came too late
            return
        transport.write(self.request)  # type: ignore[attr-defined]
        self.request = b""

    def data_received(self, data: bytes) -> None:
        """Take in bytes."""
        machine = self.machine
        for event in machine.feed(data):
            if self.phase is Phase.DONE:
                return
            self._event(event)
        out = machine.take()
        if out and self.transport is not None and not self.transport.is_closing():
            self.transport.write(out)
            if self.transport.get_write_buffer_size() > MOST_UNSENT:
                self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on from a server that takes our pongs again."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def _event(self, event: WireEvent) -> None:
        if isinstance(event, Received):
            self._message(event.data)
        elif isinstance(event, Accepted):
            self._opened(event.head)
        elif isinstance(event, Failed):
            if event.head is not None:
                self.backend = signed(event.head, SIGNATURE) or ""
            self.fail(event.kind)
        elif self.phase is not Phase.CLOSING:
            self.fail(f"closed with {event.code}")

    def _opened(self, head: AnswerHead) -> None:
        by, name = self.owner.identified.by, self.owner.identified.name
        if by == "cookie":
            self.backend = cookie(head, name) or "no such cookie"
        elif by == "header":
            self.backend = signed(head, name) or "no such header"
        if self.owner.plan.greeting:
            self.phase = Phase.GREETING
        else:
            self.backend = self.backend or signed(head, SIGNATURE) or "unknown"
            self._ready()

    def _message(self, data: str | bytes) -> None:
        if self.phase is Phase.GREETING:
            if self.owner.identified.by == "greeting":
                greeters = self.owner.greeters
                self.backend = greeters.get(data) or ("" if greeters else name_of(data))
                if not self.backend:
                    self.fail("nobody's greeting")
                    return
            self._ready()
        elif self.phase is Phase.OPEN and self.echoed < self.sent:
            if data != self.owner.payload(self.number, self.echoed):
                self.fail("wrong echo")
                return
            self.owner.echoed(self)
        elif self.phase is Phase.OPEN:
            self.fail("unasked message")

    def _ready(self) -> None:
        self.phase = Phase.OPEN
        self.owner.opened(self)

    def send(self) -> None:
        """Send the next message."""
        if self.phase is Phase.OPEN and self.transport is not None:
            payload = self.owner.payload(self.number, self.sent)
            self.sent += 1
            self.transport.write(self.machine.send(payload))

    def close(self) -> None:
        """Begin the closing handshake."""
        if self.phase is Phase.OPEN and self.transport is not None:
            self.phase = Phase.CLOSING
            self.transport.write(self.machine.close())

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell how it ended."""
        failed = self.machine.eof()
        phase = self.phase
        if phase is Phase.DONE:
            return
        ended = self.machine.ended
        if phase is Phase.CLOSING and ended is not None and ended.by == "client" and ended.code == 1000:
            self.phase = Phase.DONE
            self.owner.closed(self)
        elif phase is Phase.CLOSING:
            self.fail("no close frame in answer")
        elif phase is Phase.OPEN:
            self.fail("lost")
        elif exc is not None:
            self.fail("reset while opening")
        else:
            self.fail(failed.kind if failed is not None else "ended before the greeting")

    def expired(self) -> None:
        """What was waited for did not come in time."""
        kinds = {
            Phase.OPENING: "no answer in time" if self.transport is not None else "no connection in time",
            Phase.GREETING: "no greeting in time",
            Phase.OPEN: "no echo in time",
            Phase.CLOSING: "no close in time",
        }
        if self.phase is not Phase.DONE:
            self.fail(kinds[self.phase])

    def fail(self, kind: str) -> None:
        """End it as a failure of this kind; once."""
        if self.phase is Phase.DONE:
            return
        phase, self.phase = self.phase, Phase.DONE
        if self.transport is not None:
            self.transport.abort()
        self.owner.failed(self, kind, was_open=phase >= Phase.OPEN)


def signed(head: AnswerHead, name: str) -> str | None:
    """Value of this header field, when it is fit to be a name."""
    value = one_header(head.headers, name)
    return value if value is not None and _NAME.fullmatch(value) else None


def cookie(head: AnswerHead, name: str) -> str | None:
    """Value of this cookie as the answer sets it, when it is fit to be a name."""
    value = cookie_set(head.headers, name)
    return value if value is not None and _NAME.fullmatch(value) else None


def name_of(greeting: str | bytes) -> str:
    """A greeting as a name: its first line, cut; empty when it is binary or blank."""
    if isinstance(greeting, bytes):
        return ""
    line = "".join(character if character.isprintable() else " " for character in greeting.partition("\n")[0])
    return line.strip()[:120]
