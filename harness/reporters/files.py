"""Writes the report files of a run into a folder: the saved document first, everything else from what was saved."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import EvidenceError
from harness.reporters import REPORTERS, json_file
from harness.results import Report

__all__ = ["DOCUMENT", "redraw", "write"]

DOCUMENT = "report.json"


def write(run: Report | Mapping[str, Any], folder: Path) -> tuple[Path, ...]:
    """Write ``report.json`` and every file of `REPORTERS`.

    Args:
        run: a run, or the saved document of one.
        folder: made when it is not there; files of an earlier run are replaced.

    Returns:
        The files, ``report.json`` first.

    Raises:
        EvidenceError: the folder cannot be written.
    """
    text = json_file.render(run) if isinstance(run, Report) else json_file.text(run)
    return (_put(folder / DOCUMENT, text), *redraw(json.loads(text), folder))


def redraw(document: Mapping[str, Any], folder: Path) -> tuple[Path, ...]:
    """Write every file that is made from a document, and leave the document alone."""
    return tuple(_put(folder / name, render(document)) for name, render in REPORTERS.items())


def _put(path: Path, text: str) -> Path:
    """Put a file in place at once, so that a reader, or a crash, never meets half of one."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(text.encode("utf-8", "replace"))
        partial.replace(path)
    except OSError as exc:
        raise EvidenceError(
            path=path, detail=f"it cannot be written ({exc.strerror})", hint="Name another folder: --report DIR"
        ) from exc
    finally:
        if partial.parent.is_dir():
            partial.unlink(missing_ok=True)
    return path
