"""What a configuration means to mod_proxy: servers, balancers with their members, and the paths that lead to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from wslb.proxies.apache.conf.balancers import BalancerLines, MemberLine, balancers_in
from wslb.proxies.apache.conf.directives import Directive, Flaw
from wslb.proxies.apache.conf.mounting import Mounting, mountings_in
from wslb.proxies.apache.conf.scope import Scope, scopes_of
from wslb.proxies.apache.conf.urls import WEBSOCKET_SCHEMES, scheme_of
from wslb.proxies.apache.since import first_version

__all__ = ["Configuration", "Modules"]


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


@dataclass(kw_only=True)
class Configuration:
    """A whole configuration, or a fragment of one.

    Attributes:
        directives: in order, as they take effect.
        whole: whether it is a server's complete configuration; of a fragment, nothing is said to be missing.
        tunnels: how many tunnels are expected at a time; None when nobody said.
        flaws: of the text.
        undefined: variables that nothing defines, with the first use.
        version: of the httpd that it is for, such as ``2.4.71``; empty when nobody knows.
        left_out: sections of ``<IfDefine NAME>`` that do not count because nobody has defined the name.
        folder: of a ``.htaccess``, all of which stands in its ``<Directory>``; empty for any other file.
    """

    directives: tuple[Directive, ...]
    modules: Modules
    whole: bool
    tunnels: int | None = None
    flaws: tuple[Flaw, ...] = ()
    undefined: Mapping[str, Directive] = field(default_factory=dict)
    version: str = ""
    left_out: tuple[Directive, ...] = ()
    folder: str = ""

    def older_than(self, *version: int) -> bool:
        """Whether the httpd that it is for is known to be older than this version."""
        known = tuple(int(part) for part in self.version.split(".") if part.isdigit())
        return bool(known) and known < version

    def knows(self, name: str) -> bool:
        """Whether the httpd that it is for may know this parameter or directive."""
        since = first_version(name)
        return since is None or not self.older_than(*since.version)

    @cached_property
    def scopes(self) -> tuple[Scope, ...]:
        """Main server first, then every virtual host."""
        return scopes_of(self.directives)

    @property
    def main(self) -> Scope:
        """The main server."""
        return self.scopes[0]

    @cached_property
    def balancers(self) -> tuple[BalancerLines, ...]:
        """Every balancer that has a ``<Proxy>`` section, a member or a parameter."""
        return tuple(balancer for scope in self.scopes for balancer in balancers_in(scope))

    @cached_property
    def _by_name(self) -> dict[tuple[int, str], BalancerLines]:
        found = {(id(balancer.scope), balancer.name): balancer for balancer in self.balancers}
        for balancer in self.balancers:
            inherited = found.get((id(self.main), balancer.name))
            if inherited and balancer.scope.main is not None and balancer.scope.inherits_balancers:
                found[id(balancer.scope), balancer.name] = replace(
                    balancer, members=inherited.members, settings=[*inherited.settings, *balancer.settings]
                )
        return found

    @cached_property
    def _leading_to(self) -> dict[tuple[int, str], list[Mounting]]:
        leading: dict[tuple[int, str], list[Mounting]] = {}
        for mounting in self.mountings:
            balancer = self.balancer_of(mounting)
            if balancer is not None:
                leading.setdefault((id(balancer.scope), balancer.name), []).append(mounting)
        return leading

    @cached_property
    def mountings(self) -> tuple[Mounting, ...]:
        """Every path that is led somewhere."""
        return tuple(mounting for scope in self.scopes for mounting in mountings_in(scope))

    def balancer_of(self, mounting: Mounting) -> BalancerLines | None:
        """Balancer that a path leads to, as it is in effect in the server of the mounting.

        A virtual host that inherits has those of the main server; one of its own that has the name of one of these gets
        the members of that one, and its own are never asked (merge_balancers; seen on 2.4.71).
        """
        return None if mounting.balancer is None else self.balancer_in(mounting.scope, mounting.balancer)

    def balancer_in(self, scope: Scope, name: str) -> BalancerLines | None:
        """Balancer of this name that is in effect in a server (`balancer_of`)."""
        own = self._by_name.get((id(scope), name))
        return own or (self._by_name.get((id(self.main), name)) if scope.inherits_balancers else None)

    @cached_property
    def _inside(self) -> dict[int, list[Mounting]]:
        inside: dict[int, list[Mounting]] = {}
        for mounting in self.mountings:
            inside.setdefault(id(mounting.scope), []).append(mounting)
        return inside

    def mountings_in(self, scope: Scope) -> list[Mounting]:
        """Paths of one server, in order of their kind and of the text."""
        return self._inside.get(id(scope), [])

    def mountings_of(self, balancer: BalancerLines) -> list[Mounting]:
        """Paths that lead to a balancer."""
        return self._leading_to.get((id(balancer.scope), balancer.name), [])

    def tunnels_to(self, mounting: Mounting) -> bool:
        """Whether WebSockets are meant to go through this path."""
        if scheme_of(mounting.url) in WEBSOCKET_SCHEMES or "upgrade" in mounting.parameters:
            return True
        balancer = self.balancer_of(mounting)
        return balancer is not None and balancer.websocket

    def direct_members(self) -> tuple[tuple[Scope, MemberLine], ...]:
        """Every backend URL, in a balancer or named by a path itself."""
        return self._direct_members

    @cached_property
    def _direct_members(self) -> tuple[tuple[Scope, MemberLine], ...]:
        return tuple(self._all_members())

    def _all_members(self) -> Iterator[tuple[Scope, MemberLine]]:
        for balancer in self.balancers:
            for member in balancer.members:
                yield balancer.scope, member
        for mounting in self.mountings:
            if mounting.balancer is None and "://" in mounting.url:
                yield (
                    mounting.scope,
                    MemberLine(url=mounting.url, parameters=mounting.parameters, directive=mounting.directive),
                )

    def carrier(self, scope: Scope) -> str | None:
        """Module that carries ``ws://`` in this server, ``proxy_http`` or ``proxy_wstunnel``; None when unknown.

        With both loaded it is mod_proxy_http, unless ProxyWebsocketFallbackToProxyHttp is Off; before 2.4.47 it is
        always mod_proxy_wstunnel.
        """
        if self.modules.ibm_i:
            return None
        if self.older_than(2, 4, 47):
            return "proxy_wstunnel" if self.modules.has("proxy_wstunnel") else None
        if scope.value("ProxyWebsocketFallbackToProxyHttp") == "off":
            return "proxy_wstunnel"
        if not self.modules.known:
            return None
        if self.modules.has("proxy_http"):
            return "proxy_http"
        return "proxy_wstunnel" if self.modules.has("proxy_wstunnel") else None
