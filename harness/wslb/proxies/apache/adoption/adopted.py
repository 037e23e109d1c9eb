"""What adoption makes of a configuration: a text with variables for what the lab chooses, and every change told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wslb.proxies.adopting import AdoptionChange, Certified, Door, MemberPlace

__all__ = ["Adopted", "Brought"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """A file that httpd reads when it starts or serves, to be put where the lab's httpd finds it.

    Attributes:
        name: below the run's folder.
        path: as the configuration names it, from its ServerRoot where it is relative.
    """

    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """A configuration that a lab can serve.

    Attributes:
        lines: of the text, without line ends; ``${RUN}`` is the run's folder, ``${WSLB_…}`` what it chooses.
        places: file and line that each line of the text comes from; an empty file for our own.
        modules: supplied ones, in loading order.
        addresses: loopback address in the place of each configured one.
        files: to be brought, where the lab's httpd has other files than this machine.
    """

    lines: tuple[str, ...]
    places: tuple[tuple[str, int], ...]
    changes: tuple[AdoptionChange, ...]
    stand_ins: tuple[MemberPlace, ...]
    doors: tuple[Door, ...]
    certificates: tuple[Certified, ...]
    modules: tuple[str, ...]
    addresses: Mapping[str, str]
    files: tuple[Brought, ...] = ()

    def text(self, variables: Mapping[str, str], last: tuple[str, ...] = ()) -> str:
        """Text of httpd.conf; the lines of its body keep their numbers behind those of `prelude`.

        Args:
            variables: values of what the lab chooses.
            last: further lines for the end.
        """
        return "\n".join((*self.prelude(variables), *self.lines, *last, ""))

    @staticmethod
    def prelude(variables: Mapping[str, str]) -> tuple[str, ...]:
        """First lines: what the lab has chosen."""
        return tuple(f'Define {name} "{value}"' for name, value in sorted(variables.items()))

    def place(self, line: int, variables: Mapping[str, str]) -> tuple[str, int] | None:
        """Where a line of the text, from 1, comes from; None for one of our own."""
        at = line - 1 - len(self.prelude(variables))
        if not 0 <= at < len(self.places) or not self.places[at][0]:
            return None
        return self.places[at]
