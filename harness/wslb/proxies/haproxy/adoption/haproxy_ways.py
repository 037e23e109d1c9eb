"""The ways that a request can take through a proxy of HAProxy's, as far as the text of the file tells them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wslb.proxies.adopting import Door
from wslb.proxies.haproxy.adoption.adopt_haproxy import ends_request
from wslb.proxies.haproxy.adoption.haproxy_conditions import Conditions, UpgradeRequest
from wslb.proxies.haproxy.adoption.sections import HaproxyLine, HaproxySection, in_force

__all__ = ["HaproxyFront", "HaproxyWay", "conditions_of", "ways_through"]

TRIED_PATHS = ("/", "/ws", "/wslb-any-path")


@dataclass(frozen=True, slots=True, kw_only=True)
class HaproxyFront:
    """A proxy at one of its listeners."""

    section: HaproxySection
    door: Door
    tls: bool

    @property
    def rules(self) -> tuple[HaproxyLine, ...]:
        """Lines that choose a backend, in order."""
        return tuple(self.section.inside("use_backend"))

    @property
    def last(self) -> HaproxyLine | None:
        """What leads on where none of them counts."""
        own = self.section.at if self.section.kind == "listen" else None
        return in_force(self.section, "default_backend") or own

    def request(self, path: str, host: str | None) -> UpgradeRequest:
        """An upgrade of this path, for this host."""
        port = "" if self.door.port == (443 if self.tls else 80) else f":{self.door.port}"
        named = host or "localhost"
        written = named if re.search(r":\d+$", named) else f"{named}{port}"
        return UpgradeRequest(path=path, host=written, tls=self.tls, port=self.door.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class HaproxyWay:
    """A way that a request can take.

    Attributes:
        path: empty where none was found that takes it.
        at: the line that leads it on; the section's own where its servers stand in it.
        unsure: a rule in front of it that the text does not decide; None where there is none.
        moved: whether the request is sent on to TLS instead.
    """

    front: HaproxyFront
    path: str
    host: str | None
    at: HaproxyLine
    unsure: HaproxyLine | None = None
    moved: bool = False


def conditions_of(section: HaproxySection) -> Conditions:
    """Conditions of a section's rules, by its named ACLs."""
    acls: dict[str, list[tuple[str, ...]]] = {}
    for line in section.inside("acl"):
        if len(line.words) > 2:
            acls.setdefault(line.word(1), []).append(line.words[2:])
    return Conditions(acls)


def ways_through(front: HaproxyFront, paths: Sequence[str]) -> Iterator[HaproxyWay]:
    """Each way through a proxy, with a path and a host that take it."""
    conditions = conditions_of(front.section)
    samples = [(rule, path, host) for rule in front.rules for path, host in conditions.samples(rule)]
    for path in paths:
        for named in dict.fromkeys([*(host for _, _, host in samples if host), None]):
            yield from _way(front, conditions, path, named)
    if paths:
        return
    for rule in front.rules:
        tried = [([path] if path else TRIED_PATHS, host) for at, path, host in samples if at is rule]
        taken = [one for ways, host in tried for one in [*_taking(front, conditions, ways, host, rule)][:1]]
        yield from taken or [HaproxyWay(front=front, path="", host=None, at=rule)]
    if front.last is not None:
        yield from [*_taking(front, conditions, TRIED_PATHS, None, front.last)][:1]


def _taking(
    front: HaproxyFront, conditions: Conditions, paths: Sequence[str], host: str | None, at: HaproxyLine
) -> Iterator[HaproxyWay]:
    """Those of these paths that a line leads on."""
    return (one for path in paths for one in _way(front, conditions, path, host) if one.at is at)


def _way(front: HaproxyFront, conditions: Conditions, path: str, host: str | None) -> Iterator[HaproxyWay]:
    """What a request meets first, by the text."""
    request = front.request(path, host)
    moving = (line for line in front.section.lines if ends_request(line) and "redirect" in line.words[:2])
    moved = any(_to_tls(line) and conditions.holds(line, request) for line in moving)
    unsure: HaproxyLine | None = None
    at = front.last
    for rule in front.rules:
        said = conditions.holds(rule, request)
        if said:
            at = rule
            break
        unsure = unsure or (rule if said is None else None)
    if at is not None:
        yield HaproxyWay(front=front, path=path, host=host, at=at, unsure=unsure, moved=moved)


def _to_tls(line: HaproxyLine) -> bool:
    """Whether a redirect leads to TLS."""
    return (
        line.after("scheme") == "https"
        or line.after("location").startswith("https:")
        or (line.after("prefix").startswith("https:"))
    )
