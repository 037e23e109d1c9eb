"""Streams that break and signals that end, each asked of a real process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wslb.caller import ENDING, code_of

HARNESS = Path(__file__).parents[2] / "harness"

TELLING = """
import os, sys, json
from wslb.caller import lasting_streams
lasting_streams()
opened = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
for _ in range(3):
    print(json.dumps(sys.argv[2], ensure_ascii=False), flush=True)
    print("more", file=sys.stderr)
os.write(opened, b"kept")
sys.exit(7)
"""


def told(tmp_path: Path, redirection: str, *, text: str = "✔ ü 😀", **environ: str) -> tuple[int, bytes, bytes]:
    """Exit code and both streams of a program that tells something; its file must hold what it wrote, and no more."""
    file = tmp_path / "file"
    ended = subprocess.run(
        [
            "/bin/bash",
            "-c",
            f'"$@" {redirection}; exit ${{PIPESTATUS[0]}}',
            "-",
            sys.executable,
            "-c",
            TELLING,
            file,
            text,
        ],
        env={**os.environ, "PYTHONPATH": str(HARNESS), **environ},
        capture_output=True,
        check=False,
    )
    assert file.read_bytes() == b"kept"
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize(
    ("redirection", "err"),
    [
        ("| head -c 1 >/dev/null", b"more\n" * 3),
        ("| true", b"more\n" * 3),
        (">&-", b"more\n" * 3),
        (">&- <&-", b"more\n" * 3),
        ("2>&-", b""),
        (">&- 2>&- <&-", b""),
        ("2>/dev/full", b""),
        (">/dev/full 2>&1", b""),
    ],
)
def test_a_stream_that_breaks_costs_nothing_else(tmp_path: Path, redirection: str, err: bytes) -> None:
    code, _, shown = told(tmp_path, redirection)
    assert code == 7
    assert shown == err


def test_a_full_disk_is_said_once(tmp_path: Path) -> None:
    code, _, err = told(tmp_path, ">/dev/full")
    assert code == 7
    assert err.count(b"error: stdout cannot be written (No space left on device)") == 1
    assert err.count(b"more\n") == 3


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
@pytest.mark.parametrize("text", ["✔ ü 😀", "lone \udc80 half"])
def test_what_an_encoding_lacks_is_escaped_so_that_json_stays_json(tmp_path: Path, encoding: str, text: str) -> None:
    environ = {"PYTHONIOENCODING": encoding}
    code, out, _ = told(tmp_path, "", text=text, **environ)
    assert code == 7
    assert [json.loads(line) for line in out.decode(encoding).splitlines()] == [text] * 3


def test_a_pipe_that_another_program_made_non_blocking_loses_nothing(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    program = subprocess.Popen(
        [sys.executable, "-c", "from wslb.caller import lasting_streams as l; l(); print('x' * 1_000_000)"],
        env={**os.environ, "PYTHONPATH": str(HARNESS)},
        stdout=writing,
        stderr=subprocess.PIPE,
    )
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        read = stream.read()
    _, err = program.communicate()
    assert (program.returncode, err, len(read)) == (0, b"", 1_000_001)


WAITING = """
import signal, sys
from wslb.caller import end_by_signals, in_order
{before}
end_by_signals()
def asked(name): print(name, flush=True)
def ready(): print("ready", flush=True)
{work}
"""
IDLE = "ready(); [signal.pause() for _ in iter(int, 1)]"
ORDERLY = "with in_order(asked):\n    ready()\n    while True: signal.pause()"
ONE = (
    "with in_order(asked) as caught:\n    ready()\n    while not caught: pass\nprint('saved', flush=True)\nsys.exit(5)"
)


def signalled(work: str, *numbers: signal.Signals, before: str = "") -> tuple[int, list[str], str]:
    """Exit code, stdout and stderr of a program that gets signals, each once the last has been answered."""
    program = subprocess.Popen(
        [sys.executable, "-c", WAITING.format(work=work, before=before)],
        env={**os.environ, "PYTHONPATH": str(HARNESS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    lines = []
    for number in numbers:
        lines.append(program.stdout.readline().strip())
        program.send_signal(number)
    out, err = program.communicate(timeout=30)
    return program.returncode, [*lines, *out.split()], err


@pytest.mark.parametrize("number", ENDING)
def test_while_there_is_nothing_to_lose_a_signal_ends_at_once_with_one_line(number: signal.Signals) -> None:
    assert signalled(IDLE, number) == (128 + number, ["ready"], f"\n{number.name}: ended.\n")
    assert code_of(number.name) == 128 + number


@pytest.mark.parametrize("number", ENDING)
def test_the_first_signal_asks_for_an_end_and_the_second_does_not_ask(number: signal.Signals) -> None:
    code, out, err = signalled(ORDERLY, signal.SIGTERM, number)
    assert (code, out) == (128 + number, ["ready", "SIGTERM"])
    assert err == f"\nSIGTERM: ending in order; once more quits at once.\n\n{number.name}: ended at once.\n"


@pytest.mark.parametrize("number", ENDING)
def test_one_signal_does_not_lose_what_is_to_be_saved(number: signal.Signals) -> None:
    code, out, _ = signalled(ONE, number)
    assert (code, out) == (5, ["ready", number.name, "saved"])


def test_nohup_keeps_its_word() -> None:
    before = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    code, out, err = signalled("ready(); import os; os.kill(os.getpid(), signal.SIGHUP); sys.exit(6)", before=before)
    assert (code, out, err) == (6, ["ready"], "")


@pytest.mark.parametrize(("word", "code"), [("SIGINT", 130), ("SIGHUP", 129), ("a sentence", 130)])
def test_every_interruption_has_its_exit_code(word: str, code: int) -> None:
    assert code_of(word) == code


def test_what_was_blocked_or_ignored_by_whoever_started_us_is_undone() -> None:
    """With SIGCHLD ignored, every child seems to have ended with 255; a blocked signal would never come."""
    before = "signal.signal(signal.SIGCHLD, signal.SIG_IGN); signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))"
    work = "import subprocess\nif subprocess.run(['/bin/sh', '-c', 'exit 3']).returncode == 3: " + IDLE
    assert signalled(work, signal.SIGTERM, before=before) == (143, ["ready"], "\nSIGTERM: ended.\n")
