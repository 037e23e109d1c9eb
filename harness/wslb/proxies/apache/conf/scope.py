"""The main server and its virtual hosts: which directives stand in each, and within which sections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from wslb.proxies.apache.conf.directives import Directive

__all__ = ["Placed", "Scope", "scopes_of"]


@dataclass(frozen=True, slots=True)
class Placed:
    """A directive, and the sections around it inside its server, outermost first."""

    directive: Directive
    around: tuple[Directive, ...] = ()


@dataclass(slots=True)
class Scope:
    """The main server, or one virtual host.

    Attributes:
        section: the ``<VirtualHost>``; None for the main server.
        placed: every directive and section of it, in order, virtual hosts left out.
        main: the main server, whose settings a virtual host inherits.
    """

    section: Directive | None = None
    placed: list[Placed] = field(default_factory=list)
    main: Scope | None = None
    _by_name: dict[str, list[Placed]] = field(default_factory=dict)
    _settings: dict[str, Directive] = field(default_factory=dict)

    def add(self, placed: Placed) -> None:
        """Put one directive in."""
        self.placed.append(placed)
        self._by_name.setdefault(placed.directive.key, []).append(placed)
        if not placed.around:
            self._settings[placed.directive.key] = placed.directive

    def all(self, *names: str) -> list[Placed]:
        """Directives of these names, wherever in this server they stand, in order for one name."""
        return [placed for name in names for placed in self._by_name.get(name.lower(), ())]

    def setting(self, name: str) -> Directive | None:
        """The directive that decides for the whole server: the last outside any section, else the main server's."""
        own = self._settings.get(name.lower())
        if own is None and self.main:
            return self.main.setting(name)
        return own

    def value(self, name: str, default: str = "") -> str:
        """First argument of `setting`, in lower case."""
        found = self.setting(name)
        return found.first.lower() if found else default

    @property
    def inherits_balancers(self) -> bool:
        """Whether balancers of the main server are here too: unless both directives say Off (seen on 2.4.71)."""
        return any(self.value(name, "on") != "off" for name in ("ProxyPassInherit", "BalancerInherit"))


def scopes_of(directives: Iterable[Directive]) -> tuple[Scope, ...]:
    """Main server first, then every virtual host."""
    main = Scope()
    scopes = [main]
    for placed in _placed(directives, ()):
        if placed.directive.key == "virtualhost" and placed.directive.body is not None:
            host = Scope(section=placed.directive, main=main)
            for inner in _placed(placed.directive.body, ()):
                host.add(inner)
            scopes.append(host)
        else:
            main.add(placed)
    return tuple(scopes)


def _placed(directives: Iterable[Directive], around: tuple[Directive, ...]) -> Iterator[Placed]:
    for directive in directives:
        yield Placed(directive, around)
        if directive.body is not None and directive.key != "virtualhost":
            yield from _placed(directive.body, (*around, directive))
