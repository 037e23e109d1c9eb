"""Tunnels that a shard holds after its last open: messages are spread evenly over the time, then all are closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol

from wslb.load.plan import LoadPlan
from wslb.load.shards.link import Link, Phase
from wslb.load.tally import Tally

__all__ = ["Hold", "HoldOwner"]

AT_ONCE = 256
"""Tunnels that are written to in one turn of the loop, so that answers are read in between."""


class HoldOwner(Protocol):
    """Whose tunnels are held."""

    plan: LoadPlan
    tally: Tally
    stopping: bool

    def clock(self) -> float:
        """Seconds since the start."""
        ...

    def expect_echo(self, link: Link, now: float) -> None:
        """A message goes out, whose answer has a deadline."""
        ...

    def close(self, link: Link, now: float) -> None:
        """Begin its closing handshake."""
        ...

    def weigh(self, moment: str) -> None:
        """Note how much memory this process takes."""
        ...

    def done_when_all_ended(self) -> None:
        """Nothing is held any more."""
        ...


class Hold:
    """The tunnels of one shard that stay open, in the order in which they opened."""

    def __init__(self, owner: HoldOwner, *, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self._owner = owner
        self._seconds = seconds
        self._messages = owner.plan.messages
        self._loop = loop
        self._links: list[Link] = []
        self._message_nth = 0
        self._messages_from = 0.0

    def __iter__(self) -> Iterator[Link]:
        return iter(self._links)

    def add(self, link: Link) -> None:
        """Hold one more."""
        link.place = len(self._links)
        self._links.append(link)

    def forget(self) -> None:
        """Hold nothing any more."""
        self._links = []

    def due(self, nth: int, place: int) -> float:
        """When a held tunnel's message is due: all are spread evenly over the hold."""
        count = max(len(self._links), 1)
        gap = self._seconds / (count * max(self._messages, 1))
        return self._messages_from + (nth * count + place) * gap

    def begin(self) -> None:
        """Every open is over: messages are sent from now, and after its seconds the hold ends."""
        self._messages_from = self._owner.clock()
        if self._messages and self._links:
            self._talk()
        self._loop.call_later(self._seconds, self._over)

    def _talk(self) -> None:
        """Send every message that is due, then come back for the next."""
        owner, count = self._owner, len(self._links)
        for _ in range(AT_ONCE):
            if owner.stopping or self._message_nth >= count * self._messages:
                return
            nth, place = divmod(self._message_nth, count)
            now, due = owner.clock(), self.due(nth, place)
            if due > now:
                self._loop.call_later(due - now, self._talk)
                return
            self._message_nth += 1
            link = self._links[place]
            if link.phase is Phase.OPEN:
                owner.tally.lag.record(now - due)
                owner.expect_echo(link, now)
                link.send()
        self._loop.call_soon(self._talk)

    def _over(self) -> None:
        """Close everything, once the last messages are back."""
        if self._owner.stopping:
            return
        wanted = self._messages
        if wanted and any(link.phase is Phase.OPEN and link.echoed < wanted for link in self._links):
            self._loop.call_later(0.02, self._over)
            return
        self._owner.weigh("held")
        self._close_some(0)

    def _close_some(self, at: int) -> None:
        """Close a part at a time, so that answers are read in between."""
        now = self._owner.clock()
        for link in self._links[at : at + AT_ONCE]:
            self._owner.close(link, now)
        if at + AT_ONCE < len(self._links):
            self._loop.call_soon(self._close_some, at + AT_ONCE)
        else:
            self.forget()
            self._owner.done_when_all_ended()
