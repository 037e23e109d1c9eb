"""The user's own servers behind their configuration: whether they may be asked, and a recorder before each."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import psutil

from wslb.errors import ConfigError, ServerUnavailable, plain
from wslb.fleet.managed import BACKENDS, Program
from wslb.proxies.adopting import CHOSEN, MemberPlace
from wslb.proxies.apache.adoption.adopted import Adopted
from wslb.waiting import disconnect

__all__ = ["RealMembers"]

ANSWER_SECONDS = 5.0
"""How long a server may take to accept a connection, with its TLS handshake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealMembers:
    """What was agreed to when the members of a configuration are left as they are.

    Attributes:
        agreed: asked once, with host and port of every member, before anything is sent to any.
        reach: hosts outside this machine that may be asked.
        ca: file with the authority of their certificates; None trusts those of the system.
    """

    agreed: Callable[[Sequence[str]], bool]
    reach: Collection[str] = ()
    ca: str | None = None

    async def recorders(self, adopted: Adopted) -> dict[str, Program]:
        """A recorder before the server of each member, by the name of the stand-in whose place it takes.

        Raises:
            ConfigError: a member has no server of its own, is of a foreign network, or nobody agreed.
            ServerUnavailable: one of them does not answer.
        """
        places = adopted.stand_ins
        for place in places:
            if place.host == CHOSEN:
                raise ConfigError(
                    option="--backends",
                    value="real",
                    allowed="asked where the file names every member: a client of this one chooses the host",
                )
            if place.host not in self.reach and not await _of_this_machine(place.host):
                raise ConfigError(
                    option="--backends",
                    value="real",
                    allowed=f"asked of this machine, and {place.authority} is not of it",
                    hint=f"If it may be asked, say so: --reach {place.host}",
                )
        if places and not self.agreed([place.authority for place in places]):
            raise ConfigError(
                option="--backends",
                value="real",
                allowed=f"agreed to, for it opens WebSockets at {', '.join(place.authority for place in places)}",
                hint="Answer y where you are asked, or give --yes.",
            )
        return {place.name: await self._recorder(place, secure=_secure(adopted, place)) for place in places}

    async def _recorder(self, place: MemberPlace, *, secure: bool) -> Program:
        url = f"{'wss' if secure else 'ws'}://{place.authority}"
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                context = ssl.create_default_context(cafile=self.ca) if secure else None
                _, writer = await asyncio.open_connection(place.host.strip("[]"), place.port, ssl=context)
            await disconnect(writer)
        except OSError as exc:
            reason = plain(exc) if str(exc) else f"no answer in {ANSWER_SECONDS:g} s"
            hint = "Start it, or let a stand-in take its place: leave --backends out."
            if isinstance(exc, ssl.SSLCertVerificationError):
                hint = "--ca names the authority of its certificate."
            raise ServerUnavailable(name=place.authority, url=url, reason=reason, hint=hint) from exc
        return replace(
            BACKENDS["liberty"],
            module="backends.recorder",
            title=url,
            port=0,
            tls_port=0,
            cl_path="/",
            arguments=("--to", url, *(("--ca", self.ca) if self.ca and secure else ())),
        )


def _secure(adopted: Adopted, place: MemberPlace) -> bool:
    """Whether the configuration speaks TLS to it."""
    return any(f"${{{place.variable(tls=True)}}}" in line for line in adopted.lines)


async def _of_this_machine(host: str) -> bool:
    """Whether every address of a name is this machine's own."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), None, type=socket.SOCK_STREAM)
    except OSError:
        return False
    own = {one.address.partition("%")[0] for interface in psutil.net_if_addrs().values() for one in interface}
    addresses = {str(info[4][0]).partition("%")[0] for info in found}
    return all(address in own or ipaddress.ip_address(address).is_loopback for address in addresses)
