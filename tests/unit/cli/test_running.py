"""How many labs a run opens beside each other."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, cast

import pytest

from wslb.cli.running import labs_for
from wslb.config import Settings


@pytest.mark.parametrize(
    ("settings", "scenarios", "runtime", "open_files", "labs"),
    [
        ({}, 285, "local", 65536, 8),
        ({}, 285, "local", 1024, 4),
        ({}, 30, "local", 65536, 1),
        ({}, 60, "local", 65536, 3),
        ({}, 1, "local", 100, 1),
        ({}, 285, "docker", 65536, 1),
        ({"jobs": 3}, 285, "docker", 65536, 3),
        ({"jobs": 3}, 2, "local", 65536, 2),
        ({"jobs": 1}, 285, "local", 65536, 1),
        ({"port": 8080}, 285, "local", 65536, 1),
        ({"jobs": 1, "port": 8080}, 285, "local", 65536, 1),
    ],
)
def test_as_many_as_are_asked_for_or_fit(
    settings: dict[str, Any],
    scenarios: int,
    runtime: str,
    open_files: int,
    labs: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    lab = cast("Any", SimpleNamespace(environment={"runtime": runtime}, open_files=open_files))
    assert labs_for(Settings(**settings), scenarios, lab) == labs
