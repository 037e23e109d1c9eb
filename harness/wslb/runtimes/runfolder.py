"""The folder of one run: everything it writes lies there, every program it starts names it on its command line.

Who is alive. The run holds a lock (flock) on a file of its folder. The kernel drops it with the last descriptor,
however the run ends, and tells it to whoever asks, in whatever PID namespace and whatever the clock does: a folder
whose lock can be taken belongs to nobody. Process ids are used again, and a clock step moves start times.

What is trusted. A temporary folder is shared with strangers, and root sweeps it too. So nothing in it is believed
before it has been opened without following a link and found to be ours: a directory of our own user with exactly the
name that we give, in it a regular file of our own user. What the files say is never obeyed: processes are ours by
their user and by a whole path on their command line, segments of shared memory by what `wslb.runtimes.shared_memory`
finds out of them.

A run makes its folder, then the file, then takes the lock. A sweep that comes in between removes the folder; the run
notices that what it locked is no longer there, and makes another. The file goes last, so that what a run or a sweep
leaves when it is killed while it removes still says whose it is.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from wslb.errors import RuntimeUnavailable
from wslb.runtimes.shared_memory import expect_shared_memory, forget_shared_memory
from wslb.runtimes.trusted import file_of, opened, our_users

__all__ = ["Leftover", "RunFolder", "dead", "sweep"]

_NAME = re.compile(r"wslb-([0-9a-f]{8})")
_OWNER = "owner"
_KILLED_SECONDS = 5.0
"""How long processes that were killed may take to be gone."""

_NAMEABLE = re.compile(r"[^\x00-\x1f\x7f\"'$\\<>\ud800-\udfff]{1,200}")
"""Paths that stand in a configuration as they are: no quotes, no variables of httpd, no bytes that are no text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """What a run that did not end by itself had left, now removed.

    Attributes:
        owner_pid: process id of the run as it noted it; 0 when it had not come so far.
        killed: ``name (pid)`` of each process.
    """

    run_id: str
    owner_pid: int
    killed: tuple[str, ...]

    def __str__(self) -> str:
        who = f" (pid {self.owner_pid})" if self.owner_pid else ""
        what = f"stopped {', '.join(self.killed)}" if self.killed else "no process was left"
        return f"Run {self.run_id}{who} had ended without cleaning up: {what}; its folder is removed."


class RunFolder:
    """A run's folder, 0755 so that an unprivileged httpd can serve from it; secrets in it are readable by us alone.

    Raises:
        RuntimeUnavailable: there is no place for it.
    """

    _lock: int | None

    def __init__(self, base: Path | None = None) -> None:
        refusals: list[str] = []
        for place in [base] if base else _bases():
            try:
                self._make(place)
            except OSError as exc:
                refusals.append(f"{place} ({(exc.strerror or str(exc)).lower()})")
            else:
                return
        raise RuntimeUnavailable(
            runtime="local",
            reason=f"no folder for temporary files can be used: {', '.join(refusals)}",
            hint="Set TMPDIR to a folder that can be written and has some room.",
        )

    def _make(self, place: Path) -> None:
        while True:
            self.run_id = secrets.token_hex(4)
            self.path = place / f"wslb-{self.run_id}"
            self.path.mkdir(mode=0o755)
            try:
                self.path.chmod(0o755)
                with contextlib.suppress(FileNotFoundError, BlockingIOError):
                    self._lock = _own(self.path / _OWNER)
                    expect_shared_memory(self.path)
                    return
            except BaseException:
                shutil.rmtree(self.path, ignore_errors=True)
                raise

    def remove(self) -> None:
        """Remove the folder, and the shared memory that its programs left; twice is once.

        Where memory does not suffice for that, it is left to the next run's `sweep`.
        """
        if self._lock is None:
            return
        with contextlib.suppress(MemoryError):
            forget_shared_memory(self.path)
            _remove(self.path)
        os.close(self._lock)
        self._lock = None


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.name != _OWNER:
                shutil.rmtree(path, ignore_errors=True)
                with contextlib.suppress(OSError):
                    path.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _own(path: Path) -> int:
    """Make the owner's file and hold its lock.

    Raises:
        FileNotFoundError, BlockingIOError: a sweep was faster.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        os.fchmod(descriptor, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(descriptor), os.lstat(path)):
            raise FileNotFoundError(path)
        os.write(descriptor, str(os.getpid()).encode())
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def dead(folder: Path) -> bool:
    """Whether the run whose folder this is has ended; False for a folder that is not our own user's."""
    try:
        os.lstat(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    with opened(folder) as directory:
        if directory is None:
            return False
        with _taken(directory) as owner:
            return owner is not None


def sweep(base: Path | None = None) -> tuple[Leftover, ...]:
    """Remove what dead runs of this user left; a run that holds its lock is not touched, nor is anything of others."""
    found: list[Leftover] = []
    for place in [base] if base else _bases():
        with contextlib.suppress(OSError):
            found += filter(None, map(_swept, sorted(place.iterdir())))
    return tuple(found)


def _swept(folder: Path) -> Leftover | None:
    named = _NAME.fullmatch(folder.name)
    if named is None:
        return None
    with opened(folder) as directory:
        if directory is None:
            return None
        with _taken(directory) as owner:
            if owner is None:
                return _swept_without_owner(folder, named[1])
            pid = os.pread(owner, 20, 0)
            killed = _kill_all(folder)
            forget_shared_memory(folder)
            _remove(folder)
            return Leftover(run_id=named[1], owner_pid=int(pid) if pid.isdigit() else 0, killed=killed)


def _swept_without_owner(folder: Path, run_id: str) -> Leftover | None:
    """Killed before it could own the folder, which is empty then; or somebody took the owner's file away.

    A live run may have lost its file too, to a program that removes old files: its processes name the folder.
    """
    with contextlib.suppress(OSError):
        folder.rmdir()
        return None
    if os.path.lexists(folder / _OWNER) or _naming(folder):
        return None
    forget_shared_memory(folder)
    _remove(folder)
    return Leftover(run_id=run_id, owner_pid=0, killed=())


@contextlib.contextmanager
def _taken(directory: int) -> Iterator[int | None]:
    """The owner's file with its lock taken; None when its run lives, or there is no such file of our own user."""
    descriptor = file_of(directory, _OWNER)
    if descriptor is None:
        yield None
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield None
            return
        yield descriptor
    finally:
        os.close(descriptor)


def _bases() -> list[Path]:
    """Where run folders may lie, the best first: only where httpd's language can name them, and its user can go."""
    common = Path("/tmp").resolve()  # noqa: S108 - each run makes its own
    try:
        own = Path(tempfile.gettempdir()).resolve()
    except OSError:  # no folder of all that Python knows can be written
        return [common]
    fits = _NAMEABLE.fullmatch(str(own)) is not None and (os.geteuid() != 0 or _open_to_all(own))
    return list(dict.fromkeys([*([own] if fits else []), common]))


def _open_to_all(folder: Path) -> bool:
    return all(part.stat().st_mode & stat.S_IXOTH for part in (folder, *folder.parents))


def _kill_all(folder: Path) -> tuple[str, ...]:
    """End every process of ours that names the folder, or something in it, on its command line.

    A server that starts may make children behind the look and before its end: whoever is there then is ended, too.
    """
    names: list[str] = []
    deadline = time.monotonic() + _KILLED_SECONDS
    while (victims := _naming(folder)) and time.monotonic() < deadline:
        names += [f"{process.info['name']} ({process.pid})" for process in victims]
        for process in victims:
            with contextlib.suppress(psutil.Error):
                process.kill()
        for process in victims:
            # a process that init reaps in this moment is no such file to some kernels (pidfd_open)
            with contextlib.suppress(psutil.Error, FileNotFoundError):
                process.wait(timeout=max(0, deadline - time.monotonic()))
    return tuple(dict.fromkeys(names))


def _naming(folder: Path) -> list[psutil.Process]:
    named = re.compile(rf"(?<![^\s=:'\"]){re.escape(str(folder))}(?![^/\s'\"])")
    found: list[psutil.Process] = []
    for process in psutil.process_iter(["cmdline", "name", "uids"]):
        words, uids = process.info["cmdline"] or [], process.info["uids"]
        if process.pid != os.getpid() and uids and uids.real in our_users() and any(map(named.search, words)):
            found.append(process)
    return found
