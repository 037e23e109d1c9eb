"""Whatever is killed at whatever moment: the next ``wslb clean``, or the next run, leaves nothing of it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests.faults.figures import FULL, Figures, needs_proc
from tests.faults.moments import COMMANDS, SEED, after, moment
from tests.faults.remains import Room, room
from tests.live.command import wait_for

pytestmark = [pytest.mark.live, pytest.mark.slow, needs_proc]

TIMES = 40 if FULL else 5
WHOM = ("the command", "the command", "all of it", "httpd first, then the command")
NEXT = (("clean",), ("clean",), ("test", "lb-byrequests", "--report", "next"))


def kill(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def shards(here: Room) -> list[int]:
    """What ends by itself when its parent has ended: every process of Python."""
    return [pid for pid in here.running() if "python" in _program(pid)]


def _program(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/exe").readlink().name
    return ""


def lost_by(name: str, seconds: float, whom: str, following: tuple[str, ...]) -> list[str]:
    """Sentences of what a kill left behind after the command that follows."""
    with room() as here:
        process = here.begin(here.argv(*here.command(*COMMANDS[name][0])))
        after(process, seconds)
        if whom == "all of it":
            kill(here.running())
        elif whom.startswith("httpd"):
            kill([pid for pid in here.running() if "python" not in _program(pid)])
        process.kill()
        process.communicate()
        with contextlib.suppress(AssertionError):
            wait_for(lambda: not shards(here), seconds=20, what="the end of its children")
        orphans = [f"child {pid} outlived it" for pid in shards(here)]
        following_ = here.begin(here.argv(*here.command(*following)))
        out, err = following_.communicate(timeout=120)
        lost = [*orphans, *here.left()]
        if following_.returncode != 0:
            lost.append(f"wslb {following[0]} ended with {following_.returncode}")
        if "Traceback" in err.decode():
            lost.append("a traceback")
        return lost and [*lost, f"out {out[-300:]!r}, err {err[-800:]!r}"]


def test_kills_at_random_moments() -> None:
    figures = Figures(f"kills (WSLB_FAULTS_SEED={SEED})")
    names = list(COMMANDS)
    for number in range(TIMES):
        name = names[number % len(names)]
        seconds = moment(name, number)
        chosen = random.Random(f"{SEED} {number}")  # noqa: S311 - no secret
        whom, following = chosen.choice(WHOM), chosen.choice(NEXT)
        told = f"{name}, {whom} killed after {seconds:.3f} s, then wslb {following[0]}"
        figures.judge(told, lost_by(name, seconds, whom, following))
    figures.survived()


def serving(here: Room) -> int:
    """Process id of the httpd that has children."""
    for pid in here.running():
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if b"-DFOREGROUND" in words and Path(f"/proc/{pid}/task/{pid}/children").read_text():
                return pid
    raise AssertionError("no httpd serves")


@pytest.mark.parametrize("restarted", [False, True])
def test_all_are_killed_while_httpd_makes_its_shared_memory(restarted: bool) -> None:
    """At its start and at a graceful restart: in that moment nobody can have noted the segments."""
    with room() as here:
        if not here.keeper:
            pytest.skip("shared memory of one's own needs root and unshare(1)")
        process = here.begin(here.argv(*here.command("up", "--port", "18079", "--tls-port", "18449")))
        known: set[str] = set()
        if restarted:
            assert process.stdout is not None
            assert any(b"Ctrl+C stops all" in line for line in process.stdout)  # the httpd of its probe has ended
            known = set(here.segments())
            os.kill(serving(here), signal.SIGUSR1)
        deadline = time.monotonic() + 60
        while not set(here.segments()) - known:  # without a pause, in which they could be noted
            assert time.monotonic() < deadline, "httpd made no shared memory"
        while running := here.running():
            kill(running)
        process.communicate()
        assert set(here.segments()) - known
        following = here.begin(here.argv(*here.command("clean")))
        following.communicate(timeout=120)
        assert following.returncode == 0
        assert here.left() == []
