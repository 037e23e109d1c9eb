"""Child processes that run shards: theirs is neither their parent's end nor its signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

HARNESS = Path(__file__).parents[4] / "harness"

PARENT = """
import os, sys
from wslb.load.engines.processes import processes

if __name__ == "__main__":
    with processes(2) as engine:
        busy = [place.executor.submit(sum, range(10)) for place in engine.places]
        children = [place.executor.submit(os.getpid).result() for place in engine.places]
        if sys.argv[1] == "busy":
            for place in engine.places:
                place.executor.submit(pow, 7, 10**7)
        print(*children, flush=True)
        sys.stdin.read()
        print([place.executor.submit(os.getpid).result() for place in engine.places] == children, flush=True)
"""


def gone(pids: list[int], *, seconds: float) -> bool:
    """Whether none of these runs any more, at the latest after so many seconds."""
    deadline = time.monotonic() + seconds
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def program(tmp_path: Path) -> Path:
    file = tmp_path / "parent.py"
    file.write_text(PARENT)
    return file


def started(program: Path, what: str) -> tuple[subprocess.Popen[str], list[int]]:
    process = subprocess.Popen(
        [sys.executable, program, what],
        env={**os.environ, "PYTHONPATH": str(HARNESS)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split()]


@pytest.mark.parametrize("what", ["idle", "busy"])
def test_they_end_with_a_parent_that_was_killed(program: Path, what: str) -> None:
    process, children = started(program, what)
    assert len(children) == 2
    process.kill()
    process.communicate()
    assert gone(children, seconds=20)


def test_a_signal_to_the_group_of_the_parent_does_not_reach_them(program: Path) -> None:
    process, children = started(program, "idle")
    assert {os.getpgid(pid) for pid in children} == set(children)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        for pid in children:
            os.kill(pid, number)
    out, _ = process.communicate(input="", timeout=60)
    assert out == "True\n"
    assert gone(children, seconds=20)
