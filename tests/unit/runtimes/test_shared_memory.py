"""What killed programs leave in shared memory: removed where it is known to be this run's, and nothing else."""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wslb.runtimes import shared_memory
from wslb.runtimes.apr_names import segment_name
from wslb.runtimes.shared_memory import expect_shared_memory, forget_shared_memory, semaphores_of

FOREIGN = 1_234_567
"""A user that is not us."""

Segments = Callable[[str], Path]


OWN = "slotmem-shm-p{}{}.shm"
SERVED = '<Proxy "balancer://chat">\nSSLSessionCache "shmcb:{}/cache(512000)"\n'


def of(folder: Path, slot: str = "1ea3d8a8", end: str = "_0") -> str:
    """Name of a segment that an httpd of this folder makes."""
    return segment_name(f"{folder}/{OWN.format(slot, end)}")


@pytest.fixture
def segments(monkeypatch: pytest.MonkeyPatch) -> Iterator[Segments]:
    """Makes segments as APR names them, in a place of shared memory where no other run looks for its own."""
    shown = Path("/dev/shm")  # noqa: S108 - what is made there is removed here
    with tempfile.TemporaryDirectory(dir=shown if shown.is_dir() else None) as folder:
        place = Path(folder)
        monkeypatch.setattr(shared_memory, "_SHARED", place)

        def make(name: str) -> Path:
            path = place / name
            path.write_bytes(bytes(64))
            return path

        yield make


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="this system does not say who maps a segment")
def test_what_came_after_the_note_and_nobody_maps_is_removed(tmp_path: Path, segments: Segments) -> None:
    before = segments(of(tmp_path, end="_9"))
    expect_shared_memory(tmp_path)
    nobodys, used = segments(of(tmp_path, end="_0")), segments(of(tmp_path, end="_1"))
    expect_shared_memory(tmp_path)  # once for a run
    with used.open("r+b") as file, mmap.mmap(file.fileno(), 64):
        forget_shared_memory(tmp_path)
        assert [path.exists() for path in (before, nobodys, used)] == [True, False, True]
    forget_shared_memory(tmp_path)
    assert [path.exists() for path in (before, used)] == [True, False]


def test_without_a_note_nothing_is_taken_for_ours(tmp_path: Path, segments: Segments) -> None:
    theirs = segments(of(tmp_path, end="_0"))
    forget_shared_memory(tmp_path)
    assert theirs.exists()


def test_a_segment_that_was_made_anew_under_an_old_name_is_new(tmp_path: Path, segments: Segments) -> None:
    first, holder = segments(of(tmp_path, end="_0")), segments(of(tmp_path, end="_1"))
    expect_shared_memory(tmp_path)
    with first.open("rb"):  # its inode cannot be given again
        first.unlink()
        again = segments(of(tmp_path, end="_0"))
        forget_shared_memory(tmp_path)
    assert not again.exists()
    assert holder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_another_users_segment_stays(tmp_path: Path, segments: Segments) -> None:
    expect_shared_memory(tmp_path)
    theirs = segments(of(tmp_path, end="_0"))
    os.chown(theirs, FOREIGN, FOREIGN)
    forget_shared_memory(tmp_path)
    assert theirs.exists()


@pytest.mark.parametrize("kind", ["too large", "a fifo", "a link"])
def test_a_note_that_is_not_ours_says_nothing(tmp_path: Path, segments: Segments, kind: str) -> None:
    note = tmp_path / "shared-memory-before"
    if kind == "too large":
        note.write_text("x" * 65_537)
    elif kind == "a fifo":
        os.mkfifo(note)
    else:
        (tmp_path / "elsewhere").touch()
        note.symlink_to(tmp_path / "elsewhere")
    theirs = segments(of(tmp_path, end="_0"))
    forget_shared_memory(tmp_path)
    assert theirs.exists()


@pytest.mark.parametrize(
    "name", ["psm_0a1b", "ShM.a1H1.old", "sem.a1", "ShM.", "XShM.a1", "ShM.a1H1", "sem.mp-a_1b2c3d"]
)
def test_what_is_named_otherwise_stays(tmp_path: Path, segments: Segments, name: str) -> None:
    expect_shared_memory(tmp_path)
    theirs = segments(name)
    forget_shared_memory(tmp_path)
    assert theirs.exists()


def test_a_semaphore_of_multiprocessing_goes_too(tmp_path: Path, segments: Segments) -> None:
    run = tmp_path / "wslb-0badcafe"
    run.mkdir()
    expect_shared_memory(run)
    ours, theirs = segments(f"sem.{semaphores_of(run)[1:]}-1b2c3d"), segments("sem.wslb-00000000-1b2c3d")
    forget_shared_memory(run)
    assert not ours.exists()
    assert theirs.exists()


def test_another_httpds_segment_stays_whoever_s_it_is(tmp_path: Path, segments: Segments) -> None:
    expect_shared_memory(tmp_path)
    ours = segments(of(tmp_path))
    theirs = [segments(of(Path("/run/apache2"))), segments(of(tmp_path / "deeper")), segments(of(tmp_path.parent))]
    forget_shared_memory(tmp_path)
    assert not ours.exists()
    assert all(one.exists() for one in theirs)


@pytest.mark.parametrize(
    ("slot", "end"), [("1ea3d8a8", "_0"), ("fffffff", "_chat_0"), ("abcdef", "_2"), ("c0ffee", "_chat_1")]
)
def test_a_segment_is_known_by_the_hash_of_its_path(tmp_path: Path, segments: Segments, slot: str, end: str) -> None:
    (tmp_path / "httpd.conf").write_text(SERVED.format(tmp_path))
    expect_shared_memory(tmp_path)
    ours = [segments(of(tmp_path, slot, end)), segments(segment_name(f"{tmp_path}/cache"))]
    forget_shared_memory(tmp_path)
    assert [one.exists() for one in ours] == [False, False]


def test_the_name_is_that_of_apr() -> None:
    """Seen on httpd 2.4.71 with DefaultRuntimeDir /tmp/wslb-0badcafe, on x86-64."""
    begin = "/tmp/wslb-0badcafe/slotmem-shm-p1ea3d8a8"  # noqa: S108 - a text
    assert segment_name(f"{begin}_0.shm") == "ShM.b97e7a0Hb7eb9768"
    assert segment_name(f"{begin}_chat_0.shm") == "ShM.4317a07fHe709cb71"


def system_v(key: int, size: int) -> int:
    """A new System V segment of shared memory that nobody has attached."""
    segment: int = ctypes.CDLL(None).shmget(ctypes.c_int(key), ctypes.c_size_t(size), 0o1600)  # IPC_CREAT
    assert segment >= 0
    return segment


def there(segment: int) -> bool:
    return any(line.split()[1] == str(segment) for line in Path("/proc/sysvipc/shm").read_text().splitlines())


@pytest.mark.skipif(not Path("/proc/sysvipc/shm").exists(), reason="this system does not list System V segments")
def test_a_system_v_segment_is_removed_by_the_file_that_names_it(tmp_path: Path) -> None:
    folder = tmp_path
    file = folder / "slotmem-shm-p1_cluster.shm"
    file.write_bytes((2922).to_bytes(ctypes.sizeof(ctypes.c_size_t), sys.byteorder))
    key = (file.stat().st_dev & 0xFF) << 16 | file.stat().st_ino & 0xFFFF
    own = system_v(0x5A << 24 | key, 2922)
    others = [system_v(0x5B << 24 | key, 2923), system_v(0x5A << 24 | key ^ 1, 2922)]
    try:
        forget_shared_memory(folder)
        assert not there(own)
        assert [there(other) for other in others] == [True, True]
    finally:
        for segment in (own, *others):
            ctypes.CDLL(None).shmctl(segment, 0, None)
