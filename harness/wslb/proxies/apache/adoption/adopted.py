"""What adoption makes of a configuration: a text with variables for what the lab chooses, and every change told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from wslb.model.disclosure import REDACTED, redacted

__all__ = ["CHOSEN", "Adopted", "AdoptionChange", "Brought", "Certified", "Door", "MemberPlace", "disclosed"]

CHOSEN = "chosen-by-the-request"
"""Host of a member that only a request names (``ws://%{HTTP_HOST}/``)."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """A certificate that the run's authority makes in the place of one of the configuration's."""

    name: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A file that httpd reads when it starts or serves, to be put where the lab's httpd finds it.

    Attributes:
        name: below the run's folder.
        path: as the configuration names it, from its ServerRoot where it is relative.
    """

    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """A configuration that a lab can serve.

    Attributes:
        lines: of the text, without line ends; ``${RUN}`` is the run's folder, ``${WSLB_…}`` what it chooses.
        places: file and line that each line of the text comes from; an empty file for our own.
        modules: supplied ones, in loading order.
        addresses: loopback address in the place of each configured one.
        files: to be brought, where the lab's httpd has other files than this machine.
    """

    lines: tuple[str, ...]
    places: tuple[tuple[str, int], ...]
    changes: tuple[AdoptionChange, ...]
    stand_ins: tuple[MemberPlace, ...]
    doors: tuple[Door, ...]
    certificates: tuple[Certified, ...]
    modules: tuple[str, ...]
    addresses: Mapping[str, str]
    files: tuple[Brought, ...] = ()

    def text(self, variables: Mapping[str, str], last: tuple[str, ...] = ()) -> str:
        """Text of httpd.conf; the lines of its body keep their numbers behind those of `prelude`.

        Args:
            variables: values of what the lab chooses.
            last: further lines for the end.
        """
        return "\n".join((*self.prelude(variables), *self.lines, *last, ""))

    @staticmethod
    def prelude(variables: Mapping[str, str]) -> tuple[str, ...]:
        """First lines: what the lab has chosen."""
        return tuple(f'Define {name} "{value}"' for name, value in sorted(variables.items()))

    def place(self, line: int, variables: Mapping[str, str]) -> tuple[str, int] | None:
        """Where a line of the text, from 1, comes from; None for one of our own."""
        at = line - 1 - len(self.prelude(variables))
        if not 0 <= at < len(self.places) or not self.places[at][0]:
            return None
        return self.places[at]
