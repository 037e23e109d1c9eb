"""Where a shard can run, as an engine offers it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

from wslb.load.progress import ShardProgress

__all__ = ["LoadEngine", "ShardPlace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardPlace:
    """One process that can run a shard.

    Attributes:
        name: as the report tells it.
        executor: runs in that process.
        alive: whether the process is still there.
        arguments: handed to `execute` besides the shard and the start.
    """

    name: str
    executor: Executor
    alive: Callable[[], bool]
    arguments: tuple[object, ...] = ()


class LoadEngine(Protocol):
    """Processes that run shards."""

    places: list[ShardPlace]

    def execute(self) -> Callable[..., bytes]:
        """Function that a place runs: encoded shard, start time and the place's arguments, to the encoded tally."""
        ...

    def news(self) -> list[ShardProgress]:
        """Progress that came in."""
        ...

    def stop(self) -> None:
        """Ask every shard to end early."""
        ...
