"""The data inside the page: everything that it prints can be computed again from here.

A connection's headers and messages weigh two kilobytes. They are kept for the connections that the page shows, then
for as many more as the budget allows; columns keep what counts for every connection. ``report.json`` has it all.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from wslb.reports.measured import carried

__all__ = ["COLUMNS", "Embedded", "embed", "restored"]

COLUMNS = (
    "seq",
    "status",
    "backend",
    "expected",
    "elapsed_seconds",
    "opened_at",
    "closed_at",
    "error",
    "carried",
    "broken",
)
"""What is kept of every connection: its fields, the bytes of its messages, and whether its tunnel broke."""

_NAMED = ("backend", "expected", "error")
"""Columns of text, kept as indices into a list of names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """The script element's text, and what is not in it.

    Attributes:
        cut: sentence about what only ``report.json`` has; empty when nothing was cut.
    """

    text: Markup
    cut: str


def embed(
    document: Mapping[str, Any],
    *,
    shown: Collection[tuple[str, int]],
    raw_bytes: int,
    log_lines: int,
    more: Mapping[str, Any],
) -> Embedded:
    """The document with columns in place of most connections.

    Args:
        document: the saved document.
        shown: scenario name and number of connections that must be kept whole.
        raw_bytes: room for further whole connections.
        log_lines: lines of the error log per scenario.
        more: further members, such as the history.
    """
    scenarios, whole, total, lines = [], 0, 0, 0
    for scenario in document["scenarios"]:
        kept: list[Any] = []
        for connection in scenario["connections"]:
            if (scenario["name"], connection["seq"]) in shown:
                kept.append(connection)
            elif raw_bytes > 0:
                raw_bytes -= len(_compact(connection))
                kept += [connection] if raw_bytes > 0 else []
        whole, total = whole + len(kept), total + len(scenario["connections"])
        lines += max(0, len(scenario["log"]) - log_lines)
        columns = {"columns": _columns(scenario["connections"])}
        scenarios.append({**scenario, "log": scenario["log"][:log_lines], **columns, "connections": kept})
    cut = [f"headers and messages of {total - whole} of {total} connections"] if whole < total else []
    cut += [f"{lines} log lines"] if lines else []
    return Embedded(
        text=_inert(_compact({**document, **more, "scenarios": scenarios})),
        cut=f"Left out to keep this file small: {' and '.join(cut)}. report.json has them." if cut else "",
    )


def _columns(connections: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Values by column; text as an index into ``names``, and one value for all where all are equal."""
    names = list(dict.fromkeys(connection[key] for key in _NAMED for connection in connections))
    index = {name: i for i, name in enumerate(names)}
    columns: dict[str, Any] = {"count": len(connections), "names": names}
    for key in COLUMNS:
        values = [index[c[key]] if key in _NAMED else _value(c, key) for c in connections]
        columns[key] = values[0] if values and all(value == values[0] for value in values) else values
    return columns


def _value(connection: Mapping[str, Any], key: str) -> Any:
    if key == "carried":
        return carried(connection)
    if key == "broken":
        return connection["status"] == 101 and connection["closed"] is not None and not connection["closed"]["clean"]
    return connection[key]


def restored(scenario: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Connections of an embedded scenario with the fields of `COLUMNS`: what the page's numbers are made of."""
    columns = scenario["columns"]
    for i in range(columns["count"]):
        row = {key: columns[key][i] if isinstance(columns[key], list) else columns[key] for key in COLUMNS}
        yield row | {key: columns["names"][row[key]] for key in _NAMED}


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def _inert(text: str) -> Markup:
    """JSON that no HTML parser takes for markup: ``</script>`` cannot end it, ``<!--`` cannot begin a comment."""
    return Markup(  # noqa: S704 - every < > & has become an escape of JSON
        text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    )
