"""Acts that several families share."""

from __future__ import annotations

from wslb.interfaces import Fault
from wslb.lab.lab import Lab

__all__ = ["misbehave"]


async def misbehave(lab: Lab, kind: str, **parameters: object) -> None:
    """Let both backends of the article have the same fault (backends/README.md, Faults)."""
    for backend in ("liberty", "node"):
        await lab.fault(backend, Fault(kind=kind, parameters=parameters))
