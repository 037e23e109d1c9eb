"""What a proxy can be asked, as values: a scenario names what it asks, a dialect what its proxy can do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from wslb.model.balancer import Balancer, Carrier, LbMethod, Stickiness

__all__ = ["Capabilities", "Capability"]


_CARRIED = re.compile(r"mod_proxy_\w+: ")
_AH_NUMBERS = re.compile(r"\b(?:AH\d{5}, )+")
_AH_NUMBER = re.compile(r"(?:,| but) AH\d{5}\b| \(AH\d{5}\)")


class Capability(StrEnum):
    """Something that not every proxy can do; the value is its name in a sentence that says why nobody was asked."""

    MEMBER_PATHS = "path of its own for each member of a balancer"
    CONTROL = "way to change its members while it runs"
    MANAGER = "manager that sets every state and method"
    WAITING_ROOM = "bound on its tunnels that lets the next client wait"
    CARRIERS = "modules to choose from that carry the tunnels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What one proxy can do.

    Attributes:
        can: what of `Capability`.
        measured: scenarios whose claims were measured on it, each with what explains its answer there (may be
            empty). None: the catalogue's claims are this proxy's own, and so are its versions (`Elsewhere`).
        words: what scenarios, verdicts and causes say of httpd, each with what it is called here; longer words first.
        writes: fields of an answer, in small letters, that it writes or leaves out by itself.
        lbmethods: its own method for one of httpd's, which a scenario names; empty for httpd itself.
        stickiness: what of a request counts as a route.
        signals: its own signal for one of httpd's, by name; empty for httpd itself.
        yields: what its log says once the processes from before a reload accept nobody any more; empty for httpd,
            whose counters tell.
    """

    can: frozenset[Capability]
    measured: Mapping[str, str] | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    writes: frozenset[str] = frozenset()
    lbmethods: Mapping[LbMethod, LbMethod] = field(default_factory=dict)
    stickiness: Stickiness = Stickiness.ROUTE
    signals: Mapping[str, str] = field(default_factory=dict)
    yields: str = ""

    def own(self, balancer: Balancer) -> Balancer:
        """A balancer of a scenario as this proxy can serve it: with its own methods, stickiness and paths."""
        lbmethod = self.lbmethods.get(balancer.lbmethod, balancer.lbmethod)
        found = replace(balancer, lbmethod=lbmethod, stickiness=self.stickiness)
        return found if Capability.MEMBER_PATHS in self.can else found.at_root()

    def carrier(self, asked: Carrier) -> Carrier:
        """What carries the tunnels where this one is asked for."""
        return asked if Capability.CARRIERS in self.can else Carrier.OWN

    def named(self, text: str) -> str:
        """A text of ours about httpd in the proxy's own words, without what only httpd's modules do or log."""
        if self.measured is None:
            return text
        text = self._uncarried(text)
        for word, own in self.words.items():
            text = text.replace(word, own)
        return _AH_NUMBER.sub("", _AH_NUMBERS.sub("", text))

    def _uncarried(self, text: str) -> str:
        """A limit without the clauses of carriers; where there are no others, mod_proxy_http's are the general ones."""
        clauses = text.split("; ")
        if Capability.CARRIERS in self.can or not any(map(_CARRIED.match, clauses)):
            return text
        others = [clause for clause in clauses if not _CARRIED.match(clause)]
        if others[:1] == clauses[:1]:
            return "; ".join(others)
        http = f"{Carrier.HTTP.module}: "
        return "; ".join(c.removeprefix(http) for c in clauses if c.startswith(http) or not _CARRIED.match(c))

    def lacking(self, asked: tuple[Capability, ...]) -> tuple[str, ...]:
        """What of this it cannot do, as nouns."""
        return tuple(capability.value for capability in asked if capability not in self.can)

    def claimed(self, scenario: str) -> bool:
        """Whether the claim of this scenario is its own."""
        return self.measured is None or scenario in self.measured
