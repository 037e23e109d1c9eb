"""An nginx configuration of a user's as a lab serves it (`wslb.proxies.adopting.AdoptedConfiguration`). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wslb.model.handshake import Handshake
from wslb.model.results import LogLine
from wslb.proxies.adopting import AdoptionChange, Certified, Door, MemberPlace, TriedPath
from wslb.proxies.nginx.adoption.adopt_nginx import adopt_nginx
from wslb.proxies.nginx.adoption.grammar import NginxLine
from wslb.proxies.nginx.adoption.nginx_asked import asked_of
from wslb.proxies.nginx.adoption.nginx_listeners import Listening
from wslb.proxies.nginx.adoption.nginx_words import explained

__all__ = ["AdoptedNginx", "adopted_nginx"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedNginx:
    """A configuration that an nginx of the lab can serve.

    Attributes:
        tree: as it was read, complete.
        body: lines of the text, with variables for what the lab chooses.
        places: file and line of each; an empty file for our own.
        marks: block of each numbered access-log format.
        unknown: places of directives that this nginx does not know.
    """

    tree: tuple[NginxLine, ...]
    body: tuple[str, ...]
    places: tuple[tuple[str, int], ...]
    changes: tuple[AdoptionChange, ...]
    told: tuple[str, ...]
    stand_ins: tuple[MemberPlace, ...]
    listening: Listening
    certificates: tuple[Certified, ...]
    marks: tuple[NginxLine, ...]
    divisor: float = 1
    unknown: frozenset[tuple[str, int]] = frozenset()

    @property
    def doors(self) -> tuple[Door, ...]:
        """Its listeners."""
        return self.listening.doors

    def asked_paths(self, paths: Sequence[str]) -> tuple[TriedPath, ...]:
        """What is to be asked."""
        return asked_of(self.tree, self.listening, self.stand_ins, paths)

    def explained(self, asked: TriedPath, handshake: Handshake, log: Sequence[LogLine]) -> Iterator[str]:
        """What became of an upgrade."""
        for line in explained(self.tree, self.marks, asked, handshake, log):
            text = line
            for one in self.stand_ins:
                text = text.replace(one.name, one.authority)
            yield text

    def at_pace(self, divisor: float) -> AdoptedNginx:
        """The same with each ``proxy_read_timeout`` divided."""
        return adopted_nginx(self.tree, self.told, divisor=divisor, unknown=self.unknown)

    def without(self, place: tuple[str, int]) -> AdoptedNginx:
        """The same without the directive of a place, which this nginx does not know."""
        return adopted_nginx(self.tree, self.told, divisor=self.divisor, unknown=self.unknown | {place})

    def text(self, head: Sequence[str], variables: Mapping[str, str], http: Sequence[str]) -> str:
        """The configuration with what the lab chose; each line keeps its number behind ``head``.

        Args:
            head: first lines.
            variables: values by name.
            http: what is put into the ``http`` block, on one line.
        """
        body = "\n".join(self.body).replace("${WSLB_HTTP}", " ".join(http))
        for name, value in variables.items():
            body = body.replace(f"${{{name}}}", value)
        return "\n".join((*head, body, ""))


def adopted_nginx(
    tree: tuple[NginxLine, ...],
    told: tuple[str, ...],
    *,
    divisor: float = 1,
    unknown: frozenset[tuple[str, int]] = frozenset(),
) -> AdoptedNginx:
    """Adopt a complete configuration.

    Args:
        told: what was found when it was read.
        divisor: of the times that end an idle tunnel.
        unknown: places of directives that are left out.
    """
    emitted, stand_ins, listening, certificates = adopt_nginx(tree, divisor=divisor, left_out=unknown)
    return AdoptedNginx(
        tree=tree,
        body=tuple(emitted.lines),
        places=tuple(emitted.places),
        changes=tuple(emitted.changes),
        told=told,
        stand_ins=stand_ins,
        listening=listening,
        certificates=certificates,
        marks=tuple(emitted.marks),
        divisor=divisor,
        unknown=unknown,
    )
