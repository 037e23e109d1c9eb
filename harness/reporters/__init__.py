"""Files made from a run. `REPORTERS` names every one; all but the first read only what the first has saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["REPORTERS"]

REPORTERS: dict[str, Callable[[Mapping[str, Any]], str]] = {}
