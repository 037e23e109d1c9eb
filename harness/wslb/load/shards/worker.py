"""What a process does with a shard: it tells its clock, then runs the shard on an event loop of its own.

The loop is uvloop's where that is installed.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from wslb.load.plan import Shard
from wslb.load.shard import Beat, RunningShard
from wslb.load.tally import Tally

__all__ = ["LATE_SECONDS", "execute", "prepare"]

LATE_SECONDS = 5.0
"""A shard that is started later than this refuses: an engine may have tried it again after a loss."""


def prepare() -> dict[str, Any]:
    """Import everything, and tell this process's clock and name: called before the start is agreed on."""
    return {"time": time.time(), "pid": os.getpid(), "host": socket.gethostname()}


def execute(document: Mapping[str, Any], start_at: float, beat: Beat) -> dict[str, Any]:
    """Run a shard and return its tally, both as plain values.

    Raises:
        TimeoutError: the start is long past: this is a second try after a loss, which would count things twice.
    """
    if time.time() - start_at > LATE_SECONDS:
        raise TimeoutError("the start of this shard is long past; it is not run a second time")
    shard = Shard.from_json(document)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:

        async def whole() -> Tally:
            return await RunningShard(shard, loop=asyncio.get_running_loop(), beat=beat).until_over(start_at)

        return runner.run(whole()).as_json()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return uvloop.new_event_loop
