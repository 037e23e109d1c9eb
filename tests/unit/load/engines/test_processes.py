"""Child processes that run shards: theirs is neither their parent's end nor its signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from wslb.runtimes.runfolder import sweep

HARNESS = Path(__file__).parents[4] / "harness"

PARENT = """
import os, sys
from wslb.load.engines.processes import processes

def spin():
    while True:
        pass

if __name__ == "__main__":
    with processes(2) as engine:
        busy = [place.executor.submit(sum, range(10)) for place in engine.places]
        children = [place.executor.submit(os.getpid).result() for place in engine.places]
        if sys.argv[1] == "busy":
            for place in engine.places:
                place.executor.submit(spin)
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


class Parent:
    """A program with two child processes; its folder for temporary files is open to all, as root wants it."""

    def __init__(self, folder: Path, what: str) -> None:
        self.temporary = folder
        file = folder / "parent.py"
        file.write_text(PARENT)
        self.process = subprocess.Popen(
            [sys.executable, file, what],
            env={**os.environ, "PYTHONPATH": str(HARNESS), "TMPDIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        self.children = [int(pid) for pid in self.process.stdout.readline().split()]

    def shared(self) -> tuple[Path, list[Path]]:
        """The folder of its run, and the system's names of what it maps; by inode, for they are made under others."""
        (folder,) = self.temporary.glob("wslb-*")
        maps = Path(f"/proc/{self.process.pid}/maps").read_text().splitlines()
        inodes = {int(fields[4]) for line in maps if "/dev/shm/" in line for fields in [line.split()]}  # noqa: S108
        return folder, [path for path in Path("/dev/shm").iterdir() if path.lstat().st_ino in inodes]  # noqa: S108


@pytest.fixture
def start() -> Iterator[Callable[[str], Parent]]:
    parents: list[Parent] = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)

        def one(what: str) -> Parent:
            parents.append(Parent(Path(folder), what))
            return parents[-1]

        yield one
        for parent in parents:
            parent.process.kill()
            parent.process.communicate()


@pytest.mark.parametrize("what", ["idle", "busy"])
def test_they_end_with_a_parent_that_was_killed(start: Callable[[str], Parent], what: str) -> None:
    parent = start(what)
    assert len(parent.children) == 2
    parent.process.kill()
    assert gone(parent.children, seconds=20)


def test_what_they_share_is_known_to_a_sweep_when_all_are_killed(start: Callable[[str], Parent]) -> None:
    parent = start("idle")
    _, names = parent.shared()
    assert names
    everybody = [child.pid for child in psutil.Process(parent.process.pid).children()]
    assert len(everybody) == 3, "two children, and what removes their names when the parent ends"
    for pid in (*everybody, parent.process.pid):
        os.kill(pid, signal.SIGKILL)
    parent.process.wait()  # then its lock has gone too
    assert gone(everybody, seconds=20)
    assert len(sweep(parent.temporary)) == 1
    assert not any(name.exists() for name in names)


def test_what_they_share_goes_with_them(start: Callable[[str], Parent]) -> None:
    parent = start("idle")
    folder, names = parent.shared()
    assert names
    out, err = parent.process.communicate(input="", timeout=60)
    assert (parent.process.returncode, out, err) == (0, "True\n", "")
    assert not any(name.exists() for name in (folder, *names))


def test_a_signal_to_the_group_of_the_parent_does_not_reach_them(start: Callable[[str], Parent]) -> None:
    parent = start("idle")
    assert {os.getpgid(pid) for pid in parent.children} == set(parent.children)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        for pid in parent.children:
            os.kill(pid, number)
    out, _ = parent.process.communicate(input="", timeout=60)
    assert out == "True\n"
    assert gone(parent.children, seconds=20)
