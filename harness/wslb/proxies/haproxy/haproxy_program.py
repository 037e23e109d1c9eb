"""One HAProxy as it runs: checked, started, found ready, signalled and ended."""

from __future__ import annotations

import contextlib
import re
import signal
import time
from pathlib import Path

import aiohttp

from wslb.errors import ContractError, ProcessLost, ProxyConfigRejected, StartError, how_ended
from wslb.interfaces import Front, Installation, Runtime
from wslb.proxies.haproxy.haproxy_dialect import HaproxyDialect
from wslb.proxies.program import CLOSE, ProxyProgram
from wslb.waiting import until

__all__ = ["HaproxyProgram", "checked"]

_NAME = "HAProxy"
_LOST_WORKER = re.compile(r"Current worker \((\d+)\) exited with code (\d+)")
_REFUSED = re.compile(r"parsing \[(\S+):(\d+)\] ?: (.*)")
_READY = "Loading success."
"""Before the master says this, a signal kills it."""


class HaproxyProgram(ProxyProgram):
    """HAProxy."""

    NAME = _NAME
    CHILD = f"A worker of {_NAME}"
    OUTPUT = "haproxy.out"
    CONFIG = "haproxy.cfg"
    PORT_TAKEN = "cannot bind socket (Address already in use)"

    def __init__(
        self,
        *,
        dialect: HaproxyDialect,
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
        self._start_seconds = start_seconds
        self._ended_by_us = False
        self._spared: set[int] = set()

    async def start(self, config: str, *, front: Front, generation: str) -> None:
        """Check a configuration and serve it.

        Raises:
            ProxyConfigRejected: ``haproxy -c`` said no.
            StartError: it ended early, a port was taken, or it was not ready in time.
        """
        self._ended_by_us, self._spared = False, set()
        for name in (self.OUTPUT, self._dialect.socket):
            await self._runtime.remove(name)
        argv = await checked(self._dialect, self._runtime, self._installation, config)
        begin = time.monotonic()
        self._process = await self._runtime.start(argv, name="haproxy")
        url = f"http://{front.host}:{front.plain}{self._dialect.ready_path}"
        text = self._dialect.ready_text(generation)
        try:
            await until(lambda: self._ready(url, text), seconds=self._start_seconds, what="readiness of HAProxy")
        except TimeoutError:
            failed = StartError(
                name=_NAME,
                reason="it did not answer on its readiness path",
                waited=time.monotonic() - begin,
                log_tail=await self.log_tail(),
            )
            await self.stop()
            raise failed from None
        except BaseException:
            await self.stop()
            raise

    async def _ready(self, url: str, text: str) -> bool:
        """Whether this generation answers.

        Raises:
            StartError: it has ended, or somebody else has its port.
        """
        tail = await self.log_tail()
        ended = self._process is None or self._process.returncode is not None
        if ended or any(self.PORT_TAKEN in line for line in tail):
            raise StartError(
                name=_NAME,
                reason=f"it {how_ended(self._process.returncode if self._process else None)}"
                if ended
                else "its port is taken",
                log_tail=tail,
                hint="The last lines of its log say why.",
            )
        if _READY not in await self.log() or not await self._hears():
            return False
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            limit = aiohttp.ClientTimeout(total=2)
            async with self._session.get(url, timeout=limit, allow_redirects=False, headers=CLOSE) as response:
                return await response.text(errors="replace") == text
        return False

    async def _hears(self) -> bool:
        """Whether the master catches the signal to reload: it ignores it until a moment after it has said `_READY`.

        Where the system does not tell what a process catches (proc_pid_status(5)), its word must do.
        """
        done = await self._runtime.run(["cat", f"/proc/{self.pid}/status"])
        caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", done.output, re.MULTILINE)
        return caught is None or bool(int(caught[1], 16) >> (signal.SIGUSR2 - 1) & 1)

    def signal(self, number: int) -> None:
        """Send a signal to the master, such as SIGUSR2 for a reload."""
        if self._process is None:
            raise ContractError(backend=_NAME, detail="it does not run")
        self._ended_by_us = self._ended_by_us or number not in {signal.SIGHUP, signal.SIGUSR2}
        self._process.signal(number)

    async def kill_child(self, pid: int) -> None:
        """End a worker with SIGKILL; the master ends with it."""
        self._spared.add(pid)
        await super().kill_child(pid)

    async def log_tail(self, lines: int = 12) -> tuple[str, ...]:
        """Last lines of its one log, which is its standard streams."""
        return tuple(line for line in (await self.log()).splitlines() if line.strip())[-lines:]

    async def lost(self) -> ProcessLost | None:
        """What became of the master or of its worker that no signal of ours did; None: nothing.

        The master tells how its worker ended, and ends with it.
        """
        process = self._process
        if process is None or self._ended_by_us:
            return None
        ended = await process.ended()
        for found in _LOST_WORKER.finditer(await self.log()):
            if int(found[1]) not in self._spared:
                return ProcessLost(name=self.CHILD, pid=int(found[1]), how=f"ended in mid-run with code {found[2]}")
        if ended:
            how = f"{how_ended(process.returncode)} in mid-run"
            return ProcessLost(name=_NAME, pid=process.pid, how=how, log_tail=await self.log_tail())
        return None


async def checked(
    dialect: HaproxyDialect, runtime: Runtime, installation: Installation, config: str
) -> tuple[str, ...]:
    """Write a configuration and let HAProxy check it: the argument vector that would serve it.

    Raises:
        ProxyConfigRejected: ``haproxy -c`` said no.
        StartError: it did not end in time.
    """
    config_path = await runtime.write("haproxy.cfg", config.encode())
    if key := await runtime.read("tls/proxy.key"):
        await runtime.write("tls/proxy.pem.key", key, secret=True)  # where HAProxy looks for it, by the certificate
    argv = dialect.arguments(installation, config=config_path)
    try:
        done = await runtime.run([*argv, "-c"])
    except TimeoutError:
        raise StartError(name=_NAME, reason="haproxy -c did not end in time") from None
    if done.returncode != 0:
        where = _REFUSED.search(done.output)
        said = next((line for line in done.output.splitlines() if "[ALERT]" in line), "no reason was given")
        raise ProxyConfigRejected(
            file=Path(where[1]) if where else Path(config_path),
            line=int(where[2]) if where else None,
            text=where[3] if where else said,
            program=_NAME,
        )
    return argv
