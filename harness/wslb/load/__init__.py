"""Load: many tunnels, honest latency, and who served each of them.

A `plan` says what to do and cuts itself into parts; `shards` runs one in a process of its own over links; `tally`
counts and adds up exactly; `engines` starts shards through `concurrent.futures`, here or on a dask cluster; `conduct`
watches meanwhile; `thresholds` judges and `outcome` says how it ended; `saved` has the types of the document, which
`drawing` and `speech` tell.
"""
