"""A proxy as it was found, its language, and what its own manager changes at run time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from wslb.interfaces.runtime import Front
from wslb.model.balancer import Carrier, MemberState, Site
from wslb.model.results import AccessLine, LogLine, MemberStatus

__all__ = ["BalancerChange", "Dialect", "Installation", "MemberChange"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A proxy as it was found.

    Attributes:
        binary: its program, as the runtime starts it.
        modules_folder: where loadable modules lie.
        version: such as ``2.4.71``.
        built_in, loadable: module names without ``mod_``.
        facts: more for the report, such as the build date and the MPM.
    """

    binary: str
    modules_folder: str
    version: str
    built_in: frozenset[str]
    loadable: frozenset[str]
    facts: Mapping[str, str] = field(default_factory=dict)

    def has(self, module: str) -> bool:
        """Whether this module can be used."""
        return module in self.built_in or module in self.loadable

    def at_least(self, *version: int) -> bool:
        """Whether the version is this one or later."""
        return tuple(int(part) for part in self.version.split(".") if part.isdigit()) >= version


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChange:
    """A change of one member at run time, through the proxy's own manager.

    Attributes:
        state, on: set (or clear) this state.
        loadfactor: new loadfactor.
    """

    route: str
    state: MemberState | None = None
    on: bool = True
    loadfactor: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerChange:
    """A change of the balancer itself at run time; the method is a name as typed, so that a wrong one can be tried."""

    lbmethod: str


class Dialect(Protocol):
    """A proxy's language: pure functions from values to text and from text to values."""

    name: str
    binaries: tuple[str, ...]
    ready_path: str
    manager_path: str
    error_log: str
    access_log: str

    def render(
        self,
        site: Site,
        *,
        front: Front,
        generation: str,
        carrier: Carrier,
        installation: Installation,
        user: tuple[str, str] | None,
    ) -> str:
        """Configuration text of a site whose URLs are resolved."""
        ...

    def arguments(self, installation: Installation, *, folder: str, config: str) -> tuple[str, ...]:
        """Argument vector common to checking and running."""
        ...

    def missing(self, site: Site, installation: Installation) -> tuple[str, ...]:
        """Modules that the site needs and the installation lacks."""
        ...

    def parse_status(self, text: str) -> tuple[MemberStatus, ...]:
        """Members from the manager's status page."""
        ...

    def parse_log(self, text: str) -> tuple[LogLine, ...]:
        """Lines of the error log."""
        ...

    def parse_access(self, text: str) -> tuple[AccessLine, ...]:
        """Lines of the access log."""
        ...
