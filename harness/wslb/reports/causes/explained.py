"""Failures that one cause explains, told together: who reads a red run wants the cause, not each of its effects.

Two failures have the same cause when the same rule says the same of them, connections and their numbers aside. The
cause of the most failures comes first; what no rule explains is left over, and told by itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wslb.reports.causes.cause import Cause
from wslb.reports.causes.likely import likely
from wslb.reports.document import Document, SavedScenario
from wslb.reports.texts import count

__all__ = ["NOTHING_EXPLAINED", "Explained", "Explanation", "explanation", "key"]

_NUMBERED = re.compile(r"#\d+(?:,\d{3})*|\b(?:connection|turn)s? \d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Failed scenarios, at least one, in the order of the run, and what explains all of them."""

    cause: Cause
    scenarios: tuple[SavedScenario, ...]

    @property
    def title(self) -> str:
        """What the cause explains, such as ``1 cause explains 19 failures: node runs with …``."""
        return f"1 cause explains {count(len(self.scenarios), 'failure')}: {self.cause.sentence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The failures of a run.

    Attributes:
        causes: each with what it explains; the cause of the most failures first.
        left: failed scenarios that no rule explains.
    """

    causes: tuple[Explained, ...]
    left: tuple[SavedScenario, ...]

    @property
    def failed(self) -> int:
        """How many scenarios failed."""
        return len(self.left) + sum(len(one.scenarios) for one in self.causes)

    def lines(self, *, most: int = 3) -> list[str]:
        """The causes in a line each, so many of them at most, for the end of a log."""
        found = [
            f"cause   {one.cause.sentence} ({len(one.scenarios)} of {count(self.failed, 'failure')})"
            for one in self.causes[:most]
        ]
        more = len(self.causes) - most
        if more > 0:
            found.append(f"        and {count(more, 'further cause')}: see the report")
        if self.left and self.causes:
            found.append(f"        {count(len(self.left), 'failure')} without a cause: {_names(self.left)}")
        return found


NOTHING_EXPLAINED = Explanation(causes=(), left=())
"""Of a run in which nothing failed."""


def explanation(document: Document) -> Explanation:
    """The failures of a saved document, by their cause."""
    found: dict[tuple[str, str], tuple[Cause, list[SavedScenario]]] = {}
    left: list[SavedScenario] = []
    for scenario in document.scenarios:
        if scenario.outcome != "failed":
            continue
        cause = likely(scenario)
        if cause is None:
            left.append(scenario)
        else:
            found.setdefault(key(cause), (cause, []))[1].append(scenario)
    causes = [Explained(cause=cause, scenarios=tuple(scenarios)) for cause, scenarios in found.values()]
    return Explanation(
        causes=tuple(sorted(causes, key=lambda one: -len(one.scenarios))),
        left=tuple(left),
    )


def key(cause: Cause) -> tuple[str, str]:
    """Equal for what is the same cause in two scenarios."""
    return cause.rule, _NUMBERED.sub("#", cause.sentence)


def _names(scenarios: Sequence[SavedScenario], most: int = 3) -> str:
    names = [scenario.name for scenario in scenarios[:most]]
    more = len(scenarios) - most
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")
