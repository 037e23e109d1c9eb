"""Where shards run: processes of this machine, or the workers of a dask cluster; both through `concurrent.futures`.

Each shard has an executor of its own, so that the loss of one process takes nothing else with it.
"""
