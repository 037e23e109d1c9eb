"""One temporary folder for root and a stranger: what either planted or runs there harms no command of the other."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.faults.figures import Figures, needs_proc
from tests.faults.remains import HARNESS, NOBODY, Room, room
from tests.live.command import wait_for
from tests.unit.runtimes.test_runfolder import planted

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    needs_proc,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users"),
    pytest.mark.skipif(
        not all(part.stat().st_mode & 0o005 == 0o005 for part in (HARNESS, *HARNESS.parents)),
        reason="an unprivileged user cannot read this folder",
    ),
]

COMMANDS = (("clean",), ("test", "lb-byrequests"), ("clean",))
LIMIT_SECONDS = 60


def given_to(user: int, base: Path) -> None:
    for path in (*base.rglob("*"), *base.iterdir()):
        os.chown(path, user, user, follow_symlinks=False)


def there(base: Path) -> list[tuple[str, int, int]]:
    """Whatever lies there, with its mode and its time of change."""
    every = ((str(path.relative_to(base)), path.lstat()) for path in base.rglob("*"))
    return sorted((name, found.st_mode, found.st_mtime_ns) for name, found in every)


def harmed(here: Room, words: tuple[str, ...], *, nobody: bool) -> list[str]:
    """Sentences of what is wrong with a command beside what was planted."""
    process = here.begin(here.argv(*here.command(*words, nobody=nobody), nobody=nobody))
    begun = time.monotonic()
    try:
        out, err = process.communicate(timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        return [f"it did not end in {time.monotonic() - begun:.0f} s"]
    if process.returncode == 0 and b"Traceback" not in err:
        return []
    return [f"code {process.returncode}, out {out[-300:]!r}, err {err[-800:]!r}"]


@pytest.mark.parametrize("stranger", [NOBODY, 0], ids=["nobody plants", "root plants"])
def test_what_was_planted_harms_no_command(stranger: int) -> None:
    figures = Figures(f"planted by {'nobody' if stranger else 'root'}")
    with room(nobody=True) as here:
        victim, base, nobody = here.folder / "victim", here.temporary, stranger == 0
        victim.mkdir()
        (victim / "kept").write_text("kept")
        base.chmod(0o1777)
        planted(base, victim)
        given_to(stranger, base)
        theirs = here.begin(here.argv(*here.command("up", "--port", "0", nobody=not nobody), nobody=not nobody))
        wait_for(lambda: len(list(base.glob("wslb-*/owner"))) > 4, what="the stranger's lab")
        dead = base / "wslb-0badcafe"  # as a run leaves it that was killed, for its own user to remove
        dead.mkdir()
        (dead / "owner").write_text("1")
        for path in (dead / "owner", dead):
            os.chown(path, stranger, stranger)
        before, alive = there(victim), set(base.iterdir())
        for words in COMMANDS:
            figures.judge(f"wslb {words[0]}", harmed(here, words, nobody=nobody))
        assert there(victim) == before
        assert alive <= set(base.iterdir())
        assert theirs.poll() is None
    figures.survived()
