"""Writes the report files of a run into a folder: the saved document first, everything else from what was saved."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.reporters import REPORTERS, json_file
from harness.reporters import history as past
from harness.results import Report

__all__ = ["DOCUMENT", "write"]

DOCUMENT = "report.json"


def write(
    run: Report | Mapping[str, Any],
    folder: Path,
    *,
    baseline: Mapping[str, Any] | None = None,
    history: Path | None = None,
) -> tuple[Path, ...]:
    """Write ``report.json`` and every file of `REPORTERS`; a reader never sees half a file.

    Args:
        run: a run, or the saved document of one.
        folder: made when it is not there; files of an earlier run are replaced.
        baseline: saved document of an earlier run, to compare with.
        history: ``history.jsonl`` of this place: read for the trend, then this run is added. Give none when an old
            document is drawn again.

    Returns:
        The files, ``report.json`` first.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    text = json_file.render(run) if isinstance(run, Report) else json_file.text(run)
    written = [_replace(folder / DOCUMENT, text)]
    saved: dict[str, Any] = json.loads(text)
    earlier = past.read(history) if history else ()
    for name, render in REPORTERS.items():
        written.append(_replace(folder / name, render(saved, baseline=baseline, history=earlier)))
    if history:
        past.append(history, saved)
    return tuple(written)


def _replace(path: Path, text: str) -> Path:
    """Put a file in place at once: a crash leaves the old one or the new one."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_bytes(text.encode("utf-8", "replace"))
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path
