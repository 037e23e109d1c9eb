"""Where shards run: processes of this machine, or the workers of a dask cluster; both through `concurrent.futures`.

Each shard has an executor of its own, so that the loss of one process takes nothing else with it.
"""

from __future__ import annotations

from wslb.load.engines.cluster import dask_cluster
from wslb.load.engines.processes import processes
from wslb.load.engines.running import Lost, Result, run_shards
from wslb.load.engines.shard_place import LoadEngine, ShardPlace

__all__ = ["LoadEngine", "Lost", "Result", "ShardPlace", "dask_cluster", "processes", "run_shards"]
