"""Files of a configuration, read with bounds: never a device or a pipe, which may not end, and never a whole disk."""

from __future__ import annotations

import glob
import os
import stat
from pathlib import Path

from wslb.errors import EvidenceError
from wslb.proxies.apache.conf.directives import Tree, tree_of, walk
from wslb.proxies.apache.conf.languages import another_language

__all__ = ["LocalFiles", "text_of", "understood"]

MAX_BYTES = 16 * 1024 * 1024
_HINT = "Name the httpd.conf, or a file that it includes."


class LocalFiles:
    """Included files of this machine (`wslb.proxies.apache.conf.effect.Files`)."""

    def read(self, path: str) -> str | None:
        """Text of a regular file; None for anything else."""
        try:
            data = _bytes(Path(path))
        except OSError:
            return None
        return None if data is None or b"\0" in data else data.decode("utf-8", errors="replace")

    def glob(self, pattern: str) -> list[str]:
        """Files that match, or those of a folder and the folders in it, sorted as httpd sorts them."""
        if "\0" in pattern or "${" in pattern:
            return []
        try:
            if Path(pattern).is_dir():
                return _below(Path(pattern))
            return sorted(path for path in glob.glob(pattern)[:5000] if Path(path).is_file())  # noqa: PTH207 - httpd's
        except OSError:
            return []


def _below(folder: Path) -> list[str]:
    """Files of a folder, a bounded number: Include / must not read a whole disk."""
    found: list[str] = []
    for path, folders, names in os.walk(folder):
        folders.sort()
        found += [str(Path(path) / name) for name in sorted(names)]
        if len(found) > 1000:
            break
    return found


def _bytes(path: Path) -> bytes | None:
    """Content of a regular file, bounded; None for a device, a pipe or a folder, which may never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        return None
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def text_of(path: Path) -> str:
    """Text of the given file.

    Raises:
        EvidenceError: it cannot be read, is empty, too large, or no text.
    """
    try:
        data = _bytes(path)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc)
        raise EvidenceError(path=path, detail=reason.lower(), hint=_HINT) from exc
    if data is None:
        raise EvidenceError(path=path, detail="it is no regular file", hint=_HINT)
    if len(data) > MAX_BYTES:
        raise EvidenceError(path=path, detail=f"it is larger than {MAX_BYTES // 2**20} MiB", hint=_HINT)
    if b"\0" in data:
        raise EvidenceError(path=path, detail="it is binary, not text", hint=_HINT)
    text = data.decode("utf-8", errors="replace")
    if text.count("\ufffd") > len(text) // 20 and len(text) > 20:
        raise EvidenceError(path=path, detail="it is binary, not text", hint=_HINT)
    return text


def understood(text: str, path: Path) -> Tree:
    """Tree of a file that holds at least one directive.

    Raises:
        EvidenceError: there is none.
    """
    if other := another_language(text):
        hint = (
            f"wslb try {path} takes it; this command is about httpd.conf." if other in {"nginx", "HAProxy"} else _HINT
        )
        raise EvidenceError(path=path, detail=f"this is {other}, not Apache httpd", hint=hint)
    tree = tree_of(text, str(path))
    if not tree.directives and tree.flaws:
        first = tree.flaws[0]
        detail = f"it holds no directive, and </{first.text}> in line {first.line} ends no section"
        raise EvidenceError(path=path, detail=detail, hint=_HINT)
    if not tree.directives:
        raise EvidenceError(path=path, detail="it holds no directive", hint=_HINT)
    if not any(directive.name.isidentifier() for directive in walk(tree.directives)):
        raise EvidenceError(path=path, detail="no line of it is an httpd directive", hint=_HINT)
    return tree
