"""Writes the files of a report: the JSON document first, and everything else from what was saved."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.errors import EvidenceError
from harness.reporters import REPORTERS, json_file
from harness.results import Report

__all__ = ["redraw", "write"]

Render = Callable[[Mapping[str, Any]], str]


def write(report: Report, folder: Path) -> tuple[Path, ...]:
    """Write ``report.json`` and every report made from it.

    Raises:
        EvidenceError: the folder cannot be written.
    """
    text = json_file.render(report)
    return (_put(folder / "report.json", text), *redraw(json.loads(text), folder))


def redraw(document: Mapping[str, Any], folder: Path) -> tuple[Path, ...]:
    """Write every report that is made from a document."""
    return tuple(_put(folder / name, render(document)) for name, render in REPORTERS.items())


def _put(path: Path, text: str) -> Path:
    """Write a file in one step, so that a reader never finds half of one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as exc:
        temporary.unlink(missing_ok=True)
        raise EvidenceError(
            path=path, detail=f"it cannot be written ({exc.strerror})", hint="Name another folder: --report DIR"
        ) from exc
    return path
