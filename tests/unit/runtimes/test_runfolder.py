from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from wslb.errors import RuntimeUnavailable
from wslb.runtimes import runfolder
from wslb.runtimes.runfolder import RunFolder, dead, sweep

SLEEPER = [sys.executable, "-c", "import sys; sys.stdin.read()"]

ABANDONED = """
import os, sys
from pathlib import Path
from wslb.runtimes.runfolder import RunFolder
print(RunFolder(Path(sys.argv[1])).path, flush=True)
os._exit(9)
"""

FOREIGN = 1_234_567
"""A user that is not us."""


def abandoned(base: Path) -> Path:
    """The folder of a run that ended without removing it."""
    ended = subprocess.run([sys.executable, "-c", ABANDONED, base], stdout=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 9
    return Path(ended.stdout.strip())


@pytest.fixture
def children() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([*SLEEPER, *words], stdin=subprocess.PIPE))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_what_no_memory_is_left_for_is_done_by_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(folder: Path) -> None:
        raise MemoryError

    folder = RunFolder(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(runfolder, "forget_shared_memory", none_left)
        folder.remove()
    assert folder.path.exists()
    assert [leftover.run_id for leftover in sweep(tmp_path)] == [folder.run_id]
    assert not folder.path.exists()


def test_a_living_run_is_not_touched(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert sweep(tmp_path) == ()
    assert not dead(run.path)
    assert run.path.is_dir()
    run.remove()
    run.remove()
    assert not run.path.exists()
    assert dead(run.path)


def test_a_living_run_is_known_by_its_lock_alone(tmp_path: Path) -> None:
    """Neither the clock nor process ids decide: another PID namespace or a clock step changes both."""
    run = RunFolder(tmp_path)
    (run.path / "owner").write_text("999999999")
    os.utime(run.path / "owner", (0, 0))
    assert sweep(tmp_path) == ()
    assert run.path.is_dir()
    run.remove()


def test_a_dead_run_is_removed_with_every_process_that_names_its_folder(
    tmp_path: Path, children: Callable[..., subprocess.Popen[bytes]]
) -> None:
    folder = abandoned(tmp_path)
    named = [children(str(folder / "x.conf")), children(f'Define RUN "{folder}"'), children(f"--at={folder}")]
    others = [children(str(tmp_path / "elsewhere")), children(f"{folder}-more/x.conf"), children(f"/srv{folder}")]
    assert dead(folder)
    (found,) = sweep(tmp_path)
    assert folder.name == f"wslb-{found.run_id}"
    assert f"Run {found.run_id} (pid {found.owner_pid})" in str(found)
    pids = {int(name.partition("(")[2].rstrip(")")) for name in found.killed}
    assert pids == {process.pid for process in named}
    assert not folder.exists()
    assert [process.poll() for process in others] == [None, None, None]
    assert not any(psutil.pid_exists(process.pid) and process.poll() is None for process in named)
    assert sweep(tmp_path) == ()


FORKING = """
import os, sys
sys.stdin.readline()
if os.fork():
    sys.stdout.write("forked\\n")
    sys.stdout.flush()
sys.stdin.read()
"""


def test_a_child_that_is_made_behind_the_look_is_ended_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As httpd that starts makes its children while a sweep has seen it alone."""
    folder = abandoned(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", FORKING, folder / "httpd.conf"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        order, answer = parent.stdin, parent.stdout
        assert order
        assert answer
        looks, look = [], runfolder._naming

        def naming(where: Path) -> list[psutil.Process]:
            looks.append(look(where))
            if len(looks) == 1:
                order.write(b"\n")
                order.flush()
                assert answer.readline() == b"forked\n"
            return looks[-1]

        monkeypatch.setattr(runfolder, "_naming", naming)
        (leftover,) = sweep(tmp_path)
    assert [len(look) for look in looks] == [1, 1, 0]
    assert len(leftover.killed) == 2
    assert not look(folder)


def test_what_is_no_run_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "wslb-notes").mkdir()
    (tmp_path / "wslb-notes" / "owner").write_text("1")
    (tmp_path / "wslb-0123456").mkdir()
    (tmp_path / "wslb-012345678").mkdir()
    assert sweep(tmp_path) == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wslb-0123456", "wslb-012345678", "wslb-notes"]


def test_a_run_that_was_killed_before_it_owned_its_folder_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "wslb-0123abcd").mkdir()
    (tmp_path / "wslb-4567cdef").mkdir()
    (tmp_path / "wslb-4567cdef" / "owner").touch()
    assert [str(found) for found in sweep(tmp_path)] == [
        "Run 4567cdef had ended without cleaning up: no process was left; its folder is removed."
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_whose_owner_was_taken_away_goes_unless_something_lives_in_it(
    tmp_path: Path, children: Callable[..., subprocess.Popen[bytes]]
) -> None:
    for name in ("wslb-0123abcd", "wslb-4567cdef"):
        (tmp_path / name / "tls").mkdir(parents=True)
        (tmp_path / name / "tls" / "proxy.key").touch()
    served = children(str(tmp_path / "wslb-4567cdef" / "httpd.conf"))
    assert [found.run_id for found in sweep(tmp_path)] == ["0123abcd"]
    assert served.poll() is None
    assert [path.name for path in tmp_path.iterdir()] == ["wslb-4567cdef"]


@pytest.mark.parametrize("removing", ["run", "sweep"])
def test_whoever_is_killed_while_it_removes_leaves_the_owner_to_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removing: str
) -> None:
    run = RunFolder(tmp_path) if removing == "run" else None
    folder = run.path if run else abandoned(tmp_path)
    for name in ("a", "z.log"):
        (folder / name).touch()
    (folder / "tls").mkdir()
    steps: list[list[str]] = []
    monkeypatch.setattr(os, "unlink", _seeing(os.unlink, folder, steps))
    monkeypatch.setattr(os, "rmdir", _seeing(os.rmdir, folder, steps))
    if run:
        run.remove()
    else:
        sweep(tmp_path)
    assert not folder.exists()
    assert len(steps) >= 4
    assert all("owner" in left for left in steps if left)


def _seeing(real: Callable[..., None], folder: Path, steps: list[list[str]]) -> Callable[..., None]:
    def seen(*arguments: Any, **named: Any) -> None:
        real(*arguments, **named)
        steps.append([path.name for path in folder.iterdir()] if folder.exists() else [])

    return seen


def test_a_sweep_between_folder_and_lock_makes_the_run_take_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, made = runfolder._own, []

    def swept_first(path: Path) -> int:
        made.append(path.parent)
        if len(made) == 1:
            sweep(tmp_path)
        return own(path)

    monkeypatch.setattr(runfolder, "_own", swept_first)
    run = RunFolder(tmp_path)
    assert not made[0].exists()
    assert run.path == made[1]
    assert not dead(run.path)
    run.remove()


def planted(base: Path, victim: Path) -> None:
    """What a stranger may put into a shared temporary folder."""
    (base / "wslb-00000001").symlink_to(victim)
    os.mkfifo(base / "wslb-00000002")
    owners: tuple[Callable[[Path], object], ...] = (
        lambda path: path.symlink_to(victim / "kept"),
        os.mkfifo,
        lambda path: path.mkdir(),
        lambda path: path.write_text("[" * 100_000),
    )
    for number, make in enumerate(owners, start=3):
        folder = base / f"wslb-{number:08x}"
        folder.mkdir()
        (folder / "file").touch()
        make(folder / "owner")
    (base / "wslb-0000000a").write_text("no folder")


def test_what_was_planted_harms_nobody(tmp_path: Path) -> None:
    victim, base = tmp_path / "victim", tmp_path / "base"
    victim.mkdir()
    base.mkdir()
    (victim / "kept").write_text("kept")
    (victim / "owner").write_text(json.dumps({"pid": 1}))
    planted(base, victim)
    before = sorted(path.name for path in base.iterdir())
    assert sweep(base) == ()
    assert sorted(path.name for path in base.iterdir()) == before
    assert (victim / "kept").read_text() == "kept"
    assert stat.S_ISFIFO((base / "wslb-00000002").lstat().st_mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_root_leaves_what_another_user_planted(
    tmp_path: Path, children: Callable[..., subprocess.Popen[bytes]]
) -> None:
    folder = tmp_path / "wslb-0badcafe"
    folder.mkdir()
    (folder / "owner").write_text("1")
    segment = tmp_path / "segment"
    segment.touch()
    (folder / "shared-memory").write_text(f"{segment} {segment.stat().st_ino}\n")
    for path in (folder / "owner", folder / "shared-memory", folder):
        os.chown(path, FOREIGN, FOREIGN)
    named = children(str(folder))
    assert sweep(tmp_path) == ()
    assert not dead(folder)
    assert named.poll() is None
    assert segment.exists()


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077, 0o777])
def test_the_folder_can_be_read_by_an_unprivileged_server(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        run = RunFolder(tmp_path)
    finally:
        os.umask(before)
    assert run.path.stat().st_mode & 0o777 == 0o755
    assert (run.path / "owner").stat().st_mode & 0o777 == 0o644
    run.remove()


@pytest.mark.parametrize(
    "name",
    ["it's", 'a "b"', "${RUN}", "a\\b", "<If>", "two\nlines", "\x1b[2J", os.fsdecode(b"caf\xe9"), "x" * 201],
    ids=ascii,
)
def test_a_folder_that_httpd_cannot_name_is_passed_over(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(runfolder, "_open_to_all", lambda _: True)
    monkeypatch.setattr(tempfile, "tempdir", f"/srv/{name}")
    assert runfolder._bases() == [Path("/tmp").resolve()]  # noqa: S108 - read, not made


def test_any_other_folder_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runfolder, "_open_to_all", lambda _: True)
    for name in ("with two  spaces", "100% #1", "временный"):
        monkeypatch.setattr(tempfile, "tempdir", f"/srv/{name}")
        assert runfolder._bases() == [Path(f"/srv/{name}"), Path("/tmp").resolve()]  # noqa: S108 - read, not made


def test_where_no_folder_can_be_made_each_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    sentence = rf"no folder for temporary files can be used: {tmp_path}/file \(not a directory\)\."
    with pytest.raises(RuntimeUnavailable, match=sentence):
        RunFolder(tmp_path / "file")


def test_the_next_folder_is_taken_where_the_first_has_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full, empty = tmp_path / "full", tmp_path / "empty"
    full.mkdir()
    empty.mkdir()
    own = runfolder._own

    def in_the_second(path: Path) -> int:
        if path.is_relative_to(full):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return own(path)

    monkeypatch.setattr(runfolder, "_own", in_the_second)
    monkeypatch.setattr(runfolder, "_bases", lambda: [full, empty])
    run = RunFolder()
    assert run.path.parent == empty
    assert list(full.iterdir()) == []
    run.remove()
