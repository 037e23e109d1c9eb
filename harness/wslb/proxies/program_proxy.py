"""A proxy that is a program of this lab's, started anew for every site: each scenario has fresh turns and logs."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Generic, Protocol, TypeVar

import aiohttp

from wslb.errors import ProcessLost, StartError
from wslb.interfaces import Dialect, Front, Installation, Runtime
from wslb.model.balancer import Balancer, Listener, Site
from wslb.model.handshake import Headers
from wslb.model.results import AccessLine, LogLine, MemberStatus, ServedConfig
from wslb.proxies.fetching import fetched
from wslb.proxies.program import ProxyProgram
from wslb.resources import console_page
from wslb.waiting import until

__all__ = ["ProgramProxy"]

_TRIES = 4


class LoggedDialect(Dialect, Protocol):
    """A language whose logs are read."""

    def parse_log(self, text: str) -> tuple[LogLine, ...]:
        """Lines of the error log."""
        ...

    def parse_access(self, text: str) -> tuple[AccessLine, ...]:
        """Lines of the access log that carry a correlation id."""
        ...


D = TypeVar("D", bound=LoggedDialect)
P = TypeVar("P", bound=ProxyProgram)


class ProgramProxy(ABC, Generic[D, P]):
    """What the proxies of all products have in common (`wslb.interfaces.Proxy`).

    Attributes:
        generation: name of this start, which its readiness path tells.
        config: text of its configuration.
    """

    def __init__(
        self,
        *,
        dialect: D,
        program: P,
        runtime: Runtime,
        installation: Installation,
        session: aiohttp.ClientSession,
        trust: ssl.SSLContext | None = None,
        ports: tuple[int, int] = (0, 0),
    ) -> None:
        self.dialect = dialect
        self.runtime = runtime
        self.installation = installation
        self.front = Front()
        self.site: Site | None = None
        self.generation = ""
        self.config = ""
        self._program = program
        self._session = session
        self._trust = trust or ssl.create_default_context()
        self._tls = trust is not None
        self._ports = ports
        self._count = 0

    def _served(self, balancer: Balancer | None) -> tuple[Balancer, ...]:
        """Balancers as they are served: all, or the one that is asked about.

        httpd may call two by one name, one for each scheme of its members; where this scheme is not served, whatever
        has the name is shown.
        """
        site = self.site.balancers if self.site else ()
        named = tuple(one for one in site if balancer is None or one.name == balancer.name)
        return tuple(one for one in named if balancer and one.scheme == balancer.scheme) or named

    @abstractmethod
    def _rendered(self, site: Site) -> str:
        """Configuration text of this generation."""

    @abstractmethod
    async def _begin(self, site: Site) -> None:
        """Start the program with `config`, and wait until it is ready."""

    async def prepare(self, files: Mapping[str, tuple[bytes, bool]]) -> None:
        """Put the console page and files into the runtime's folder, each with whether it is secret."""
        await self.runtime.write("htdocs/WSConsole.html", console_page())
        for name, (content, secret) in files.items():
            await self.runtime.write(name, content, secret=secret)

    async def apply(self, site: Site) -> None:
        """Serve this site and nothing else, by a program that is started anew.

        Args:
            site: with addresses, not backend names (`Site.resolved`).

        Raises:
            ProxyConfigRejected: its own check of the configuration said no.
            StartError: it ended early, a port was taken, or it was not ready in time.
            ConfigError: an edit of the site's fits nothing.
        """
        await self.stop()
        tls = self._tls and any(mount.listener is Listener.TLS for mount in site.mounts)
        for attempt in range(1, _TRIES + 1):
            self._count += 1
            self.generation = f"{PurePosixPath(self.runtime.folder).name}-{self._count}"
            self.front = await self.runtime.front(tls=tls, plain_port=self._ports[0], tls_port=self._ports[1])
            self.site = site
            self.config = site.edited(self._rendered(site))
            try:
                await self._begin(site)
            except StartError as exc:
                taken = any(self._program.PORT_TAKEN in line for line in exc.log_tail)
                if taken and not any(self._ports) and attempt < _TRIES:
                    continue  # somebody took a port between our asking and the program's binding
                if taken:
                    other = f" or {self.front.tls}" if tls else ""
                    raise StartError(
                        name=self._program.NAME,
                        reason=f"port {self.front.plain}{other} is taken",
                        log_tail=exc.log_tail,
                        hint=f"Stop the other program, or choose {'ports' if tls else 'a port'}: --port N"
                        + (" --tls-port N" if tls else ""),
                    ) from None
                raise
            return

    def served(self, claimed: Site) -> ServedConfig | None:
        """What it was given, beside what this site would have given it at the same addresses."""
        own = self.config if claimed == self.site else self._rendered(claimed)
        return ServedConfig.of(self._program.CONFIG, self.config, claimed=own)

    async def stop(self) -> None:
        """End the program and every child of it; twice is once. Close the tunnels first."""
        await self._program.stop()

    async def kill(self) -> None:
        """End it at once, children included, whatever is open."""
        await self._program.kill()

    async def kill_child(self, pid: int) -> None:
        """End a process of its own with SIGKILL."""
        await self._program.kill_child(pid)

    def signal(self, number: int) -> None:
        """Send a signal to its first process, such as the one for a reload.

        Raises:
            ContractError: it does not run.
        """
        self._program.signal(number)

    @property
    def pid(self) -> int | None:
        """Process id of its first process."""
        return self._program.pid

    @property
    def running(self) -> bool:
        """Whether it runs."""
        return self._program.running

    async def lost(self) -> ProcessLost | None:
        """What became of a process of its own that nobody of us wanted since it serves this site; None: nothing."""
        return await self._program.lost()

    def stopped(self) -> tuple[tuple[str, int], ...]:
        """Name and process id of each of its processes that is stopped."""
        return self._program.stopped()

    async def log_tail(self, lines: int = 12) -> tuple[str, ...]:
        """Last lines of what it wrote, standard streams first."""
        return await self._program.log_tail(lines)

    @abstractmethod
    async def status(self, balancer: Balancer | None = None, *, fresh: bool = False) -> tuple[MemberStatus, ...]:
        """Members in configuration order, with the site's routes."""

    async def fetch(
        self, path: str, *, method: str = "GET", headers: Headers = (), listener: Listener = Listener.PLAIN
    ) -> tuple[int, Headers, str]:
        """Status, header fields and body of an ordinary HTTP request; redirects are not followed.

        Raises:
            ConnectionError: nothing answered.
        """
        return await fetched(
            self._session, self.front, path, method=method, headers=headers, listener=listener, trust=self._trust
        )

    async def log(self) -> tuple[LogLine, ...]:
        """Error log since this site is served."""
        return self.dialect.parse_log(await self._program.log())

    async def access(self) -> tuple[AccessLine, ...]:
        """Access log since this site is served; a tunnel is in it once it has ended."""
        return self.dialect.parse_access((await self.runtime.read(self.dialect.access_log)).decode(errors="replace"))

    async def settled(self, balancer: Balancer | None, *, busy: int, seconds: float) -> None:
        """Wait until the members of a balancer together have this many tunnels open.

        Raises:
            TimeoutError: the counters did not get there.
        """

        async def reached() -> bool:
            return sum(status.busy for status in await self.status(balancer)) == busy

        await until(reached, seconds=seconds, what=f"busy = {busy} of {self._program.NAME}")
