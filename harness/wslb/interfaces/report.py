"""What writes a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Reporter"]


class Reporter(Protocol):
    """Writes one file from the saved document of a run."""

    file_name: str

    def render(self, document: Mapping[str, Any]) -> str:
        """Text of the file; the same document gives the same bytes."""
        ...
