"""A proxy as it was found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Installation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """A proxy as it was found.

    Attributes:
        binary: its program, as the runtime starts it.
        modules_folder: where loadable modules lie.
        version: such as ``2.4.71``.
        built_in, loadable: module names without ``mod_``.
        mpm: how it serves connections: ``event``, ``worker`` or ``prefork``.
        broken: modules that are there but cannot be used, with why: mostly the words of its loader.
        facts: more for the report, such as the build date and the MPM.
    """

    binary: str
    modules_folder: str
    version: str
    built_in: frozenset[str]
    loadable: frozenset[str]
    mpm: str = "event"
    broken: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)

    def has(self, module: str) -> bool:
        """Whether this module can be used."""
        return module not in self.broken and (module in self.built_in or module in self.loadable)

    def absence(self, module: str) -> str:
        """For people, what a module that cannot be used is called: ``mod_name``, and why it cannot be loaded."""
        words = self.broken.get(module, "")
        return f"mod_{module} ({words})" if words else f"mod_{module}"

    def at_least(self, *version: int) -> bool:
        """Whether the version is this one or later."""
        return self.numbers >= version

    @property
    def numbers(self) -> tuple[int, ...]:
        """The version as numbers, such as ``(2, 4, 71)``; what follows a number, such as ``-dev``, does not count."""
        return tuple(int(part) for part in re.findall(r"(?:^|\.)(\d+)", self.version))
