from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil

from wslb.runtimes.runfolder import RunFolder, sweep

SLEEPER = [sys.executable, "-c", "import sys; sys.stdin.read()"]


def abandon(folder: Path) -> None:
    """Give a run's folder to an owner that has ended."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    owner = json.loads((folder / "owner.json").read_text())
    (folder / "owner.json").write_text(json.dumps({**owner, "pid": gone.pid, "created": 1.0}))


def test_a_living_run_is_not_touched(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert sweep(tmp_path) == ()
    assert run.path.is_dir()
    run.remove()
    run.remove()
    assert not run.path.exists()


def test_a_dead_run_is_removed_with_every_process_that_names_its_folder(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    child = subprocess.Popen([*SLEEPER, str(run.path / "x.conf")], stdin=subprocess.PIPE)
    other = subprocess.Popen([*SLEEPER, str(tmp_path / "elsewhere")], stdin=subprocess.PIPE)
    try:
        abandon(run.path)
        (found,) = sweep(tmp_path)
        assert found.run_id == run.run_id
        assert [name.partition("(")[2] for name in found.killed] == [f"{child.pid})"]
        assert f"Run {run.run_id}" in str(found)
        assert not run.path.exists()
        assert not psutil.pid_exists(child.pid)
        assert psutil.pid_exists(other.pid)
        assert other.poll() is None
    finally:
        for process in (child, other):
            process.kill()
            process.communicate()
    assert sweep(tmp_path) == ()


def test_what_is_no_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "wslb-notes").mkdir()
    (tmp_path / "wslb-broken").mkdir()
    (tmp_path / "wslb-broken" / "owner.json").write_text("{")
    assert sweep(tmp_path) == ()
    assert (tmp_path / "wslb-notes").is_dir()


def test_the_folder_can_be_read_by_an_unprivileged_server(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.path.stat().st_mode & 0o777 == 0o755
    run.remove()
