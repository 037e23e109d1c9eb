"""One Apache httpd as it runs: checked, started, found ready, signalled and ended."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import time
from pathlib import Path

import aiohttp

from wslb.errors import ContractError, ProcessLost, ProxyConfigRejected, StartError, how_ended
from wslb.interfaces import STOPPED, Front, Installation, Process, Runtime
from wslb.proxies.apache.dialect import ApacheDialect
from wslb.waiting import until

__all__ = ["Httpd", "checked"]

_OUTPUT = "httpd.out"

_NAME = "Apache httpd"

_RESUMED = frozenset({"AH00489", "AH00292", "AH00163"})
"""A generation begins to serve: of MPM event, worker and prefork."""

_RESTARTING = frozenset({signal.SIGHUP, signal.SIGUSR1})
"""Signals to the parent that it outlives (manual, Stopping and Restarting)."""

_KILLED = frozenset({-signal.SIGKILL, 128 + signal.SIGKILL})
"""Exit codes of a program that SIGKILL ended, here and in a container."""


class Httpd:
    """The program of a proxy; started again, it is another process with logs of its own."""

    def __init__(
        self,
        *,
        dialect: ApacheDialect,
        runtime: Runtime,
        installation: Installation,
        session: aiohttp.ClientSession,
        start_seconds: float,
        stop_seconds: float,
    ) -> None:
        self._dialect = dialect
        self._runtime = runtime
        self._installation = installation
        self._session = session
        self._start_seconds = start_seconds
        self._stop_seconds = stop_seconds
        self._process: Process | None = None
        self._signals: list[int] = []
        self._children: frozenset[int] = frozenset()
        self._ready_url = ""
        self._ready_text = ""
        self._children_url = ""
        self._threads = 0

    async def start(self, config: str, *, front: Front, generation: str, threads: int = 0) -> None:
        """Check a configuration and serve it.

        Args:
            config: text of httpd.conf.
            front: where it listens.
            generation: what its readiness path must answer, so that no other httpd is taken for this one.
            threads: of all children, which must have started too; 0 asks for none.

        Raises:
            ProxyConfigRejected: ``httpd -t`` said no.
            StartError: it ended early, or was not ready in time.
        """
        self._ready_url = f"http://{front.host}:{front.plain}{self._dialect.ready_path}"
        self._ready_text = self._dialect.ready_text(generation)
        self._children_url = f"http://{front.host}:{front.plain}{self._dialect.children_path}?auto"
        self._threads = threads
        self._signals, self._children = [], frozenset()
        for name in (self._dialect.error_log, self._dialect.access_log, _OUTPUT, "httpd.pid"):
            await self._runtime.remove(name)
        argv = await checked(self._dialect, self._runtime, self._installation, config)
        begin = time.monotonic()
        self._process = await self._runtime.start([*argv, "-DFOREGROUND"], name="httpd")
        try:
            await until(self._ready, seconds=self._start_seconds, what="readiness of Apache httpd")
        except TimeoutError:
            tail = await self.log_tail()
            await self.stop()
            raise StartError(
                name="Apache httpd",
                reason="it did not answer on its readiness path",
                waited=time.monotonic() - begin,
                log_tail=tail,
            ) from None
        except BaseException:
            await self.stop()
            raise
        await self._runtime.started(self._process)
        if not re.search(r"^\s*MaxConnectionsPerChild\s+[1-9]", config, re.MULTILINE | re.IGNORECASE):
            self._children = self._runtime.children(self._process)

    async def _still_starting(self) -> None:
        """Raise StartError when it has ended."""
        if self._process is None or self._process.returncode is not None:
            raise StartError(
                name="Apache httpd",
                reason=f"it {how_ended(self._process.returncode if self._process else None)}",
                log_tail=await self.log_tail(),
                hint="The last lines of its log say why.",
            )
        await self._runtime.started(self._process)  # already now: a killed run must leave nothing that nobody knows

    async def _ready(self) -> bool:
        await self._still_starting()
        if await self._answer(self._ready_url) != self._ready_text:
            return False
        return not self._threads or self._dialect.parse_threads(await self._answer(self._children_url)) >= self._threads

    async def _answer(self, url: str) -> str:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self._session.get(url, timeout=aiohttp.ClientTimeout(total=2)) as response:
                return await response.text()
        return ""

    async def stop(self) -> None:
        """End httpd and every child of it; twice is once. Close the tunnels first: with one open, TERM takes 10 s."""
        process, self._process = self._process, None
        if process:
            await process.stop(grace_seconds=self._stop_seconds)

    @property
    def pid(self) -> int | None:
        """Process id of the parent httpd."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        """Whether httpd runs."""
        return self._process is not None and self._process.returncode is None

    def signal(self, number: int) -> None:
        """Send a signal to the parent httpd, such as SIGUSR1 for a graceful restart."""
        if self._process is None:
            raise ContractError(backend="Apache httpd", detail="it does not run")
        self._signals.append(number)
        self._children = frozenset()  # those of this generation end when they like
        self._process.signal(number)

    async def kill_child(self, pid: int) -> None:
        """End a child with SIGKILL, as `parse_children` knows it; from now on no end of a child is an accident."""
        self._children = frozenset()
        await self._runtime.run(["sh", "-c", f"kill -KILL {pid:d}"])

    async def lost(self) -> ProcessLost | None:
        """What became of the parent or of a child that no signal of ours did; None: nothing.

        Children of a lab are as many as there may be, so none of them ends for want of work. Of those that SIGKILL or
        SIGTERM ended httpd says nothing (ap_process_child_status in server/mpm_common.c), of those that crashed it
        does, and a crash is its own failure. After a signal of ours the children end when they like, and after one that
        is to end httpd only SIGKILL is an accident; each restart that we asked for begins one generation at the most.
        """
        process = self._process
        if process is None:
            return None
        if await process.ended():
            if process.returncode not in _KILLED and not _RESTARTING.issuperset(self._signals):
                return None
            how = f"{how_ended(process.returncode)} in mid-run"
            return ProcessLost(name=_NAME, pid=process.pid, how=how, log_tail=await self.log_tail())
        text = (await self._runtime.read(self._dialect.error_log)).decode(errors="replace")
        log = self._dialect.parse_log(text)
        if sum(line.code in _RESUMED for line in log) > 1 + len(self._signals):
            how = "was restarted in mid-run by a signal"
            return ProcessLost(name=_NAME, pid=process.pid, how=how, log_tail=await self.log_tail())
        for pid in sorted(pid for pid in self._children if self._runtime.state(pid) in {"", "zombie"}):
            text = await self._after_reaping(process, pid)
            if not re.search(rf"\bchild (?:pid |process )?{pid}\b|\[pid {pid}\b[^\n]*AH00050", text, re.IGNORECASE):
                how = "was ended in mid-run by SIGKILL or SIGTERM, for httpd logs no crash of it"
                return ProcessLost(name=f"A child of {_NAME}", pid=pid, how=how)
        return None

    async def _after_reaping(self, process: Process, pid: int) -> str:
        """Error log once the parent, which looks every second, has noticed the end of a child."""

        async def reaped() -> bool:
            return pid not in self._runtime.children(process)

        with contextlib.suppress(TimeoutError):
            await until(reaped, seconds=3, what=f"the parent's notice of the end of {pid}")
        return (await self._runtime.read(self._dialect.error_log)).decode(errors="replace")

    def stopped(self) -> tuple[tuple[str, int], ...]:
        """Name and process id of parent and children that are stopped."""
        process = self._process
        if process is None or process.returncode is not None:
            return ()
        pids = {process.pid: _NAME} | dict.fromkeys(self._runtime.children(process), f"A child of {_NAME}")
        return tuple((name, pid) for pid, name in pids.items() if self._runtime.state(pid) in STOPPED)

    async def log_tail(self, lines: int = 12) -> tuple[str, ...]:
        """Last lines of what httpd wrote, standard streams first."""
        names = (_OUTPUT, self._dialect.error_log)
        text = "\n".join([(await self._runtime.read(name)).decode(errors="replace") for name in names])
        return tuple(line for line in text.splitlines() if line.strip())[-lines:]

    async def kill(self) -> None:
        """End httpd at once, children included, whatever is open."""
        process, self._process = self._process, None
        if process:
            await asyncio.shield(process.stop(grace_seconds=0))


async def checked(dialect: ApacheDialect, runtime: Runtime, installation: Installation, config: str) -> tuple[str, ...]:
    """Write a configuration and let httpd check it: the argument vector that would serve it.

    Raises:
        ProxyConfigRejected: ``httpd -t`` said no.
        StartError: it did not end in time.
    """
    config_path = await runtime.write("httpd.conf", config.encode())
    argv = dialect.arguments(installation, folder=runtime.folder, config=config_path)
    try:
        done = await runtime.run([*argv, "-t"])
    except TimeoutError:
        raise StartError(name="Apache httpd", reason="httpd -t did not end in time") from None
    if done.returncode != 0:
        raise _rejected(done.output, config_path)
    return argv


def _rejected(output: str, config_path: str) -> ProxyConfigRejected:
    """The error that says where ``httpd -t`` stumbled; AH00526 and its kin name file and line."""
    where = re.search(r"on line (\d+) of ([^\s:]+):", output)
    lines = [line for line in output.splitlines() if line.strip() and "AH00558" not in line]
    text = " ".join(lines[-2:]) if where else " ".join(lines[-3:])
    return ProxyConfigRejected(
        file=Path(where[2]) if where else Path(config_path),
        line=int(where[1]) if where else None,
        text=text or "no reason was given",
        hint="wslb config prints the configuration with the settings given.",
    )
