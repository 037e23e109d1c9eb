"""Whose segment of shared memory a name belongs to."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from wslb.runtimes.apr_names import made_in, segment_name

SERVED = "ProxyPass /ws balancer://mycluster\nProxyPass /wss balancer://other"
FOREIGN = [segment_name(f"/run/wslb-other{number}/slotmem-shm-p1a2b3c4d_c_0.shm") for number in range(12)]


@pytest.mark.parametrize("slot", ["1a2b3c4d", "ffffffff", "10000000", "fedcba9", "1000000", "abcdef", "100000"])
@pytest.mark.parametrize("end", [".shm", "_0.shm", "_31.shm", "_mycluster_0.shm", "_other_7.shm", "_mycluster.shm"])
def test_a_segment_of_the_folder_is_found_whatever_its_id(slot: str, end: str) -> None:
    name = segment_name(f"/run/wslb-01234567/slotmem-shm-p{slot}{end}")
    assert made_in("/run/wslb-01234567", [name, FOREIGN[0]], SERVED) == {name}


def test_others_segments_cost_little() -> None:
    """A lab that ends beside twelve others took half a minute of the processor to see that none is its own."""
    folder, ends = (
        "/run/wslb-00000012",
        [f"{balancer}_{number}.shm" for balancer in ("", "_a", "_b") for number in range(32)],
    )
    begin = time.process_time()
    for _ in FOREIGN:
        for end in ends:
            segment_name(f"{folder}/slotmem-shm-p1a2b3c4d{end}")
    between = time.process_time()
    assert made_in(folder, FOREIGN, SERVED) == set()
    assert time.process_time() - between < 100 * (between - begin), "hashing each path once is what it is measured by"


def test_little_memory_is_needed() -> None:
    """A lab ends where there is no memory left, too."""
    tracemalloc.start()
    try:
        assert made_in("/run/wslb-00000013", FOREIGN, SERVED) == set()
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
