"""The data inside the page: everything that it prints can be computed again from here.

A connection's headers and messages weigh two kilobytes. They are kept for the connections that the page shows, then
for as many more as the budget allows; columns keep what counts for every connection. ``report.json`` has it all.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec
from markupsafe import Markup

from wslb.reports.document import Document, SavedConnection, plain
from wslb.reports.history import PastRun

__all__ = ["COLUMNS", "NAMED", "Embedded", "embed"]

COLUMNS = (
    "seq",
    "accepted",
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

NAMED = ("backend", "expected", "error")
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
    document: Document,
    *,
    shown: Collection[tuple[str, int]],
    raw_bytes: int,
    log_lines: int,
    sparse: Collection[str] = (),
    history: Sequence[PastRun] = (),
) -> Embedded:
    """The document with columns in place of most connections.

    Args:
        document: the saved document.
        shown: scenario name and number of connections that must be kept whole.
        raw_bytes: room for further whole connections.
        log_lines: lines of the error log per scenario.
        sparse: names of scenarios of which only the outcome is kept.
        history: earlier runs.
    """
    scenarios: list[dict[str, object]] = []
    whole, total, lines = 0, 0, 0
    for scenario in document.scenarios:
        if scenario.name in sparse:
            scenarios.append({"name": scenario.name, "outcome": scenario.outcome})
            continue
        kept: list[SavedConnection] = []
        for connection in scenario.connections:
            if (scenario.name, connection.seq) in shown:
                kept.append(connection)
            elif raw_bytes > 0:
                raw_bytes -= len(_compact(connection))
                kept += [connection] if raw_bytes > 0 else []
        whole, total = whole + len(kept), total + len(scenario.connections)
        lines += max(0, len(scenario.log) - log_lines)
        less = msgspec.structs.replace(scenario, log=scenario.log[:log_lines], connections=tuple(kept))
        scenarios.append({**plain(less), "columns": _columns(scenario.connections)})
    cut = [f"headers and messages of {total - whole} of {total} connections"] if whole < total else []
    cut += [f"{lines} log lines"] if lines else []
    cut += [f"what was seen in {len(sparse)} of {len(document.scenarios)} scenarios"] if sparse else []
    run = plain(msgspec.structs.replace(document, scenarios=()))
    return Embedded(
        text=_inert(_compact({**run, **({"history": history} if history else {}), "scenarios": scenarios})),
        cut=f"Left out to keep this file small: {', '.join(cut)}. report.json has them." if cut else "",
    )


def _columns(connections: Sequence[SavedConnection]) -> dict[str, object]:
    """Values by column; text as an index into ``names``, and one value for all where all are equal."""
    names = list(dict.fromkeys(getattr(connection, key) for key in NAMED for connection in connections))
    index = {name: i for i, name in enumerate(names)}
    columns: dict[str, object] = {"count": len(connections), "names": names}
    for key in COLUMNS:
        found = [getattr(connection, key) for connection in connections]
        values = [index[value] for value in found] if key in NAMED else found
        columns[key] = values[0] if values and all(value == values[0] for value in values) else values
    return columns


def _compact(value: object) -> str:
    return json.dumps(plain(value), ensure_ascii=True, separators=(",", ":"))


def _inert(text: str) -> Markup:
    """JSON that no HTML parser takes for markup: ``</script>`` cannot end it, ``<!--`` cannot begin a comment."""
    return Markup(  # noqa: S704 - every < > & has become an escape of JSON
        text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    )
