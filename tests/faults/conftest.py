"""The figures of every kind of fault, at the end of the session."""

from __future__ import annotations

import pytest

from tests.faults.figures import Figures


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for figures in Figures.every:
        terminalreporter.write_line("\n".join(figures.lines()))
