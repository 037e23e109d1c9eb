"""Accidents of the lab are nobody's failure: each makes its scenario errored, and says who, which process and how."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.faults.figures import needs_proc
from tests.faults.remains import unshared
from wslb.config import Settings
from wslb.errors import PlaceLost
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.model.results import Outcome, ScenarioResult
from wslb.runtimes.apr_names import segment_name
from wslb.scenarios import SCENARIOS, runner
from wslb.scenarios import acts as do
from wslb.scenarios.scenario import Scenario
from wslb.waiting import until

pytestmark = [pytest.mark.live, pytest.mark.slow, needs_proc]

PLAIN = next(scenario for scenario in SCENARIOS if scenario.name == "lb-byrequests")
FOR_PROGRAMMERS = re.compile(r"\w+(Error|Exception)\b|Traceback|<[\w.]+ object|\bErrno\b|\bin \w+, line \d+")


def children(pid: int) -> list[int]:
    """Children of a process, oldest first."""
    return sorted(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def parent(lab: Lab) -> int:
    assert lab.proxy.pid is not None
    return lab.proxy.pid


def child(lab: Lab) -> int:
    return children(parent(lab))[0]


def backend(name: str) -> Callable[[Lab], int]:
    return lambda lab: lab.fleet[name].pid


@dataclass(frozen=True, kw_only=True)
class Accident:
    """A signal that somebody else sends in mid-run.

    Attributes:
        whose: tells the process id.
        named: as the sentence calls the process.
        how: what the sentence says of its end.
    """

    whose: Callable[[Lab], int]
    number: signal.Signals
    named: str
    how: str


LIBERTY, NODE, HTTPD, CHILD = (
    "WebSphere Liberty stand-in",
    "Node.js stand-in",
    "Apache httpd",
    "A child of Apache httpd",
)
ACCIDENTS = [
    Accident(whose=backend("liberty"), number=signal.SIGKILL, named=LIBERTY, how="was ended by SIGKILL in mid-run"),
    Accident(whose=backend("node"), number=signal.SIGSEGV, named=NODE, how="was ended by SIGSEGV in mid-run"),
    Accident(whose=backend("node"), number=signal.SIGTERM, named=NODE, how="ended with exit code 0 in mid-run"),
    Accident(whose=parent, number=signal.SIGKILL, named=HTTPD, how="was ended by SIGKILL in mid-run"),
    Accident(whose=parent, number=signal.SIGTERM, named=HTTPD, how="ended with exit code 0 in mid-run"),
    Accident(whose=parent, number=signal.SIGUSR1, named=HTTPD, how="was restarted in mid-run"),
    Accident(whose=parent, number=signal.SIGHUP, named=HTTPD, how="was restarted in mid-run"),
    Accident(whose=parent, number=signal.SIGSTOP, named=HTTPD, how="is stopped"),
    Accident(whose=child, number=signal.SIGKILL, named=CHILD, how="was ended in mid-run by SIGKILL or SIGTERM"),
    Accident(whose=child, number=signal.SIGSTOP, named=CHILD, how="is stopped|has not answered for 5 s"),
]


async def took_effect(pid: int, number: int, lab: Lab) -> None:
    """Wait until a signal shows: a state, an end, or a new generation."""

    async def shows() -> bool:
        with contextlib.suppress(OSError):
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            if number == signal.SIGSTOP:
                return state in "tT"
            if number in {signal.SIGUSR1, signal.SIGHUP}:
                return sum("resuming normal" in line.text for line in await lab.proxy.log()) > 1
            return state == "Z"
        return True

    await until(shows, seconds=10, what=f"the effect of signal {number}")


def told(result: ScenarioResult) -> str:
    """The reason of an errored scenario, which is written for people."""
    assert result.outcome is Outcome.ERRORED, result.first_failure or result.outcome
    assert not FOR_PROGRAMMERS.search(result.reason), result.reason
    assert not result.verdicts
    return result.reason


@pytest.mark.parametrize("accident", ACCIDENTS, ids=lambda a: f"{a.number.name}-{a.named.replace(' ', '-')}")
async def test_a_signal_of_somebody_else(accident: Accident, lab: Lab) -> None:
    pids = []

    async def act(lab: Lab) -> None:
        await lab.open_in_turn(3)
        pids.append(accident.whose(lab))
        os.kill(pids[0], accident.number)
        await took_effect(pids[0], accident.number, lab)
        if accident.number is not signal.SIGSTOP:
            await lab.open_in_turn(3)

    result = await runner.run(replace(PLAIN, act=act), lab)
    assert re.match(rf"{re.escape(accident.named)} \(pid {pids[0]}\) ({accident.how})", told(result))
    assert result.lab_failed
    after = await runner.run(PLAIN, lab)
    assert after.outcome is Outcome.PASSED, after.reason or after.first_failure


@pytest.mark.parametrize(
    ("ours", "theirs", "how"),
    [
        ("USR1", signal.SIGKILL, "was ended by SIGKILL in mid-run"),
        ("USR1", signal.SIGTERM, "ended with exit code 0 in mid-run"),
        ("USR1", signal.SIGUSR1, "was restarted in mid-run"),
        ("HUP", signal.SIGHUP, "was restarted in mid-run"),
        ("WINCH", signal.SIGKILL, "was ended by SIGKILL in mid-run"),
    ],
)
async def test_a_signal_of_the_scenario_excuses_no_other(ours: str, theirs: signal.Signals, how: str, lab: Lab) -> None:
    pids = []

    async def act(lab: Lab) -> None:
        goes_on = ours != "WINCH"  # which waits for the tunnel
        await lab.open_in_turn(1, hold=not goes_on)
        await do.signal(lab, ours)
        if goes_on:
            await do.restarted(lab)
        generations = sum(line.code in do.RESUMED for line in await lab.proxy.log())
        pids.append(parent(lab))
        os.kill(pids[0], theirs)

        async def shows() -> bool:
            begun = sum(line.code in do.RESUMED for line in await lab.proxy.log())
            return begun > generations or not lab.proxy.running

        await until(shows, seconds=15, what=f"the effect of signal {theirs}")

    result = await runner.run(replace(PLAIN, act=act), lab)
    assert re.match(rf"{HTTPD} \(pid {pids[0]}\) {how}", told(result))
    after = await runner.run(PLAIN, lab)
    assert after.outcome is Outcome.PASSED, after.reason or after.first_failure


@pytest.mark.parametrize("ours", ["USR1", "HUP"])
async def test_a_child_of_the_next_generation_is_killed(ours: str, lab: Lab) -> None:
    pids = []

    async def act(lab: Lab) -> None:
        old = set(children(parent(lab)))
        await do.signal(lab, ours)
        await do.restarted(lab)
        assert await lab.proxy.lost() is None
        pids.append(min(set(children(parent(lab))) - old))
        os.kill(pids[0], signal.SIGKILL)
        await took_effect(pids[0], signal.SIGKILL, lab)

    result = await runner.run(replace(PLAIN, act=act), lab)
    assert re.match(rf"{CHILD} \(pid {pids[0]}\) was ended in mid-run by SIGKILL or SIGTERM", told(result))


OPENS = 20


@pytest.mark.parametrize(("whose", "named"), [(backend("node"), NODE), (parent, HTTPD)])
async def test_who_does_not_answer_is_told_and_ends_the_scenario(
    whose: Callable[[Lab], int], named: str, lab: Lab
) -> None:
    said: list[str] = []
    pids: list[int] = []
    lab.watch.tell = said.append

    async def act(lab: Lab) -> None:
        pids.append(whose(lab))
        for pid in [pids[0], *children(pids[0])]:
            os.kill(pid, signal.SIGSTOP)
        await lab.open_in_turn(OPENS)

    begin = time.monotonic()
    result = await runner.run(replace(PLAIN, act=act), lab)
    assert time.monotonic() - begin < OPENS * lab.settings.timeouts.handshake / 2, "it was waited for, open by open"
    sentence = f"{named} (pid {pids[0]}) has not answered for 5 s (it is stopped)"
    assert told(result).startswith(sentence)
    assert len(said) == 1
    assert said[0].startswith(sentence)
    after = await runner.run(PLAIN, lab)
    assert after.outcome is Outcome.PASSED, after.reason or after.first_failure


@contextlib.contextmanager
def no_descriptor_left() -> Iterator[None]:
    """As many open files as may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + 1, hard)
    )
    try:
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                while True:
                    stack.enter_context(Path(os.devnull).open("rb"))
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_no_open_file_is_left(lab: Lab) -> None:
    async def act(lab: Lab) -> None:
        await lab.open_in_turn(1)
        with no_descriptor_left():
            await lab.open_in_turn(3)

    result = await runner.run(replace(PLAIN, act=act), lab)
    assert told(result).startswith("There is no open file left: too many open files")
    assert "ulimit -n" in result.reason


async def test_the_folder_of_the_run_vanishes(wslb_settings: Settings) -> None:
    results: list[ScenarioResult] = []

    async def act(lab: Lab) -> None:
        await lab.open_in_turn(2)
        shutil.rmtree(lab.fleet.folder)
        await lab.open_in_turn(2)

    async with open_lab(wslb_settings) as lab:
        folder = lab.fleet.folder
        with pytest.raises(PlaceLost, match="vanished"):
            await runner.run_all([replace(PLAIN, act=act), PLAIN], lab, done=results.append)
    (result,) = results
    assert told(result).startswith(f"The folder of this run ({folder}) vanished")


INSIDE = """
import asyncio, json, os, resource, subprocess, sys
from dataclasses import replace
from pathlib import Path
from wslb.config import Settings
from wslb.lab.launch import open_lab
from wslb.scenarios import SCENARIOS, runner

async def act(lab):
    Path(sys.argv[2]).touch()
    held = await lab.open_in_turn(2, hold=sys.argv[1] in {"ports", "memory"})
    if sys.argv[1] == "loopback":
        subprocess.run(["ip", "link", "set", "lo", "down"], check=True)
    elif sys.argv[1] == "memory":
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (8 << 20), -1))
        await held[0].send(b"x" * (64 << 20))
    elif sys.argv[1] == "disk":
        disk = os.statvfs(lab.fleet.folder)
        assert disk.f_blocks * disk.f_frsize <= 4 << 20, lab.fleet.folder
        try:
            (Path(lab.fleet.folder) / "full").write_bytes(b"x" * (4 << 20))
        except OSError:
            pass
    else:
        Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40001")
    await lab.open_in_turn(8, hold=True)

async def main():
    plain = next(scenario for scenario in SCENARIOS if scenario.name == "lb-byrequests")
    async with open_lab(Settings()) as lab:
        result = await runner.run(replace(plain, act=act), lab)
    print(json.dumps([result.outcome.value, result.reason]))

asyncio.run(main())
"""


@contextlib.contextmanager
def foreign_segment() -> Iterator[str]:
    """Where a program that is not the lab's leaves shared memory in mid-run: looking at it takes what is short."""
    path = Path(f"/dev/shm/{segment_name(f'/run/{os.getpid()}/slotmem-shm-p1a2b3c4d_0.shm')}")  # noqa: S108
    try:
        yield str(path)
    finally:
        path.unlink(missing_ok=True)


@pytest.mark.skipif(not unshared("--net --mount"), reason="this system permits no namespaces of network and mounts")
@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("loopback", "The loopback interface went down while the lab ran."),
        ("ports", "There is no free port left: cannot assign requested address"),
        ("memory", "There is no memory left: an allocation failed"),
        ("disk", "There is no room on the disk left: "),
    ],
)
def test_the_machine_fails(what: str, sentence: str) -> None:
    ready = 'ip link set lo up && mount -t tmpfs -o size=2m,mode=1777 none "$TMPDIR" && exec "$@"'
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder, foreign_segment() as segment:
        Path(folder).chmod(0o755)  # httpd's user goes there
        done = subprocess.run(
            [
                "/usr/bin/unshare",
                "--net",
                "--mount",
                "/bin/sh",
                "-c",
                ready,
                "sh",
                sys.executable,
                "-c",
                INSIDE,
                what,
                segment,
            ],
            env={**os.environ, "TMPDIR": folder},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 0, done.stderr
    outcome, reason = json.loads(done.stdout.splitlines()[-1])
    assert outcome == "errored"
    assert reason.startswith(sentence)
    assert not FOR_PROGRAMMERS.search(reason), reason


async def test_a_crash_of_httpd_is_its_own_failure(lab: Lab) -> None:
    async def act(lab: Lab) -> None:
        await lab.open_in_turn(20)
        os.kill(child(lab), signal.SIGSEGV)

        async def logged() -> bool:
            return any(line.code in {"AH00051", "AH00052"} for line in await lab.proxy.log())

        await until(logged, seconds=10, what="the crash in the log")

    result = await runner.run(replace(PLAIN, act=act), lab)
    assert result.outcome is not Outcome.ERRORED, result.reason


@pytest.mark.parametrize("how", ["weights", "killed"])
async def test_what_the_scenario_itself_does_is_no_accident(how: str, lab: Lab) -> None:
    async def act(lab: Lab) -> None:
        if how == "killed":
            await do.kill(lab, "node")
        await lab.open_in_turn(8)

    scenario: Scenario = replace(PLAIN, act=act)
    cluster = scenario.site.balancers[0]
    heavy = cluster.with_member(replace(cluster.member("liberty"), loadfactor=3))
    result = await runner.run(
        scenario, lab, tamper=(lambda site: site.with_balancer(heavy)) if how == "weights" else None
    )
    assert result.outcome is Outcome.FAILED, result.reason
