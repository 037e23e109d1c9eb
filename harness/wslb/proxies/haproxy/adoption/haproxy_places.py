"""Addresses in a configuration of HAProxy: of listeners and of servers. Pure.

Source: HAProxy's configuration manual, section 11 (addresses): ``[family@]host:port``, several with commas on ``bind``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from wslb.proxies.adopting import EVERYWHERE, Door, chosen_doors
from wslb.proxies.haproxy.adoption.sections import PROXIES, HaproxyLine, HaproxySection, in_force

__all__ = ["HaproxyDoors", "bound_to", "speaks_http_here", "split_address"]

_FAMILY = re.compile(
    r"(?:ipv[46]|udp[46]?|quic[46]|tcp[46]?|unix|abnsz?|fd|sockpair|rhttp|mptcp[46]?|stream\+\w+|dgram\+\w+)@"
)
_EVERY = {"", "*", "0.0.0.0", "::"}  # noqa: S104 - read, not bound


def split_address(word: str) -> tuple[str, int | None] | None:
    """Host and port of an address; no port where it has none, None for what is not TCP."""
    family = _FAMILY.match(word)
    if (family and not family[0].startswith(("ip", "tcp"))) or word.startswith("/"):
        return None
    bare = word[family.end() :] if family else word
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:]*|[0-9a-fA-F:.]+):(\d+)", bare)
    if found is None:
        return bare.removesuffix(":").lower(), None
    return found[1].strip("[]").lower(), int(found[2])


def bound_to(line: HaproxyLine) -> Iterator[tuple[str, int]]:
    """Places that a ``bind`` line listens at; of a range of ports the first."""
    for word in line.word(1).split(","):
        place = split_address(re.sub(r":(\d+)-\d+$", r":\1", word))
        if place is not None and place[1] is not None:
            yield (EVERYWHERE if place[0] in _EVERY else place[0]), place[1]


def speaks_http_here(section: HaproxySection) -> bool:
    """Whether a proxy looks at requests: ``mode http``, which is not what HAProxy takes for granted."""
    mode = in_force(section, "mode")
    return mode is not None and mode.word(1) == "http"


class HaproxyDoors:
    """Listeners of a configuration, by their places."""

    def __init__(self, sections: Iterable[HaproxySection]) -> None:
        binds = [line for one in sections if one.kind in PROXIES for line in one.inside("bind")]
        self._chosen: Mapping[tuple[str, int], Door] = chosen_doors([place for at in binds for place in bound_to(at)])

    @property
    def doors(self) -> tuple[Door, ...]:
        """All of them."""
        return tuple(self._chosen.values())

    def of(self, line: HaproxyLine) -> tuple[Door, ...]:
        """Those of a ``bind`` line."""
        return tuple(dict.fromkeys(self._chosen[place] for place in bound_to(line)))

    def at(self, host: str, port: int) -> Door | None:
        """The listener of the configuration itself that an address of loopback leads to; None where there is none."""
        if not host.startswith("127.") and host not in {"localhost", "::1"}:
            return None
        fit = (door for (own, number), door in self._chosen.items() if number == port and own in {EVERYWHERE, host})
        return next(fit, None)
