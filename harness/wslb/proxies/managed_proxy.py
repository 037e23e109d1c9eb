"""A proxy under our control: the site that it serves, what its manager and its logs say, and what can be changed."""

from __future__ import annotations

import ssl
from dataclasses import replace

import aiohttp

from wslb.errors import ContractError
from wslb.interfaces import BalancerChange, Installation, MemberChange, Runtime
from wslb.model.balancer import Balancer, Carrier, Listener, Site
from wslb.model.results import MemberStatus
from wslb.proxies.apache.balancer_manager import BalancerManager, form_of
from wslb.proxies.apache.dialect import ApacheDialect
from wslb.proxies.apache.httpd import Httpd
from wslb.proxies.program_proxy import ProgramProxy

__all__ = ["OWN", "ManagedProxy"]

OWN = "own"
"""The Referer of a browser that has just read balancer-manager."""


class ManagedProxy(ProgramProxy[ApacheDialect, Httpd]):
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
        program: type[Httpd] = Httpd,
    ) -> None:
        super().__init__(
            dialect=dialect,
            program=program(
                dialect=dialect,
                runtime=runtime,
                installation=installation,
                session=session,
                start_seconds=start_seconds,
                stop_seconds=stop_seconds,
            ),
            runtime=runtime,
            installation=installation,
            session=session,
            trust=trust,
            ports=ports,
        )
        self.carrier = carrier
        self._user = user

    def _rendered(self, site: Site) -> str:
        return self.dialect.render(
            site,
            front=self.front,
            generation=self.generation,
            carrier=self.carrier,
            installation=self.installation,
            user=self._user,
        )

    async def _begin(self, site: Site) -> None:
        threads = self._threads_to_await(site)
        await self._program.start(self.config, front=self.front, generation=self.generation, threads=threads)

    def _threads_to_await(self, site: Site) -> int:
        """Threads that must have started before anything is asked; 0 where a later child changes nothing."""
        installation = self.installation
        watched = self.dialect.children_reset_turns(installation) and installation.has("status")
        return site.process_model.first_workers if watched else 0

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


def _same(target: Balancer, wanted: Balancer | None) -> bool:
    return wanted is not None and target.name == wanted.name
