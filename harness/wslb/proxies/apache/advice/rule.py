"""A rule, and what it says about one place of a configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive, Flaw

__all__ = ["Advice", "Older", "Rule", "Severity", "Spot"]


class Severity(StrEnum):
    """``error``: it will not work. ``warning``: it will surprise. ``note``: worth knowing, nothing to do."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What the reader is told about one place.

    Attributes:
        rule: stable id.
        what: what stands there; `why`: what it leads to; `cure`: what to write instead.
    """

    rule: str
    severity: Severity
    file: str
    line: int
    what: str
    why: str
    cure: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}"
        return f"{where}: {self.severity} {self.rule} {self.what}\n    why:  {self.why}\n    cure: {self.cure}"

    def document(self) -> dict[str, object]:
        """For ``--format json``."""
        return {
            "rule": self.rule,
            "severity": self.severity.value,
            "file": self.file,
            "line": self.line,
            "what": self.what,
            "why": self.why,
            "cure": self.cure,
        }


@dataclass(frozen=True, slots=True)
class Spot:
    """A place that a rule found.

    Attributes:
        at: the directive, or the flaw, that stands there.
        what: in the reader's own names.
        cure: instead of the rule's general one.
        severity: instead of the rule's own.
    """

    at: Directive | Flaw
    what: str
    cure: str = ""
    severity: Severity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Older:
    """A cure for servers that do not have what the rule's own cure needs.

    Attributes:
        before: first version that has it, such as ``(2, 4, 47)``.
    """

    before: tuple[int, int, int]
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One trap. The docstring of `find` says how the fact was seen.

    Attributes:
        id: stable; never given to another rule.
        older: what to write where the file's httpd is known to be too old for `cure`.
    """

    id: str
    severity: Severity
    why: str
    cure: str
    find: Callable[[Configuration], Iterable[Spot]]
    older: Older | None = None

    def apply(self, configuration: Configuration) -> list[Advice]:
        """Advice for every place found; two findings on one line with the same words are one."""
        found: dict[tuple[str, int, str], Advice] = {}
        too_old = self.older is not None and configuration.older_than(*self.older.before)
        general = self.older.cure if self.older and too_old else self.cure
        for spot in self.find(configuration):
            advice = Advice(
                rule=self.id,
                severity=spot.severity or self.severity,
                file=spot.at.file,
                line=spot.at.line,
                what=spot.what,
                why=self.why,
                cure=spot.cure or general,
            )
            found.setdefault((advice.file, advice.line, advice.what), advice)
        return list(found.values())
