"""One connection of a load run: opens, is greeted, sends what is due, and closes; tells its shard what became of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Protocol

from wslb.checks.conversation import unlike
from wslb.load.plan import LoadPlan
from wslb.model.handshake import one_header
from wslb.wire.http1 import AnswerHead
from wslb.wire.machine import Accepted, Failed, Machine, Received, State, WireEvent
from wslb.wire.naming import NameRule, Showing

__all__ = ["NAMING_SECONDS", "UNKNOWN", "Link", "LinkOwner", "Phase", "signed"]

SIGNATURE = "X-Backend"
"""Header field by which our own backends tell who they are."""

UNKNOWN = "unknown"
"""Name of whoever answered where nothing tells."""

NAMING_SECONDS = 2.0
"""How long an open tunnel of a foreign server is listened to for a message that tells who answered."""

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
        rule: what tells who answered.
        greeters: names by greeting; when empty, a greeting stands for itself.
    """

    plan: LoadPlan
    rule: NameRule
    greeters: Mapping[str | bytes, str]

    def clock(self) -> float:
        """Seconds since the start."""
        ...

    def accepted(self, link: Link, head: AnswerHead) -> str:
        """The server took the handshake; the name that the fields of its answer give, empty where they give none."""
        ...

    def refused(self, kind: str, head: AnswerHead) -> None:
        """The server answered something that opens no tunnel."""
        ...

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

    __slots__ = ("answered", "backend", "deadline", "due", "echoed", "machine", "number", "opened_at", "owner", "phase",
                 "place", "request", "sent", "transport")  # fmt: skip

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
        self.answered = False
        self.opened_at = 0.0

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
                self.owner.refused(event.kind, event.head)
            self.fail(event.kind)
        elif self.phase is not Phase.CLOSING:
            self.fail(f"closed with {event.code}")

    def _opened(self, head: AnswerHead) -> None:
        owner, plan = self.owner, self.owner.plan
        self.backend = owner.accepted(self, head)
        if plan.speech.says:
            self._write(plan.speech.message)
        self.answered = not plan.speech.expects
        if plan.greeting if not plan.foreign else (owner.rule.listens or not self.answered):
            self.phase = Phase.GREETING
            if plan.foreign and self.answered:
                self.opened_at = owner.clock()
                self.deadline = self.opened_at + NAMING_SECONDS
        else:
            self.backend = self.backend or signed(head, SIGNATURE) or UNKNOWN
            self._ready()

    def _message(self, data: str | bytes) -> None:
        foreign = self.owner.plan.foreign
        if foreign and self.phase <= Phase.OPEN and self._heartbeat(data):
            return
        if self.phase is Phase.GREETING and foreign:
            self._introduced(data)
        elif self.phase is Phase.GREETING:
            if self.owner.rule.kind == "greeting":
                greeters = self.owner.greeters
                self.backend = greeters.get(data) or ("" if greeters else self._name_in(data))
                if not self.backend:
                    self.fail("nobody's greeting")
                    return
            self._ready()
        elif self.phase is Phase.OPEN and self.echoed < self.sent:
            self._answer(data)
        elif self.phase is Phase.OPEN and not foreign:
            self.fail("unasked message")

    def _heartbeat(self, data: str | bytes) -> bool:
        """Answer what the protocol above asks now and then."""
        reply = next((reply for asked, reply in self.owner.plan.speech.answers if asked == data), None)
        if reply is not None:
            self._write(reply)
        return reply is not None

    def _introduced(self, data: str | bytes) -> None:
        """A foreign server says something first: its name, the answer that is expected, or anything else."""
        self.backend = self.backend or self._name_in(data)
        self.answered = self.answered or self.owner.plan.speech.satisfied(data)
        if self.answered and (self.backend or not self.owner.rule.listens):
            self.backend = self.backend or UNKNOWN
            self._ready()

    def _name_in(self, data: str | bytes) -> str:
        named = self.owner.rule.of(Showing(messages=(data,))) or ""
        return self.owner.greeters.get(named, named)

    def _answer(self, data: str | bytes) -> None:
        """What came while an answer is due: that one, or what a foreign server sends everybody."""
        plan = self.owner.plan
        due = self.owner.payload(self.number, self.echoed)
        if plan.commands:
            if isinstance(data, bytes) or unlike(due, data):
                self.fail("wrong answer")
                return
        elif data != due:
            if not plan.foreign or len(data) == len(due):
                self.fail("wrong echo")
            return
        self.owner.echoed(self)

    def _ready(self) -> None:
        self.phase = Phase.OPEN
        self.owner.opened(self)

    def send(self) -> None:
        """Send the next message."""
        if self.phase is Phase.OPEN and self.transport is not None:
            payload = self.owner.payload(self.number, self.sent)
            self.sent += 1
            self._write(payload)

    def _write(self, message: str | bytes) -> None:
        if self.transport is not None and self.machine.state is State.OPEN:
            self.transport.write(self.machine.send(message))

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
        if phase is Phase.CLOSING and ended is not None and ended.by == "client":
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
        if self.phase is Phase.GREETING and self.owner.plan.foreign:
            if self.answered:
                self.backend = self.backend or UNKNOWN
                self._ready()
            else:
                self.fail("no answer that fits in time")
        elif self.phase is not Phase.DONE:
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
