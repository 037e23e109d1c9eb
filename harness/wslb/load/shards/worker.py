"""What a process does with a shard: it tells its clock, then runs the shard on an event loop of its own.

The loop is uvloop's where that is installed.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from wslb.load.plan import Shard
from wslb.load.shards.shard import Beat, RunningShard
from wslb.load.tally import Tally

__all__ = ["ReadyProcess", "execute", "prepare"]

LATE_SECONDS = 5.0
"""A shard that is started later than this refuses: an engine may have tried it again after a loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyProcess:
    """A process that has imported everything, and what its clock says."""

    time: float
    pid: int
    host: str


def prepare() -> ReadyProcess:
    """Import everything, and tell this process's clock and name: called before the start is agreed on."""
    return ReadyProcess(time=time.time(), pid=os.getpid(), host=socket.gethostname())


def execute(text: bytes, start_at: float, beat: Beat) -> bytes:
    """Run a shard and return its tally, both encoded (MessagePack).

    Raises:
        TimeoutError: the start is long past: this is a second try after a loss, which would count things twice.
    """
    if time.time() - start_at > LATE_SECONDS:
        raise TimeoutError("the start of this shard is long past; it is not run a second time")
    shard = msgspec.msgpack.decode(text, type=Shard)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:

        async def whole() -> Tally:
            return await RunningShard(shard, loop=asyncio.get_running_loop(), beat=beat).until_over(start_at)

        return runner.run(whole()).encoded()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - optional
    except ImportError:
        return None
    return uvloop.new_event_loop
