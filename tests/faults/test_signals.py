"""Signals at random moments: an order to end is obeyed in order, a nuisance changes nothing, a death leaves nothing."""

from __future__ import annotations

import json
import random
import signal
import time

import pytest

from tests.faults.figures import FULL, Figures, needs_proc
from tests.faults.moments import COMMANDS, SEED, after, catches, moment
from tests.faults.remains import Room, room
from tests.live.command import wait_for
from wslb.caller import ENDING

pytestmark = [pytest.mark.live, pytest.mark.slow, needs_proc]

NUISANCES = (signal.SIGPIPE, signal.SIGCHLD, signal.SIGWINCH, signal.SIGSTOP)
DEATHS = (signal.SIGUSR1, signal.SIGALRM, signal.SIGABRT, signal.SIGKILL)
PAUSE = 0.3
"""Seconds that a stopped command stays so."""
REPORTS = {
    "test": "reports/lb/report.json",
    "try": "reports/try/report.json",
    "load": "reports/load/load.json",
    "compare": "reports/compare/report.json",
}


def lost_by(name: str, number: signal.Signals, seconds: float) -> list[str]:
    """Sentences of what went wrong with a command that got a signal so many seconds after it was ready for one."""
    with room() as here:
        process = here.begin(here.argv(*here.command(*COMMANDS[name][0])))
        wait_for(lambda: catches(process, signal.SIGHUP) or process.poll() is not None, what="handlers")
        after(process, seconds)
        ended_before = process.poll() is not None
        process.send_signal(number)
        if number is signal.SIGSTOP:
            time.sleep(PAUSE)
            process.send_signal(signal.SIGCONT)
        if name == "up" and number in NUISANCES:
            after(process, PAUSE)
            if process.poll() is not None:
                return [f"it ended with {process.returncode}"]
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        code = process.returncode
        lost = ["a traceback"] if b"Traceback" in err else []
        if number in DEATHS and not ended_before:
            lost += died(here, code, number)
        elif code not in wanted(name, number):
            lost.append(f"exit code {code}")
        lost += here.left()
        lost += reported(here, name, code, number)
        return lost and [*lost, f"out {out[-300:]!r}, err {err[-800:]!r}"]


def wanted(name: str, number: signal.Signals) -> set[int]:
    """Exit codes after a signal; a command may have come to its end before, or be a Python that is just leaving."""
    if name == "up" and number in {signal.SIGINT, *NUISANCES}:
        return {0, 128 + signal.SIGINT}  # the latter before there was anything to stop
    return {0, 128 + number, -number} if number in ENDING else {0}


def died(here: Room, code: int, number: signal.Signals) -> list[str]:
    """What is wrong with a death by a signal that nobody handles; what it left is cleaned away."""
    lost = [] if code in {0, -number} else [f"exit code {code}"]
    cleaned = here.begin(here.argv(*here.command("clean")))
    cleaned.communicate(timeout=60)
    return lost if cleaned.returncode == 0 else [*lost, f"wslb clean ended with {cleaned.returncode}"]


def reported(here: Room, name: str, code: int, number: signal.Signals) -> list[str]:
    """What its report says that is not so; only a command that never began has none."""
    path = here.folder / REPORTS.get(name, "none")
    if not path.exists():
        return [] if code != 0 or name == "up" else ["it has no report"]
    document = json.loads(path.read_text())
    document = document.get("outcome", document)
    lost = [] if document["exit_code"] == code or code < 0 else [f"its report says {document['exit_code']}"]
    if code == 128 + number and number.name not in json.dumps(document):
        lost.append(f"its report does not name {number.name}")
    return lost


def test_signals_at_random_moments() -> None:
    figures = Figures(f"signals (WSLB_FAULTS_SEED={SEED})")
    names = list(COMMANDS)
    numbers = (*ENDING, *NUISANCES, *DEATHS)
    every = [(name, number) for number in numbers for name in names]
    chance = random.Random(SEED)  # noqa: S311 - no secret
    some = (*ENDING, *chance.sample(NUISANCES, 2), *chance.sample(DEATHS, 2))
    first = chance.randrange(len(names))
    portion = [(names[(first + i) % len(names)], number) for i, number in enumerate(some)]
    for name, number in every if FULL else portion:
        seconds = moment(name, number)
        told = f"{name}, {number.name} after {seconds:.3f} s"
        figures.judge(told, lost_by(name, number, seconds))
    figures.survived()
