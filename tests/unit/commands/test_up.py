"""What ``wslb up`` tells of connections while it stands."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest

from wslb.commands import up
from wslb.errors import StartError


class FakeBackend:
    """Its journal grows while the other's is read."""

    def __init__(self) -> None:
        self.entries: list[SimpleNamespace] = []
        self.while_read: list[tuple[FakeBackend, float]] = []

    async def journal(self) -> tuple[SimpleNamespace, ...]:
        told = tuple(self.entries)
        for backend, later in self.while_read:
            entry = SimpleNamespace(
                seq=len(backend.entries) + 1, at=time.time() + later, accepted=True, upgrade=True, status=101
            )
            backend.entries.append(entry)
        self.while_read = []
        return told


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

    async def begun() -> tuple[SimpleNamespace, ...]:
        first.while_read = [(first, 0.001), (second, 0.002)]
        del first.journal
        return ()

    first.journal = begun  # type: ignore[method-assign]
    said: list[str] = []
    with pytest.raises(StartError, match="httpd did not start: it ended"):
        await up._watch(lab, said.append)
    assert [line.partition("  open  ")[2] for line in said] == ["#1 → liberty", "#2 → node"]
