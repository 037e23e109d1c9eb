"""What a scenario has opened and noted so far, on one time axis."""

from __future__ import annotations

import asyncio
import bisect
import time

from wslb.lab.conversation import Conversation
from wslb.lab.raw_conversation import RawConversation
from wslb.model.results import Event

__all__ = ["Ledger"]

_CLOSING_AT_ONCE = 500
"""Closing handshakes under way at a time: thousands at once would run into each one's own deadline."""


class Ledger:
    """Conversations in the order of opening, and events; both empty when a scenario begins."""

    def __init__(self) -> None:
        self.conversations: list[Conversation | RawConversation] = []
        self.events: list[Event] = []
        self._scenario = ""
        self._seq = 0
        self._began = time.monotonic()

    def begin(self, scenario: str) -> None:
        """Forget everything; what follows belongs to this scenario."""
        self.conversations.clear()
        self.events.clear()
        self._scenario, self._seq = scenario, 0

    def start_clock(self) -> None:
        """The scenario begins now."""
        self._began = time.monotonic()

    def clock(self) -> float:
        """Seconds since the scenario began."""
        return time.monotonic() - self._began

    def note(self, kind: str, text: str, **data: object) -> None:
        """Put an event on the time axis."""
        self.events.append(Event(at=self.clock(), kind=kind, text=text, data=data))

    def number(self) -> tuple[int, str]:
        """Number and correlation id of the next conversation."""
        self._seq += 1
        return self._seq, f"{self._scenario}-{self._seq}" if self._scenario else str(self._seq)

    def keep(self, conversation: Conversation | RawConversation) -> None:
        """Put a conversation in, where its number belongs."""
        bisect.insort(self.conversations, conversation, key=lambda item: item.seq)

    @property
    def still_open(self) -> int:
        """Tunnels that are open."""
        return sum(c.accepted and c.handshake.closed_at is None for c in self.conversations)

    async def close_all(self) -> None:
        """Close whatever is open, so many at a time."""
        gate = asyncio.Semaphore(_CLOSING_AT_ONCE)

        async def one(conversation: Conversation | RawConversation) -> None:
            async with gate:
                await conversation.close()

        await asyncio.gather(*(one(conversation) for conversation in self.conversations))
