"""Shared memory that programs of a run leave when they are killed.

Who made a segment cannot be noted in time: httpd makes its own when it starts and at each restart, under names that
nobody knows before, and may be killed together with whoever would have noted them. So a segment is known by its name.
That of httpd's is a hash of a path in the run's folder (`wslb.runtimes.apr_names`), that of a semaphore of
multiprocessing has the run's id (`semaphores_of`). Only those are looked at that came after the run, belong to one of
our users and are mapped by no process.
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

from wslb.runtimes.apr_names import made_in
from wslb.runtimes.trusted import MOST_BYTES, opened, our_users, text_of

__all__ = ["expect_shared_memory", "forget_shared_memory", "semaphores_of"]

_BEFORE = "shared-memory-before"
_SHARED = Path("/dev/shm")  # noqa: S108 - where Linux shows POSIX shared memory as files (shm_overview(7))
_SEGMENT = re.compile(r"ShM\.[0-9a-f]+H[0-9a-f]+|sem\.wslb-[0-9a-z_-]+")
_MOST_CONFIGURATION = 16 * 1024 * 1024
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


def semaphores_of(folder: Path) -> str:
    """What the names of multiprocessing's semaphores begin with in a run (``semprefix``), as sem_open(3) wants them."""
    return f"/{folder.name}"


def _orphaned(folder: Path) -> set[str]:
    before = _noted(folder)
    if before is None or not (new := _segments() - before):
        return set()
    mapped = _mapped()
    left = [name for name, inode in sorted(new) if inode not in mapped]
    semaphores = {name for name in left if name.startswith(f"sem.{folder.name}-")}
    of_apr = [name for name in left if name.startswith("ShM.")]
    return semaphores | (made_in(str(folder), of_apr, _configuration(folder)) if of_apr else set())


def _configuration(folder: Path) -> str:
    """What was served from the folder: every configuration file of ours in it."""
    with opened(folder) as directory:
        texts = [
            text_of(directory, path.name, most=_MOST_CONFIGURATION) if directory is not None else None
            for path in sorted(folder.glob("*.conf"))
        ]
    return "\n".join(filter(None, texts))


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
