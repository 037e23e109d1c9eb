"""How many threads this machine still has room for: httpd needs one for every tunnel, for the tunnel's whole life."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wslb.errors import StartError

__all__ = ["MOST_FOR_A_RATE", "Room", "fitting", "threads_left"]

MOST_FOR_A_RATE = 20_000
"""Tunnels at a time that an open model is given room for: no rate that needs more is reached on one machine."""

KEPT_FREE = 2_000
"""Threads left to everything else on the machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Threads that may still be started.

    Attributes:
        left: how many; None where it cannot be known.
        why: the limit that comes first, with its figures.
    """

    left: int | None
    why: str = ""


def threads_left(root: Path = Path("/")) -> Room:
    """What Linux's own limits leave: ``kernel.pid_max`` and ``kernel.threads-max`` (proc(5)), and the cgroup's.

    On other systems nothing is known.
    """
    proc = root / "proc"
    found: list[Room] = []
    running = _number(_words(proc / "loadavg"), 4)
    if running is not None:
        for name in ("pid_max", "threads-max"):
            most = _number(_words(proc / "sys/kernel" / name), 0)
            if most is not None:
                found.append(Room(left=most - running, why=f"kernel.{name} is {most}, and {running} are taken"))
    for line in _text(proc / "self/cgroup").splitlines():
        number, kinds, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" or kinds == "pids":  # version 2 has one tree, version 1 one for each kind
            group = root / "sys/fs/cgroup" / kinds / path.strip("/")
            most, taken = _number(_words(group / "pids.max"), 0), _number(_words(group / "pids.current"), 0)
            if most is not None and taken is not None:
                found.append(Room(left=most - taken, why=f"pids.max of this cgroup is {most}, and {taken} are taken"))
    return min(found, key=lambda one: one.left or 0, default=Room(left=None))


def fitting(tunnels: int, *, held: bool, there: Room) -> int:
    """Tunnels that httpd is given threads for.

    Args:
        tunnels: most at a time, by the plan.
        held: all of them stay open, so that fewer threads would refuse the rest; a rate can do with fewer.
        there: what the machine has room for.

    Raises:
        StartError: they are held, and the machine has no room for them.
    """
    free = None if there.left is None else there.left - KEPT_FREE
    if not held:
        wanted = min(tunnels, MOST_FOR_A_RATE)
        return wanted if free is None else max(1, min(wanted, free))
    if free is not None and tunnels > free:
        raise StartError(
            name="httpd",
            reason=f"it needs a thread for each of {tunnels} held tunnels, but this machine has room for "
            f"{max(0, free)} ({there.why}; {KEPT_FREE} are left to others)",
            hint=f"Hold at most {max(0, free)}, raise that limit, or load a proxy on another machine (wslb load URL).",
        )
    return tunnels


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _words(file: Path) -> list[str]:
    """Words of a file; loadavg's ``running/all`` are two."""
    return _text(file).replace("/", " ").split()


def _number(words: list[str], index: int) -> int | None:
    """A whole number among words; None where it is missing or a word such as ``max``."""
    return int(words[index]) if index < len(words) and words[index].isdigit() else None
