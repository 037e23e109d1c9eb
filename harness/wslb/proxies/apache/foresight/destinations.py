"""Backend URLs as mod_proxy keeps them: which parameters count for one, and the line that sets each. Pure.

ProxyPass lines whose URL begins with an earlier one's share that one's connection and parameters (manual, mod_proxy,
"Workers"); a RewriteRule with [P] takes the longest such URL, and else one that nobody configured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.mounting import Mounting, Way
from wslb.proxies.apache.conf.scope import Scope
from wslb.proxies.apache.conf.urls import parameters_of, scheme_of

__all__ = ["Destination", "ParameterLine", "destinations_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterLine:
    """A value as written, and its line."""

    text: str
    at: Directive


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A backend URL with its parameters, names in lower case.

    Attributes:
        balanced: whether it is a balancer's member.
    """

    url: str
    parameters: Mapping[str, ParameterLine] = field(default_factory=dict)
    balanced: bool = False

    @property
    def scheme(self) -> str:
        """``ws``, ``wss``, ``http`` or ``https``."""
        return scheme_of(self.url)


def destinations_of(conf: Configuration, mounting: Mounting, scope: Scope) -> tuple[Destination, ...]:
    """Where a line leads to in a server: the members of its balancer in their order, or the one URL."""
    balancer = conf.balancer_in(scope, mounting.balancer) if mounting.balancer else None
    if balancer is not None:
        return tuple(
            Destination(url=member.url, parameters=_placed(member.parameters, member.directive), balanced=True)
            for member in balancer.members
        )
    scopes = [mounting.scope, *([mounting.scope.main] if mounting.way is Way.REWRITE and mounting.scope.main else [])]
    known = [made for scope in scopes for made in _made(conf, scope)]
    sharing = [made for made in known if mounting.url.startswith(made.url)]
    if sharing:
        return (max(sharing, key=lambda made: len(made.url)),)
    return (Destination(url=mounting.url),)


def _made(conf: Configuration, scope: Scope) -> list[Destination]:
    """URLs that lines of a server make, each once, with what ProxySet says of them."""
    made: list[Destination] = []
    for mounting in conf.mountings_in(scope):
        taken = mounting.way is Way.REWRITE or mounting.balancer is not None or "://" not in mounting.url
        if not taken and not any(mounting.url.startswith(earlier.url) for earlier in made):
            made.append(Destination(url=mounting.url, parameters=_placed(mounting.parameters, mounting.directive)))
    for url, at, words in _sets(scope):
        earlier = next((one for one in made if one.url == url), None)
        if earlier is None:
            made.append(Destination(url=url, parameters=_placed(parameters_of(words), at)))
        else:
            parameters = {**earlier.parameters, **_placed(parameters_of(words), at)}
            made[made.index(earlier)] = Destination(url=url, parameters=parameters)
    return made


def _sets(scope: Scope) -> Iterator[tuple[str, Directive, tuple[str, ...]]]:
    """ProxySet lines about a URL that is no balancer, in its ``<Proxy>`` or by name."""
    for placed in scope.all("proxyset"):
        words = placed.directive.words
        if words and "://" in words[0].partition("=")[0]:
            url, words = words[0], words[1:]
        else:
            url = next((s.first for s in reversed(placed.around) if s.key == "proxy"), "")
        if scheme_of(url) not in {"", "balancer"} and "*" not in url:
            yield url, placed.directive, words


def _placed(parameters: Mapping[str, str], at: Directive) -> dict[str, ParameterLine]:
    return {name: ParameterLine(text=text, at=at) for name, text in _items(parameters.items())}


def _items(items: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((name, text) for name, text in items if text)
