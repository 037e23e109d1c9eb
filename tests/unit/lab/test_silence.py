"""A backend that does not answer is told, unless it is we who did not listen."""

from __future__ import annotations

import asyncio
import os
import time
from types import SimpleNamespace
from typing import Any

import pytest

from wslb.lab import watch


async def _for_ever() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
async def test_silence_is_told_only_where_we_could_have_heard(monkeypatch: pytest.MonkeyPatch, busy: bool) -> None:
    """Our own loop stands still at the end of the wait, as it does while it opens thousands of tunnels."""
    monkeypatch.setattr(watch, "SILENT_SECONDS", 0.05)
    monkeypatch.setattr(watch, "_computed", lambda _: 0.0)
    backend: Any = SimpleNamespace(pid=os.getpid(), health=_for_ever)
    if busy:
        asyncio.get_running_loop().call_later(0.01, time.sleep, 0.5)
    assert await watch._answers(backend) is busy
