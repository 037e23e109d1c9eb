"""A proxy under our control: the site that it serves, what its manager and its logs say, and what can be changed."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

import aiohttp

from wslb.errors import ContractError, ProcessLost, StartError, exhausted, plain
from wslb.interfaces import BalancerChange, Front, Installation, MemberChange, Runtime
from wslb.model.balancer import Balancer, Carrier, Listener, Site
from wslb.model.handshake import Headers
from wslb.model.results import AccessLine, LogLine, MemberStatus
from wslb.proxies.apache.balancer_manager import BalancerManager, form_of
from wslb.proxies.apache.dialect import ApacheDialect
from wslb.proxies.apache.httpd import Httpd
from wslb.resources import console_page
from wslb.waiting import until

__all__ = ["OWN", "ManagedProxy"]

OWN = "own"
"""The Referer of a browser that has just read balancer-manager."""

_PORT_TAKEN = "AH00072"
_TRIES = 4


class ManagedProxy:
    """One Apache httpd, started anew for every site so that each scenario begins with fresh counters.

    A start with its syntax check costs about 60 ms, in a container too. A graceful restart would be no faster and
    weaker: children of the old generation may still accept while the new one already answers.
    """

    def __init__(
        self,
        *,
        dialect: ApacheDialect,
        runtime: Runtime,
        installation: Installation,
        session: aiohttp.ClientSession,
        carrier: Carrier,
        user: tuple[str, str] | None,
        trust: ssl.SSLContext | None,
        ports: tuple[int, int],
        start_seconds: float,
        stop_seconds: float,
    ) -> None:
        self.dialect = dialect
        self.runtime = runtime
        self.installation = installation
        self.carrier = carrier
        self.front = Front()
        self.site: Site | None = None
        self.generation = ""
        self.config = ""
        self._session = session
        self._user = user
        self._trust = trust or ssl.create_default_context()
        self._tls = trust is not None
        self._ports = ports
        self._httpd = Httpd(
            dialect=dialect,
            runtime=runtime,
            installation=installation,
            session=session,
            start_seconds=start_seconds,
            stop_seconds=stop_seconds,
        )
        self._count = 0

    async def prepare(self, files: Mapping[str, tuple[bytes, bool]]) -> None:
        """Put the document root and the secrets into the runtime's folder."""
        await self.runtime.write("htdocs/WSConsole.html", console_page())
        for name, (content, secret) in files.items():
            await self.runtime.write(name, content, secret=secret)

    async def apply(self, site: Site) -> None:
        """Serve this site and nothing else, on a freshly started httpd.

        Args:
            site: with addresses, not backend names (`Site.resolved`).

        Raises:
            ProxyConfigRejected: ``httpd -t`` said no.
            StartError: it ended early, a port was taken, or it was not ready in time.
        """
        await self.stop()
        tls = self._tls and any(mount.listener is Listener.TLS for mount in site.mounts)
        for attempt in range(1, _TRIES + 1):
            self._count += 1
            self.generation = f"{PurePosixPath(self.runtime.folder).name}-{self._count}"
            self.front = await self.runtime.front(tls=tls, plain_port=self._ports[0], tls_port=self._ports[1])
            self.site = site
            self.config = self.dialect.render(
                site,
                front=self.front,
                generation=self.generation,
                carrier=self.carrier,
                installation=self.installation,
                user=self._user,
            )
            try:
                await self._httpd.start(
                    self.config, front=self.front, generation=self.generation, threads=self._threads_to_await(site)
                )
            except StartError as exc:
                taken = any(_PORT_TAKEN in line for line in exc.log_tail)
                if taken and not any(self._ports) and attempt < _TRIES:
                    continue  # somebody took a port between our asking and httpd's binding
                if taken:
                    raise StartError(
                        name="Apache httpd",
                        reason=f"port {self.front.plain}{f' or {self.front.tls}' if tls else ''} is taken",
                        log_tail=exc.log_tail,
                        hint="Stop the other program, or choose ports: --port N --tls-port N",
                    ) from None
                raise
            return

    def _threads_to_await(self, site: Site) -> int:
        """Threads that must have started before anything is asked; 0 where a later child changes nothing."""
        installation = self.installation
        watched = self.dialect.children_reset_turns(installation) and installation.has("status")
        return site.process_model.first_workers if watched else 0

    async def stop(self) -> None:
        """End httpd and every child of it; twice is once. Close the tunnels first: with one open, TERM takes 10 s."""
        await self._httpd.stop()

    async def kill(self) -> None:
        """End httpd at once, children included, whatever is open."""
        await self._httpd.kill()

    async def kill_child(self, pid: int) -> None:
        """End a child of httpd with SIGKILL."""
        await self._httpd.kill_child(pid)

    def signal(self, number: int) -> None:
        """Send a signal to the parent httpd, such as SIGUSR1 for a graceful restart."""
        self._httpd.signal(number)

    @property
    def pid(self) -> int | None:
        """Process id of the parent httpd."""
        return self._httpd.pid

    @property
    def running(self) -> bool:
        """Whether httpd runs."""
        return self._httpd.running

    async def lost(self) -> ProcessLost | None:
        """What became of httpd or of a child that nobody of us wanted since it serves this site; None: nothing."""
        return await self._httpd.lost()

    def stopped(self) -> tuple[tuple[str, int], ...]:
        """Name and process id of each of its processes that is stopped."""
        return self._httpd.stopped()

    async def log_tail(self, lines: int = 12) -> tuple[str, ...]:
        """Last lines of what httpd wrote, standard streams first."""
        return await self._httpd.log_tail(lines)

    async def status(self, balancer: Balancer | None = None, *, fresh: bool = False) -> tuple[MemberStatus, ...]:
        """Members of the served site as balancer-manager shows them, in configuration order, with the site's routes.

        Args:
            balancer: only this one's members; None for every balancer of the plain side.
            fresh: do not keep the connection, so that the next request may reach another child.

        Raises:
            ContractError: httpd does not answer.
        """
        site = self.site
        if site is None:
            return ()
        members = self.dialect.parse_status(await self.manager(balancer).page(fresh=fresh), self.installation)
        routes = {(b.name.lower(), member.url): member.route for b in site.balancers for member in b.members}
        return tuple(
            replace(status, route=routes.get((status.balancer.lower(), status.url), status.route or status.url))
            for status in members
            if balancer is None or status.balancer.lower() == balancer.name.lower()  # Apache shows lower case
        )

    async def fetch(
        self, path: str, *, method: str = "GET", headers: Headers = (), listener: Listener = Listener.PLAIN
    ) -> tuple[int, Headers, str]:
        """Status, header fields and body of an ordinary HTTP request; redirects are not followed.

        Raises:
            ConnectionError: httpd did not answer.
        """
        scheme = "https" if listener is Listener.TLS else "http"
        url = f"{scheme}://{self.front.host}:{self.front.port(listener)}{path}"
        try:
            async with self._session.request(
                method, url, headers=list(headers), ssl=self._trust, allow_redirects=False
            ) as response:
                return response.status, tuple(response.headers.items()), await response.text(errors="replace")
        except (aiohttp.ClientError, TimeoutError) as exc:
            if lacking := exhausted(exc):
                raise lacking from exc
            raise ConnectionError(f"{method} {path}: {plain(exc)}") from exc

    def manager(self, balancer: Balancer | None = None) -> BalancerManager:
        """balancer-manager of the side that serves this balancer; of the plain side for None."""
        served = self.site.mounts if self.site else ()
        listener = next(
            (m.listener for m in served if isinstance(m.target, Balancer) and _same(m.target, balancer)),
            Listener.PLAIN,
        )
        scheme = "https" if listener is Listener.TLS else "http"
        base = f"{scheme}://{self.front.host}:{self.front.port(listener)}"
        lines = self.site.directives if self.site else ()
        canonical = any(line.lower().split() == ["usecanonicalname", "on"] for line in lines)
        return BalancerManager(
            session=self._session,
            base=base,
            path=self.dialect.manager_path,
            trust=self._trust,
            named=self.dialect.server_name if canonical else "",
        )

    async def change(self, balancer: Balancer, change: MemberChange | BalancerChange) -> tuple[MemberStatus, ...]:
        """Change a member or the balancer at run time through balancer-manager, and prove it through its XML.

        Raises:
            ContractError: balancer-manager, which always answers 200, did not do it.
        """
        before = await self.status(balancer)
        _, after = await self.attempt(balancer, change)
        if after == before:
            raise ContractError(backend="Apache httpd", detail=f"balancer-manager ignored {change}")
        return after

    async def attempt(
        self,
        balancer: Balancer,
        change: MemberChange | BalancerChange,
        *,
        nonce: str | None = None,
        referer: str | None = OWN,
    ) -> tuple[int, tuple[MemberStatus, ...]]:
        """Send balancer-manager a form, right or wrong: its HTTP status, and the members afterwards.

        Args:
            nonce: None sends the balancer's own.
            referer: `OWN` sends the one of a browser on the page, None sends none.
        """
        if self.site is None:
            raise ContractError(backend="Apache httpd", detail="it serves no site, so nothing can be changed")
        manager = self.manager(balancer)
        served = next(b for b in self.site.balancers if b.name == balancer.name)
        url = served.member(change.route).url if isinstance(change, MemberChange) else ""
        own = await manager.nonce(balancer.name)
        form = {"b": balancer.name, "nonce": own if nonce is None else nonce, **form_of(change, member_url=url)}
        status = await manager.post(form, referer=manager.own_referer if referer == OWN else referer)
        return status, await self.status(balancer)

    async def log(self) -> tuple[LogLine, ...]:
        """Error log since this site is served."""
        return self.dialect.parse_log((await self.runtime.read(self.dialect.error_log)).decode(errors="replace"))

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

        await until(reached, seconds=seconds, what=f"busy = {busy} in balancer-manager")


def _same(target: Balancer, wanted: Balancer | None) -> bool:
    return wanted is not None and target.name == wanted.name
