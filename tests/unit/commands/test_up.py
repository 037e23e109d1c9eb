"""What ``wslb up`` tells of connections while it stands."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wslb.commands import up
from wslb.config import Settings
from wslb.errors import StartError


class FakeBackend:
    """Its journal grows while the other's is read."""

    def __init__(self) -> None:
        self.entries: list[SimpleNamespace] = []
        self.while_read: list[tuple[FakeBackend, float]] = []

    async def journal(self) -> tuple[SimpleNamespace, ...]:
        told = tuple(self.entries)
        for backend, later in self.while_read:
            backend.arrives(later)
        self.while_read = []
        return told

    def arrives(self, later: float) -> None:
        """Journal an accepted handshake of so many seconds from now."""
        number = len(self.entries) + 1
        self.entries.append(
            SimpleNamespace(seq=number, at=time.time() + later, accepted=True, upgrade=True, status=101)
        )


class FakeProxy:
    """It runs for so many looks."""

    dialect = SimpleNamespace(title="httpd")

    def __init__(self, looks: int) -> None:
        self._looks = looks

    @property
    def running(self) -> bool:
        self._looks -= 1
        return self._looks >= 0

    async def log_tail(self) -> tuple[str, ...]:
        return ("its last line",)


async def test_connections_are_told_in_the_order_in_which_they_came(monkeypatch: pytest.MonkeyPatch) -> None:
    """One comes to each while the first journal has been read, and the second has not."""
    monkeypatch.setattr(up, "_LOOK_SECONDS", 0.02)
    first, second = FakeBackend(), FakeBackend()
    lab: Any = SimpleNamespace(fleet={"liberty": first, "node": second}, proxy=FakeProxy(4))
    first.while_read = [(first, 0.001), (second, 0.002)]
    said: list[str] = []
    with pytest.raises(StartError, match="httpd did not start: it ended"):
        await up._watch(lab, set(), said.append)
    assert [line.partition("  open  ")[2] for line in said] == ["#1 → liberty", "#2 → node"]


async def test_who_connects_as_soon_as_the_address_is_told_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first client was there before the first look."""
    monkeypatch.setattr(up, "_LOOK_SECONDS", 0.02)
    backend = FakeBackend()
    lab: Any = SimpleNamespace(fleet={"liberty": backend}, proxy=FakeProxy(2))
    backend.arrives(-1)  # one of the lab's own

    @asynccontextmanager
    async def opened(*_: object, **__: object) -> AsyncIterator[SimpleNamespace]:
        yield SimpleNamespace(lab=lab)

    monkeypatch.setattr(up, "open_trial", opened)
    monkeypatch.setattr(up, "_introduce_trial", lambda *_: backend.arrives(0))
    said: list[str] = []
    with pytest.raises(StartError):
        await up.stand_for(Path("httpd.conf"), Settings(), say=said.append)
    assert [line.partition("  open  ")[2] for line in said] == ["#1 → liberty"]
