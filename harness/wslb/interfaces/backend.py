"""A backend, seen through its control port, and the misbehaviour that can be asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from wslb.model.handshake import Arrival

__all__ = ["Backend", "BackendInfo", "Fault"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendInfo:
    """What a backend says of itself (``GET /healthz``, backends/README.md)."""

    name: str
    program: str
    pid: int
    host_name: str
    address: str
    ws: int | None
    wss: int | None
    control: int
    greeting: str
    cl_path: str
    echo_path: str
    page_path: str
    live: int
    accepted: int
    uid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A misbehaviour asked of a backend: its kind and parameters (backends/README.md, Faults)."""

    kind: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    times: int | None = None


class Backend(Protocol):
    """A running backend, seen through its control port."""

    name: str
    info: BackendInfo

    @property
    def title(self) -> str:
        """As people call it."""
        ...

    @property
    def pid(self) -> int:
        """Process id."""
        ...

    @property
    def running(self) -> bool:
        """Whether the program still runs."""
        ...

    async def journal(self) -> tuple[Arrival, ...]:
        """Every request that reached it since the journal was cleared."""
        ...

    async def clear(self) -> None:
        """Empty the journal and end every fault."""
        ...

    async def fault(self, fault: Fault) -> None:
        """Misbehave from the next handshake on."""
        ...

    async def health(self) -> BackendInfo:
        """What it says of itself now."""
        ...
