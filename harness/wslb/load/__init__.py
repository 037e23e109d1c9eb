"""Load: many tunnels, honest latency, and who served each of them.

A `plan` says what to do and cuts itself into shards; `shard` runs one in a process of its own over `link`s; `tally`
counts and adds up exactly; `engine` starts shards through `concurrent.futures`, here or on a dask cluster; `limits`
judges; `document` and `page` tell.
"""
