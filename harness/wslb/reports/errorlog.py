"""The proxy's error log of a run, grouped by AH number or, of another proxy, by the like of httpd's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wslb.model.balancer import Carrier
from wslb.proxies.apache import ah_numbers
from wslb.reports.document import SavedScenario

__all__ = ["ALARMING", "LogGroup", "LoggedLine", "log_groups"]

ALARMING = ("emerg", "alert", "crit", "error", "warn")
MOST_LINES = 4

STARTING = frozenset({"AH00094", "AH00163", "AH00489"})
"""What every start says: its name and version, and how it was called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedLine:
    """One line and the scenario it belongs to."""

    scenario: str
    at: str
    level: str
    module: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogGroup:
    """Lines with one AH number.

    Attributes:
        code: the number, or "no AH number"; of a proxy that is no httpd, which number tells the like there.
        lines: the first of them.
        count: all of them.
        scenarios: names of the scenarios in which it came.
        number: what is known of it; None when it is not in our table, or another proxy said it.
    """

    code: str
    level: str
    count: int
    lines: tuple[LoggedLine, ...]
    scenarios: tuple[str, ...]
    number: ah_numbers.Number | None

    @property
    def usual(self) -> bool:
        """Whether every start says it: then it is counted and not listed."""
        return self.code in STARTING and self.level == "notice"


def log_groups(scenarios: Sequence[SavedScenario]) -> tuple[LogGroup, ...]:
    """Lines of all scenarios by AH number: the worst level first, then in order of appearance."""
    found: dict[tuple[str, bool], list[LoggedLine]] = {}
    for scenario in scenarios:
        for line in scenario.log:
            key = (line.code, scenario.carrier is not Carrier.OWN)
            found.setdefault(key, []).append(
                LoggedLine(
                    scenario=scenario.name,
                    at=line.at,
                    level=line.level,
                    module=line.module,
                    text=line.text,
                )
            )
    grouped = [
        LogGroup(
            code=(code or "no AH number") if of_httpd else f"like {code} of httpd" if code else "in its own words",
            level=min((line.level for line in lines), key=_rank),
            count=len(lines),
            lines=tuple(lines[:MOST_LINES]),
            scenarios=tuple(dict.fromkeys(line.scenario for line in lines)),
            number=ah_numbers.look_up(code) if code and of_httpd else None,
        )
        for (code, of_httpd), lines in found.items()
    ]
    return tuple(sorted(grouped, key=lambda group: _rank(group.level)))


def _rank(level: str) -> int:
    return ALARMING.index(level) if level in ALARMING else len(ALARMING)
