"""Shared memory that programs of a run leave when they are killed.

Who made a segment cannot be noted in time: httpd makes its own when it starts and at each restart, under names that
nobody knows before, and may be killed together with whoever would have noted them. So the run notes what was there
before it. A segment is taken for orphaned when it came later, belongs to one of our users, is named as APR or
multiprocessing name theirs, and no process maps it: their users inherit a segment or open it while its maker lives.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from wslb.runtimes.trusted import MOST_BYTES, opened, our_users, text_of

__all__ = ["expect_shared_memory", "forget_shared_memory"]

_BEFORE = "shared-memory-before"
_SHARED = Path("/dev/shm")  # noqa: S108 - where Linux shows POSIX shared memory as files (shm_overview(7))
_SEGMENT = re.compile(r"ShM\.[0-9A-Za-z]+|sem\.mp-[0-9a-z_]+")
_KEY_FILES = "slotmem-shm-*.shm"


def expect_shared_memory(folder: Path) -> None:
    """Note which segments there are before the run makes its own; more than can be read again are not noted."""
    text = "".join(f"{name} {inode}\n" for name, inode in sorted(_segments()))
    if len(text) <= MOST_BYTES:
        with contextlib.suppress(OSError), (folder / _BEFORE).open("x", encoding="utf-8") as file:
            file.write(text)


def forget_shared_memory(folder: Path) -> None:
    """Remove what is orphaned, and System V segments that a file here names.

    Such a segment gets its key from device and inode of a file, which holds the segment's size (APR, shm.c).
    """
    for segment in _keyed(folder):
        ctypes.CDLL(None).shmctl(segment, 0, None)  # IPC_RMID; one that has gone meanwhile is no matter
    for name in _orphaned(folder):
        with contextlib.suppress(OSError):
            (_SHARED / name).unlink()


def _orphaned(folder: Path) -> Iterator[str]:
    before = _noted(folder)
    if before is not None and (new := _segments() - before):
        mapped = _mapped()
        yield from (name for name, inode in new if inode not in mapped)


def _noted(folder: Path) -> set[tuple[str, str]] | None:
    """Name and inode of each segment that was there before; None where no file of ours tells."""
    with opened(folder) as directory:
        text = None if directory is None else text_of(directory, _BEFORE)
    if text is None:
        return None
    return {(name, inode) for name, _, inode in (line.partition(" ") for line in text.splitlines())}


def _segments() -> set[tuple[str, str]]:
    """Name and inode of each that may be a run's."""
    found: set[tuple[str, str]] = set()
    with contextlib.suppress(OSError):
        for path in _SHARED.iterdir():
            with contextlib.suppress(FileNotFoundError):
                there = path.lstat()
                if _SEGMENT.fullmatch(path.name) and stat.S_ISREG(there.st_mode) and there.st_uid in our_users():
                    found.add((path.name, str(there.st_ino)))
    return found


def _mapped() -> set[str]:
    """Inodes of all shared memory that a process maps, of those that we can ask (proc_pid_maps(5))."""
    device = _SHARED.stat().st_dev
    shown = f"{os.major(device):02x}:{os.minor(device):02x}"
    found: set[str] = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with contextlib.suppress(OSError):
            lines = maps.read_text(encoding="utf-8", errors="replace").splitlines()
            found |= {fields[4] for line in lines if len(fields := line.split()) > 4 and fields[3] == shown}
    return found


def _keyed(folder: Path) -> Iterator[int]:
    """Ids of System V segments of ours that nobody has attached and that a file in the folder names (proc(5))."""
    with contextlib.suppress(OSError, ValueError):
        wanted = set()
        for path in folder.glob(_KEY_FILES):
            file = path.lstat()
            if stat.S_ISREG(file.st_mode) and file.st_size == ctypes.sizeof(ctypes.c_size_t):
                key = (file.st_dev & 0xFF) << 16 | file.st_ino & 0xFFFF  # ftok(3), but for the top byte: a hash of APR
                wanted.add((key, int.from_bytes(path.read_bytes(), sys.byteorder)))
        for line in Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()[1:]:
            number, segment, _, size, _, _, attached, uid, *_ = map(int, line.split())
            if (number & 0xFFFFFF, size) in wanted and uid in our_users() and attached == 0:
                yield segment
