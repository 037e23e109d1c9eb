"""Which paths of a configuration could carry WebSockets, on which listener, and which balancer they lead to. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wslb.errors import ConfigError
from wslb.model.balancer import OF_HTTPD, Balancer, Carrier, LbMethod, Member, MemberState
from wslb.proxies.adopting import Door, MemberPlace
from wslb.proxies.apache.adoption.addresses import DEFAULT_PORTS, host_and_port
from wslb.proxies.apache.adoption.adopted import Adopted
from wslb.proxies.apache.adoption.host_names import host_name, names_in
from wslb.proxies.apache.conf.balancers import BalancerLines, MemberLine
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.mounting import Mounting, Way, sample_of
from wslb.proxies.apache.conf.order import lines_of
from wslb.proxies.apache.conf.scope import Scope
from wslb.proxies.apache.conf.trace import PathEnd, ends_of
from wslb.proxies.apache.conf.urls import WEBSOCKET_SCHEMES, host_of, scheme_of

__all__ = ["Question", "balancer_model", "carrier_in", "questions", "stand_in_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A path to be asked for, with an upgrade and without.

    Attributes:
        scope: server that serves it.
        server_name: of that server, under which this line takes a request; None where it has none.
        mounting: line that the path is of; None for one that the user named and that is no line's.
        meant: whether that line means WebSockets, or the user does.
        ends: that an upgrade may find by the text of the configuration.
        balancer: that it leads to in this server, where the text decides it.
    """

    path: str
    door: Door
    scope: Scope
    server_name: str | None
    mounting: Mounting | None
    meant: bool
    ends: tuple[PathEnd, ...]
    balancer: BalancerLines | None

    def host(self, *, tls: bool) -> str:
        """The Host field of a client that came to the configured port."""
        port = "" if self.door.port == (443 if tls else 80) else f":{self.door.port}"
        return f"{self.server_name or 'localhost'}{port}"


MOST_TRACED = 100
"""Questions whose ends are looked for: a file with thousands of lines would take minutes, and few are asked."""


def questions(conf: Configuration, adopted: Adopted, *, paths: Sequence[str] = ()) -> tuple[Question, ...]:
    """What is to be asked: each path that is meant for WebSockets; where none is, each path that is proxied at all.

    Args:
        conf: the configuration.
        adopted: what of it is served, for its listeners.
        paths: named by the user; these alone are asked then, of every server that proxies anything.
    """
    served = list(_served(conf, adopted))
    if paths:
        busy = [(door, scope) for door, scope in served if _written(conf, scope)] or served
        return tuple(
            _question(conf, path, door, scope, _line_for(conf, scope, path), meant=True)
            for door, scope in busy
            for path in paths
        )
    found: dict[tuple[Door, str, str], tuple[Scope, Mounting, bool]] = {}
    for door, scope in served:
        for mounting in _written(conf, scope):
            name = str(_name(conf, scope, mounting))
            path = None if mounting.url == "!" else sample_of(mounting)
            if path is not None:
                key = (door, name, path)
                known = found.get(key)
                meant = _meant(conf, mounting)
                if known is None or (meant and not known[2]):
                    found[key] = scope, mounting, meant
    chosen = {key: one for key, one in found.items() if one[2]}
    chosen = chosen or {key: one for key, one in found.items() if "://" in one[1].url}
    return tuple(
        _question(conf, path, door, scope, mounting, meant=meant, traced=number < MOST_TRACED)
        for number, ((door, _, path), (scope, mounting, meant)) in enumerate(chosen.items())
    ) or tuple(_question(conf, "/", door, scope, meant=False) for door, scope in served)


def _line_for(conf: Configuration, scope: Scope, path: str) -> Mounting | None:
    """Line of which a path is, rather one that means WebSockets."""
    own = [line for line in _written(conf, scope) if line.url != "!" and sample_of(line) == path]
    return next((line for line in own if _meant(conf, line)), next(iter(own), None))


def _question(
    conf: Configuration,
    path: str,
    door: Door,
    scope: Scope,
    mounting: Mounting | None = None,
    *,
    meant: bool,
    traced: bool = True,
) -> Question:
    ends = ends_of(conf, scope, path) if traced else ()
    end = ends[0] if len(ends) == 1 else next((e for e in ends if mounting and e.at is mounting.directive), None)
    return Question(
        path=path,
        door=door,
        scope=scope,
        server_name=_name(conf, scope, mounting),
        mounting=mounting,
        meant=meant,
        ends=ends,
        balancer=conf.balancer_in(scope, host_of(end.url)) if end and scheme_of(end.url) == "balancer" else None,
    )


def _name(conf: Configuration, scope: Scope, mounting: Mounting | None) -> str | None:
    names = names_in(at.directive for key in ("ServerName", "ServerAlias") for at in scope.all(key))
    return host_name(names, mounting, alone=len(conf.scopes) <= (1 if scope.main is None else 2))


def _served(conf: Configuration, adopted: Adopted) -> Iterator[tuple[Door, Scope]]:
    """Every listener with each server behind it: virtual hosts of its address, else those of all, else the main one."""
    for door in adopted.doors:
        own: list[Scope] = []
        every: list[Scope] = []
        for scope in conf.scopes[1:]:
            for word in scope.section.words if scope.section else ():
                host, port = host_and_port(word)
                if port in {None, door.port}:
                    if host and adopted.addresses.get(host, host) == door.address:
                        own.append(scope)
                    elif not host:
                        every.append(scope)
        for scope in {id(scope): scope for scope in own or every}.values():
            yield door, scope
        if not own and not every:
            yield door, conf.main


def _written(conf: Configuration, scope: Scope) -> list[Mounting]:
    """Lines that somebody wrote for a server: its own, asked or not, and those that it is said to inherit.

    With ProxyPassInherit Off those of the main server are asked as well (`wslb.proxies.apache.conf.trace`), but nobody
    means them.
    """
    own = conf.mountings_in(scope)
    if scope.main is None or scope.value("ProxyPassInherit", "on") == "off":
        return own
    known = {id(m.directive) for m in own}
    return [*own, *(m for m in lines_of(conf, scope) if id(m.directive) not in known)]


def _meant(conf: Configuration, mounting: Mounting) -> bool:
    """Whether WebSockets are meant to go this way."""
    if mounting.way is Way.REWRITE:
        if scheme_of(mounting.url) in WEBSOCKET_SCHEMES:
            return True
        proxied = bool({"P", "PROXY"} & mounting.flags)
        return proxied and (conf.tunnels_to(mounting) or any("upgrade" in str(c).lower() for c in mounting.conditions))
    return conf.tunnels_to(mounting)


def stand_in_of(line: MemberLine, stand_ins: Sequence[MemberPlace]) -> MemberPlace | None:
    """Backend in the place of a member; None for one without a host and port of its own."""
    host, _, port = line.host.partition(":") if not line.host.startswith("[") else (line.host, "", "")
    place = (host, int(port) if port.isdigit() else DEFAULT_PORTS.get(line.scheme, 80))
    return next((stand_in for stand_in in stand_ins if (stand_in.host, stand_in.port) == place), None)


_MODELLED = frozenset({"maxattempts", "nofailover", "forcerecovery", "stickysessionsep"})
"""Settings of a balancer that decide whom a request is led to."""


_STATES = {state.value: state for state in MemberState if state.value}


def balancer_model(
    lines: BalancerLines, stand_ins: Sequence[MemberPlace], *, hears_query: bool = True
) -> Balancer | str:
    """The balancer as the model of its lbmethod takes it, or why there is none, in one clause.

    Args:
        lines: as configured.
        stand_ins: of the members.
        hears_query: of the httpd that serves it (`Balancer.hears_query`).
    """
    members: list[Member] = []
    routes: set[str] = set()
    for number, line in enumerate(lines.members, 1):
        stand_in = stand_in_of(line, stand_ins)
        if stand_in is None:
            return f"{line.url} names no host and port of its own"
        route = line.parameters.get("route", "")
        route = route if route and "." not in route and route not in routes else f"member-{number}"
        routes.add(route)
        try:
            members.append(
                Member(
                    route=route,
                    url=f"{line.scheme}://{stand_in.name}{line.path}",
                    loadfactor=float(line.parameters.get("loadfactor", "1")),
                    state=_state(line.parameters.get("status", "")),
                    parameters=tuple((k, v) for k, v in line.parameters.items() if k in {"lbset", "retry"}),
                )
            )
        except (ConfigError, ValueError) as exc:
            return str(exc).rstrip(".")
    if len({member.backend for member in members}) < len(members):
        return "two of its members have one host and port, so nobody can tell them apart"
    method = lines.setting("lbmethod") or LbMethod.BYREQUESTS.value
    if method not in {m.value for m in OF_HTTPD} or method == LbMethod.HEARTBEAT.value:
        return f"lbmethod={method} cannot be predicted"
    return Balancer(
        name=lines.name,
        members=tuple(members),
        lbmethod=LbMethod(method),
        stickysession=lines.setting("stickysession"),
        parameters=tuple((k, v) for k, v, _ in lines.settings if k in _MODELLED),
        hears_query=hears_query,
    )


def _state(text: str) -> MemberState:
    """First state of ``status=``, where none is taken away."""
    letters = re.sub(r"-[A-Za-z]", "", text).replace("+", "").upper()
    return next((_STATES[letter] for letter in letters if letter in _STATES), MemberState.ENABLED)


def carrier_in(conf: Configuration, scope: Scope) -> Carrier | None:
    """Module that carries ``ws://`` in this server, as far as it is known."""
    return {"proxy_http": Carrier.HTTP, "proxy_wstunnel": Carrier.WSTUNNEL}.get(conf.carrier(scope) or "")
