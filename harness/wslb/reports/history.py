"""Runs before this one: one line of JSON per run in ``history.jsonl``, of which a report carries the last thirty."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wslb.reports.latency import latencies, percentile
from wslb.reports.sequences import turns_of

__all__ = ["KEPT", "append", "line_of", "read", "tidy"]

KEPT = 30


def line_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """What is remembered of a run."""
    groups = latencies(document["scenarios"])
    largest = max(groups, key=lambda group: len(group.values), default=None)
    slow = percentile(largest.values, 99) if largest else None
    middle = percentile(largest.values, 50) if largest else None
    return {
        "started": document["started"],
        "verdict": document["verdict"],
        "exit_code": document["exit_code"],
        "counts": dict(document["counts"]),
        "failed": [s["name"] for s in document["scenarios"] if s["outcome"] == "failed"],
        "errored": [s["name"] for s in document["scenarios"] if s["outcome"] == "errored"],
        "connections": sum(len(s["connections"]) for s in document["scenarios"]),
        "breaks": sum(len(turns_of(s).breaks) for s in document["scenarios"]),
        "timed": largest.label if largest else "",
        "p50_seconds": middle,
        "p99_seconds": slow,
        "proxy_version": str(document["environment"].get("proxy_version", "")),
        "commit": str(document["environment"].get("commit", "")),
    }


def read(path: Path) -> tuple[dict[str, Any], ...]:
    """The last runs, oldest first; lines that are not of this kind are passed over, no file is no runs."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ()
    found = [entry for line in lines if (entry := _parsed(line))]
    return tuple(found[-KEPT:])


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    fits = isinstance(entry, dict) and isinstance(entry.get("verdict"), str) and isinstance(entry.get("failed"), list)
    return tidy(entry) if fits else None


_KINDS: dict[str, tuple[type, ...]] = {
    "started": (str,),
    "verdict": (str,),
    "failed": (list,),
    "connections": (int,),
    "breaks": (int,),
    "timed": (str,),
    "p50_seconds": (float, int),
    "p99_seconds": (float, int),
    "proxy_version": (str,),
    "commit": (str,),
}


def tidy(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A line with every field that is read of it; None where it has none of the right kind, as in an older version."""
    return {name: entry[name] if isinstance(entry.get(name), kinds) else None for name, kinds in _KINDS.items()}


def append(path: Path, document: Mapping[str, Any]) -> None:
    """Remember a run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line_of(document), ensure_ascii=True) + "\n")
