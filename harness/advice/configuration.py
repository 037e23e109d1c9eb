"""What a configuration means to mod_proxy: servers, balancers with their members, and the paths that lead to them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from harness.advice.directives import Directive, Flaw

__all__ = [
    "Configuration",
    "Group",
    "MemberLine",
    "Modules",
    "Mounting",
    "Placed",
    "Scope",
    "Way",
    "covering_paths",
    "scheme_of",
]

WEBSOCKET_SCHEMES = frozenset({"ws", "wss"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Modules:
    """Which modules are loaded, as far as it can be known.

    Attributes:
        known: False for a fragment, whose modules are loaded elsewhere.
        names: without ``mod_`` and ``_module``.
        ibm_i: HTTP Server for i: the modules of the base are in QZSRCORE, only the proxy ones are loaded by line.
    """

    known: bool = False
    names: frozenset[str] = frozenset()
    ibm_i: bool = False

    def lacks(self, name: str) -> bool:
        """Whether this module is certainly not loaded."""
        if not self.known or name in self.names:
            return False
        return not self.ibm_i or name.startswith(("proxy_", "lbmethod_"))

    def has(self, name: str) -> bool:
        """Whether this module is certainly loaded."""
        return name in self.names


class Way(StrEnum):
    """How a path is led to its end."""

    PROXYPASS = "ProxyPass"
    PROXYPASSMATCH = "ProxyPassMatch"
    REWRITE = "RewriteRule"


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


@dataclass(frozen=True, kw_only=True)
class MemberLine:
    """A ``BalancerMember``: URL and parameters as written, names in lower case."""

    url: str
    parameters: Mapping[str, str]
    directive: Directive

    @cached_property
    def scheme(self) -> str:
        """``ws``, ``wss``, ``http``, …"""
        return scheme_of(self.url)

    @cached_property
    def websocket(self) -> bool:
        """Whether tunnels are meant to go there."""
        return self.scheme in WEBSOCKET_SCHEMES or "upgrade" in self.parameters

    @cached_property
    def host(self) -> str:
        """Host and port as written, without user information."""
        return re.split(r"[/?#]", self.url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2].lower()

    @cached_property
    def path(self) -> str:
        """Path of the URL; empty when there is none."""
        rest = self.url.partition("://")[2]
        return rest[rest.index("/") :] if "/" in rest else ""


@dataclass(slots=True, kw_only=True)
class Group:
    """A balancer of one server.

    Attributes:
        name: host part of ``balancer://name``, in lower case.
        at: the ``<Proxy>`` section, or the first directive that fills it.
        settings: parameters of the balancer, each with its directive; the last one counts.
    """

    name: str
    scope: Scope
    at: Directive
    members: list[MemberLine] = field(default_factory=list)
    settings: list[tuple[str, str, Directive]] = field(default_factory=list)

    @property
    def websocket(self) -> bool:
        """Whether any member carries tunnels."""
        return any(member.websocket for member in self.members)

    def setting(self, name: str) -> str | None:
        """Value of a balancer parameter; None when it is not set."""
        return next((value for key, value, _ in reversed(self.settings) if key == name), None)

    def set_at(self, name: str) -> Directive:
        """Directive that sets a parameter, or the balancer's own."""
        return next((at for key, _, at in reversed(self.settings) if key == name), self.at)


@dataclass(frozen=True, kw_only=True)
class Mounting:
    """A path that is led to a URL.

    Attributes:
        path: as written, or the pattern of a RewriteRule or ProxyPassMatch; of ``<Location>`` where it stands in one.
        url: where to; ``!`` excludes the path.
        parameters: of the ProxyPass line.
        location: whether it stands in ``<Location>``, which goes before every ProxyPass of the server.
        flags: of a RewriteRule, in upper case.
    """

    way: Way
    path: str
    url: str
    parameters: Mapping[str, str]
    directive: Directive
    scope: Scope
    location: bool = False
    flags: frozenset[str] = frozenset()

    @cached_property
    def balancer(self) -> str | None:
        """Name of the balancer, in lower case; None for any other URL."""
        return _host(self.url) if scheme_of(self.url) == "balancer" else None

    @cached_property
    def url_path(self) -> str:
        """Path of the URL; empty when there is none."""
        rest = self.url.partition("://")[2]
        return rest[rest.index("/") :] if "/" in rest else ""


@dataclass(kw_only=True)
class Configuration:
    """A whole configuration, or a fragment of one.

    Attributes:
        directives: in order, as they take effect.
        whole: whether it is a server's complete configuration; of a fragment, nothing is said to be missing.
        tunnels: how many tunnels are expected at a time; None when nobody said.
        flaws: of the text.
        undefined: variables that nothing defines, with the first use.
        version: of the httpd that read it; empty when only the text was read.
    """

    directives: tuple[Directive, ...]
    modules: Modules
    whole: bool
    tunnels: int | None = None
    flaws: tuple[Flaw, ...] = ()
    undefined: Mapping[str, Directive] = field(default_factory=dict)
    version: str = ""

    @cached_property
    def scopes(self) -> tuple[Scope, ...]:
        """Main server first, then every virtual host."""
        main = Scope()
        scopes = [main]
        for placed in _placed(self.directives, ()):
            if placed.directive.key == "virtualhost" and placed.directive.body is not None:
                host = Scope(section=placed.directive, main=main)
                for inner in _placed(placed.directive.body, ()):
                    host.add(inner)
                scopes.append(host)
            else:
                main.add(placed)
        return tuple(scopes)

    @property
    def main(self) -> Scope:
        """The main server."""
        return self.scopes[0]

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Every balancer that has a ``<Proxy>`` section, a member or a parameter."""
        return tuple(group for scope in self.scopes for group in _Groups(scope).found.values())

    @cached_property
    def _by_name(self) -> dict[tuple[int, str], Group]:
        return {(id(group.scope), group.name): group for group in self.groups}

    @cached_property
    def _leading_to(self) -> dict[int, list[Mounting]]:
        leading: dict[int, list[Mounting]] = {}
        for mounting in self.mountings:
            group = self.group_of(mounting)
            if group is not None:
                leading.setdefault(id(group), []).append(mounting)
        return leading

    @cached_property
    def mountings(self) -> tuple[Mounting, ...]:
        """Every path that is led somewhere."""
        return tuple(mounting for scope in self.scopes for mounting in _mountings(scope))

    def group_of(self, mounting: Mounting) -> Group | None:
        """Balancer that a path leads to: the server's own, else the main server's, which every server inherits."""
        if mounting.balancer is None:
            return None
        own = self._by_name.get((id(mounting.scope), mounting.balancer))
        return own or self._by_name.get((id(self.main), mounting.balancer))

    @cached_property
    def _inside(self) -> dict[int, list[Mounting]]:
        inside: dict[int, list[Mounting]] = {}
        for mounting in self.mountings:
            inside.setdefault(id(mounting.scope), []).append(mounting)
        return inside

    def mountings_in(self, scope: Scope) -> list[Mounting]:
        """Paths of one server, in order of their kind and of the text."""
        return self._inside.get(id(scope), [])

    def mountings_of(self, group: Group) -> list[Mounting]:
        """Paths that lead to a balancer."""
        return self._leading_to.get(id(group), [])

    def tunnels_to(self, mounting: Mounting) -> bool:
        """Whether WebSockets are meant to go through this path."""
        if scheme_of(mounting.url) in WEBSOCKET_SCHEMES or "upgrade" in mounting.parameters:
            return True
        group = self.group_of(mounting)
        return group is not None and group.websocket

    def direct_members(self) -> tuple[tuple[Scope, MemberLine], ...]:
        """Every backend URL, in a balancer or named by a path itself."""
        return self._direct_members

    @cached_property
    def _direct_members(self) -> tuple[tuple[Scope, MemberLine], ...]:
        return tuple(self._all_members())

    def _all_members(self) -> Iterator[tuple[Scope, MemberLine]]:
        for group in self.groups:
            for member in group.members:
                yield group.scope, member
        for mounting in self.mountings:
            if mounting.balancer is None and "://" in mounting.url:
                yield (
                    mounting.scope,
                    MemberLine(url=mounting.url, parameters=mounting.parameters, directive=mounting.directive),
                )

    def carrier(self, scope: Scope) -> str | None:
        """Module that carries ``ws://`` in this server, ``proxy_http`` or ``proxy_wstunnel``; None when unknown.

        With both loaded it is mod_proxy_http, unless ProxyWebsocketFallbackToProxyHttp is Off (2.4.47 and later).
        """
        if self.modules.ibm_i:
            return None
        if scope.value("ProxyWebsocketFallbackToProxyHttp") == "off":
            return "proxy_wstunnel"
        if not self.modules.known:
            return None
        if self.modules.has("proxy_http"):
            return "proxy_http"
        return "proxy_wstunnel" if self.modules.has("proxy_wstunnel") else None


def covering_paths(path: str) -> Iterator[str]:
    """Paths that cover this one, longest first: itself, and each one that ends before a slash or with it."""
    yield path
    for at in range(len(path) - 1, -1, -1):
        if path[at] == "/":
            if at + 1 < len(path):
                yield path[: at + 1]
            if at:
                yield path[:at]


def scheme_of(url: str) -> str:
    """Scheme of a URL in lower case; empty when it has none."""
    scheme, separator, _ = url.partition("://")
    return scheme.lower() if separator else ""


def _host(url: str) -> str:
    return re.split(r"[/?#$]", url.partition("://")[2], maxsplit=1)[0].lower()


def _placed(directives: Iterable[Directive], around: tuple[Directive, ...]) -> Iterator[Placed]:
    for directive in directives:
        yield Placed(directive, around)
        if directive.body is not None and directive.key != "virtualhost":
            yield from _placed(directive.body, (*around, directive))


def _pairs(words: Iterable[str]) -> dict[str, str]:
    """``key=value`` arguments; flags such as ``nocanon`` have an empty value."""
    found: dict[str, str] = {}
    for word in words:
        key, _, value = word.partition("=")
        found[key.lower()] = value
    return found


def _balancer_around(placed: Placed) -> str | None:
    """Balancer whose ``<Proxy>`` section this stands in."""
    for section in reversed(placed.around):
        if section.key == "proxy" and scheme_of(section.first) == "balancer":
            return _host(section.first)
    return None


class _Groups:
    """Balancers of one server, filled line by line."""

    def __init__(self, scope: Scope) -> None:
        self.found: dict[str, Group] = {}
        self._scope = scope
        for placed in scope.placed:
            directive = placed.directive
            if directive.key == "proxy" and directive.body is not None and scheme_of(directive.first) == "balancer":
                self._group(_host(directive.first), directive)
            elif directive.key == "balancermember":
                self._member(placed)
            elif directive.key == "proxyset":
                self._set(placed)
            elif directive.key == "proxypass":
                self._mounted(directive)

    def _group(self, name: str, at: Directive) -> Group:
        return self.found.setdefault(name, Group(name=name, scope=self._scope, at=at))

    def _member(self, placed: Placed) -> None:
        directive, words = placed.directive, list(placed.directive.words)
        name = _host(words.pop(0)) if words and scheme_of(words[0]) == "balancer" else _balancer_around(placed)
        if name and words:
            member = MemberLine(url=words[0], parameters=_pairs(words[1:]), directive=directive)
            self._group(name, directive).members.append(member)

    def _set(self, placed: Placed) -> None:
        directive, words = placed.directive, list(placed.directive.words)
        if words and scheme_of(words[0]) == "balancer":
            name: str | None = _host(words.pop(0))
        elif words and "://" in words[0].partition("=")[0]:
            return
        else:
            name = _balancer_around(placed)
        if name:
            self._group(name, directive).settings += [(key, value, directive) for key, value in _pairs(words).items()]

    def _mounted(self, directive: Directive) -> None:
        words = directive.words
        at = next((i for i, word in enumerate(words) if scheme_of(word) == "balancer"), None)
        if at is not None and words[at + 1 :]:
            pairs = _pairs(words[at + 1 :]).items()
            group = self._group(_host(words[at]), directive)
            group.settings += [(key, value, directive) for key, value in pairs]


def _mountings(scope: Scope) -> Iterator[Mounting]:
    for placed in scope.all("proxypass", "proxypassmatch"):
        yield from _proxypass(placed, scope)
    for placed in scope.all("rewriterule"):
        words = placed.directive.words
        if len(words) >= 2:
            flags = words[2].strip("[]").upper().split(",") if len(words) > 2 else []
            yield Mounting(
                way=Way.REWRITE,
                path=words[0],
                url=words[1],
                parameters={},
                directive=placed.directive,
                scope=scope,
                location=bool(placed.around),
                flags=frozenset(flag.strip().partition("=")[0] for flag in flags),
            )


def _proxypass(placed: Placed, scope: Scope) -> Iterator[Mounting]:
    directive = placed.directive
    words = list(directive.words)
    location = next((s for s in reversed(placed.around) if s.key in {"location", "locationmatch"}), None)
    way = Way.PROXYPASSMATCH if directive.key == "proxypassmatch" else Way.PROXYPASS
    if location is not None and words and ("://" in words[0] or words[0] == "!"):
        path = location.words[-1] if location.words else ""
        if location.key == "locationmatch" or location.first == "~":
            way = Way.PROXYPASSMATCH
    elif len(words) >= 2:
        path = words.pop(0)
    else:
        return
    yield Mounting(
        way=way,
        path=path,
        url=words[0],
        parameters=_pairs(words[1:]),
        directive=directive,
        scope=scope,
        location=location is not None,
    )
