"""What adoption of a configuration gives, whichever product's: changes, listeners, places of members, paths to ask."""

from __future__ import annotations

import re
import ssl
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import aiohttp

from wslb.config import Settings
from wslb.interfaces import Installation, Proxy, Runtime
from wslb.model.balancer import Balancer
from wslb.model.disclosure import REDACTED, redacted
from wslb.model.handshake import Handshake
from wslb.model.results import LogLine
from wslb.model.topics import Topic

__all__ = [
    "CHOSEN",
    "EVERYWHERE",
    "AdoptedConfiguration",
    "AdoptedProgram",
    "Adoption",
    "AdoptionChange",
    "Certified",
    "Door",
    "MemberPlace",
    "TriedPath",
    "chosen_doors",
    "disclosed",
]

CHOSEN = "chosen-by-the-request"
"""Host of a member that only a request names (``ws://%{HTTP_HOST}/``)."""


EVERYWHERE = "*"
"""Address of a listener that is there on all of them."""

_LONGEST = 500
"""Characters of a line that are told."""

_SECRET = re.compile(
    r"([\w.-]*(?:secret|passw|passphrase(?!dialog)|token|credential|api_?key|pin-value|userseed)[\w.-]*)([=\s]\s*)\S+",
    re.IGNORECASE,
)


def disclosed(line: str) -> str:
    """A line of a configuration as it may be told: without the values of parameters and directives that are secrets."""
    return redacted(_SECRET.sub(rf"\1\2{REDACTED}", line[:_LONGEST]))


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionChange:
    """One line that is not served as it was written.

    Attributes:
        after: empty for a line that is left out.
        why: with what it changes, where that can be noticed.
    """

    file: str
    line: int
    before: str
    after: str
    why: str

    @property
    def told(self) -> str:
        """For people, in one line."""
        return disclosed(f"{self.file}:{self.line}: {self.before} -> {self.after or 'left out'} ({self.why})")


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPlace:
    """A member's host and port, and the backend that takes its place.

    Attributes:
        number: from 1; the variables ``WSLB_MEMBER_<number>`` and ``…_TLS`` hold the address.
        host, port: as the configuration names them.
    """

    number: int
    host: str
    port: int

    @property
    def name(self) -> str:
        """Of the backend: host and port, with no character that a host name cannot have."""
        return f"{re.sub(r'[^a-z0-9.]+', '-', self.host.lower()).strip('-') or 'member'}-{self.port}"

    @property
    def authority(self) -> str:
        """As a URL would name it."""
        return self.host if self.host == CHOSEN else f"{self.host}:{self.port}"

    def variable(self, *, tls: bool) -> str:
        """Name of the variable that holds its address."""
        return f"WSLB_MEMBER_{self.number}{'_TLS' if tls else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A listener of the configuration.

    Attributes:
        port: as configured; the variable ``WSLB_PORT_<port>`` holds the one in its place.
        address: loopback address in the place of the configured one.
        told: as configured, such as ``*:443``.
    """

    port: int
    address: str
    told: str

    @property
    def variable(self) -> str:
        """Name of the variable that holds the free port."""
        return f"WSLB_PORT_{self.port}"


def chosen_doors(places: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Door]:
    """Loopback addresses: 127.0.0.1 for any address, and of each port a further one for each named address.

    Args:
        places: address (`EVERYWHERE` for any) and port of each listener.
    """
    chosen: dict[tuple[str, int], Door] = {}
    for host, port in sorted(set(places), key=lambda place: (place[0] != EVERYWHERE, places.index(place))):
        taken = sum(1 for _, other in chosen if other == port)
        chosen[host, port] = Door(port=port, address=f"127.0.0.{taken + 1}", told=f"{host}:{port}")
    return chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """A certificate that the run's authority makes in the place of one of the configuration's."""

    name: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedPath:
    """A path to be asked for, with what its configuration foresees.

    Attributes:
        server_name: that a client asks for; None where the server has no name of its own.
        at: line that leads the path to its members, with file and line, for people.
        balancer: as its model takes it, where it can be foreseen whom it elects; its members' hosts are stand-ins.
        unmodelled: why there is none, in one clause; empty for a single backend.
        ordered: whether all connections are counted in one place, so that their order can be foreseen.
        bound: how far a share may be from its part where they are not.
        backends: stand-ins of all members, in order.
        idle_seconds: when a tunnel without traffic ends; None for one that cannot be foreseen.
        idle_told: with the line that says so.
        fails_over: whether the next member is tried for a client that finds the first dead.
        back_seconds: when a member that failed once is tried again; None where it cannot be foreseen.
        failing_told: the lines that say so, or why it cannot be foreseen.
        refused: what a client gets that finds a member dead, where no other is tried for it.
        forgets: whether a dead member is tried again at each of its turns.
        unasked: why it cannot be asked, in one clause; empty where it can.
    """

    path: str
    door: Door
    server_name: str | None
    at: str
    balancer: Balancer | None = None
    unmodelled: str = ""
    ordered: bool = True
    bound: int = 2
    backends: tuple[str, ...] = ()
    idle_seconds: float | None = None
    idle_told: str = ""
    fails_over: bool = False
    back_seconds: float | None = None
    failing_told: str = ""
    refused: int = 502
    forgets: bool = False
    unasked: str = ""

    def host(self, *, tls: bool) -> str:
        """The Host field of a client that came to the configured port."""
        port = "" if self.door.port == (443 if tls else 80) else f":{self.door.port}"
        return f"{self.server_name or 'localhost'}{port}"

    def url(self, *, tls: bool) -> str:
        """What a client of the configuration would ask for."""
        return f"{'wss' if tls else 'ws'}://{self.host(tls=tls)}{self.path}"


def told_changes(changes: Sequence[AdoptionChange], *, each: bool) -> Iterator[str]:
    """Say how many lines are changed for the lab, and each of them or how many for which reason."""
    yield f"{len(changes)} {'line is' if len(changes) == 1 else 'lines are'} changed for the lab:"
    if each:
        yield from (f"    {change.told}" for change in changes)
        return
    for why, count in Counter(change.why for change in changes).items():
        yield f"    {count} {'line' if count == 1 else 'lines'}: {why}"
    yield "    each of them: -v, or the environment of the report"


class AdoptedConfiguration(Protocol):
    """A configuration that a lab can serve, whichever product's."""

    @property
    def changes(self) -> tuple[AdoptionChange, ...]:
        """Lines that are served otherwise than written."""
        ...

    @property
    def told(self) -> tuple[str, ...]:
        """What was found about it, each a sentence."""
        ...

    @property
    def stand_ins(self) -> tuple[MemberPlace, ...]:
        """Each host and port that it leads to."""
        ...

    @property
    def doors(self) -> tuple[Door, ...]:
        """Its listeners."""
        ...

    @property
    def certificates(self) -> tuple[Certified, ...]:
        """What its listeners show."""
        ...

    def asked_paths(self, paths: Sequence[str]) -> tuple[TriedPath, ...]:
        """What is to be asked: these paths of each server, or each that could carry WebSockets."""
        ...

    def explained(self, asked: TriedPath, handshake: Handshake, log: Sequence[LogLine]) -> Iterator[str]:
        """What became of an upgrade: the line that took it, the cause and the cure of a refusal."""
        ...

    def at_pace(self, divisor: float) -> AdoptedConfiguration:
        """The same with the times that end an idle tunnel divided."""
        ...


class AdoptedProgram(Proxy, Protocol):
    """A proxy that serves an adopted configuration.

    Attributes:
        members: address of each stand-in, by its variable.
        ports: port in the place of each configured one.
    """

    members: Mapping[str, str]
    ports: Mapping[int, int]
    config: str

    @property
    def adopted(self) -> AdoptedConfiguration:
        """What is served."""
        ...

    def face(self, door: Door, *, tls: bool, server_name: str | None) -> None:
        """Let clients come to this listener, under this name."""
        ...

    async def serve(self, other: AdoptedConfiguration) -> None:
        """Serve another form of it until the next `apply`.

        Raises:
            LabError: it could not be served.
        """
        ...

    def in_users_words(self, text: str) -> str:
        """A text with the stand-ins' addresses as the configuration has them."""
        ...


class Adoption(Protocol):
    """How a product's configurations of users are made runnable: what ``wslb try`` asks of it."""

    @property
    def proxy(self) -> str:
        """Name of the product, as ``--proxy`` takes it."""
        ...

    @property
    def topics(self) -> frozenset[Topic]:
        """What can be asked further than upgrades."""
        ...

    def read(self, file: Path) -> AdoptedConfiguration:
        """Read and adopt a configuration.

        Raises:
            EvidenceError: it cannot be read.
            ProxyConfigRejected: it is none that its own program could read.
            ConfigError: there is more than is read.
        """
        ...

    def program(
        self,
        adopted: AdoptedConfiguration,
        *,
        runtime: Runtime,
        installation: Installation,
        session: aiohttp.ClientSession,
        settings: Settings,
        user: tuple[str, str] | None,
        trust: ssl.SSLContext,
    ) -> AdoptedProgram:
        """A proxy that is not started yet."""
        ...
