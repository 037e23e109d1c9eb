"""Runs the ``wslb`` command as a user would, in a folder of its own whose processes can all be told apart."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

LIMIT_SECONDS = 120


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str


class Running:
    """A command that runs; its streams are read all the while, so it never waits for us."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._streams: tuple[list[str], list[str]] = ([], [])
        self._readers = [
            threading.Thread(target=_collect, args=(stream, lines), daemon=True)
            for lines, stream in zip(self._streams, (process.stdout, process.stderr), strict=True)
            if stream is not None
        ]
        for reader in self._readers:
            reader.start()

    @property
    def out(self) -> str:
        """What it has printed so far."""
        return "".join(self._streams[0])

    def wait_until_printed(self, text: str) -> None:
        """Wait for a text on its stdout; fails when the command ends without it."""
        wait_for(
            lambda: text in self.out or self.process.poll() is not None,
            what=lambda: f"{text!r} on stdout, which says {self.out!r},",
        )
        assert text in self.out, f"ended with {self.process.returncode}: {self.end()}"

    def kill(self) -> None:
        """End it, if it runs."""
        self.process.kill()
        self.process.wait()

    def end(self) -> Ended:
        """Wait for its end."""
        try:
            self.process.wait(timeout=LIMIT_SECONDS)
        finally:
            self.kill()
            for reader in self._readers:
                reader.join()
        return Ended(code=self.process.returncode, out=self.out, err="".join(self._streams[1]))


def _collect(stream: IO[str], lines: list[str]) -> None:
    with stream:
        for line in stream:
            lines.append(line)


class Place:
    """An empty folder: the command's working directory and its folder for temporary files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.started: list[Running] = []

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("WSLB_", "PYTEST"))}
        return {**kept, "TMPDIR": str(self.temporary), "WSLB_RUNTIME": "local", **more}

    def start(self, *words: str, environ: Mapping[str, str] | None = None) -> Running:
        """Start ``wslb words…``."""
        process = subprocess.Popen(
            [sys.executable, "-m", "wslb", *words],
            cwd=self.folder,
            env=dict(environ) if environ else self.environment(PYTHONPATH=str(Path(__file__).parents[2] / "harness")),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(Running(process))
        return self.started[-1]

    def run(self, *words: str, environ: Mapping[str, str] | None = None) -> Ended:
        """Run ``wslb words…`` to its end."""
        return self.start(*words, environ=environ).end()

    def processes(self) -> list[psutil.Process]:
        """Everything that runs and names this place on its command line, the commands themselves included."""
        found = []
        for process in psutil.process_iter(["cmdline", "status"]):
            words = process.info["cmdline"] or []
            if process.info["status"] != psutil.STATUS_ZOMBIE and any(str(self.temporary) in word for word in words):
                found.append(process)
        return found

    def leftovers(self) -> list[str]:
        """Run folders, processes and listening ports that a command left behind."""
        left = [f"{p.name()} {p.pid}" for p in self.processes()]
        return left + [path.name for path in self.temporary.glob("wslb-*")]


@contextmanager
def place() -> Iterator[Place]:
    """A fresh `Place` that an unprivileged httpd can read; whatever is left in it is ended and removed."""
    folder = Path(tempfile.mkdtemp(prefix="wslb-test-"))
    folder.chmod(0o755)
    here = Place(folder)
    try:
        yield here
    finally:
        for running in here.started:
            running.kill()
        for process in here.processes():
            process.kill()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(condition, *, seconds: float = 60, what: str | Callable[[], str]) -> None:  # type: ignore[no-untyped-def]
    """Poll a blocking condition until it is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, (
            f"{what if isinstance(what, str) else what()} did not happen within {seconds} s"
        )
        time.sleep(0.02)
