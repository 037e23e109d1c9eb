"""What was tried, and what came of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

import pytest

__all__ = ["FULL", "Figures", "needs_proc"]

FULL = os.environ.get("WSLB_FAULTS") == "full"
"""Whether everything is asked, or a portion that fits into every run of the tests."""

needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="this system has no /proc")


class Figures:
    """Counts of one kind of fault, told at the end of the session.

    Attributes:
        kind: in a few words.
        tried: how many.
        lost: a sentence for each that was not survived.
        skipped: a reason for each that could not be tried here.
    """

    every: ClassVar[list[Figures]] = []

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.tried = 0
        self.lost: list[str] = []
        self.skipped: list[str] = []
        self.every.append(self)

    def judge(self, name: str, lost: list[str]) -> None:
        """Count one, and what was lost by it."""
        self.tried += 1
        if lost:
            self.lost.append(f"{name}: {'; '.join(lost)}")

    def lines(self) -> list[str]:
        """The figures, and what was skipped or lost."""
        told = f"{self.kind}: tried {self.tried}, survived {self.tried - len(self.lost)}, lost {len(self.lost)}"
        return [
            f"faults: {told}",
            *(f"  skipped {one}" for one in self.skipped),
            *(f"  lost {one}" for one in self.lost),
        ]

    def survived(self) -> None:
        """Fail unless something was tried and all of it survived."""
        assert self.tried, self.skipped
        assert not self.lost, "\n".join(self.lines())
