"""Files made from a run. `REPORTERS` names every one but ``report.json``, which is what they read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from wslb.reports import html, junit
from wslb.reports.document import Document
from wslb.reports.history import PastRun

__all__ = ["REPORTERS", "Render"]


class Render(Protocol):
    """Text of one file; the same arguments give the same bytes."""

    def __call__(
        self,
        document: Document,
        *,
        baseline: Document | None = None,
        history: Sequence[PastRun] = (),
    ) -> str:
        """Draw the saved document of a run; an earlier one and the lines of earlier runs say what is new."""
        ...


REPORTERS: dict[str, Render] = {
    "report.html": html.render,
    "junit.xml": junit.render,
}
"""File name, and the pure function from the saved document to its text."""
