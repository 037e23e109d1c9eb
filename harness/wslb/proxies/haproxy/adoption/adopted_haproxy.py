"""A configuration of HAProxy of a user's as a lab serves it (`wslb.proxies.adopting.AdoptedConfiguration`). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wslb.model.handshake import Handshake
from wslb.model.results import LogLine
from wslb.proxies.adopting import AdoptionChange, Certified, Door, MemberPlace, TriedPath
from wslb.proxies.haproxy.adoption.adopt_haproxy import HaproxyAdopter
from wslb.proxies.haproxy.adoption.haproxy_asked import asked_of, hosts_of
from wslb.proxies.haproxy.adoption.haproxy_places import HaproxyDoors
from wslb.proxies.haproxy.adoption.haproxy_words import explained
from wslb.proxies.haproxy.adoption.sections import HaproxyLine, HaproxySection

__all__ = ["AdoptedHaproxy", "adopted_haproxy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedHaproxy:
    """A configuration that a HAProxy of the lab can serve.

    Attributes:
        sections: as they were read.
        body: lines of the text, with variables for what the lab chooses.
        places: file and line of each; an empty file for our own.
        marks: line that each number of the access log stands for.
        version: of the HAProxy that serves it; empty while it is not known.
    """

    sections: tuple[HaproxySection, ...]
    body: tuple[str, ...]
    places: tuple[tuple[str, int], ...]
    changes: tuple[AdoptionChange, ...]
    told: tuple[str, ...]
    stand_ins: tuple[MemberPlace, ...]
    listening: HaproxyDoors
    certificates: tuple[Certified, ...]
    marks: tuple[HaproxyLine, ...]
    version: tuple[int, ...] = ()

    @property
    def doors(self) -> tuple[Door, ...]:
        """Its listeners."""
        return self.listening.doors

    def asked_paths(self, paths: Sequence[str]) -> tuple[TriedPath, ...]:
        """What is to be asked."""
        return asked_of(self.sections, self.listening, self.stand_ins, paths, self.version)

    def explained(self, asked: TriedPath, handshake: Handshake, log: Sequence[LogLine]) -> Iterator[str]:
        """What became of an upgrade."""
        for line in explained(self.sections, self.marks, asked, handshake, log):
            text = line
            for one in self.stand_ins:
                text = text.replace(one.name, one.authority)
            yield text

    def at_pace(self, divisor: float) -> AdoptedHaproxy:
        """The same with the times that end a tunnel divided."""
        return adopted_haproxy(self.sections, self.told, divisor=divisor, version=self.version)

    def text(self, head: Sequence[str], variables: Mapping[str, str]) -> str:
        """The configuration with what the lab chose; each line keeps its number behind ``head``."""
        body = "\n".join(self.body)
        for name, value in variables.items():
            body = body.replace(f"${{{name}}}", value)
        return "\n".join((*head, body, ""))


def adopted_haproxy(
    sections: tuple[HaproxySection, ...],
    told: tuple[str, ...],
    *,
    divisor: float = 1,
    version: tuple[int, ...] = (),
) -> AdoptedHaproxy:
    """Adopt a configuration.

    Args:
        told: what was found when it was read.
        divisor: of the times that end an idle tunnel.
    """
    made = HaproxyAdopter(sections, divisor=divisor)
    return AdoptedHaproxy(
        sections=sections,
        body=tuple(made.out.lines),
        places=tuple(made.out.places),
        changes=tuple(made.out.changes),
        told=told,
        stand_ins=tuple(made.stand_ins),
        listening=made.doors,
        certificates=(Certified(name="adopted", names=hosts_of(sections)),),
        marks=tuple(made.out.marks),
        version=version,
    )
