"""Which paths of a configuration could carry WebSockets, on which listener, and which balancer they lead to. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wslb.errors import ConfigError
from wslb.model.balancer import Balancer, Carrier, LbMethod, Member, MemberState
from wslb.proxies.apache.adoption.adopt import DEFAULT_PORTS, host_and_port
from wslb.proxies.apache.adoption.adopted import Adopted, Door, MemberPlace
from wslb.proxies.apache.conf.balancers import BalancerLines
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.mounting import Mounting, Way
from wslb.proxies.apache.conf.scope import Scope
from wslb.proxies.apache.conf.urls import WEBSOCKET_SCHEMES, scheme_of

__all__ = ["Question", "balancer_model", "carrier_in", "questions", "sample_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A path to be asked for, with an upgrade and without.

    Attributes:
        scope: server that serves it.
        server_name: of that server; None where it has none.
        mounting: line that the path was derived from; None for a path that the user named.
        meant: whether that line means WebSockets, or the user does.
    """

    path: str
    door: Door
    scope: Scope
    server_name: str | None
    mounting: Mounting | None
    meant: bool

    def host(self, *, tls: bool) -> str:
        """The Host field of a client that came to the configured port."""
        port = "" if self.door.port == (443 if tls else 80) else f":{self.door.port}"
        return f"{self.server_name or 'localhost'}{port}"


def questions(conf: Configuration, adopted: Adopted, *, paths: Sequence[str] = ()) -> tuple[Question, ...]:
    """What is to be asked: each path that is meant for WebSockets; where none is, each path that is proxied at all.

    Args:
        conf: the configuration.
        adopted: what of it is served, for its listeners.
        paths: named by the user; these alone are asked then, of every server that proxies anything.
    """
    served = list(_served(conf, adopted))
    if paths:
        busy = [(door, scope) for door, scope in served if _mountings(conf, scope)] or served
        return tuple(_question(path, door, scope, None, meant=True) for door, scope in busy for path in paths)
    found: dict[tuple[str, str, str], Question] = {}
    for door, scope in served:
        for mounting in _mountings(conf, scope):
            path = None if mounting.url == "!" else sample_of(mounting, scope)
            if path is not None:
                question = _question(path, door, scope, mounting, meant=_meant(conf, mounting))
                key = (door.told, str(question.server_name), path)
                if key not in found or (question.meant and not found[key].meant):
                    found[key] = question
    meant = tuple(question for question in found.values() if question.meant)
    proxied = tuple(q for q in found.values() if q.mounting and "://" in q.mounting.url)
    return meant or proxied or tuple(_question("/", door, scope, None, meant=False) for door, scope in served)


def _question(path: str, door: Door, scope: Scope, mounting: Mounting | None, *, meant: bool) -> Question:
    return Question(path=path, door=door, scope=scope, server_name=_name(scope), mounting=mounting, meant=meant)


def _name(scope: Scope) -> str | None:
    names = [word for key in ("ServerName", "ServerAlias") for at in scope.all(key) for word in at.directive.words]
    bare = (re.sub(r"^\w+://|:\d+$", "", name).lower() for name in names)
    return next((name for name in bare if re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name)), None)


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


def _mountings(conf: Configuration, scope: Scope) -> list[Mounting]:
    """Lines that may take a path in a server: its own, and the ProxyPass lines that it inherits."""
    inherited = scope.main is not None and scope.value("ProxyPassInherit", "on") != "off"
    main = [m for m in conf.mountings_in(conf.main) if m.way is not Way.REWRITE] if inherited else []
    return [*conf.mountings_in(scope), *main]


def _meant(conf: Configuration, mounting: Mounting) -> bool:
    """Whether WebSockets are meant to go this way."""
    if mounting.way is Way.REWRITE:
        if scheme_of(mounting.url) in WEBSOCKET_SCHEMES:
            return True
        proxied = bool({"P", "PROXY"} & mounting.flags)
        return proxied and (conf.tunnels_to(mounting) or any("upgrade" in c.lower() for c in _conditions(mounting)))
    return conf.tunnels_to(mounting)


def _conditions(mounting: Mounting) -> list[str]:
    """RewriteCond lines in front of a rule, each as text."""
    found: list[str] = []
    for placed in mounting.scope.placed:
        at = placed.directive
        if at is mounting.directive:
            return found
        if at.key == "rewritecond":
            found.append(" ".join(at.words))
        elif at.key == "rewriterule":
            found = []
    return found


def sample_of(mounting: Mounting, scope: Scope) -> str | None:
    """A path, with a query where one is wanted, that this line may take; None where none can be told."""
    if mounting.way is Way.PROXYPASS:
        return mounting.path if mounting.path.startswith("/") and not re.search(r"[*?\s$]", mounting.path) else None
    wanted, query = "", ""
    if mounting.way is Way.REWRITE:
        for condition in _conditions(mounting):
            left, _, right = condition.partition(" ")
            pattern = right.split(" ")[0]
            if pattern.startswith("!"):
                continue
            if left == "%{REQUEST_URI}":
                wanted = _sample(pattern) or ""
            elif left == "%{QUERY_STRING}":
                query = _sample(pattern, rooted=False) or ""
        inside = next((s for p in scope.placed if p.directive is mounting.directive for s in reversed(p.around)), None)
        if inside is not None and inside.key in {"location", "directory"} and inside.first.startswith("/"):
            wanted = wanted or (f"{inside.first.rstrip('/')}/" if inside.key == "location" else "")
    path = wanted or _sample(mounting.path)
    return None if path is None else f"{path}{'?' if query else ''}{query}"


_ATOM = re.compile(
    r"\\[/.\-_~=&]|\\[dwsS]|\[[^\]]*\]|\((?:\?:|\?i\))?|\)|\||\.|[A-Za-z0-9/_~=&%:,@-]|[\^$]|[*+?]|\{\d+(?:,\d*)?\}"
)


def _sample(pattern: str, *, rooted: bool = True) -> str | None:
    """Text that a simple pattern matches: literals, the first of alternatives, one character for a class."""
    text = _first(pattern) if len(pattern) <= 500 else None
    if text is None:
        return None
    if rooted and not text.startswith("/"):
        text = f"/{text}"
    try:
        fits = re.search(pattern, text) or re.search(pattern, text.removeprefix("/"))
    except re.error:
        return None
    return text if fits else None


def _first(pattern: str) -> str | None:
    groups: list[tuple[list[str], bool]] = [([], False)]
    at = 0
    while at < len(pattern):
        found = _ATOM.match(pattern, at)
        if found is None:
            return None
        atom, at = found[0], found.end()
        out, skipping = groups[-1]
        if atom.startswith("("):
            groups.append(([], skipping))
        elif atom == ")":
            if len(groups) == 1:
                return None
            inner, _ = groups.pop()
            if not groups[-1][1]:
                groups[-1][0].append("".join(inner))
        elif atom == "|":
            groups[-1] = (out, True)
        elif skipping or atom in "^$":
            continue
        elif atom in {"*", "?"}:
            if out:
                out.pop()
        elif atom == "+" or atom.startswith("{"):
            continue
        else:
            out.append(_character(atom))
    return "".join(groups[0][0]) if len(groups) == 1 else None


def _character(atom: str) -> str:
    if atom.startswith("["):
        inner = atom[1:-1]
        return (
            "x"
            if inner.startswith("^")
            else ("1" if inner.startswith(("0-9", r"\d")) else inner[:1].replace("\\", "x"))
        )
    if atom.startswith("\\"):
        return {"d": "1", "w": "x", "S": "x", "s": " "}.get(atom[1], atom[1])
    return "x" if atom == "." else atom


_STATES = {state.value: state for state in MemberState if state.value}


def balancer_model(lines: BalancerLines, stand_ins: Sequence[MemberPlace]) -> Balancer | str:
    """The balancer as the model of its lbmethod takes it, or why there is none, in one clause."""
    by_place = {(stand_in.host, stand_in.port): stand_in for stand_in in stand_ins}
    members: list[Member] = []
    routes: set[str] = set()
    for number, line in enumerate(lines.members, 1):
        host, _, port = line.host.partition(":") if not line.host.startswith("[") else (line.host, "", "")
        stand_in = by_place.get((host, int(port) if port.isdigit() else DEFAULT_PORTS.get(line.scheme, 80)))
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
    if method not in {m.value for m in LbMethod} or method == LbMethod.HEARTBEAT.value:
        return f"lbmethod={method} cannot be predicted"
    return Balancer(
        name=lines.name,
        members=tuple(members),
        lbmethod=LbMethod(method),
        stickysession=lines.setting("stickysession"),
        parameters=tuple((k, v) for k, v, _ in lines.settings if k in {"maxattempts", "nofailover", "forcerecovery"}),
    )


def _state(text: str) -> MemberState:
    """First state of ``status=``, where none is taken away."""
    letters = re.sub(r"-[A-Za-z]", "", text).replace("+", "").upper()
    return next((_STATES[letter] for letter in letters if letter in _STATES), MemberState.ENABLED)


def carrier_in(conf: Configuration, scope: Scope) -> Carrier | None:
    """Module that carries ``ws://`` in this server, as far as it is known."""
    return {"proxy_http": Carrier.HTTP, "proxy_wstunnel": Carrier.WSTUNNEL}.get(conf.carrier(scope) or "")
