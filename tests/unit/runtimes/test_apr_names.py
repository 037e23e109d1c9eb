"""Whose segment of shared memory a name belongs to."""

from __future__ import annotations

import time

import pytest

from wslb.runtimes.apr_names import made_in, segment_name

SERVED = "ProxyPass /ws balancer://mycluster\nProxyPass /wss balancer://other"
FOREIGN = [segment_name(f"/run/wslb-other{number}/slotmem-shm-p1a2b3c4d_c_0.shm") for number in range(12)]


@pytest.mark.parametrize("slot", ["1a2b3c4d", "ffffffff", "10000000", "fedcba9", "1000000", "abcdef", "100000"])
@pytest.mark.parametrize("end", [".shm", "_0.shm", "_31.shm", "_mycluster_0.shm", "_other_7.shm", "_mycluster.shm"])
def test_a_segment_of_the_folder_is_found_whatever_its_id(slot: str, end: str) -> None:
    name = segment_name(f"/run/wslb-01234567/slotmem-shm-p{slot}{end}")
    assert made_in("/run/wslb-01234567", [name, FOREIGN[0]], SERVED) == {name}


def test_others_segments_cost_little_more_than_none() -> None:
    """A lab that ends beside twelve others took half a minute of the processor to see that none is its own."""

    def seconds(folder: str, names: list[str]) -> float:
        begin = time.process_time()
        assert made_in(folder, names, SERVED) == set()
        return time.process_time() - begin

    assert seconds("/run/wslb-00000012", FOREIGN) < 4 * seconds("/run/wslb-00000001", FOREIGN[:1])
