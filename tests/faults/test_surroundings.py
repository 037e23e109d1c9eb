"""A run in odd surroundings works, or says in one sentence why not; it leaves nothing, and no report that differs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.faults.figures import FULL, Figures, needs_proc
from tests.faults.remains import HARNESS, hidden, room, unshared
from tests.faults.surroundings import SURROUNDINGS, Surrounding

pytestmark = [pytest.mark.live, pytest.mark.slow, needs_proc]

LIMIT_SECONDS = 60
PORTION = 9


def why_not(surrounding: Surrounding) -> str:
    """Why it cannot be made here; empty when it can."""
    if (surrounding.apart or surrounding.nobody) and os.geteuid() != 0:
        return "only root can"
    if surrounding.apart and not unshared(surrounding.apart):
        return f"unshare {surrounding.apart} is not permitted"
    for folder in ("/tmp", "/var/tmp"):  # noqa: S108 - looked at, not made
        if folder in surrounding.before and hidden(folder):
            return f"the programs under test lie in {folder}"
    if surrounding.nobody and not all(part.stat().st_mode & 0o005 == 0o005 for part in (HARNESS, *HARNESS.parents)):
        return "an unprivileged user cannot read this folder"
    return ""


def asked(surrounding: Surrounding) -> list[str]:
    """Sentences of what went wrong in a run there."""
    with room(nobody=surrounding.nobody) as here:
        environ = {name: text.replace("{place}", str(here.folder)) for name, text in surrounding.environ.items()}
        command = here.command("test", "lb-byrequests", "--report", "out", nobody=surrounding.nobody)
        words = here.argv(*command, before=surrounding.before, apart=surrounding.apart, nobody=surrounding.nobody)
        process = here.begin(words, here.surroundings(**environ))
        lost = []
        try:
            out, err = process.communicate(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            lost.append("it did not end")
            here.end()
            out, err = process.communicate()
        lost += here.left()
        said = err.decode(errors="replace"), out.decode(errors="replace")
        lost += judged(surrounding, process.returncode, *said, here.folder / "out")
        return lost and [*lost, f"code {process.returncode}, out {out[-200:]!r}, err {err[-1500:]!r}"]


def judged(surrounding: Surrounding, code: int, err: str, out: str, folder: Path) -> list[str]:
    """What the exit code, the streams and the report of a run say of it, and of each other."""
    lost = []
    if code not in ({0, 3} if surrounding.code is None else {surrounding.code}):
        lost.append(f"exit code {code}")
    if surrounding.told not in err:
        lost.append(f"it does not say {surrounding.told!r}")
    if "Traceback" in err or "wslb itself failed" in err:
        lost.append("an error without a sentence")
    sentences = err.count("error: ") or out.count("    reason    ")  # of a scenario that could not be asked
    if code != 0 and sentences != surrounding.sentences:
        lost.append(f"{sentences} sentences")
    report = folder / "report.json"
    saved = json.loads(report.read_text())["exit_code"] if report.exists() else None
    if saved != code and (code == 0 or saved is not None):
        lost.append(f"its report says {saved}")
    return lost


def test_surroundings() -> None:
    figures = Figures("surroundings")
    only = os.environ.get("WSLB_FAULTS_ONLY", "")
    chosen = SURROUNDINGS if FULL or only else SURROUNDINGS[:: len(SURROUNDINGS) // PORTION + 1]
    for surrounding in chosen:
        reason = why_not(surrounding)
        if reason:
            figures.skipped.append(f"{surrounding.name}: {reason}")
        elif only in surrounding.name:
            figures.judge(surrounding.name, asked(surrounding))
    figures.survived()


def test_what_is_left_running_in_a_room_is_ended_and_its_pipes_are_closed() -> None:
    with room() as here:
        process = here.begin(here.argv("/bin/sleep", "600"))
        assert process.poll() is None
    assert process.returncode == -9
    assert process.stdout is not None
    assert process.stdout.closed
    assert here.running() == []
