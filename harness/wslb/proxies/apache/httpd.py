"""One Apache httpd as it runs: checked, started, found ready, signalled and ended."""

from __future__ import annotations

import contextlib
import re
import signal
import time
from pathlib import Path

import aiohttp

from wslb.errors import ContractError, ProcessLost, ProxyConfigRejected, StartError, how_ended
from wslb.interfaces import Front, Installation, Process, Runtime
from wslb.proxies.apache.dialect import ApacheDialect
from wslb.proxies.program import ProxyProgram
from wslb.waiting import until

__all__ = ["Httpd", "checked"]

_NAME = "Apache httpd"

_RESUMED = frozenset({"AH00489", "AH00292", "AH00163"})
"""A generation begins to serve: of MPM event, worker and prefork."""

_RESTARTING = frozenset({signal.SIGHUP, signal.SIGUSR1})
"""Signals to the parent that it outlives (manual, Stopping and Restarting)."""

_STEADY_SECONDS = 3.0
"""An answer of the readiness path that is another for so long stays so: httpd serves, and something takes the path."""

_KILLED = frozenset({-signal.SIGKILL, 128 + signal.SIGKILL})
"""Exit codes of a program that SIGKILL ended, here and in a container."""


class Httpd(ProxyProgram):
    """Apache httpd."""

    NAME = _NAME
    CHILD = f"A child of {_NAME}"
    OUTPUT = "httpd.out"
    CONFIG = "httpd.conf"
    PORT_TAKEN = "AH00072"

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
        super().__init__(runtime=runtime, error_log=dialect.error_log, stop_seconds=stop_seconds)
        self._dialect = dialect
        self._installation = installation
        self._session = session
        self._patience = self._start_seconds = start_seconds
        self._signals: list[int] = []
        self._children: frozenset[int] = frozenset()
        self._spared: frozenset[int] = frozenset()
        self._lasting = False
        self._ready_url = ""
        self._ready_text = ""
        self._children_url = ""
        self._threads = 0
        self._taken = _Taken()

    async def start(self, config: str, *, front: Front, generation: str, threads: int = 0) -> None:
        """Check a configuration and serve it.

        Args:
            config: text of httpd.conf.
            front: where it listens.
            generation: what its readiness path must answer, so that no other httpd is taken for this one.
            threads: of all children, which must have started too; 0 asks for none.

        Raises:
            ProxyConfigRejected: ``httpd -t`` said no.
            StartError: it ended early, was not ready in time, or something else answers on its readiness path.
        """
        self._taken = _Taken()
        self._ready_url = f"http://{front.host}:{front.plain}{self._dialect.ready_path}"
        self._ready_text = self._dialect.ready_text(generation)
        self._children_url = f"http://{front.host}:{front.plain}{self._dialect.children_path}?auto"
        self._threads = threads
        self._signals, self._children, self._spared = [], frozenset(), frozenset()
        for name in (self._dialect.error_log, self._dialect.access_log, self.OUTPUT, "httpd.pid"):
            await self._runtime.remove(name)
        argv = await checked(self._dialect, self._runtime, self._installation, config)
        begin = time.monotonic()
        self._process = await self._runtime.start([*argv, "-DFOREGROUND"], name="httpd")
        try:
            await until(self._ready_or_taken, seconds=self._start_seconds, what="readiness of Apache httpd")
        except TimeoutError:
            self._start_seconds = min(self._start_seconds, self._patience / 2)  # the next one is likely to fail alike
            failed = await self._not_ready(time.monotonic() - begin)
            await self.stop()
            raise failed from None
        except BaseException:
            await self.stop()
            raise
        if self._taken.for_good:
            failed = await self._not_ready(time.monotonic() - begin)
            await self.stop()
            raise failed
        self._start_seconds = self._patience
        self._lasting = not re.search(r"^\s*MaxConnectionsPerChild\s+[1-9]", config, re.MULTILINE | re.IGNORECASE)
        self._know_children(self._process)

    def _know_children(self, process: Process) -> None:
        """Those that are there now, of this generation, and do not end by themselves."""
        if self._lasting:
            self._children |= self._runtime.children(process) - self._spared

    async def _still_starting(self) -> None:
        """Raise StartError when it has ended."""
        if self._process is None or self._process.returncode is not None:
            raise StartError(
                name="Apache httpd",
                reason=f"it {how_ended(self._process.returncode if self._process else None)}",
                log_tail=await self.log_tail(),
                hint="The last lines of its log say why.",
            )

    async def _ready_or_taken(self) -> bool:
        return await self._ready() or self._taken.for_good

    async def _ready(self) -> bool:
        await self._still_starting()
        said, text = await self._answer(self._ready_url)
        if text != self._ready_text:
            self._taken.by(said)
            return False
        self._taken.by("")
        if not self._threads:
            return True
        _, shown = await self._answer(self._children_url)
        return self._dialect.parse_threads(shown) >= self._threads

    async def _answer(self, url: str) -> tuple[str, str]:
        """Status line and body; both empty without an answer. A redirect is an answer too."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            limit = aiohttp.ClientTimeout(total=2)
            async with self._session.get(url, timeout=limit, allow_redirects=False) as response:
                to = f" to {response.headers['Location']}" if "Location" in response.headers else ""
                return f"{response.status} {response.reason}{to}", await response.text(errors="replace")
        return "", ""

    async def _not_ready(self, waited: float) -> StartError:
        """Why it was not found ready: with the status of what answered instead, where something did."""
        if self._taken.said:
            path = self._dialect.ready_path
            return StartError(
                name=_NAME,
                reason=f"its readiness path {path} answers {self._taken.said} without this run's id",
                waited=waited,
                log_tail=await self.log_tail(),
                hint=f"A line of the configuration takes that path. Before it: ProxyPass {path} !",
            )
        return StartError(
            name=_NAME,
            reason="it did not answer on its readiness path",
            waited=waited,
            log_tail=await self.log_tail(),
        )

    def signal(self, number: int) -> None:
        """Send a signal to the parent httpd, such as SIGUSR1 for a graceful restart."""
        if self._process is None:
            raise ContractError(backend="Apache httpd", detail="it does not run")
        self._signals.append(number)
        self._spared |= self._runtime.children(self._process)  # those of this generation end when they like
        self._children = frozenset()
        self._process.signal(number)

    async def kill_child(self, pid: int) -> None:
        """End a child with SIGKILL, as `parse_children` knows it; from now on no end of a child is an accident."""
        self._children, self._lasting = frozenset(), False
        await super().kill_child(pid)

    async def lost(self) -> ProcessLost | None:
        """What became of the parent or of a child that no signal of ours did; None: nothing.

        Children of a lab are as many as there may be, so none of them ends for want of work. Of those that SIGKILL or
        SIGTERM ended httpd says nothing (ap_process_child_status in server/mpm_common.c), of those that crashed it
        does, and a crash is its own failure. After a signal of ours the children end when they like, those of the next
        generation are known at the first look after its start, and after a signal that is to end httpd only SIGKILL is
        an accident; each restart that we asked for begins one generation at the most.
        """
        process = self._process
        if process is None:
            return None
        if await process.ended():
            if process.returncode not in _KILLED and not _RESTARTING.issuperset(self._signals):
                return None
            how = f"{how_ended(process.returncode)} in mid-run"
            return ProcessLost(name=_NAME, pid=process.pid, how=how, log_tail=await self.log_tail())
        log = self._dialect.parse_log(await self.log())
        generations = sum(line.code in _RESUMED for line in log)
        if generations > 1 + len(self._signals):
            how = "was restarted in mid-run by a signal"
            return ProcessLost(name=_NAME, pid=process.pid, how=how, log_tail=await self.log_tail())
        if generations == 1 + len(self._signals):
            self._know_children(process)
        for pid in sorted(pid for pid in self._children if self._runtime.state(pid) in {"", "zombie"}):
            text = await self._after_reaping(process, pid)
            if not re.search(rf"\bchild (?:pid |process )?{pid}\b|\[pid {pid}\b[^\n]*AH00050", text, re.IGNORECASE):
                how = "was ended in mid-run by SIGKILL or SIGTERM, for httpd logs no crash of it"
                return ProcessLost(name=self.CHILD, pid=pid, how=how)
        return None

    async def _after_reaping(self, process: Process, pid: int) -> str:
        """Error log once the parent, which looks every second, has noticed the end of a child."""

        async def reaped() -> bool:
            return pid not in self._runtime.children(process)

        with contextlib.suppress(TimeoutError):
            await until(reaped, seconds=3, what=f"the parent's notice of the end of {pid}")
        return await self.log()


class _Taken:
    """Who else answers on the readiness path.

    Attributes:
        said: status line of the answer; empty for none.
    """

    def __init__(self) -> None:
        self.said = ""
        self._since = 0.0

    def by(self, said: str) -> None:
        """Keep an answer, and since when it is the same."""
        if said != self.said:
            self.said, self._since = said, time.monotonic()

    @property
    def for_good(self) -> bool:
        """Whether the same other answer came for long enough to stay."""
        return bool(self.said) and time.monotonic() - self._since >= _STEADY_SECONDS


async def checked(dialect: ApacheDialect, runtime: Runtime, installation: Installation, config: str) -> tuple[str, ...]:
    """Write a configuration and let httpd check it: the argument vector that would serve it.

    Raises:
        ProxyConfigRejected: ``httpd -t`` said no.
        StartError: it did not end in time.
    """
    config_path = await runtime.write(Httpd.CONFIG, config.encode())
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
