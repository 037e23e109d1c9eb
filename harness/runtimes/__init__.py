"""Places where a proxy can run. `RUNTIMES` names every one, `auto` tries them in this order."""

from __future__ import annotations

from harness.runtimes.local import LocalRuntime

__all__ = ["RUNTIMES"]

RUNTIMES = {"local": LocalRuntime}
