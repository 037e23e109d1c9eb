"""A program that serves a user's own configuration, adopted: started anew for every question, whichever product's."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from wslb.errors import ProxyConfigRejected, StartError
from wslb.interfaces import Front
from wslb.model.balancer import Balancer, Listener, Site
from wslb.model.handshake import Headers
from wslb.model.results import MemberStatus, ServedConfig
from wslb.proxies.adopting import AdoptedConfiguration, Door
from wslb.proxies.fetching import fetched
from wslb.proxies.program import ProxyProgram
from wslb.proxies.program_proxy import LoggedDialect, ProgramProxy

__all__ = ["AdoptedService", "PlacedConfiguration"]

_TRIES = 20


class PlacedConfiguration(AdoptedConfiguration, Protocol):
    """A configuration whose every line has a place in the user's file."""

    @property
    def places(self) -> tuple[tuple[str, int], ...]:
        """File and line of each line of its text; an empty file for one of our own."""
        ...


D = TypeVar("D", bound=LoggedDialect)
P = TypeVar("P", bound=ProxyProgram)
A = TypeVar("A", bound=PlacedConfiguration)


class AdoptedService(ProgramProxy[D, P], Generic[D, P, A]):
    """What the adopted configurations of all products have in common (`wslb.proxies.adopting.AdoptedProgram`).

    Attributes:
        members: address of each stand-in, by its variable.
        ports: port in the place of each configured one.
        HINT: what to do about a configuration that the program refuses.
    """

    HINT: ClassVar[str]

    def __init__(self, *, adopted: A, **rest: Any) -> None:
        super().__init__(**rest)
        self._adopted = adopted
        self.members: Mapping[str, str] = {}
        self.ports: Mapping[int, int] = {}
        self._faced: tuple[Door, bool, str] | None = None
        self._ready_port = 0

    @abstractmethod
    def _head(self) -> tuple[str, ...]:
        """First lines of its text, which are our own."""

    def _left_out(self, refused: ProxyConfigRejected) -> bool:  # noqa: ARG002 - of products that can do without
        """Leave out what this program has not, if that is why it refused the configuration."""
        return False

    def _said(self, text: str) -> str:
        """The program's own words without what is only about our copy of the file."""
        return text

    @property
    def adopted(self) -> A:
        """What is served."""
        return self._adopted

    def served(self, claimed: Site) -> ServedConfig | None:
        """None: it is the user's, and no site gives it."""

    async def apply(self, site: Site) -> None:
        """Serve the adopted configuration, whatever site is asked about, by a program that is started anew.

        Raises:
            ProxyConfigRejected: its own check said no; file and line are the user's.
            StartError: it ended early, or was not ready in time.
        """
        await self.stop()
        self.site = site
        for attempt in range(1, _TRIES + 1):
            configured = sorted({door.port for door in self._adopted.doors})
            self._ready_port, *ports = self.runtime.ports(len(configured) + 1)
            self.ports = dict(zip(configured, ports, strict=True))
            self._count += 1
            self.generation = f"{Path(self.runtime.folder).name}-{self._count}"
            self.front = Front(plain=self._ready_port)
            self.config = self._rendered(site)
            try:
                await self._begin(site)
            except ProxyConfigRejected as exc:
                if attempt == _TRIES or not self._left_out(exc):
                    raise self._in_the_users_words(exc) from None
            except StartError as exc:
                if attempt == _TRIES or not any(self._program.PORT_TAKEN in line for line in exc.log_tail):
                    raise
            else:
                self._turn()
                return

    async def serve(self, other: AdoptedConfiguration) -> None:
        """Serve another form of the configuration until the next `apply`.

        Raises:
            LabError: as `apply`.
        """
        if not isinstance(other, type(self._adopted)):
            raise TypeError(other)
        own, self._adopted = self._adopted, other
        try:
            await self.apply(self.site or Site(mounts=()))
        finally:
            self._adopted = own

    def _place(self, line: int | None) -> tuple[str, int] | None:
        at = (line or 0) - 1 - len(self._head())
        places = self._adopted.places
        return places[at] if 0 <= at < len(places) and places[at][0] else None

    def _in_the_users_words(self, refused: ProxyConfigRejected) -> ProxyConfigRejected:
        place = self._place(refused.line)
        text = self._said(self.in_users_words(refused.text))
        return ProxyConfigRejected(
            file=Path(place[0]) if place else None,
            line=None,
            text=f"{place[0]}:{place[1]}: {text}" if place else text,
            hint=self.HINT,
            program=refused.program,
        )

    def in_users_words(self, text: str) -> str:
        """A text with the stand-ins' addresses as the configuration has them."""
        for stand_in in self._adopted.stand_ins:
            for tls in (True, False):
                if address := self.members.get(stand_in.variable(tls=tls)):
                    text = text.replace(address, stand_in.authority)
        return text

    def face(self, door: Door, *, tls: bool, server_name: str | None) -> None:
        """Let clients come to a listener of the configuration, under a name, now and after each new start."""
        self._faced = (door, tls, server_name or "")
        self._turn()

    def _turn(self) -> None:
        if self._faced is not None:
            door, tls, named = self._faced
            port = self.ports[door.port]
            front = Front(plain=None, tls=port) if tls else Front(plain=port)
            self.front = replace(front, host=door.address, listen=door.address, named=named)

    async def status(self, balancer: Balancer | None = None, *, fresh: bool = False) -> tuple[MemberStatus, ...]:  # noqa: ARG002 - as every proxy
        """Nothing: its counters are not asked."""
        return ()

    async def settled(self, balancer: Balancer | None, *, busy: int, seconds: float) -> None:
        """Nothing to wait for: nobody counts (`status`)."""

    async def fetch(
        self, path: str, *, method: str = "GET", headers: Headers = (), listener: Listener = Listener.PLAIN
    ) -> tuple[int, Headers, str]:
        """As `ProgramProxy.fetch`, under the name of the server."""
        return await fetched(
            self._session,
            self.front,
            path,
            method=method,
            headers=headers,
            listener=listener,
            trust=self._trust,
            server_name=self.front.named or None,
        )
