"""Which paths of a configuration of HAProxy are to be asked, and what its text foresees of each. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from wslb.errors import ConfigError
from wslb.model.balancer import Balancer, LbMethod, Member, MemberState
from wslb.proxies.adopting import MemberPlace, TriedPath
from wslb.proxies.haproxy.adoption.adopt_haproxy import milliseconds_of
from wslb.proxies.haproxy.adoption.haproxy_places import HaproxyDoors, speaks_http_here, split_address
from wslb.proxies.haproxy.adoption.haproxy_ways import HaproxyFront, HaproxyWay, conditions_of, ways_through
from wslb.proxies.haproxy.adoption.sections import HaproxyLine, HaproxySection, in_force, switched_on

__all__ = ["asked_of", "hosts_of"]

_NAMED = re.compile(
    r"(?:^|[/_-])(?:ws|wss|websockets?|sockets?|socket\.io|cable|hub|live|signalr|stomp)(?:$|[/_.-])|upgrade", re.I
)
_METHODS = {"roundrobin": LbMethod.ROUNDROBIN, "leastconn": LbMethod.LEASTCONN}
_RANDOM_TIES = (3,)
"""From this version on leastconn settles ties at random (measured on 3.4; 2.6 and 2.8 do not)."""

_UNMODELLED = ("stick", "use-server", "server-template", "dispatch", "fullconn")


def asked_of(
    sections: Sequence[HaproxySection],
    doors: HaproxyDoors,
    stand_ins: Sequence[MemberPlace],
    paths: Sequence[str],
    version: tuple[int, ...] = (),
) -> tuple[TriedPath, ...]:
    """Each path that is meant for WebSockets; where none is, each that leads to a server at all.

    Args:
        paths: named by the user; these alone are asked then, of every proxy that listens.
        version: of the HAProxy that serves it; empty while it is not known.
    """
    asker = _Asker(sections, doors, stand_ins, version)
    fronts = [
        HaproxyFront(section=one, door=door, tls="ssl" in bind.words)
        for one in sections
        if one.kind in {"frontend", "listen"}
        for bind in one.inside("bind")
        for door in doors.of(bind)
    ]
    found = [one for front in fronts for one in ways_through(front, paths)]
    secure = {(one.path, one.host) for one in found if one.front.tls}
    found = [one for one in found if not (one.moved and (one.path, one.host) in secure)]
    chosen = found if paths else [one for one in found if asker.meant(one)] or found
    asked = [asker.asked(one) for one in chosen]
    return tuple({(one.path, one.door, one.server_name, one.at): one for one in asked}.values())


def hosts_of(sections: Sequence[HaproxySection]) -> tuple[str, ...]:
    """Every host that a condition of the configuration names."""
    found: list[str] = []
    for section in sections:
        conditions = conditions_of(section)
        for line in section.lines:
            if line.condition[0]:
                found += [host.partition(":")[0] for _, host in conditions.samples(line) if host]
    return tuple(dict.fromkeys(host.lower() for host in found if re.fullmatch(r"[\w.-]+", host)))


class _Asker:
    def __init__(
        self,
        sections: Sequence[HaproxySection],
        doors: HaproxyDoors,
        stand_ins: Sequence[MemberPlace],
        version: tuple[int, ...],
    ) -> None:
        self._behind = {one.name: one for one in sections if one.kind in {"backend", "listen"}}
        self._doors = doors
        self._places = {(one.host, one.port): one.name for one in stand_ins}
        self._version = version

    def meant(self, one: HaproxyWay) -> bool:
        """Whether WebSockets are meant to go this way, by what it is called or asks for."""
        words = f"{one.path} {self._name_behind(one)} {conditions_of(one.front.section).mentions(one.at)}"
        return any(_NAMED.search(word) for word in words.split())

    @staticmethod
    def _name_behind(one: HaproxyWay) -> str:
        return one.at.word(1)

    def asked(self, one: HaproxyWay) -> TriedPath:
        """A way as a question."""
        facts: Mapping[str, object] = {
            "path": one.path or "/",
            "door": one.front.door,
            "server_name": one.host and one.host.partition(":")[0],
            "at": f"{one.at.place}: {one.at}",
            **self._facts(one),
        }
        return TriedPath(**facts)  # type: ignore[arg-type]

    def _facts(self, one: HaproxyWay) -> Mapping[str, object]:
        section = one.front.section
        if not speaks_http_here(section):
            return {"unasked": f"{section.told} ({section.at.place}) is of mode tcp: it carries bytes, not requests"}
        if not one.path:
            return {"unasked": f"no request was found that {one.at} ({one.at.place}) takes: --path PATH"}
        name = self._name_behind(one)
        if "%[" in name:
            return {"unasked": f"{one.at} ({one.at.place}): only a request would tell where it leads"}
        behind = self._behind.get(name)
        if behind is None:
            return {"unmodelled": f"there is no backend {name}"}
        facts = {**self._idle(section, behind), **self._balanced(behind)}
        if one.unsure is not None:
            told = f"whether {one.unsure} ({one.unsure.place}) takes it first hangs on more than the text tells"
            return {**facts, "balancer": None, "unmodelled": told, "failing_told": told, "back_seconds": None}
        return facts

    @staticmethod
    def _idle(front: HaproxySection, behind: HaproxySection) -> Mapping[str, object]:
        """``timeout tunnel`` of the backend decides alone; without it the smaller of client's and server's."""

        def given(section: HaproxySection, name: str) -> tuple[float, HaproxyLine] | None:
            line = in_force(section, "timeout", name)
            long = milliseconds_of(line.word(2)) if line is not None else None
            return (long / 1000, line) if line is not None and long else None

        sides = [given(front, "client"), given(behind, "server")]
        least = given(behind, "tunnel") or min(filter(None, sides), key=lambda one: one[0], default=None)
        if least is None:
            return {"idle_told": "no timeout tunnel, client or server: such a tunnel never ends"}
        why = (
            "" if least[1].word(1) == "tunnel" else ", the smaller of timeout client and server, without timeout tunnel"
        )
        return {"idle_seconds": least[0], "idle_told": f"{least[1]} ({least[1].place}){why}"}

    def _name(self, word: str) -> str:
        """Stand-in of a server; empty for the configuration itself."""
        host, port = split_address(word) or (word, 0)
        number = port if port is not None else next((door.port for door in self._doors.doors), 80)
        return "" if self._doors.at(host, number) else self._places.get((host, number), "")

    def _balanced(self, behind: HaproxySection) -> Mapping[str, object]:
        servers = list(behind.inside("server"))
        names = tuple(self._name(line.word(2)) for line in servers)
        facts: dict[str, object] = {"backends": tuple(filter(None, names)), "bound": 2}
        model = self._model(behind, servers, names)
        if isinstance(model, str):
            return {**facts, "unmodelled": model, "failing_told": f"not foreseen: {model}"}
        failing = self._failing(behind, servers)
        return {**facts, "balancer": model if len(servers) > 1 else None, **failing}

    def _method(self, behind: HaproxySection) -> LbMethod | str:
        """By which rule a backend elects; why that cannot be foreseen, in one clause, where it cannot."""
        odd = next((line for word in _UNMODELLED for line in behind.inside(word)), None)
        if odd is not None:
            return f"{odd} ({odd.place}) leads to a server by another rule than turns"
        balance = in_force(behind, "balance")
        if balance is None:
            return LbMethod.ROUNDROBIN
        method = _METHODS.get(balance.word(1))
        if method is None:
            return f"{balance} ({balance.place}) elects by another rule than turns"
        if method is LbMethod.LEASTCONN and self._version >= _RANDOM_TIES:
            return f"{balance} ({balance.place}) settles ties at random in this version"
        return method

    def _model(self, behind: HaproxySection, servers: Sequence[HaproxyLine], names: Sequence[str]) -> Balancer | str:
        method = self._method(behind)
        if not isinstance(method, LbMethod):
            return method
        if not servers or "" in names or len(set(names)) < len(names):
            return "it has no server, two of one host and port, or one that is the configuration itself"
        members: list[Member] = []
        given = in_force(behind, "default-server")
        for number, (line, name) in enumerate(zip(servers, names, strict=True), 1):
            words = [*(given.words[1:] if given else ()), *line.words[3:]]
            if odd_word := next((word for word in words if word in {"maxconn", "minconn"}), ""):
                return f"{odd_word} ({line.place}) lets connections wait, which changes the turns"
            off = "disabled" in words or _value(words, "weight") == "0"
            state = MemberState.DISABLED if off else MemberState.STANDBY if "backup" in words else MemberState.ENABLED
            try:
                weight = float(_value(words, "weight") or "1") or 1.0
                members.append(Member(route=f"m{number}", url=f"http://{name}", loadfactor=weight, state=state))
            except (ConfigError, ValueError) as exc:
                return str(exc).rstrip(".")
        return Balancer(name=behind.name, members=tuple(members), lbmethod=method)

    @staticmethod
    def _failing(behind: HaproxySection, servers: Sequence[HaproxyLine]) -> Mapping[str, object]:
        """Without ``redispatch`` a client waits for a dead server's retries, and gets 503, at each of its turns."""
        redispatch, retries = switched_on(behind, "redispatch"), in_force(behind, "retries")
        none = retries is not None and retries.word(1) == "0"
        over = redispatch is not None and not none and len(servers) > 1
        given = in_force(behind, "default-server")
        checked = next((line for line in servers if {"check"} & {*line.words, *(given.words if given else ())}), None)
        facts: dict[str, object] = {"refused": 503, "fails_over": over, "forgets": checked is None, "back_seconds": 0.0}
        if over and redispatch is not None:
            told = f"{redispatch} ({redispatch.place}): another server is tried for that client"
        elif len(servers) < 2:
            told = "there is no other server"
        elif none and retries is not None:
            told = f"{retries} ({retries.place}): no other server is tried"
        else:
            told = f"without option redispatch in {behind.told} ({behind.at.place}) no other server is tried"
        if checked is None:
            return {**facts, "failing_told": f"{told}; without check a dead server is tried at each of its turns"}
        told += f"; when its check takes it out and brings it back ({checked.place}) is not foreseen"
        return {**facts, "failing_told": told, "back_seconds": None}


def _value(words: Sequence[str], name: str) -> str:
    """The word behind the last one of this name; empty where there is none."""
    at = max((n for n, word in enumerate(words[:-1]) if word == name), default=None)
    return "" if at is None else words[at + 1]
