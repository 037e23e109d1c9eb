"""One nginx as it runs: checked, started, found ready, signalled and ended."""

from __future__ import annotations

import contextlib
import errno
import re
import signal
import time
from pathlib import Path

import aiohttp

from wslb.errors import ContractError, ProcessLost, ProxyConfigRejected, StartError, how_ended
from wslb.interfaces import Front, Installation, Runtime
from wslb.proxies.nginx.nginx_dialect import NginxDialect
from wslb.proxies.program import CLOSE, ProxyProgram
from wslb.waiting import until

__all__ = ["NginxProgram", "checked_dump"]

_NAME = "nginx"
_KILLED_WORKER = re.compile(r"worker process (\d+) exited on signal (?:9|15)\b")


class NginxProgram(ProxyProgram):
    """nginx."""

    NAME = _NAME
    CHILD = f"A worker of {_NAME}"
    OUTPUT = "nginx.out"
    CONFIG = "nginx.conf"
    PORT_TAKEN = f" failed ({errno.EADDRINUSE}: "  # of bind(): each C library has words of its own for the number

    def __init__(
        self,
        *,
        dialect: NginxDialect,
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

    async def start(self, config: str, *, front: Front, generation: str) -> str:
        """Check a configuration and serve it.

        Returns:
            What nginx read, as ``nginx -T`` prints it.

        Raises:
            ProxyConfigRejected: ``nginx -t`` said no.
            StartError: it ended early, a port was taken, or it was not ready in time.
        """
        self._ended_by_us, self._spared = False, set()
        for name in (self._dialect.error_log, self._dialect.access_log, self.OUTPUT, "nginx.pid"):
            await self._runtime.remove(name)
        argv, dump = await checked_dump(self._dialect, self._runtime, self._installation, config)
        await self._runtime.remove(self._dialect.error_log)  # the check writes there too, and is no part of the run
        begin = time.monotonic()
        self._process = await self._runtime.start(argv, name="nginx")
        url = f"http://{front.host}:{front.plain}{self._dialect.ready_path}"
        text = self._dialect.ready_text(generation)
        try:
            await until(lambda: self._ready(url, text), seconds=self._start_seconds, what="readiness of nginx")
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
        return dump

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
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            limit = aiohttp.ClientTimeout(total=2)
            async with self._session.get(url, timeout=limit, allow_redirects=False, headers=CLOSE) as response:
                return await response.text(errors="replace") == text
        return False

    def signal(self, number: int) -> None:
        """Send a signal to the master, such as SIGHUP for a reload."""
        if self._process is None:
            raise ContractError(backend=_NAME, detail="it does not run")
        self._ended_by_us = self._ended_by_us or number != signal.SIGHUP
        self._process.signal(number)

    async def kill_child(self, pid: int) -> None:
        """End a worker with SIGKILL; the master starts another."""
        self._spared.add(pid)
        await super().kill_child(pid)

    async def lost(self) -> ProcessLost | None:
        """What became of the master or of a worker that no signal of ours did; None: nothing.

        The master tells of each worker that a signal ended; a crash (any other signal) is nginx's own failure.
        """
        process = self._process
        if process is None or self._ended_by_us:
            return None
        if await process.ended():
            how = f"{how_ended(process.returncode)} in mid-run"
            return ProcessLost(name=_NAME, pid=process.pid, how=how, log_tail=await self.log_tail())
        for found in _KILLED_WORKER.finditer(await self.log()):
            if int(found[1]) not in self._spared:
                how = "was ended in mid-run by SIGKILL or SIGTERM"
                return ProcessLost(name=self.CHILD, pid=int(found[1]), how=how)
        return None


async def checked_dump(
    dialect: NginxDialect, runtime: Runtime, installation: Installation, config: str
) -> tuple[tuple[str, ...], str]:
    """Write a configuration and let nginx check it: the argument vector that would serve it, and what it read.

    Raises:
        ProxyConfigRejected: ``nginx -T`` said no.
        StartError: it did not end in time.
    """
    config_path = await runtime.write(NginxProgram.CONFIG, config.encode())
    argv = dialect.arguments(installation, folder=runtime.folder, config=config_path)
    try:
        done = await runtime.run([*argv, "-T"])
    except TimeoutError:
        raise StartError(name=_NAME, reason="nginx -T did not end in time") from None
    if done.returncode != 0:
        said = next((line for line in done.output.splitlines() if "[emerg]" in line), "")
        where = re.search(r" in (\S+):(\d+)$", said)
        text = re.sub(r"^nginx: ", "", said) or "no reason was given"
        raise ProxyConfigRejected(
            file=Path(where[1]) if where else Path(config_path),
            line=int(where[2]) if where else None,
            text=text,
            program=_NAME,
        )
    return argv, done.output
