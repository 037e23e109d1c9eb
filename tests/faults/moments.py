"""Commands to be hit, and random moments of them, from a seed that is printed."""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from tests.live.command import wait_for

__all__ = ["COMMANDS", "SEED", "after", "catches", "moment"]

LISTING = Path(__file__).parents[1] / "unit/proxies/apache/advice/conf/listing8.conf"

COMMANDS: Mapping[str, tuple[tuple[str, ...], float]] = {
    "test": (("test", "lb", "--connections", "40"), 2.5),
    "load": (("load", "--connections", "150", "--hold", "0.5", "--processes", "2", "--lag-limit", "60s"), 3.0),
    "compare": (("compare", "short", "--lbmethods", "byrequests,bybusyness", "--connections", "40"), 2.0),
    "try": (("try", str(LISTING)), 3.0),
    "up": (("up", "--port", "18079", "--tls-port", "18449"), 1.2),
}
"""Words of each command, and about how many seconds of it are of interest."""

SEED = int(os.environ.get("WSLB_FAULTS_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)


def moment(name: str, number: int) -> float:
    """Seconds from the start of a command until it is hit; the same seed gives the same."""
    return random.Random(f"{SEED} {name} {number}").uniform(0, COMMANDS[name][1])  # noqa: S311 - no secret


def catches(process: subprocess.Popen[bytes], number: int) -> bool:
    """Whether a process has a handler of its own for a signal: then it is ours, no longer bash or a bare Python."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return False
    caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
    return bool(caught >> (number - 1) & 1)


def after(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait that long, or until the process ends."""
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() > end or process.poll() is not None, what="a moment")
