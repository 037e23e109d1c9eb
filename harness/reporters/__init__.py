"""Files made from a run. `REPORTERS` names every one but ``report.json``, which is what they read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.reporters import html, junit

__all__ = ["REPORTERS"]

REPORTERS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "report.html": html.render,
    "junit.xml": junit.render,
}
"""File name, and the pure function from the saved document to its text."""
