"""Paths of a server, and where each one leads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.scope import Placed, Scope
from wslb.proxies.apache.conf.urls import host_of, parameters_of, path_of, scheme_of

__all__ = ["Mounting", "Way", "mountings_in"]


class Way(StrEnum):
    """How a path is led to its end."""

    PROXYPASS = "ProxyPass"
    PROXYPASSMATCH = "ProxyPassMatch"
    REWRITE = "RewriteRule"


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
        return host_of(self.url) if scheme_of(self.url) == "balancer" else None

    @cached_property
    def url_path(self) -> str:
        """Path of the URL; empty when there is none."""
        return path_of(self.url)


def mountings_in(scope: Scope) -> Iterator[Mounting]:
    """Every path of one server that is led somewhere: ProxyPass lines as in the text, then RewriteRule lines."""
    for placed in scope.placed:
        if placed.directive.key in {"proxypass", "proxypassmatch"}:
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
        parameters=parameters_of(words[1:]),
        directive=directive,
        scope=scope,
        location=location is not None,
    )
