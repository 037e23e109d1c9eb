"""A proxy under our control, as a lab and its scenarios use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from wslb.errors import ProcessLost
from wslb.interfaces.capabilities import Capabilities
from wslb.interfaces.changes import BalancerChange, MemberChange
from wslb.interfaces.installation import Installation
from wslb.interfaces.runtime import Front, Runtime
from wslb.model.balancer import Balancer, Carrier, Listener, Site
from wslb.model.handshake import Headers
from wslb.model.results import AccessLine, LogLine, MemberStatus, ServedConfig

__all__ = ["Dialect", "Proxy"]


class Dialect(Protocol):
    """What a lab asks of a proxy's language; paths are the proxy's own, logs are files of its runtime's folder."""

    @property
    def title(self) -> str:
        """What people call the program, such as ``httpd``."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it can be asked."""
        ...

    @property
    def ready_path(self) -> str:
        """Answered by the proxy itself, without an election."""
        ...

    @property
    def manager_path(self) -> str:
        """Where its manager is."""
        ...

    @property
    def children_path(self) -> str:
        """Where it tells of its processes, on sites where they come and go."""
        ...

    def parse_threads(self, text: str) -> int:
        """Threads of all its processes, from what `children_path` answers to ``?auto``."""
        ...

    def parse_children(self, text: str) -> frozenset[int]:
        """Ids of processes that have served, from what `children_path` answers."""
        ...

    @property
    def error_log(self) -> str:
        """File of the error log."""
        ...

    @property
    def access_log(self) -> str:
        """File of the access log."""
        ...

    def missing(self, site: Site, installation: Installation) -> tuple[str, ...]:
        """Modules that the site needs and the installation lacks."""
        ...

    def too_old_for(self, site: Site, carrier: Carrier, installation: Installation) -> tuple[str, ...]:
        """What the site needs and this version does not know yet."""
        ...


class Proxy(Protocol):
    """A proxy that serves one site at a time, tells what it did, and can be changed while it runs."""

    @property
    def dialect(self) -> Dialect:
        """Its language."""
        ...

    @property
    def runtime(self) -> Runtime:
        """Where it runs."""
        ...

    @property
    def installation(self) -> Installation:
        """What was found there."""
        ...

    @property
    def front(self) -> Front:
        """Where it listens."""
        ...

    @property
    def pid(self) -> int | None:
        """Process id of its first process; None while it does not run."""
        ...

    @property
    def running(self) -> bool:
        """Whether it runs."""
        ...

    async def prepare(self, files: Mapping[str, tuple[bytes, bool]]) -> None:
        """Put what every site needs, and these files, into the runtime's folder: content, and whether it is secret."""
        ...

    async def stop(self) -> None:
        """End it and every process of its own; twice is once."""
        ...

    async def apply(self, site: Site) -> None:
        """Serve this site and nothing else, with fresh counters and logs.

        Args:
            site: with addresses, not backend names (`Site.resolved`).

        Raises:
            LabError: it cannot be served.
        """
        ...

    def served(self, claimed: Site) -> ServedConfig | None:
        """What it was given, beside what this site gives; None where that is not of the lab's own making.

        Args:
            claimed: with addresses, not backend names (`Site.resolved`).
        """
        ...

    async def log_tail(self, lines: int = 12) -> tuple[str, ...]:
        """Last lines of what it wrote."""
        ...

    async def lost(self) -> ProcessLost | None:
        """What became of a process of its own that nobody of us wanted since it serves this site; None: nothing."""
        ...

    def stopped(self) -> tuple[tuple[str, int], ...]:
        """Name and process id of every process of its own that is stopped, where that can be known."""
        ...

    async def kill(self) -> None:
        """End it at once, whatever is open."""
        ...

    async def kill_child(self, pid: int) -> None:
        """End a process of its own, one of `Dialect.parse_children`, at once."""
        ...

    def signal(self, number: int) -> None:
        """Send a signal to its first process."""
        ...

    async def status(self, balancer: Balancer | None = None, *, fresh: bool = False) -> tuple[MemberStatus, ...]:
        """Members in configuration order, with the site's routes: of this balancer, or of all of the plain side.

        Args:
            balancer: whose.
            fresh: ask on a new connection, so that another process may answer.

        Raises:
            ContractError: it does not answer.
        """
        ...

    async def fetch(
        self, path: str, *, method: str = "GET", headers: Headers = (), listener: Listener = Listener.PLAIN
    ) -> tuple[int, Headers, str]:
        """Status, header fields and body of an ordinary HTTP request; ConnectionError when nothing answers."""
        ...

    async def change(self, balancer: Balancer, change: MemberChange | BalancerChange) -> tuple[MemberStatus, ...]:
        """Change a member or the balancer at run time: the members afterwards; ContractError when nothing changed."""
        ...

    async def attempt(
        self,
        balancer: Balancer,
        change: MemberChange | BalancerChange,
        *,
        nonce: str | None = None,
        referer: str | None = "own",
    ) -> tuple[int, tuple[MemberStatus, ...]]:
        """Send its manager a form, right or wrong: the HTTP status, and the members afterwards.

        Args:
            nonce: None sends the balancer's own.
            referer: ``own`` sends the one of a browser on the page, None sends none.
        """
        ...

    async def log(self) -> tuple[LogLine, ...]:
        """Error log since this site is served."""
        ...

    async def access(self) -> tuple[AccessLine, ...]:
        """Access log since this site is served; a tunnel is in it once it has ended."""
        ...

    async def settled(self, balancer: Balancer | None, *, busy: int, seconds: float) -> None:
        """Wait until a balancer's members together have this many tunnels open; TimeoutError when they do not."""
        ...
