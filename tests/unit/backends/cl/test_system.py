"""The runner of the real utility, with a fake `system` program in its place."""

import contextlib
import os
import sys
import time
from pathlib import Path

import psutil
import pytest

from backends.cl.interpreter import Caller
from backends.cl.system import System

CALLER = Caller(
    number=1, listener="ws", peer="", target="/", age_seconds=0, messages_received=1, messages_sent=1,
    subprotocol=None, headers=list,
)  # fmt: skip


@pytest.fixture
def fake(tmp_path: Path) -> "Fake":
    return Fake(tmp_path)


class Fake:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def program(self, body: str) -> str:
        file = self.folder / "system"
        file.write_text(f"#!{sys.executable}\nimport os, sys, time\n{body}\n")
        file.chmod(0o755)
        return str(file)


@pytest.mark.parametrize("command", ["WRKSBS", "SNDMSG 'it''s'", "WRKSBS; id", "$(id)", "-x", "a\nb", "ü"])
async def test_command_is_one_argument(fake: Fake, command: str) -> None:
    system = System(program=fake.program("print(sys.argv[1:])"))
    assert await system.run(command, caller=CALLER) == f"{['-i', command]}\n"


async def test_errors_of_the_command_are_output(fake: Fake) -> None:
    system = System(program=fake.program("sys.stderr.write('CPD0030: not found\\n'); sys.exit(255)"))
    assert await system.run("FOO", caller=CALLER) == "CPD0030: not found\n"


async def test_command_that_takes_too_long_is_killed_with_its_children(fake: Fake) -> None:
    body = "child = os.fork()\nprint('first', os.getpid() if child else 0, flush=True)\ntime.sleep(60)"
    system = System(program=fake.program(body), time_limit_seconds=2)
    begun = time.monotonic()
    output = await system.run("WRKSBS", caller=CALLER)
    assert time.monotonic() - begun < 10
    assert output.endswith("\nThe command was ended after 2 seconds.")
    group = next(int(word) for word in output.split() if word.isdecimal() and word != "0")
    deadline = time.monotonic() + 5
    while members(group):
        assert time.monotonic() < deadline


def members(group: int) -> list[int]:
    """Return the living processes of a process group."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


async def test_output_is_cut_with_a_sentence(fake: Fake) -> None:
    system = System(program=fake.program("print('x' * 1000000, flush=True); time.sleep(60)"), output_limit=1000)
    output = await system.run("WRKSBS", caller=CALLER)
    assert output == "x" * 1000 + "\nThe output was cut after 1000 bytes."


async def test_output_that_is_no_utf8_is_shown(fake: Fake) -> None:
    system = System(program=fake.program("os.write(1, b'\\xff')"))
    assert await system.run("WRKSBS", caller=CALLER) == "\ufffd"


@pytest.mark.parametrize(("command", "part"), [("", "No command"), ("WRK\0SBS", "null character")])
async def test_what_cannot_be_an_argument_gets_a_sentence(fake: Fake, command: str, part: str) -> None:
    assert part in await System(program=fake.program("")).run(command, caller=CALLER)


async def test_missing_utility_is_a_sentence() -> None:
    output = await System(program="/nonexistent/system").run("WRKSBS", caller=CALLER)
    assert output == f"The command could not run: /nonexistent/system: {os.strerror(2)}."
