"""A pytest project of somebody else, in a folder of its own, which has wslb installed."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
QUIET = ("-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:hypothesispytest")
"""What these tests do without, unless they are about it."""


def environment(**more: str) -> dict[str, str]:
    """Ours without our settings, and with the library where an installed one would be."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WSLB_", "PYTEST"))}
    return {**kept, "PYTHONPATH": str(ROOT / "harness"), **more}


def run(
    folder: Path, *words: str, quiet: tuple[str, ...] = QUIET, limit: float = 600, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run pytest there."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", *quiet, *words],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )


def cpu(folder: Path, *words: str) -> float:
    """CPU seconds of pytest there, from the system's own count of children that ended."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run(folder, *words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
