"""The text of a user's configuration file."""

from __future__ import annotations

import stat
from pathlib import Path

from wslb.errors import EvidenceError

__all__ = ["configuration_text"]

MAX_BYTES = 4 * 1024 * 1024


def configuration_text(path: Path) -> str:
    """Text of a regular file: never of a pipe or a device, which may not end.

    Raises:
        EvidenceError: it is none, too large, or no text.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise EvidenceError(path=path, detail="it is no regular file")
        with path.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except OSError as exc:
        raise EvidenceError(path=path, detail=(exc.strerror or str(exc)).lower()) from exc
    if len(data) > MAX_BYTES or b"\0" in data:
        raise EvidenceError(path=path, detail="it is binary, or larger than 4 MiB")
    return data.decode("utf-8", errors="replace")
