"""Writes the report files of a run into a folder: the saved document first, everything else from what was saved."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from wslb.errors import ConfigError, EvidenceError
from wslb.model.results import Report
from wslb.reports import REPORTERS, json_file
from wslb.reports import history as past
from wslb.reports.document import Document
from wslb.reports.history import PastRun

__all__ = ["DOCUMENT", "HISTORY", "put", "redraw", "try_folder", "write"]

DOCUMENT = "report.json"
HISTORY = "history.jsonl"


def write(run: Report | Document, folder: Path, *, baseline: Document | None = None) -> tuple[Path, ...]:
    """Write ``report.json`` and every file of `REPORTERS`, and add the run to ``history.jsonl``.

    Args:
        run: a run, or the saved document of one.
        folder: made when it is not there; files of an earlier run are replaced, the history goes on.
        baseline: saved document of an earlier run, to say what is new.

    Returns:
        The files, ``report.json`` first.

    Raises:
        EvidenceError: the folder cannot be written.
    """
    text = json_file.text(json_file.document(run) if isinstance(run, Report) else run)
    document = json_file.decode(text)  # what is drawn is what was saved
    first = put(folder / DOCUMENT, text)
    drawn = _draw(document, folder, baseline, past.read(folder / HISTORY))
    try:
        past.append(folder / HISTORY, document)
    except OSError as exc:
        raise _unwritable(folder / HISTORY, exc) from exc
    return (first, *drawn)


def redraw(document: Document, folder: Path, *, baseline: Document | None = None) -> tuple[Path, ...]:
    """Write every file that is made from a document, with the runs before it; document and history stay as they are."""
    lines = past.read(folder / HISTORY)
    own = max((i for i, line in enumerate(lines) if line.started == document.started), default=len(lines))
    return _draw(document, folder, baseline, lines[:own])


def _draw(
    document: Document,
    folder: Path,
    baseline: Document | None,
    earlier: Sequence[PastRun],
) -> tuple[Path, ...]:
    return tuple(
        put(folder / name, render(document, baseline=baseline, history=earlier)) for name, render in REPORTERS.items()
    )


def put(path: Path, text: str) -> Path:
    """Put a file in place at once, so that a reader, or a crash, never meets half of one.

    Raises:
        EvidenceError: it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(text.encode("utf-8", "replace"))
        partial.replace(path)
    except OSError as exc:
        raise _unwritable(path, exc) from exc
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()
    return path


def _unwritable(path: Path, exc: OSError) -> EvidenceError:
    return EvidenceError(path=path, detail=_why(exc), hint="Name another folder: --report DIR", doing="write")


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def try_folder(folder: Path, *, option: str = "--report") -> None:
    """Find out before a run whether its files can be written: make the folder, write into it, take both away again.

    What lies there already may be in the way: a folder of a file's name, or a history that cannot be added to.

    Raises:
        ConfigError: they cannot.
    """
    trial = folder / f".{os.getpid()}.trial"
    missing = [part for part in (folder, *folder.parents) if not part.exists()]
    try:
        _nothing_in_the_way(folder, option)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            trial.write_bytes(b"trial")
        finally:
            trial.unlink(missing_ok=True)
            for part in missing:
                if part.exists():
                    part.rmdir()
    except OSError as exc:
        raise ConfigError(
            option=option,
            value=str(folder),
            allowed=f"a folder that can be written ({_why(exc)})",
            hint=f"Name another folder: {option} DIR",
        ) from exc


def _nothing_in_the_way(folder: Path, option: str) -> None:
    for name in (DOCUMENT, *REPORTERS, HISTORY):
        file = folder / name
        if file.is_dir() or (name == HISTORY and file.exists() and not os.access(file, os.W_OK)):
            why = "is a folder" if file.is_dir() else "is read-only"
            raise ConfigError(
                option=option,
                value=str(folder),
                allowed=f"a folder that can be written (its {name} {why})",
                hint=f"Remove {file}, or name another folder: {option} DIR",
            )
