"""A file that is no document of ours is told in one sentence with exit code 2, and nobody waits for it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.figures import Figures

pytestmark = [pytest.mark.live, pytest.mark.slow]

LIMIT_SECONDS = 30

CONTENTS = {
    "deep list": b"[" * 200_000,
    "deep object": b'{"a":' * 100_000,
    "not a number": b'{"schema": NaN}',
    "infinity": b'{"schema": 1e999}',
    "huge integer": b'{"schema": ' + b"9" * 100_000 + b"}",
    "mark of UTF-8": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"),
    "no UTF-8": b'{"schema": "\xff"}',
    "nothing": b"",
    "null": b"null",
    "list": b"[]",
    "twice": b'{"schema": 1, "schema": 2}',
    "wrong types": b'{"schema": "wslb.report/2", "scenarios": 5}',
}


def lost(path: str, folder: Path) -> list[str]:
    """Sentences of what `wslb report` did wrong with this file."""
    words = [sys.executable, "-m", "wslb", "report", path]
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return ["it did not end"]
    if done.returncode != 2 or done.stderr.count("error: ") != 1 or "wslb itself failed" in done.stderr:
        return [f"code {done.returncode}, err {done.stderr[-300:]!r}"]
    return []


def test_report_refuses_them(tmp_path: Path) -> None:
    figures = Figures("hostile files, report")
    for name, content in CONTENTS.items():
        (tmp_path / name).write_bytes(content)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        before = Path.cwd()
        try:
            os.chdir(tmp_path)  # the path of a socket has at most 107 bytes
            listening.bind("socket")
        finally:
            os.chdir(before)
        for path in (*CONTENTS, "pipe", "folder", "socket", "missing", "/dev/zero", "/dev/null"):
            figures.judge(path, lost(path, tmp_path))
    figures.survived()
