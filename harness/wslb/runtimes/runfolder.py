"""The folder of one run: everything it writes lies there, every program it starts names it on its command line.

That makes leftovers of a killed run easy to find: a folder whose owner is dead, and the processes that name it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

__all__ = ["Leftover", "RunFolder", "sweep"]

_PREFIX = "wslb-"
_OWNER = "owner.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """What a run that did not end by itself had left, now removed.

    Attributes:
        killed: ``name (pid)`` of each process.
    """

    run_id: str
    owner_pid: int
    killed: tuple[str, ...]

    def __str__(self) -> str:
        what = f"stopped {', '.join(self.killed)}" if self.killed else "no process was left"
        return f"Run {self.run_id} (pid {self.owner_pid}) had ended without cleaning up: {what}; its folder is removed."


class RunFolder:
    """A run's folder, 0755 so that an unprivileged httpd can serve from it; secrets lie in a 0700 folder inside."""

    def __init__(self, base: Path | None = None) -> None:
        self.run_id = secrets.token_hex(4)
        self.path = (base or _bases()[0]) / f"{_PREFIX}{self.run_id}"
        self.path.mkdir(mode=0o755)
        self.path.chmod(0o755)
        owner = psutil.Process()
        (self.path / _OWNER).write_text(
            json.dumps({"pid": owner.pid, "created": owner.create_time(), "uid": os.getuid()}), encoding="utf-8"
        )

    def remove(self) -> None:
        """Remove the folder and the shared memory that its httpd left; twice is once."""
        forget_shared_memory(self.path)
        shutil.rmtree(self.path, ignore_errors=True)


def remember_shared_memory(folder: Path, pid: int) -> None:
    """Note the POSIX shared memory of an httpd, which survives ``kill -9`` (Linux: ``/dev/shm/ShM.*``)."""
    with contextlib.suppress(OSError):
        maps = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8", errors="replace")
        names = {line.split()[-1] for line in maps.splitlines() if "/dev/shm/ShM." in line}  # noqa: S108 - read, not made
        with (folder / "shared-memory").open("a", encoding="utf-8") as file:
            file.writelines(f"{name}\n" for name in sorted(names))


def forget_shared_memory(folder: Path) -> None:
    """Remove what `remember_shared_memory` noted and httpd did not remove itself."""
    with contextlib.suppress(OSError):
        for name in (folder / "shared-memory").read_text(encoding="utf-8").split():
            Path(name).unlink(missing_ok=True)


def sweep(base: Path | None = None) -> tuple[Leftover, ...]:
    """Remove what dead runs of this user left; runs whose owner lives are not touched."""
    found: list[Leftover] = []
    for folder in sorted(path for place in ([base] if base else _bases()) for path in place.glob(f"{_PREFIX}*")):
        try:
            owner = json.loads((folder / _OWNER).read_text(encoding="utf-8"))
            mine = folder.stat().st_uid == os.getuid()
        except (OSError, ValueError):
            continue
        if not mine or _lives(owner["pid"], owner["created"]):
            continue
        killed = _kill_all(str(folder))
        forget_shared_memory(folder)
        shutil.rmtree(folder, ignore_errors=True)
        found.append(Leftover(run_id=folder.name.removeprefix(_PREFIX), owner_pid=owner["pid"], killed=killed))
    return tuple(found)


def _bases() -> list[Path]:
    """Where run folders may lie, the best first: for root, only where an unprivileged httpd can follow."""
    own, common = Path(tempfile.gettempdir()).resolve(), Path("/tmp").resolve()  # noqa: S108 - each run makes its own
    places = [own] if os.geteuid() != 0 or _open_to_all(own) else []
    return list(dict.fromkeys([*places, common]))


def _open_to_all(folder: Path) -> bool:
    return all(part.stat().st_mode & stat.S_IXOTH for part in (folder, *folder.parents))


def _lives(pid: int, created: float) -> bool:
    try:
        return abs(psutil.Process(pid).create_time() - created) < 1
    except psutil.Error:
        return False


def _kill_all(folder: str) -> tuple[str, ...]:
    victims: list[psutil.Process] = []
    names: list[str] = []
    for process in psutil.process_iter(["cmdline", "name"]):
        words = process.info["cmdline"] or []
        if process.pid != os.getpid() and any(folder in word for word in words):
            victims.append(process)
            names.append(f"{process.info['name']} ({process.pid})")
    for process in victims:
        with contextlib.suppress(psutil.Error):
            process.kill()
    for process in victims:
        # a process that init reaps in this moment is no such file to some kernels (pidfd_open)
        with contextlib.suppress(psutil.Error, FileNotFoundError):
            process.wait(timeout=5)
    return tuple(names)
