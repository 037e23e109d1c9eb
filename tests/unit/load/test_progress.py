from __future__ import annotations

from wslb.load.progress import RunProgress, ShardProgress, together
from wslb.load.tally import NOBODY


def test_what_shards_told_adds_up_and_nobody_opens_nothing() -> None:
    one = ShardProgress(shard=0, at=1.0, started=5, live=2, echoed=1, opened={"a": 2, NOBODY: 1}, errors={"refused": 1})
    other = ShardProgress(shard=1, at=1.2, started=4, live=3, echoed=0, opened={"a": 1, "b": 2}, errors={"refused": 2})
    assert together([one, other], at=1.3, planned=20) == RunProgress(
        at=1.3, planned=20, started=9, live=5, echoed=1, opened={"a": 3, "b": 2}, errors={"refused": 3}
    )
    assert together([], at=0.0, planned=20).opened == {}
