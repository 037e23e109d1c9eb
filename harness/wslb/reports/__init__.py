"""Files made from a run. `REPORTERS` names every one but ``report.json``, which is what they read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from wslb.reports import html, junit

__all__ = ["REPORTERS", "Render"]


class Render(Protocol):
    """Text of one file; the same arguments give the same bytes."""

    def __call__(
        self,
        document: Mapping[str, Any],
        *,
        baseline: Mapping[str, Any] | None = None,
        history: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        """Draw the saved document of a run; an earlier one and the lines of earlier runs say what is new."""
        ...


REPORTERS: dict[str, Render] = {
    "report.html": html.render,
    "junit.xml": junit.render,
}
"""File name, and the pure function from the saved document to its text."""
