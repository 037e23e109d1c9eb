"""Programs of this machine as child processes, each in its own process group, listening on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from wslb.errors import MachineExhausted
from wslb.interfaces import Completed, Front, Process
from wslb.waiting import disconnect, until

__all__ = ["LocalProcess", "LocalRuntime", "ports_to_listen"]

_UMASK = 0o022
"""Of every program: an unprivileged httpd, or backend, reads what another part of the lab has made."""

_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin", "/opt/homebrew/sbin")


_ROOM_BYTES = 32 * 1024
"""That a program must find: httpd that cannot write its pid leaves the shared memory that it has made."""

_MOST_OUTPUT = 16 * 1024 * 1024
"""Bytes: a dump of the largest configuration is a tenth of it; a program that prints for ever must not fill memory."""


class LocalProcess:
    """A child process and its group (`wslb.interfaces.Process`)."""

    def __init__(self, process: asyncio.subprocess.Process, *, name: str, log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """Process id, also the id of its group."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit code, None while it runs."""
        return self._process.returncode

    async def ended(self) -> bool:
        """Whether it has ended; where the kernel knows it already and we do not yet, after we do."""
        with contextlib.suppress(TimeoutError):
            if self._process.returncode is None and _state(self.pid) in {"", "zombie"}:
                await asyncio.wait_for(self._process.wait(), 2)
        return self._process.returncode is not None

    def signal(self, number: int) -> None:
        """Send a signal to it alone; nothing when it has ended."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def output(self) -> str:
        """What it wrote to its standard streams so far."""
        with contextlib.suppress(OSError):
            return self._log.read_text(encoding="utf-8", errors="replace")
        return ""

    async def stop(self, *, grace_seconds: float) -> None:
        """TERM, then after the grace KILL for the whole group: a killed httpd parent leaves children that serve.

        Without grace there is no TERM: a program that learns of its end says goodbye to its clients.
        """
        if self._process.returncode is None and grace_seconds > 0:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), grace_seconds)
        await self._kill_group()
        await self._process.wait()

    async def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

        async def gone() -> bool:
            try:
                os.killpg(self.pid, 0)
            except (ProcessLookupError, PermissionError):
                return True
            return self._process.returncode is not None and not _alive_in_group(self.pid)

        with contextlib.suppress(TimeoutError):
            await until(gone, seconds=5, what=f"the end of every process of {self.name}")


async def _all_of(process: asyncio.subprocess.Process) -> bytes:
    """What a program prints until it ends; of more than any httpd says of itself, the first part, and then its end."""
    output = bytearray()
    while part := await process.stdout.read(_MOST_OUTPUT) if process.stdout else b"":
        if len(output) <= _MOST_OUTPUT:
            output += part
            if len(output) > _MOST_OUTPUT:
                _kill_group(process.pid)
    await process.wait()
    return bytes(output[:_MOST_OUTPUT])


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _state(pid: int) -> str:
    import psutil  # noqa: PLC0415 - only a lab asks, and it has psutil by then

    with contextlib.suppress(psutil.Error):
        return str(psutil.Process(pid).status())
    return ""


def _alive_in_group(group: int) -> bool:
    """Whether a process that is not a zombie is left in this group; zombies of a killed parent belong to init."""
    import psutil  # noqa: PLC0415 - only the rare path after a forced stop needs it

    for process in psutil.process_iter(["status"]):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                return True
    return False


class LocalRuntime:
    """This machine (`wslb.interfaces.Runtime`)."""

    name = "local"

    def __init__(self, folder: Path) -> None:
        self._path = folder
        self.folder = str(folder)
        self.as_root = os.geteuid() == 0
        self.leftovers: Sequence[object] = ()

    async def find(self, names: Sequence[str]) -> str | None:
        """First program that exists, as a whole path: names on PATH and in the system's usual folders, or paths."""
        search = os.pathsep.join([os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS])
        found = next((found for name in names if (found := shutil.which(name, path=search))), None)
        return None if found is None else str(Path(found).absolute())

    async def listing(self, folder: str) -> frozenset[str]:
        """File names in a folder; empty when there is none or it cannot be read."""
        with contextlib.suppress(OSError):
            return frozenset(entry.name for entry in Path(folder).iterdir())
        return frozenset()

    async def run(self, argv: Sequence[str], *, timeout_seconds: float = 20) -> Completed:
        """Run a command to its end.

        Raises:
            TimeoutError: it did not end in time; it is killed.
            OSError: it cannot be started.
        """
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            umask=_UMASK,
        )
        try:
            output = await asyncio.wait_for(_all_of(process), timeout_seconds)
        except BaseException:
            _kill_group(process.pid)
            await process.wait()
            process._transport.close()  # type: ignore[attr-defined] # what is left of its output is not read
            raise
        return Completed(returncode=process.returncode or 0, output=output.decode(errors="replace"))

    async def start(
        self, argv: Sequence[str], *, name: str, pipe: bool = False, environ: Mapping[str, str] | None = None
    ) -> LocalProcess:
        """Start a program in its own session; with `pipe`, it sees the end of its stdin when we die.

        Args:
            environ: variables that it has beside those of this process.

        Raises:
            MachineExhausted: its log, and what it writes when it starts, would find no room.
        """
        if (room := self._room()) is not None and room < _ROOM_BYTES:
            raise self._full(f"{self.folder} has {room // 1024} KiB, too little for {name} to start")
        log = self._path / f"{name}.out"
        with log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE if pipe else asyncio.subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                umask=_UMASK,
                env={**os.environ, **environ} if environ else None,
            )
        return LocalProcess(process, name=name, log=log)

    async def write(self, name: str, content: bytes, *, secret: bool = False) -> str:
        """Write a file into the run's folder."""
        path = self._path / name
        for folder in reversed(Path(name).parents[:-1]):
            (self._path / folder).mkdir(exist_ok=True)
            (self._path / folder).chmod(0o755)
        if secret:
            path.unlink(missing_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.fchmod(descriptor, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
        else:
            path.write_bytes(content)
            path.chmod(0o644)
        return str(path)

    async def read(self, name: str) -> bytes:
        """Content of a file of the run's folder; empty when there is none.

        Raises:
            MachineExhausted: the disk is full, so that whoever wrote the file may have lost a part of it.
        """
        if self._room() == 0:
            raise self._full(f"{self.folder} is full, and a log in it may lack lines")
        with contextlib.suppress(OSError):
            return (self._path / name).read_bytes()
        return b""

    def _room(self) -> int | None:
        """Bytes that are free for the run's folder; None where its file system does not tell."""
        disk = os.statvfs(self._path)
        return disk.f_frsize * (disk.f_bfree if self.as_root else disk.f_bavail) if disk.f_blocks else None

    def _full(self, detail: str) -> MachineExhausted:
        return MachineExhausted(
            what="is no room on the disk",
            detail=detail,
            hint="Free some, or name a folder on another disk: TMPDIR.",
        )

    async def remove(self, name: str) -> None:
        """Remove a file of the run's folder."""
        (self._path / name).unlink(missing_ok=True)

    async def front(self, *, tls: bool, plain_port: int, tls_port: int) -> Front:
        """Loopback, on the given ports or free ones."""
        plain, secure = ports_to_listen(plain_port, tls_port)
        return Front(plain=plain, tls=secure if tls else None)

    def ports(self, count: int) -> tuple[int, ...]:
        """Free ones of loopback."""
        return ports_to_listen(*[0] * count)

    def children(self, process: Process) -> frozenset[int]:
        """Children of a process as the kernel lists them (proc_pid_task(5)); none where it does not."""
        with contextlib.suppress(OSError):
            return frozenset(map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()))
        return frozenset()

    def state(self, pid: int) -> str:
        """State of a process in psutil's words; empty for one that has gone."""
        return _state(pid)

    def backend_address(self, preferred: str) -> str:
        """Programs here reach every loopback address."""
        return preferred

    def reach(self, address: str) -> str:
        """Programs here reach a backend where it listens."""
        return address

    async def connects(self, host: str, port: int) -> bool:
        """Whether a connection can be opened there."""
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            return False
        await disconnect(writer)
        return True

    def where(self, name: str) -> str:
        """Path of a file of the run's folder."""
        return str(self._path / name)

    def facts(self) -> Mapping[str, str]:
        """What the report says of this runtime."""
        return {"runtime": self.name}


def ports_to_listen(*wanted: int, host: str = "127.0.0.1") -> tuple[int, ...]:
    """These ports, for each 0 one that was free a moment ago; whoever uses it must be ready to find it taken.

    All are held until the last is known, so no two of them are the same.
    """
    with contextlib.ExitStack() as held:

        def free() -> int:
            probe = held.enter_context(socket.socket())
            probe.bind((host, 0))
            port: int = probe.getsockname()[1]
            return free() if port in wanted else port

        return tuple(port or free() for port in wanted)
