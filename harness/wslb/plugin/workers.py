"""What the controller of pytest-xdist does with what its workers tell: no lab is here, and the report is."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from wslb.plugin.asked import Asked, hearing
from wslb.plugin.parcel import PARCEL, Parcel

__all__ = ["Gathering"]


class Gathering:
    """Hooks of the controller."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Signals end the session of a controller as they end one that has a lab."""
        asked = Asked.already(self._config)
        if asked is None:
            return (yield)
        with hearing(asked.run):
            return (yield)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Unpack what a worker tells with a test."""
        self._take(vars(report).pop(PARCEL, ""))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """What a worker could not collect might have asked something."""
        asked = Asked.already(self._config)
        if report.failed and asked:
            asked.lose(f"{report.nodeid} could not be collected")

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """Unpack a worker's last words; one that was lost makes the report red."""
        self._take(getattr(node, "workeroutput", {}).pop(PARCEL, ""))
        asked = Asked.already(self._config)
        if error and asked:
            asked.lose(f"worker {node.gateway.id} of pytest-xdist was lost: {error}")

    def _take(self, packed: str) -> None:
        if packed:
            Asked.of(self._config).take(Parcel.unpacked(packed))
