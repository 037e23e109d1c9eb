"""A HAProxy under our control: the site that it serves, and what its log and its statistics say of it."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import pwd
import ssl

import aiohttp

from wslb.errors import ContractError
from wslb.interfaces import BalancerChange, Installation, MemberChange, Runtime
from wslb.model.balancer import Balancer, Site
from wslb.model.results import MemberStatus
from wslb.proxies.haproxy.haproxy_dialect import HaproxyDialect
from wslb.proxies.haproxy.haproxy_program import HaproxyProgram
from wslb.proxies.program_proxy import ProgramProxy

__all__ = ["HaproxyProxy", "named"]

_ANSWER_SECONDS = 5.0

_ASK = (
    'my $socket = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "$!\\n"; '
    'print $socket "$ARGV[1]\\n"; $socket->flush; print while <$socket>'
)
"""In Perl, which every Debian has: the official image has no other program that speaks to a Unix socket."""


class HaproxyProxy(ProgramProxy[HaproxyDialect, HaproxyProgram]):
    """One HAProxy, started anew for every site so that each scenario begins with fresh turns and logs."""

    def __init__(
        self,
        *,
        dialect: HaproxyDialect,
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
            program=HaproxyProgram(
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

    def _rendered(self, site: Site) -> str:
        return self.dialect.render(
            site, front=self.front, generation=self.generation, folder=self.runtime.folder, user=self._user
        )

    async def _begin(self, site: Site) -> None:  # noqa: ARG002 - all of it stands in the configuration
        await self._program.start(self.config, front=self.front, generation=self.generation)

    async def status(
        self,
        balancer: Balancer | None = None,
        *,
        fresh: bool = False,  # noqa: ARG002 - there is no page to ask
    ) -> tuple[MemberStatus, ...]:
        """Members as HAProxy counts them, asked at its statistics socket.

        Raises:
            ContractError: HAProxy does not run, or does not answer there.
        """
        if self.site is None:
            return ()
        if not self.running:
            raise ContractError(backend="HAProxy", detail="it does not run")
        stat = await self._asked("show stat")
        return tuple(member for one in self._served(balancer) for member in self.dialect.status(one, stat))

    async def _asked(self, command: str) -> str:
        """What it answers at its socket, which of a container only programs in it can reach.

        Raises:
            ContractError: it does not answer there.
        """
        path = f"{self.runtime.folder}/{self.dialect.socket}"
        if self.runtime.name == "docker":
            done = await self.runtime.run(["perl", "-MIO::Socket::UNIX", "-e", _ASK, path, command])
            if done.returncode != 0:
                raise ContractError(backend="HAProxy", detail=f"its statistics socket does not answer: {done.output}")
            return done.output
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                reader, writer = await asyncio.open_unix_connection(path)
                try:
                    writer.write(f"{command}\n".encode())
                    return (await reader.read(-1)).decode(errors="replace")
                finally:
                    writer.close()
                    with contextlib.suppress(OSError):
                        await writer.wait_closed()
        except OSError as exc:  # a TimeoutError too
            raise ContractError(backend="HAProxy", detail=f"its statistics socket does not answer: {exc}") from exc

    async def change(self, balancer: Balancer, change: MemberChange | BalancerChange) -> tuple[MemberStatus, ...]:
        """Set a server's state or weight at the statistics socket, and the members afterwards.

        Raises:
            ContractError: HAProxy cannot change that, or said no.
        """
        if isinstance(change, BalancerChange):
            raise ContractError(backend="HAProxy", detail=f"{balancer.name} keeps its method while it runs")
        for command in self.dialect.commands(balancer, change):
            if said := (await self._asked(command)).strip():
                raise ContractError(backend="HAProxy", detail=f"{command}: {said}")
        return await self.status(balancer)

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


def named(user: tuple[str, str] | None) -> tuple[str, str] | None:
    """User and group by name, from ``#uid`` and ``#gid``."""
    if user is None:
        return None
    uid, gid = (int(number.removeprefix("#")) for number in user)
    return pwd.getpwuid(uid).pw_name, grp.getgrgid(gid).gr_name
