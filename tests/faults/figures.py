"""What was tried, and what came of it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field

__all__ = ["FULL", "Figures"]

FULL = os.environ.get("WSLB_FAULTS") == "full"
"""Whether everything is asked, or a portion that fits into every run of the tests."""


@dataclass(slots=True, kw_only=True)
class Figures:
    """Counts of one kind of fault.

    Attributes:
        kind: in a few words.
        tried: how many.
        lost: a sentence for each that was not survived.
        skipped: a reason for each that could not be tried here.
    """

    kind: str
    tried: int = 0
    lost: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def judge(self, name: str, lost: list[str]) -> None:
        """Count one, and what was lost by it."""
        self.tried += 1
        if lost:
            self.lost.append(f"{name}: {'; '.join(lost)}")

    def close(self) -> None:
        """Print the figures where pytest lets them be seen, and fail unless all were survived."""
        told = f"faults: {self.kind}: tried {self.tried}, survived {self.tried - len(self.lost)}, lost {len(self.lost)}"
        lines = [told, *(f"  skipped {one}" for one in self.skipped), *(f"  lost {one}" for one in self.lost)]
        print("\n".join(lines), file=sys.__stderr__)
        assert self.tried, self.skipped
        assert not self.lost, "\n".join(lines)
