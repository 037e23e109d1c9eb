"""Runs before this one: one line of JSON per run in ``history.jsonl``, of which a report carries the last thirty."""

from __future__ import annotations

from pathlib import Path

import msgspec

from wslb.model.results import Outcome
from wslb.reports.document import Document
from wslb.reports.latency import latencies, percentile
from wslb.reports.sequences import turns_of
from wslb.resources import add_to, document_bytes

__all__ = ["KEPT", "PastRun", "append", "line_of", "read"]

KEPT = 30


class PastRun(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a run; an older version may have remembered less.

    Attributes:
        timed: kind of handshakes whose percentiles these are: the most frequent one.
    """

    verdict: str
    failed: tuple[str, ...]
    errored: tuple[str, ...] = ()
    started: str | None = None
    exit_code: int | None = None
    connections: int | None = None
    breaks: int | None = None
    timed: str | None = None
    p50_seconds: float | None = None
    p99_seconds: float | None = None
    proxy_version: str | None = None
    commit: str | None = None


def line_of(document: Document) -> PastRun:
    """What is remembered of a run."""
    groups = latencies(document.scenarios)
    largest = max(groups, key=lambda group: len(group.values), default=None)
    return PastRun(
        started=document.started,
        verdict=document.verdict,
        exit_code=document.exit_code,
        failed=tuple(s.name for s in document.scenarios if s.outcome is Outcome.FAILED),
        errored=tuple(s.name for s in document.scenarios if s.outcome is Outcome.ERRORED),
        connections=sum(len(s.connections) for s in document.scenarios),
        breaks=sum(len(turns_of(s).breaks) for s in document.scenarios),
        timed=largest.label if largest else "",
        p50_seconds=percentile(largest.values, 50) if largest else None,
        p99_seconds=percentile(largest.values, 99) if largest else None,
        proxy_version=str(document.environment.get("proxy_version", "")),
        commit=str(document.environment.get("commit", "")),
    )


def read(path: Path) -> tuple[PastRun, ...]:
    """The last runs, oldest first; lines that are not of this kind are passed over, no file is no runs."""
    try:
        lines = document_bytes(path).splitlines()
    except OSError:
        return ()
    return tuple([entry for line in lines if (entry := _parsed(line))][-KEPT:])


def _parsed(line: bytes) -> PastRun | None:
    try:
        return msgspec.json.decode(line, type=PastRun)
    except (msgspec.DecodeError, RecursionError):
        return None


def append(path: Path, document: Document) -> None:
    """Remember a run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    add_to(path, msgspec.json.encode(line_of(document)) + b"\n")
