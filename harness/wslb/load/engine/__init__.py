"""Where shards run: processes of this machine, or the workers of a dask cluster; both through `concurrent.futures`.

Each shard has an executor of its own, so that the loss of one process takes nothing else with it.
"""

from __future__ import annotations

from wslb.load.engine.cluster import dask_cluster
from wslb.load.engine.place import Engine, Place
from wslb.load.engine.processes import processes
from wslb.load.engine.running import Lost, Result, run

__all__ = ["Engine", "Lost", "Place", "Result", "dask_cluster", "processes", "run"]
