"""Which paths of an nginx configuration are to be asked, and what its text foresees of each. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wslb.errors import ConfigError
from wslb.model.balancer import Balancer, Member, MemberState
from wslb.proxies.adopting import Door, MemberPlace, TriedPath
from wslb.proxies.nginx.adoption.effective import (
    METHODS,
    READ_SECONDS,
    first_line,
    host_in,
    lines_in_force,
    proxying,
    sample_of_location,
    seconds_of,
    upstreams_of,
)
from wslb.proxies.nginx.adoption.grammar import NginxLine, every
from wslb.proxies.nginx.adoption.nginx_listeners import Listening, door_of, listen_place, server_names

__all__ = ["asked_of"]

FAIL_SECONDS = 10.0
"""``fail_timeout`` that it takes for granted (ngx_http_upstream_module)."""

_NAMED = re.compile(
    r"(?:^|[/_-])(?:ws|wss|websockets?|sockets?|socket\.io|cable|hub|live|signalr|stomp)(?:$|[/_.-])", re.I
)
_SHARED = frozenset({"zone", "keepalive", "keepalive_timeout", "keepalive_requests", "keepalive_time", "server"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """A location that proxies."""

    path: str | None
    server: NginxLine
    chain: tuple[NginxLine, ...]
    at: NginxLine | None
    location: NginxLine


def asked_of(
    lines: tuple[NginxLine, ...], listening: Listening, stand_ins: Sequence[MemberPlace], paths: Sequence[str]
) -> tuple[TriedPath, ...]:
    """Each path that is meant for WebSockets; where none is, each path that is proxied at all.

    Args:
        lines: of a complete configuration.
        listening: its listeners.
        stand_ins: in the places of its members.
        paths: named by the user; these alone are asked then, of every server that proxies anything.
    """
    found: list[_Found] = []
    for http in (line for line in lines if line.name == "http"):
        for server in http.inside("server"):
            found += _locations((http, server), server, server)
    words = _Words(lines, listening, stand_ins)
    if paths:
        https = [line for line in lines if line.name == "http"]
        servers = list({id(one.server): one.server for one in found}.values())
        servers = servers or [server for http in https for server in http.inside("server")]
        chosen = [_named(path, server, found, https) for server in servers for path in paths]
    else:
        chosen = [one for one in found if _meant(one)] or found
    asked = [words.asked(one, door) for one in chosen for door in listening.of(one.server)]
    return tuple({(one.path, one.door, one.server_name, one.at if not one.path else ""): one for one in asked}.values())


def _locations(chain: tuple[NginxLine, ...], block: NginxLine, server: NginxLine) -> Iterator[_Found]:
    for location in block.inside("location"):
        inner = (*chain, location)
        yield from _locations(inner, location, server)
        proxied = proxying(location, server)
        if proxied is None or any(True for _ in location.inside("internal")) or location.first.startswith("@"):
            continue
        blocks, at = proxied
        way = (*inner, *blocks[1:]) if blocks[0] is location else (*chain[:2], *blocks)
        yield _Found(path=sample_of_location(location), server=server, chain=way, at=at, location=location)


def _meant(one: _Found) -> bool:
    """Whether WebSockets are meant to go this way: by a header that it sets, or by what it is called."""
    fields = lines_in_force(one.chain, "proxy_set_header")
    return any(line.first.lower() == "upgrade" for line in fields) or bool(_NAMED.search(one.path or ""))


def _named(path: str, server: NginxLine, found: Sequence[_Found], https: Sequence[NginxLine]) -> _Found:
    """A path of the user's, with the location of a server that proxies it, as far as the text decides that."""
    bare = path.partition("?")[0]
    own = [one for one in found if one.server is server]
    fit = [one for one in own if one.path and (one.path == bare or bare.startswith(one.path))]
    fit = [one for one in fit if one.location.words[0] not in {"~", "~*"}]
    best = max(fit, key=lambda one: len(one.path or ""), default=None)
    if best is None or best.location.words[0] not in {"=", "^~"}:
        best = next((one for one in own if _matches(one.location, bare)), best)
    if best is None:
        return _Found(path=path, server=server, chain=(*https[:1], server), at=None, location=server)
    return _Found(path=path, server=server, chain=best.chain, at=best.at, location=best.location)


def _matches(location: NginxLine, path: str) -> bool:
    """Whether the pattern of a location takes a path."""
    if location.words[0] not in {"~", "~*"}:
        return False
    try:
        return bool(re.search(location.words[-1], path, re.IGNORECASE if location.words[0] == "~*" else 0))
    except re.error:
        return False


class _Words:
    """What the text foresees."""

    def __init__(self, lines: tuple[NginxLine, ...], listening: Listening, stand_ins: Sequence[MemberPlace]) -> None:
        self._lines = lines
        self._listening = listening
        self._places = {(one.host, one.port): one.name for one in stand_ins}
        self._upstreams = upstreams_of(lines)
        self._servers = [one for http in lines if http.name == "http" for one in http.inside("server")]

    def _is_default(self, server: NginxLine, door: Door) -> bool:
        """Whether it serves whatever name nobody has, on this listener."""
        flagged = (at for at in server.inside("listen") if {"default_server", "default"} & set(at.words[1:]))
        return any((place := listen_place(at.first)) and self._listening.door(place) == door for at in flagged)

    @property
    def _workers(self) -> tuple[int, NginxLine | None]:
        at = next((line for line in self._lines if line.name == "worker_processes"), None)
        if at is None:
            return 1, None
        return (os.cpu_count() or 1) if at.first == "auto" else int(at.first) if at.first.isdigit() else 1, at

    def asked(self, one: _Found, door: Door) -> TriedPath:
        """A location as a question."""
        read = first_line(one.chain, "proxy_read_timeout")
        seconds = seconds_of(" ".join(read.words)) if read else READ_SECONDS
        told = f"proxy_read_timeout {' '.join(read.words)} ({read.place})" if read else "proxy_read_timeout is 60 s"
        facts: Mapping[str, object] = {
            "path": one.path or "",
            "door": door,
            "server_name": next(server_names(one.server), None),
            "at": f"{one.at.place}: {one.at}" if one.at else "",
            "idle_seconds": seconds,
            "idle_told": told if read else f"{told}, as nginx takes it for granted",
            **(self._behind(one, one.at) if one.at else {}),
        }
        others = [other for other in self._servers if door in self._listening.of(other)]
        flagged = [other for other in others if self._is_default(other, door)]
        if facts["server_name"] is None and next(iter((*flagged, *others)), None) is not one.server:
            facts = {**facts, "unasked": f"{one.server.place}: the server has no name that a client could ask for"}
        if one.path is None:
            facts = {
                **facts,
                "unasked": f"no path was found that {one.location} ({one.location.place}) takes: --path PATH",
            }
        return TriedPath(**facts)  # type: ignore[arg-type]

    def _behind(self, one: _Found, at: NginxLine) -> Mapping[str, object]:
        """Members, model and failures of what a ``proxy_pass`` leads to."""
        scheme, _, _ = at.first.partition("://")
        host = host_in(at.first)
        if "$" in host:
            host = self._by_variable(host)
            if not host:
                return {"unasked": f"{at} ({at.place}): only a request would tell where it leads"}
        block = self._upstreams.get(host)
        if block is None:
            name = self._name(host, 443 if scheme == "https" else 80)
            if not name:
                return {"unmodelled": f"{at} ({at.place}) leads to the configuration itself"}
            return {"backends": (name,), "failing_told": "a single server is never taken out", "back_seconds": 0.0}
        return self._balanced(one, block)

    def _by_variable(self, host: str) -> str:
        """What a variable is set to everywhere alike; empty where that is not known."""
        variable = re.fullmatch(r"\$\{?(\w+)\}?", host)
        if variable is None:
            return ""
        values = {
            line.words[1] for line in every(self._lines) if line.name == "set" and line.first == f"${variable[1]}"
        }
        value = next(iter(values)) if len(values) == 1 else ""
        value = re.sub(r"^https?://", "", value).split("/")[0]
        return "" if "$" in value else value

    def _name(self, authority: str, port: int) -> str:
        found = re.fullmatch(r"(.*?):(\d+)", authority)
        host, number = (found[1], int(found[2])) if found else (authority, port)
        if authority.startswith("unix:"):
            host, number = authority if authority.count(":") < 2 else authority.rpartition(":")[0], 0
        if door_of(self._listening, host, number) is not None:
            return ""
        return self._places.get((host, number), "")

    def _balanced(self, one: _Found, block: NginxLine) -> Mapping[str, object]:
        servers = list(block.inside("server"))
        names = tuple(self._name(line.first, 80) for line in servers)
        workers, at = self._workers
        zone = any(True for _ in block.inside("zone"))
        ordered = zone or workers == 1
        model = self._model(block, servers, names)
        facts: dict[str, object] = {
            "backends": tuple(filter(None, names)),
            "ordered": ordered,
            "bound": max(2, workers),
        }
        if isinstance(model, str):
            return {**facts, "unmodelled": model, "failing_told": f"not foreseen: {model}"}
        if not ordered and at is not None:
            facts["unmodelled"] = (
                f"{at} ({at.place}) without zone: each worker counts for itself (cure: zone {block.first} 64k)"
            )
        return {**facts, "balancer": model, **self._failing(one, servers, ordered=ordered)}

    @staticmethod
    def _model(block: NginxLine, servers: Sequence[NginxLine], names: Sequence[str]) -> Balancer | str:
        for line in block.block or ():
            if line.name in METHODS:
                return f"{line} ({line.place}) elects by another rule than turns"
            if line.name not in _SHARED:
                return f"{line} ({line.place}) is not known here"
        if "" in names or len(set(names)) < len(names):
            return "two of its members have one host and port, or one is the configuration itself"
        members: list[Member] = []
        for number, (line, name) in enumerate(zip(servers, names, strict=True), 1):
            given = _parameters(line)
            if odd := given.keys() & {"max_conns", "slow_start", "route"}:
                return f"{sorted(odd)[0]} ({line.place}) changes the turns"
            state = (
                MemberState.DISABLED
                if "down" in given
                else MemberState.STANDBY
                if "backup" in given
                else MemberState.ENABLED
            )
            try:
                weight = float(given.get("weight", "1"))
                members.append(Member(route=f"m{number}", url=f"http://{name}", loadfactor=weight, state=state))
            except (ConfigError, ValueError) as exc:
                return str(exc).rstrip(".")
        return Balancer(name=block.first, members=tuple(members))

    @staticmethod
    def _failing(one: _Found, servers: Sequence[NginxLine], *, ordered: bool) -> Mapping[str, object]:
        tried = first_line(one.chain, "proxy_next_upstream")
        tries = first_line(one.chain, "proxy_next_upstream_tries")
        alone = len([line for line in servers if "down" not in line.words]) < 2
        fails_over = (
            not alone and not (tried and not {"error"} & set(tried.words)) and not (tries and tries.first == "1")
        )
        first = _parameters(servers[0])
        given = first.get("fail_timeout")
        most, seconds = first.get("max_fails", "1"), seconds_of(given) if given else FAIL_SECONDS
        place = servers[0].place
        if alone:
            told, back = "a single server is never taken out", 0.0
        elif not ordered or not seconds or most not in {"0", "1"}:
            why = f"max_fails={most} ({place})" if ordered else "each worker counts for itself"
            told, back = f"when it is tried again is not foreseen: {why}", None
        elif most == "0":
            told, back = f"max_fails=0 ({place}): it is tried at every turn", 0.0
        else:
            told, back = f"it is left alone for fail_timeout={seconds:g}s ({place}) after one failure", seconds
        no = next((line for line in (tried, tries) if line is not None), None)
        why = f"; {no} ({no.place}): that client gets 502" if no and not fails_over and not alone else ""
        return {"fails_over": fails_over, "back_seconds": back, "failing_told": told + why}


def _parameters(server: NginxLine) -> dict[str, str]:
    """Of a ``server`` of an upstream, by name; a flag has an empty value."""
    return {name: value for name, _, value in (word.partition("=") for word in server.words[1:])}
