"""What the machine has room for, from the kernel's own files, and what httpd is then given."""

from __future__ import annotations

from pathlib import Path

import pytest

from wslb.errors import StartError
from wslb.load.room import KEPT_FREE, MOST_FOR_A_RATE, Room, fitting, threads_left


def files(root: Path, **texts: str) -> Path:
    for name, text in texts.items():
        file = root / name.replace("__", "/").replace("_dash_", "-")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


KERNEL = {
    "proc__loadavg": "0.10 0.20 0.30 4/768 1234\n",
    "proc__sys__kernel__pid_max": "32768\n",
    "proc__sys__kernel__threads_dash_max": "192731\n",
}


def test_the_tightest_of_the_kernels_limits_counts(tmp_path: Path) -> None:
    there = threads_left(files(tmp_path, **KERNEL))
    assert there == Room(left=32_000, why="kernel.pid_max is 32768, and 768 are taken")


@pytest.mark.parametrize(
    ("group", "folder"), [("0::/box", "sys__fs__cgroup__box"), ("8:pids:/box", "sys__fs__cgroup__pids__box")]
)
def test_a_cgroup_may_be_tighter(tmp_path: Path, group: str, folder: str) -> None:
    root = files(
        tmp_path,
        **KERNEL,
        **{
            "proc__self__cgroup": f"1:name=x:/\n{group}\n",
            f"{folder}__pids.max": "500",
            f"{folder}__pids.current": "40",
        },
    )
    assert threads_left(root) == Room(left=460, why="pids.max of this cgroup is 500, and 40 are taken")


def test_no_limit_of_the_cgroup_and_no_files_at_all(tmp_path: Path) -> None:
    assert threads_left(tmp_path).left is None
    root = files(tmp_path, **KERNEL, proc__self__cgroup="0::/", **{"sys__fs__cgroup__pids.max": "max"})
    assert threads_left(root).left == 32_000


def test_this_machine_has_room_or_does_not_say() -> None:
    left = threads_left().left
    assert left is None or left > 0


def test_held_tunnels_that_do_not_fit_are_refused_before_anything_starts() -> None:
    there = Room(left=5_000, why="kernel.pid_max is 32768, and 27768 are taken")
    assert fitting(3_000, held=True, there=there) == 3_000
    with pytest.raises(StartError) as refused:
        fitting(3_001, held=True, there=there)
    assert "a thread for each of 3001 held tunnels, but this machine has room for 3000" in str(refused.value)
    assert "kernel.pid_max is 32768" in str(refused.value)
    assert "Hold at most 3000" in refused.value.hint
    assert fitting(100_000, held=True, there=Room(left=None)) == 100_000


def test_a_rate_takes_what_there_is_and_never_the_whole_machine() -> None:
    assert fitting(400_000, held=False, there=Room(left=None)) == MOST_FOR_A_RATE
    assert fitting(400_000, held=False, there=Room(left=9_000)) == 9_000 - KEPT_FREE
    assert fitting(400, held=False, there=Room(left=100)) == 1
