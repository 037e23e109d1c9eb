"""The workers of a dask cluster."""

from __future__ import annotations

import contextlib
import functools
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from wslb.errors import RuntimeUnavailable, plain
from wslb.load.engines.shard_place import LoadEngine, ShardPlace
from wslb.load.progress import ShardProgress
from wslb.load.shards import worker

__all__ = ["dask_cluster"]


def _execute_on_worker(shard: bytes, start_at: float, topic: str) -> bytes:
    """Run a shard on a dask worker; progress and the wish to stop travel over the scheduler."""
    from distributed import Variable, get_client, get_worker  # noqa: PLC0415 - an extra, and only on a worker

    own = get_worker()
    stopping = Variable(f"{topic}-stop", client=get_client(timeout=10))

    def beat(progress: ShardProgress) -> bool:
        own.log_event(topic, msgspec.to_builtins(progress))
        with contextlib.suppress(Exception):  # a scheduler that is busy is no reason to stop
            return not stopping.get(timeout=2)
        return True

    return worker.execute(shard, start_at, beat)


class _Dask:
    """The workers of a dask cluster, each with an executor that never moves its shard elsewhere."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._topic = f"wslb-load-{uuid.uuid4().hex[:12]}"
        self._seen = 0
        from distributed import Variable  # noqa: PLC0415 - an extra

        self._stopping = Variable(f"{self._topic}-stop", client=client)
        self._stopping.set(False)
        workers = client.scheduler_info(n_workers=-1)["workers"]
        self.places = [
            ShardPlace(
                name=f"dask worker {info['name']} ({address})",
                executor=client.get_executor(workers=[address], allow_other_workers=False, pure=False, retries=0),
                alive=functools.partial(self._has, address, info["id"]),
                arguments=(self._topic,),
            )
            for address, info in sorted(workers.items())
        ]

    def _has(self, address: str, identity: object) -> bool:
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        return address in workers and bool(workers[address]["id"] == identity)

    def execute(self) -> Callable[..., bytes]:
        return _execute_on_worker

    def news(self) -> list[ShardProgress]:
        events = self._client.get_events(self._topic)
        fresh = [msgspec.convert(event, ShardProgress) for _, event in events[self._seen :]]
        self._seen = len(events)
        return fresh

    def stop(self) -> None:
        self._stopping.set(True)


@contextlib.contextmanager
def dask_cluster(address: str) -> Iterator[LoadEngine]:
    """The workers of a running dask cluster.

    Raises:
        RuntimeUnavailable: dask is not installed, nobody answers at the address, or the cluster has no worker.
    """
    try:
        from distributed import Client  # noqa: PLC0415 - an extra
    except ImportError:
        raise RuntimeUnavailable(
            runtime="dask", reason="the package distributed is not installed", hint="pip install 'wslb[distributed]'"
        ) from None
    try:
        client = Client(address, timeout=10, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as exc:
        raise RuntimeUnavailable(
            runtime="dask", reason=f"no scheduler answers at {address} ({plain(exc)})", hint="dask scheduler starts one"
        ) from None
    with contextlib.closing(client):
        engine = _Dask(client)
        if not engine.places:
            raise RuntimeUnavailable(
                runtime="dask", reason=f"the scheduler at {address} has no worker", hint=f"dask worker {address}"
            )
        yield engine
