"""An nginx under our control: the site that it serves, and what its logs and the kernel say of it."""

from __future__ import annotations

import grp
import pwd
import ssl

import aiohttp

from wslb.errors import ContractError
from wslb.interfaces import BalancerChange, Installation, MemberChange, Runtime
from wslb.model.balancer import Balancer, Site
from wslb.model.results import MemberStatus
from wslb.proxies.nginx.nginx_dialect import NginxDialect
from wslb.proxies.nginx.nginx_program import NginxProgram
from wslb.proxies.program_proxy import ProgramProxy

__all__ = ["NginxProxy", "named"]

_CONNECTIONS = "/proc/net/tcp"


class NginxProxy(ProgramProxy[NginxDialect, NginxProgram]):
    """One nginx, started anew for every site so that each scenario begins with fresh turns and logs."""

    def __init__(
        self,
        *,
        dialect: NginxDialect,
        runtime: Runtime,
        installation: Installation,
        session: aiohttp.ClientSession,
        user: tuple[str, str] | None,
        trust: ssl.SSLContext | None = None,
        ports: tuple[int, int],
        start_seconds: float,
        stop_seconds: float,
    ) -> None:
        super().__init__(
            dialect=dialect,
            program=NginxProgram(
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
        self._user = named(user)
        self._dump = ""

    def _rendered(self, site: Site) -> str:
        return self.dialect.render(
            site,
            front=self.front,
            generation=self.generation,
            folder=self.runtime.folder,
            user=self._user,
            version=self.installation.numbers,
        )

    async def _begin(self, site: Site) -> None:  # noqa: ARG002 - nothing of it but what stands in the configuration
        self._dump = await self._program.start(self.config, front=self.front, generation=self.generation)

    async def status(
        self,
        balancer: Balancer | None = None,
        *,
        fresh: bool = False,  # noqa: ARG002 - there is no page to ask
    ) -> tuple[MemberStatus, ...]:
        """Members as nginx read them, their elections from the access log and their open tunnels from the kernel.

        An election is in the log once its tunnel has ended.

        Raises:
            ContractError: nginx does not run, or the kernel does not tell its connections.
        """
        if self.site is None:
            return ()
        if not self.running:
            raise ContractError(backend="nginx", detail="it does not run")
        done = await self.runtime.run(["cat", _CONNECTIONS])
        if done.returncode != 0:
            raise ContractError(backend="nginx", detail=f"{_CONNECTIONS}, which tells its tunnels, cannot be read")
        access = (await self.runtime.read(self.dialect.access_log)).decode(errors="replace")
        return tuple(
            member
            for one in self._served(balancer)
            for member in self.dialect.status(one, self._dump, access=access, connections=done.output)
        )

    async def change(self, balancer: Balancer, change: MemberChange | BalancerChange) -> tuple[MemberStatus, ...]:
        """Nothing of nginx can be changed while it runs.

        Raises:
            ContractError: always.
        """
        raise ContractError(backend="nginx", detail=f"it has no manager for {balancer.name}, so {change} is refused")

    async def attempt(
        self,
        balancer: Balancer,
        change: MemberChange | BalancerChange,
        *,
        nonce: str | None = None,  # noqa: ARG002
        referer: str | None = "own",  # noqa: ARG002
    ) -> tuple[int, tuple[MemberStatus, ...]]:
        """There is no form.

        Raises:
            ContractError: always.
        """
        return 0, await self.change(balancer, change)


def named(user: tuple[str, str] | None) -> str:
    """User and group by name, as ``user`` takes them, from ``#uid`` and ``#gid``; empty for None."""
    if user is None:
        return ""
    uid, gid = (int(number.removeprefix("#")) for number in user)
    return f"{pwd.getpwuid(uid).pw_name} {grp.getgrgid(gid).gr_name}"
