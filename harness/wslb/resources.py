"""Files that travel with the package: templates, schema, the console page. Works from a checkout and from a wheel."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from wslb.errors import EvidenceError

__all__ = ["DOCUMENT_LIMIT", "add_to", "console_page", "document_bytes", "programs", "resource", "template"]

_PACKAGE = Path(__file__).resolve().parent
_APACHE = (_PACKAGE / "_apache", _PACKAGE.parents[1] / "apache")
_PROGRAMS = (_PACKAGE / "_programs", _PACKAGE.parents[1])


def template(name: str) -> str:
    """Text of a file of the ``apache/`` folder."""
    for folder in _APACHE:
        path = folder / name
        if path.is_file():
            return path.read_text(encoding="utf-8")
    raise EvidenceError(path=name, detail="it is not in the package", hint="Install wslb again.")


def resource(name: str) -> str:
    """Text of a file inside the package, such as ``report.schema.json``."""
    path = _PACKAGE / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as exc:
        raise EvidenceError(path=name, detail=f"it is not in the package ({exc.strerror})") from exc


def programs() -> Path:
    """The folder that holds the backends' programs as a package of its own, ``backends``; started, never imported.

    It is no import path of this process: a project that has a ``backends`` of its own must not meet ours.

    Raises:
        EvidenceError: they were not installed.
    """
    for folder in _PROGRAMS:
        if (folder / "backends" / "__init__.py").is_file():
            return folder
    raise EvidenceError(path="backends", detail="it is not in the package", hint="Install wslb again.")


def console_page() -> bytes:
    """The console page of ``backends/``, for the proxy's document root."""
    return (programs() / "backends" / "console" / "WSConsole.html").read_bytes()


DOCUMENT_LIMIT = 256 * 1024 * 1024
"""Longest document that is read, in bytes."""


def document_bytes(path: Path) -> bytes:
    """Content of a document that somebody named; never waits for a writer, nor reads without end.

    Raises:
        OSError: it cannot be read, is no regular file, or is longer than `DOCUMENT_LIMIT`.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    with os.fdopen(descriptor, "rb") as file:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        content = file.read(DOCUMENT_LIMIT + 1)
    if len(content) > DOCUMENT_LIMIT:
        raise OSError(errno.EFBIG, f"it is longer than {DOCUMENT_LIMIT} bytes", str(path))
    return content


def add_to(path: Path, content: bytes) -> None:
    """Add to a file that somebody named; never waits for a reader.

    Raises:
        OSError: it cannot be written, or is a pipe that nobody reads.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        os.set_blocking(descriptor, True)
        file.write(content)
