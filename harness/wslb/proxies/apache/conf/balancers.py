"""Balancers of a server, filled line by line from sections, members and parameters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.scope import Placed, Scope
from wslb.proxies.apache.conf.urls import WEBSOCKET_SCHEMES, host_of, parameters_of, path_of, scheme_of

__all__ = ["BalancerLines", "MemberLine", "balancers_in"]


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
        return path_of(self.url)


@dataclass(slots=True, kw_only=True)
class BalancerLines:
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


def balancers_in(scope: Scope) -> tuple[BalancerLines, ...]:
    """Balancers of one server, in the order in which they are first named."""
    return tuple(_Balancers(scope).found.values())


class _Balancers:
    """Balancers of one server, filled line by line."""

    def __init__(self, scope: Scope) -> None:
        self.found: dict[str, BalancerLines] = {}
        self._scope = scope
        for placed in scope.placed:
            directive = placed.directive
            if directive.key == "proxy" and directive.body is not None and scheme_of(directive.first) == "balancer":
                self._balancer(host_of(directive.first), directive)
            elif directive.key == "balancermember":
                self._member(placed)
            elif directive.key == "proxyset":
                self._set(placed)
            elif directive.key == "proxypass":
                self._mounted(directive)

    def _balancer(self, name: str, at: Directive) -> BalancerLines:
        return self.found.setdefault(name, BalancerLines(name=name, scope=self._scope, at=at))

    def _member(self, placed: Placed) -> None:
        directive, words = placed.directive, list(placed.directive.words)
        name = host_of(words.pop(0)) if words and scheme_of(words[0]) == "balancer" else _balancer_around(placed)
        if name and words:
            member = MemberLine(url=words[0], parameters=parameters_of(words[1:]), directive=directive)
            self._balancer(name, directive).members.append(member)

    def _set(self, placed: Placed) -> None:
        directive, words = placed.directive, list(placed.directive.words)
        if words and scheme_of(words[0]) == "balancer":
            name: str | None = host_of(words.pop(0))
        elif words and "://" in words[0].partition("=")[0]:
            return
        else:
            name = _balancer_around(placed)
        if name:
            self._add(name, directive, words)

    def _add(self, name: str, at: Directive, words: Iterable[str]) -> None:
        self._balancer(name, at).settings += [(key, value, at) for key, value in parameters_of(words).items()]

    def _mounted(self, directive: Directive) -> None:
        words = directive.words
        at = next((i for i, word in enumerate(words) if scheme_of(word) == "balancer"), None)
        if at is not None and words[at + 1 :]:
            self._add(host_of(words[at]), directive, words[at + 1 :])


def _balancer_around(placed: Placed) -> str | None:
    """Balancer whose ``<Proxy>`` section this stands in."""
    for section in reversed(placed.around):
        if section.key == "proxy" and scheme_of(section.first) == "balancer":
            return host_of(section.first)
    return None
