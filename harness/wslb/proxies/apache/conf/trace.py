"""Which line of a configuration takes an upgrade of a path, and what the backend would see. Nothing is started.

mod_rewrite's rules of the server are asked first, then ProxyPass in ``<Location>`` (the last that covers the path),
then the ProxyPass lines in order, those of the main server before a virtual host's own (seen on 2.4.71).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from wslb.proxies.apache.conf.balancers import MemberLine
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.mounting import Mounting, Way
from wslb.proxies.apache.conf.rewriting import AskedPath, Rewritten, location_fits, rewritten
from wslb.proxies.apache.conf.scope import Scope
from wslb.proxies.apache.conf.urls import WEBSOCKET_SCHEMES, path_of, scheme_of

__all__ = ["How", "PathEnd", "Sight", "ends_of", "servers_to_ask"]


class How(StrEnum):
    """How the way of a request ends."""

    PROXIED = "proxied"
    EXCLUDED = "excluded"
    REDIRECTED = "redirected"
    REFUSED = "refused"
    SERVED = "served"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What one backend would see of an upgrade.

    Attributes:
        member: its URL as configured.
        target: path and query of the request.
        host: the Host field; None where it is that of the client.
        upgrade: whether the fields Upgrade and Connection arrive, so that a tunnel can come to be.
    """

    member: str
    target: str
    host: str | None
    upgrade: bool

    def __str__(self) -> str:
        fields = f"Host {self.host or 'as the client sent it'}, {'with' if self.upgrade else 'without'} Upgrade"
        return f"{self.member} sees GET {self.target}, {fields}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathEnd:
    """One end that an upgrade of a path may find.

    Attributes:
        at: the line that takes it; None where httpd serves a file of its own.
        url: where that line leads, put together with the path; a status where it is refused.
        sights: of each member that may be elected; empty where nothing is proxied.
        module: that would carry the tunnel, without ``mod_``; None where that is not known, or there is no tunnel.
        provided: what the text does not decide and what must hold for this end; empty for the last one.
    """

    how: How
    at: Directive | None
    url: str = ""
    sights: tuple[Sight, ...] = ()
    module: str | None = None
    provided: tuple[str, ...] = ()

    @property
    def carries(self) -> bool:
        """Whether every member would be asked for an upgrade."""
        return bool(self.sights) and all(sight.upgrade for sight in self.sights)

    def __str__(self) -> str:
        place = "" if self.at is None else f"{self.at.file}:{self.at.line}: {self.at}"
        told = {
            How.PROXIED: f"taken by {place}",
            How.EXCLUDED: f"kept from the proxy by {place}",
            How.REDIRECTED: f"redirected to {self.url} by {place}: no WebSocket client follows",
            How.REFUSED: f"answered {self.url} by {place}",
            How.SERVED: f"no line leads it to a backend{f', {place} makes a file of it' if place else ''}",
        }[self.how]
        lines = [f"if {condition}" for condition in self.provided]
        lines.append(told)
        if self.carries:
            lines.append(f"carried by {f'mod_{self.module}' if self.module else 'the module that is loaded for ws://'}")
        lines += map(str, self.sights)
        if self.sights and not self.carries:
            lines.append("to change: ws:// for http://, wss:// for https://; or upgrade=websocket (httpd 2.4.47)")
        return "\n".join(f"  {line}" for line in lines)


def servers_to_ask(conf: Configuration) -> tuple[Scope, ...]:
    """Servers with a line of their own that leads somewhere; the main server where there is none."""
    return tuple(scope for scope in conf.scopes if conf.mountings_in(scope)) or (conf.main,)


def ends_of(conf: Configuration, scope: Scope, path: str) -> tuple[PathEnd, ...]:
    """Every end that an upgrade of a path may find in one server; the last is reached where no other is.

    Args:
        conf: that the server belongs to.
        scope: the server.
        path: from its slash on, with a query where there is one.
    """
    way, _, query = path.partition("?")
    found: list[PathEnd] = []
    for end in rewritten(scope, AskedPath(way, query)):
        found.append(_passed(conf, scope, end) if end.how == "passed" else _rule(conf, scope, end))
    return tuple(found)


def _rule(conf: Configuration, scope: Scope, end: Rewritten) -> PathEnd:
    """End at a RewriteRule."""
    if end.how != "proxied" or end.at is None:
        return PathEnd(how=How(end.how), at=end.at, url=end.target, provided=end.provided)
    mounting = next((m for m in conf.mountings if m.directive is end.at), None)
    if mounting is None:
        return PathEnd(how=How.PROXIED, at=end.at, url=end.target, provided=end.provided)
    told = _proxied(conf, scope, replace(mounting, url=end.target), end.target, end.asking.query)
    return replace(told, provided=end.provided)


def _passed(conf: Configuration, scope: Scope, end: Rewritten) -> PathEnd:
    """End at a ProxyPass, or at none."""
    for mounting in _asked(conf, scope, end.asking.path):
        url = _url(mounting, end.asking.path)
        if url is None:
            continue
        if mounting.url == "!":
            return PathEnd(how=How.EXCLUDED, at=mounting.directive, provided=end.provided)
        return replace(_proxied(conf, scope, mounting, url, end.asking.query), provided=end.provided)
    return PathEnd(how=How.SERVED, at=None, provided=end.provided)


def _asked(conf: Configuration, scope: Scope, path: str) -> Iterator[Mounting]:
    """ProxyPass lines in the order in which they are asked for a path.

    A virtual host has those of the main server too, with ProxyPassInherit Off as well (merge_proxy_config, 2.4.71).
    """
    own = [m for m in conf.mountings_in(scope) if m.way is not Way.REWRITE]
    main = [m for m in conf.mountings_in(conf.main) if m.way is not Way.REWRITE] if scope.main is not None else []
    inside = [m for m in (*main, *own) if m.location and _covered(m, path)]
    yield from inside[-1:]
    yield from (m for m in main if not m.location)
    yield from (m for m in own if not m.location)


def _covered(mounting: Mounting, path: str) -> bool:
    """Whether the sections around a ProxyPass cover a path."""
    around = next((p.around for p in mounting.scope.placed if p.directive is mounting.directive), ())
    return all(location_fits(section, path) is not False for section in around)


def _url(mounting: Mounting, path: str) -> str | None:
    """URL that a line makes of a path; None where it does not take it (alias_match and ap_proxy_trans_match)."""
    if mounting.way is Way.PROXYPASSMATCH and mounting.directive.key == "proxypassmatch":
        try:
            found = re.search(mounting.path, path)
        except re.error:
            return None
        if found is None:
            return None
        groups = found.re.groups
        put = re.sub(r"\$(\d)", lambda m: (found[int(m[1])] or "") if int(m[1]) <= groups else "", mounting.url)
        return mounting.url + path if put == mounting.url and mounting.url != "!" else put
    prefix = mounting.path
    if not path.startswith(prefix) or not (prefix.endswith("/") or path[len(prefix) : len(prefix) + 1] in {"", "/"}):
        return None
    return mounting.url + path[len(prefix) :]


def _proxied(conf: Configuration, scope: Scope, mounting: Mounting, url: str, query: str) -> PathEnd:
    """End at a line that leads to a URL."""
    balancer = conf.balancer_of(mounting)
    if balancer is not None:
        members = [(member, f"{member.path}{path_of(url) or '/'}") for member in balancer.members]
    else:
        alone = MemberLine(url=url, parameters=mounting.parameters, directive=mounting.directive)
        members = [(alone, path_of(url) or "/")]
    preserved = scope.value("ProxyPreserveHost") == "on"
    sights = tuple(
        Sight(
            member=member.url,
            target=f"{target}?{query}" if query else target,
            host=None if preserved else member.host.removesuffix(":80"),
            upgrade=_upgrades(conf, member),
        )
        for member, target in members
    )
    schemes = {member.scheme for member, _ in members}
    if sights and all(sight.upgrade for sight in sights):
        module = conf.carrier(scope) if schemes <= WEBSOCKET_SCHEMES else "proxy_http"
    else:
        module = None
    return PathEnd(how=How.PROXIED, at=mounting.directive, url=url, sights=sights, module=module)


def _upgrades(conf: Configuration, member: MemberLine) -> bool:
    """Whether a member gets the Upgrade field: ws:// always, http:// by ``upgrade=`` (mod_proxy_http, 2.4.47)."""
    if member.scheme in WEBSOCKET_SCHEMES:
        return True
    if member.scheme not in {"http", "https"} or conf.older_than(2, 4, 47):
        return False
    same = [member.parameters]
    if "upgrade" not in member.parameters:
        same += [
            other.parameters
            for _, other in conf.direct_members()
            if scheme_of(other.url) == member.scheme and other.host == member.host
        ]
    return any(parameters.get("upgrade", "").lower() in {"websocket", "any"} for parameters in same)
