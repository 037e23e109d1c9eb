"""The data inside the page: everything that it prints can be computed again from here.

A connection's headers and messages weigh two kilobytes. They are kept for the connections that the page shows, then
for as many more as the budget allows; columns keep what counts for every connection. ``report.json`` has it all.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

__all__ = ["COLUMNS", "Embedded", "embed"]

COLUMNS = ("seq", "status", "backend", "expected", "elapsed_seconds", "opened_at", "closed_at", "error")
"""Fields that are kept for every connection."""

RAW_BUDGET = 60_000
LOG_LINES = 100
_CUT = {"connections", "log"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """The script element's text, and what is not in it.

    Attributes:
        cut: sentence about what only ``report.json`` has; empty when nothing was cut.
    """

    text: Markup
    cut: str


def embed(document: Mapping[str, Any], *, shown: Sequence[tuple[str, int]], more: Mapping[str, Any]) -> Embedded:
    """The document with columns in place of most connections.

    Args:
        document: the saved document.
        shown: scenario name and number of connections that must be kept whole.
        more: further members, such as the history.
    """
    wanted, left = set(shown), RAW_BUDGET
    scenarios, kept_of, total, lines_cut = [], 0, 0, 0
    for scenario in document["scenarios"]:
        kept = []
        for connection in scenario["connections"]:
            asked = (scenario["name"], connection["seq"]) in wanted
            if not asked and left <= 0:
                continue
            size = len(_compact(connection))
            if asked or size <= left:
                kept.append(connection)
                left -= 0 if asked else size
        total += len(scenario["connections"])
        kept_of += len(kept)
        lines_cut += max(0, len(scenario["log"]) - LOG_LINES)
        scenarios.append(
            {
                **{key: value for key, value in scenario.items() if key not in _CUT},
                "log": scenario["log"][:LOG_LINES],
                "columns": _columns(scenario["connections"]),
                "connections": kept,
            }
        )
    cut = []
    if kept_of < total:
        cut.append(f"headers and messages of {total - kept_of} of {total} connections")
    if lines_cut:
        cut.append(f"{lines_cut} log lines")
    data = {**{key: value for key, value in document.items() if key != "scenarios"}, **more, "scenarios": scenarios}
    return Embedded(
        text=_inert(_compact(data)),
        cut=f"Left out to keep this file small: {' and '.join(cut)}. report.json has them." if cut else "",
    )


def _columns(connections: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Values by column; text that repeats as an index into ``names``, one value for all where all are equal."""
    names = list(dict.fromkeys(c[key] for c in connections for key in ("backend", "expected", "error")))
    index = {name: i for i, name in enumerate(names)}
    columns: dict[str, Any] = {"names": names}
    for key in COLUMNS:
        values = [index[c[key]] if key in {"backend", "expected", "error"} else c[key] for c in connections]
        columns[key] = values[0] if values and all(value == values[0] for value in values) else values
    columns["count"] = len(connections)
    return columns


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _inert(text: str) -> Markup:
    """JSON that no HTML parser takes for markup: ``</script>`` cannot end it, ``<!--`` cannot begin a comment."""
    return Markup(  # noqa: S704 - every < > & has become an escape of JSON
        text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    )
