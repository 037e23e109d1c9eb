"""A place for a command of which everything can be found that it leaves: processes, folders, shared memory.

Everything that the command starts inherits a variable. As root, where the system lets us, ``/tmp``, ``/dev/shm`` and
System V segments are the place's own, so that nothing of another session is taken for the command's.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.live.command import Place, wait_for

__all__ = ["NOBODY", "Room", "hidden", "room", "unshared"]

NOBODY = 65534
MARK = "WSLB_TEST_MARK"
HARNESS = Path(__file__).parents[2] / "harness"
OWN = (
    "mount -t tmpfs -o mode=1777 none /tmp && mount -t tmpfs -o mode=1777 none /dev/shm && echo && exec sleep infinity"
)
RUN_FOLDER = re.compile("wslb-[0-9a-f]{8}")


@cache
def unshared(options: str) -> bool:
    """Whether unshare(1) with these options is permitted."""
    words = ["/usr/bin/unshare", *options.split(), "true"]
    return os.geteuid() == 0 and subprocess.run(words, capture_output=True, check=False).returncode == 0


def hidden(folder: str) -> bool:
    """Whether something mounted over this folder would hide the programs under test."""
    return any(Path(path).resolve().is_relative_to(folder) for path in (HARNESS, sys.prefix, sys.base_prefix))


class Room(Place):
    """A `Place` whose remains can be told.

    Attributes:
        keeper: process id of what keeps its namespaces, 0 when there are none.
    """

    def __init__(self, folder: Path, *, keeper: int) -> None:
        super().__init__(folder)
        self.keeper = keeper
        self._mark = secrets.token_hex(8)
        self._begun: list[subprocess.Popen[bytes]] = []

    def argv(self, *words: str, before: str = "", apart: str = "", nobody: bool = False) -> list[str]:
        """Words of a command that runs in this place, with lines of bash before it."""
        made = ["/usr/bin/nsenter", f"--target={self.keeper}", "--mount", "--ipc"] if self.keeper else []
        if apart:
            made += ["/usr/bin/unshare", *apart.split()]
        become = ["/usr/bin/setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if nobody else []
        bash = ["/bin/bash", "-c", f'cd "$0"\n{before}\nexec "$@"', str(self.folder)]
        return [*made, *bash, *become, *words] if apart else [*made, *become, *bash, *words]

    def command(self, *words: str, nobody: bool = False) -> list[str]:
        """``wslb words…``; an unprivileged user gets a Python that it can read."""
        python = sys.executable
        if nobody and not _open_to_all(Path(python).resolve()):
            python = str(self._python())
        return [python, "-P", "-m", "wslb", *words]

    def _python(self) -> Path:
        """A virtual environment of the system's Python, with our packages."""
        venv = self.folder / "venv"
        if not venv.exists():
            subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", venv], check=True)
            packages = next(path for path in sys.path if path.endswith("site-packages"))
            (next(venv.glob("lib/*/site-packages")) / "ours.pth").write_text(f"{packages}\n{HARNESS}\n")
        return venv / "bin" / "python"

    def surroundings(self, **more: str) -> dict[str, str]:
        """Variables of a command here; not those of coverage, which could not write its data everywhere."""
        plain = self.environment(PYTHONPATH=str(HARNESS), PYTHONDONTWRITEBYTECODE="1", **more)
        kept = {name: text for name, text in plain.items() if text and not name.startswith("COVERAGE_")}
        return {MARK: self._mark, **kept}

    def begin(self, words: list[str], environ: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start words of `argv`; its output is collected."""
        process = subprocess.Popen(
            words,
            cwd=self.folder,
            env=self.surroundings() if environ is None else dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._begun.append(process)
        return process

    def running(self) -> list[int]:
        """Process ids of what commands here started and that still runs."""
        mark = f"{MARK}={self._mark}\0".encode()
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdigit() and mark in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return found

    def _none_left(self) -> bool:
        """Whether nothing runs any more; what does is killed."""
        left = self.running()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    def left(self) -> list[str]:
        """A sentence for each thing that is left, once whatever is just ending has had its time."""
        with contextlib.suppress(AssertionError):
            wait_for(lambda: not self.running(), seconds=5, what="the end of all")
        running = [f"process {pid} is left ({_words(pid)})" for pid in self.running()]
        return [*running, *(f"{name} is left" for name in (*self._folders(), *self._shared()))]

    def _folders(self) -> list[str]:
        bases = [path for path in self.folder.rglob("*") if path.is_dir()]
        bases += [self._inside("/tmp")] if self.keeper else []  # noqa: S108 - read, not made
        return [
            str(path) for base in [self.folder, *bases] for path in base.iterdir() if RUN_FOLDER.fullmatch(path.name)
        ]

    def _shared(self) -> list[str]:
        if not self.keeper:
            return []
        enter = ["/usr/bin/nsenter", f"--target={self.keeper}", "--ipc"]
        words = [*enter, "cat", "/proc/sysvipc/shm", "/proc/sysvipc/sem"]
        segments = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
        return [*self.segments(), *(f"segment {' '.join(line.split())}" for line in segments if "key" not in line)]

    def segments(self) -> list[str]:
        """Names of POSIX shared memory here; none where the place has no memory of its own."""
        return [path.name for path in self._inside("/dev/shm").iterdir()] if self.keeper else []  # noqa: S108 - read

    def _inside(self, path: str) -> Path:
        return Path(f"/proc/{self.keeper}/root{path}")

    def end(self) -> None:
        """End whatever runs here; what was begun and not waited for is, and its pipes are closed."""
        for process in self._begun:  # one that is just becoming another program shows no variable
            if process.poll() is None:
                process.kill()
        wait_for(self._none_left, what="the end of all that ran in this place")
        for process in self._begun:
            if process.stdout and not process.stdout.closed:
                process.communicate()


def _open_to_all(path: Path) -> bool:
    return all(part.stat().st_mode & 0o005 == 0o005 for part in (path, *path.parents))


def _words(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:120]
    return "gone"


@contextmanager
def room(*, nobody: bool = False) -> Iterator[Room]:
    """A fresh one; whatever is left in it is ended and removed."""
    folder = Path(tempfile.mkdtemp(prefix="wslb-fault-", dir="/var/tmp"))
    folder.chmod(0o755)
    keeper = None
    if unshared("--mount --ipc") and not hidden("/tmp"):  # noqa: S108 - looked at, not made
        keeper = subprocess.Popen(
            ["/usr/bin/unshare", "--mount", "--ipc", "/bin/bash", "-c", OWN], stdout=subprocess.PIPE, text=True
        )
        assert keeper.stdout is not None
        keeper.stdout.readline()
    here = Room(folder, keeper=keeper.pid if keeper else 0)
    if nobody:
        for path in (folder, here.temporary):
            os.chown(path, NOBODY, NOBODY)
    try:
        yield here
    finally:
        here.end()
        if keeper:
            keeper.kill()
            keeper.communicate()
        shutil.rmtree(folder, ignore_errors=True)
