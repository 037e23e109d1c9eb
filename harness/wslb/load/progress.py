"""How far a run has come, while it goes on."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from wslb.load.tally import NOBODY, add_counts

__all__ = ["RunProgress", "ShardProgress", "together"]


class ShardProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far one shard has come; opens by backend, failures by kind."""

    shard: int
    at: float
    started: int
    live: int
    echoed: int
    opened: dict[str, int]
    errors: dict[str, int]


class RunProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far all shards have come together; planned is 0 when only time limits the run."""

    at: float
    planned: int
    started: int
    live: int
    echoed: int
    opened: dict[str, int]
    errors: dict[str, int]


def together(shards: Iterable[ShardProgress], *, at: float, planned: int) -> RunProgress:
    """Add up what each shard told last."""
    started = live = echoed = 0
    opened: dict[str, int] = {}
    errors: dict[str, int] = {}
    for one in shards:
        started, live, echoed = started + one.started, live + one.live, echoed + one.echoed
        add_counts(opened, one.opened)
        add_counts(errors, one.errors)
    opened.pop(NOBODY, None)
    return RunProgress(at=at, planned=planned, started=started, live=live, echoed=echoed, opened=opened, errors=errors)
