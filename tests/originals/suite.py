"""Autobahn's test suite as a client of a server, and what it found."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from tests.originals import provide

__all__ = ["FRAMES", "LIMITS", "failed"]

FRAMES = tuple(f"{number}.*" for number in (1, 2, 3, 4, 5, 6, 7, 10))
"""Its 247 cases of frames, messages and closes."""

LIMITS = ("9.*",)
"""Its 54 cases of long messages and of many frames."""

SUITE_SECONDS = 600.0
_RUN = """
import site, sys
site.addsitedir(sys.argv.pop(1))
from autobahntestsuite.wstest import run
run()
"""


async def failed(url: str, cases: Sequence[str], folder: Path) -> tuple[int, dict[str, str]]:
    """Put a server's echo endpoint through cases.

    Returns:
        how many cases ran, and what became of those that failed, by number.

    Raises:
        provide.Missing: the suite cannot be had here.
    """
    python, packages = provide.autobahn()
    wanted = {"servers": [{"agent": "asked", "url": url}], "outdir": str(folder / "out"), "cases": list(cases)}
    spec = folder / "spec.json"
    spec.write_text(json.dumps({**wanted, "exclude-cases": [], "options": {"failByDrop": False}}))
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(python, "-c", _RUN, str(packages), "-m", "fuzzingclient", "-s", str(spec)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
            cwd=folder,
        )
    try:
        async with asyncio.timeout(SUITE_SECONDS):
            code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert code == 0, (folder / "log").read_text(errors="replace")[-2000:]
    found = json.loads((folder / "out" / "index.json").read_text())["asked"]
    fine = {"OK", "NON-STRICT", "INFORMATIONAL", "UNIMPLEMENTED"}
    return len(found), {
        number: f"{case['behavior']}, close {case['behaviorClose']}"
        for number, case in found.items()
        if case["behavior"] not in fine or case["behaviorClose"] not in fine
    }
