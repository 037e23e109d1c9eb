"""Which line of a configuration takes an upgrade of a path, and what the backend would see. Nothing is started.

In which order lines are asked is `wslb.proxies.apache.conf.order`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import unquote

from wslb.proxies.apache.conf.balancers import MemberLine
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.mounting import Mounting, Way, compiled
from wslb.proxies.apache.conf.order import asked_for, lines_of
from wslb.proxies.apache.conf.rewriting import AskedPath, Rewritten, rewritten
from wslb.proxies.apache.conf.scope import Scope
from wslb.proxies.apache.conf.urls import WEBSOCKET_SCHEMES, host_of, path_of, scheme_of

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
        if self.how is How.PROXIED and not self.sights:
            lines.append("its balancer has no member in this server: 500 or 503")
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
    way = _normalized(way, merged=not conf.older_than(2, 4, 39) and scope.value("MergeSlashes") != "off")
    found: list[PathEnd] = []
    for end in rewritten(scope, AskedPath(way, query)):
        found.append(_passed(conf, scope, end) if end.how == "passed" else _rule(conf, scope, end))
    return tuple(found)


_UNRESERVED = re.compile(r"%(?:[46][1-9a-f]|[57][0-9a]|3[0-9]|2[de]|5f|7e)", re.IGNORECASE)


def _normalized(path: str, *, merged: bool) -> str:
    """A path as lines are compared with it (ap_normalize_path): letters decoded, segments of dots taken out, and from
    2.4.39 on slashes merged (manual, core: MergeSlashes)."""
    path = re.sub(_UNRESERVED, lambda found: unquote(found[0]), path)
    path = re.sub(r"/{2,}", "/", path) if merged else path
    kept: list[str] = []
    segments = path.split("/")
    for number, segment in enumerate(segments):
        if segment not in {".", ".."}:
            kept.append(segment)
            continue
        if segment == ".." and len(kept) > 1:
            kept.pop()
        if number == len(segments) - 1:
            kept.append("")
    return "/".join(kept)


def _rule(conf: Configuration, scope: Scope, end: Rewritten) -> PathEnd:
    """End at a RewriteRule."""
    if end.how != "proxied" or end.at is None:
        return PathEnd(how=How(end.how), at=end.at, url=end.target, provided=end.provided)
    mounting = next(m for m in lines_of(conf, scope) if m.directive is end.at)
    told = _proxied(conf, scope, replace(mounting, url=end.target), end.target, end.asking.query)
    return replace(told, provided=end.provided)


def _passed(conf: Configuration, scope: Scope, end: Rewritten) -> PathEnd:
    """End at a ProxyPass, or at none."""
    for mounting in asked_for(conf, scope, end.asking.path):
        url = _url(mounting, end.asking.path)
        if url is None:
            continue
        if mounting.url == "!":
            return PathEnd(how=How.EXCLUDED, at=mounting.directive, provided=end.provided)
        return replace(_proxied(conf, scope, mounting, url, end.asking.query), provided=end.provided)
    return PathEnd(how=How.SERVED, at=None, provided=end.provided)


def _url(mounting: Mounting, path: str) -> str | None:
    """URL that a line makes of a path; None where it does not take it (alias_match and ap_proxy_trans_match)."""
    if mounting.way is Way.PROXYPASSMATCH and mounting.directive.key == "proxypassmatch":
        read = compiled(mounting.path)
        found = read.search(path) if read else None
        if found is None:
            return None
        groups = found.re.groups
        put = re.sub(r"\$(\d)", lambda m: (found[int(m[1])] or "") if int(m[1]) <= groups else "", mounting.url)
        return mounting.url + path if put == mounting.url and mounting.url != "!" else put
    prefix = mounting.path
    # A slash of ProxyPass stands for any number of them (alias_match).
    text = re.escape(prefix) if mounting.location else re.sub("/+", "/+", re.escape(prefix))
    covered = re.match(text, path)
    rest = path[covered.end() :] if covered else ""
    return mounting.url + rest if covered and (prefix.endswith("/") or rest[:1] in {"", "/"}) else None


def _proxied(conf: Configuration, scope: Scope, mounting: Mounting, url: str, query: str) -> PathEnd:
    """End at a line that leads to a URL."""
    if mounting.balancer is not None:
        balancer = conf.balancer_of(mounting) if host_of(url) == mounting.balancer else None
        members = [(m, f"{m.path}{path_of(url) or '/'}") for m in (balancer.members if balancer else ())]
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
    """Whether a member gets the Upgrade field: ws:// by itself, http:// by ``upgrade=`` (mod_proxy_http, 2.4.47).

    A ws:// member with ``upgrade=`` of another protocol does not; with NONE it does before 2.4.47.
    """
    if member.scheme in WEBSOCKET_SCHEMES:
        said = member.parameters.get("upgrade", "websocket").lower()
        return said in {"websocket", "any"} or (said == "none" and conf.older_than(2, 4, 47))
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
