from __future__ import annotations

from typing import cast

import pytest

from wslb.lab.conversation import Conversation
from wslb.lab.ledger import Ledger


class Kept:
    """A conversation as far as the ledger looks at it."""

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.accepted = True
        self.handshake = self
        self.closed_at: float | None = None

    async def close(self) -> None:
        self.closed_at = 1.0


def filled(*numbers: int) -> tuple[Ledger, list[Kept]]:
    ledger, kept = Ledger(), [Kept(number) for number in numbers]
    for one in kept:
        ledger.keep(cast("Conversation", one))
    return ledger, kept


def test_numbers_begin_anew_with_each_scenario() -> None:
    ledger = Ledger()
    assert ledger.number() == (1, "1")
    ledger.begin("lb-alternates")
    assert [ledger.number(), ledger.number()] == [(1, "lb-alternates-1"), (2, "lb-alternates-2")]


def test_conversations_stand_in_the_order_of_opening() -> None:
    ledger, _ = filled(2, 3, 1)
    assert [conversation.seq for conversation in ledger.conversations] == [1, 2, 3]


async def test_a_closed_tunnel_is_not_open_any_more() -> None:
    ledger, kept = filled(1, 2, 3)
    await kept[0].close()
    assert ledger.still_open == 2
    await ledger.close_all()
    assert ledger.still_open == 0


def test_the_next_scenario_finds_nothing_of_the_one_before() -> None:
    ledger, _ = filled(1)
    ledger.note("fault", "node: cut", times=1)
    assert [(event.kind, event.data) for event in ledger.events] == [("fault", {"times": 1})]
    ledger.begin("next")
    assert not ledger.conversations
    assert not ledger.events


def test_events_are_told_in_seconds_of_the_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wslb.lab.ledger.time.monotonic", lambda: 10.0)
    ledger = Ledger()
    monkeypatch.setattr("wslb.lab.ledger.time.monotonic", lambda: 12.5)
    ledger.note("knock", "TCP connect and close")
    assert ledger.events[0].at == 2.5
    ledger.start_clock()
    assert ledger.clock() == 0.0
