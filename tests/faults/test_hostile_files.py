"""A file that is not what a command wants is told in one sentence, at once, in bounded memory, and never as our fault.

By rule: every content that is no document, times every place where a command takes a file.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import runs
from tests.faults.figures import FULL, Figures
from wslb.reports import files

pytestmark = [pytest.mark.live, pytest.mark.slow]

LIMIT_SECONDS = 10
"""Of the processor; see `tests.faults.asked`."""

LIMIT_BYTES = 400 * 2**20
"""Of one command, which takes about 90 MiB; the longest file here has 200 MB."""

REPORT = b'{"schema": "wslb.report/3", '
CONTENTS = {
    "deep list": b"[" * 200_000,
    "deep object": b'{"a":' * 100_000,
    "deep in a report": REPORT + b'"environment": {"a": ' + b"[" * 100_000,
    "not a number": b'{"schema": NaN}',
    "infinity": b'{"schema": 1e999}',
    "NaN in a report": REPORT + b'"seconds": NaN}',
    "huge integer": b'{"schema": ' + b"9" * 100_000 + b"}",
    "mark of UTF-8": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"),
    "no UTF-8": b'{"schema": "\xff"}',
    "lone surrogate": b'{"schema": "\\ud800"}',
    "NUL bytes": b"\0" * 4096,
    "NUL in text": b'ProxyPass "/a\0b" "ws://127.0.0.1/"\n',
    "nothing": b"",
    "blank": b" \n\t\r\n" * 1000,
    "null": b"null",
    "a text": b'"wslb.report/3"',
    "list": b"[]",
    "twice": b'{"schema": 1, "schema": 2}',
    "shared by no list": REPORT + b'"shared": {"a": 1}, "scenarios": []}',
    "shared that doubles": REPORT
    + b'"shared": ["ab"'
    + b"".join(b", [[%d], [%d]]" % (n, n) for n in range(200))
    + b'], "scenarios": [{"connections": [[200]]}]}',
    "wrong types": REPORT + b'"scenarios": 5}',
    "other schema": b'{"schema": "wslb.report/99"}',
    "cut": REPORT + b'"verdict": "pas',
    "program": b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 64,
    "one long line": b"{" * 8_000_000,
    "orders": b"\x1b]0;title\x07::error::taken over\n##[error]more\n",
}
SPECIAL = ("pipe", "folder", "socket", "missing", "dangling", "loop", "unreadable", "200 MB", "/dev/zero", "/dev/null")

PROXY = "<Proxy balancer://c>\nBalancerMember ws://127.0.0.1:9\n</Proxy>\nProxyPass /ws balancer://c\n"
CONFIGURATIONS = {
    "includes itself": f"{PROXY}Include {{here}}/itself.conf\n",
    "includes two that include it": f"{PROXY}Include {{here}}/*.endless\n",
    "includes devices": f"{PROXY}Include /dev/*\n",
    "includes the root": f"{PROXY}IncludeOptional /\n",
    "includes what is not there": f"{PROXY}IncludeOptional {{here}}/nowhere/*\n",
    "deep sections": "<IfModule a>\n" * 20_000 + PROXY,
    "sections never opened": PROXY + "</VirtualHost>\n" * 5_000,
    "a line that goes on": PROXY + "ProxyTimeout \\\n" * 100_000,
    "a long line": PROXY + f"ProxyTimeout {'9' * 1_000_000}\n",
    "huge numbers": f"{PROXY}ProxyTimeout {'9' * 5000}\nThreadsPerChild {'9' * 5000}\nMaxRequestWorkers -1\n"
    f"<Proxy balancer://d>\nBalancerMember ws://127.0.0.1:99999999999999999999 loadfactor={'9' * 5000}\n</Proxy>\n",
    "defines that define themselves": PROXY
    + "Define A ${B}\nDefine B ${A}${A}\n" * 40
    + "ProxyPass /${A} ws://${B}/\n",
    "defines that double": PROXY
    + "Define D0 x\n"
    + "".join(f"Define D{n} ${{D{n - 1}}}${{D{n - 1}}}\n" for n in range(1, 60)),
    "macro that uses itself": f"{PROXY}<Macro M $a>\nUse M $a$a\n</Macro>\nUse M x\n",
    "macros that double": f"{PROXY}"
    + "".join(f"<Macro M{n} $a>\nUse M{n + 1} $a$a\nUse M{n + 1} $a\n</Macro>\n" for n in range(60))
    + "Use M0 x\n",
    "patterns that backtrack": f"{PROXY}ProxyPassMatch ^/(a+)+(b+)+$ ws://127.0.0.1:9/\n"
    '<If "%{REQUEST_URI} =~ m#(a|a)*$#">\n</If>\n',
    "quotes never closed": f'{PROXY}ProxyPass "/x ws://127.0.0.1:9/\n',
    "mark of UTF-8 first": "\ufeff" + PROXY,
    "no UTF-8 in it": PROXY + "ProxyPass /\udcff ws://127.0.0.1:9/\n",
    "many members": "<Proxy balancer://c>\n"
    + "".join(f"BalancerMember ws://127.0.0.1:{n}\n" for n in range(1, 5_000))
    + "</Proxy>\n",
    "includes a pipe": f"{PROXY}Include {{here}}/pipe\n",
    "includes 200 MB": f"{PROXY}Include {{here}}/long\n",
    "many comments that are none": PROXY + "ProxyPass /a ws://127.0.0.1:9/ # why\n" * 8_000,
    "many placeholders": PROXY + "ProxyPass /a ws://{{ host }}/\n" * 8_000,
    "a line of placeholders": PROXY + "ProxyPass /a ws://" + "{{ a }}<" * 100_000 + "\n",
    "many names that nobody defined": PROXY
    + "".join(f"<IfDefine A{n}>\nProxyPass /a{n} ws://127.0.0.1:9/\n</IfDefine>\n" for n in range(5_000)),
    "many lines": PROXY + "ProxyPass /a ws://127.0.0.1:9/\n" * 8_000,
}


TRIED_AS_WELL = {"includes a pipe", "includes the root", "defines that double", "many lines"}
"""Those that `wslb try` is given too, in the portion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A place where a command takes a file.

    Attributes:
        words: of the command line, with the file's path, in a folder of its own.
        codes: exit codes that are right.
        always: whether every content is asked in the portion too.
    """

    words: Callable[[str, Path], list[str]]
    codes: frozenset[int]
    always: bool = False


def linked(path: str, folder: Path, name: str) -> None:
    """Let a name of the folder lead to the file; a loop leads to itself."""
    (folder / name).symlink_to(path)


def redrawn(path: str, folder: Path) -> list[str]:
    files.write(runs.run(runs.passed()), folder / "lb")
    (folder / "lb" / files.HISTORY).unlink()
    linked(path, folder / "lb", files.HISTORY)
    return ["report", "lb/report.json"]


def baselined(path: str, folder: Path) -> list[str]:
    files.write(runs.run(runs.passed()), folder / "lb")
    return ["report", "lb/report.json", "--baseline", path]


def remembered(path: str, folder: Path) -> list[str]:
    """A run of nothing, which adds itself to the history."""
    (folder / "lb").mkdir()
    linked(path, folder / "lb", files.HISTORY)
    return ["test", "lb-byrequests", "--lbmethod", "bytraffic", "--report", "lb"]


def replaced(path: str, folder: Path) -> list[str]:
    """The same, where something lies in the report's place."""
    (folder / "lb").mkdir()
    linked(path, folder / "lb", files.DOCUMENT)
    return ["test", "lb-byrequests", "--lbmethod", "bytraffic", "--report", "lb"]


def included(path: str, folder: Path) -> list[str]:
    (folder / "httpd.conf").write_text(f'{PROXY}Include "{path}"\n')
    return ["doctor", "--conf", "httpd.conf"]


def certified(path: str, folder: Path) -> list[str]:
    (folder / "httpd.conf").write_text(f'{PROXY}SSLProxyEngine on\nSSLProxyCACertificateFile "{path}"\n')
    return ["doctor", "--conf", "httpd.conf"]


USES = {
    "report": Use(words=lambda path, _: ["report", path], codes=frozenset({2}), always=True),
    "report --baseline": Use(words=baselined, codes=frozenset({2})),
    "test --baseline": Use(words=lambda path, _: ["test", "lb-byrequests", "--baseline", path], codes=frozenset({2})),
    "report, its history": Use(words=redrawn, codes=frozenset({0})),
    "test, its history": Use(words=remembered, codes=frozenset({2, 4, 5})),
    "test, its document": Use(words=replaced, codes=frozenset({5})),
    "doctor --conf": Use(words=lambda path, _: ["doctor", "--conf", path], codes=frozenset({2}), always=True),
    "doctor, an Include": Use(words=included, codes=frozenset({0, 1})),
    "doctor, a certificate": Use(words=certified, codes=frozenset({0, 1})),
    "check --ca": Use(words=lambda path, _: ["check", "wss://127.0.0.1:9/", "--ca", path], codes=frozenset({2})),
    "try": Use(words=lambda path, _: ["try", path, "--httpd", "/nowhere/httpd"], codes=frozenset({2, 3})),
    "test --report": Use(
        words=lambda path, _: ["test", "lb-byrequests", "--lbmethod", "bytraffic", "--report", path],
        codes=frozenset({2}),
    ),
    "load --report": Use(
        words=lambda path, _: ["load", "ws://127.0.0.1:9/", "--connections", "1", "--report", path],
        codes=frozenset({2}),
    ),
}
FINE = {
    "doctor --conf": {"null"},  # a directive of a module that we do not know
    "test --report": {"folder"},  # which it may be, and what is missing is made
    "load --report": {"folder"},
}


def planted(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and path of everything that is no document, made in a folder."""
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
        yield name, str(folder / name)
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    (folder / "dangling").symlink_to("missing too")
    (folder / "loop").symlink_to("loop")
    (folder / "unreadable").write_bytes(b"{}")
    (folder / "unreadable").chmod(0)
    with (folder / "200 MB").open("wb") as file:
        file.truncate(200_000_000)
    with socket.socket(socket.AF_UNIX) as listening:
        before = Path.cwd()
        try:
            os.chdir(folder)  # the path of a socket has at most 107 bytes
            listening.bind("socket")
        finally:
            os.chdir(before)
    for name in SPECIAL:
        yield name, name if name.startswith("/") else str(folder / name)


def asked(words: list[tuple[list[str], Path, int]]) -> list[dict[str, Any]]:
    """What came of each command line."""
    limits = {"try": 4 * LIMIT_SECONDS}  # httpd reads it too, and is started a few times
    text = json.dumps([(argv, str(folder), user, limits.get(argv[0], LIMIT_SECONDS)) for argv, folder, user in words])
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.asked"],
        input=text,
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def lost(told: dict[str, Any], codes: frozenset[int]) -> list[str]:
    """What is wrong with how a command took a file."""
    found = []
    if told["code"] < 0:
        return [f"ended by signal {-told['code']} after {told['seconds']:.1f} s", told["err"][-2000:]]
    if told["code"] not in codes:
        found.append(f"code {told['code']}")
    sentences = sum(line.startswith(("error: ", "Error: ")) for line in told["err"].splitlines())
    if sentences > 1 or (told["code"] in {2, 3, 4} and not sentences):
        found.append(f"{sentences} sentences")
    if "wslb itself failed" in told["err"] or "Traceback" in told["err"]:
        found.append("told as our own fault")
    if "\x1b]" in told["err"] + told["out"]:
        found.append("orders were passed on")
    if told["memory"] > LIMIT_BYTES:
        found.append(f"{told['memory'] >> 20} MiB")
    return [*found, told["err"][-300:]] if found else []


def test_files_that_are_none(tmp_path: Path) -> None:
    figures = Figures("hostile files")
    room = tmp_path / "files"
    room.mkdir()
    rows = []
    for number, (name, path) in enumerate(planted(room)):
        if name == "unreadable" and os.geteuid() == 0:
            figures.skipped.append("unreadable: root reads everything")
            continue
        for place, (use, spec) in enumerate(USES.items()):
            if name in FINE.get(use, ()) or (name == "missing" and use.endswith("--report")):
                continue
            every = 1 if spec.always or name in {"pipe", "/dev/zero"} else 2 if name in SPECIAL else 6
            if not FULL and (number + place) % every:
                continue
            folder = tmp_path / f"{number}-{place}"
            folder.mkdir()
            rows.append((f"{use}: {name}", spec, (spec.words(path, folder), folder, 0)))
    for (name, spec, _), told in zip(rows, asked([row[2] for row in rows]), strict=True):
        figures.judge(name, lost(told, spec.codes))
    figures.survived()
    assert figures.tried >= 100


def test_configurations_that_are_traps(tmp_path: Path) -> None:
    figures = Figures("hostile configurations")
    for name in ("a.endless", "b.endless"):
        (tmp_path / name).write_text(f"Include {tmp_path}/*.endless\n")
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "long").open("wb") as long:
        long.truncate(200_000_000)
    rows = []
    for number, (name, text) in enumerate(CONFIGURATIONS.items()):
        file = tmp_path / ("itself.conf" if "itself.conf" in text else f"{number}.conf")
        file.write_bytes(text.replace("{here}", str(tmp_path)).encode(errors="surrogateescape"))
        form = ("text", "json", "sarif", "github")[number % 4]
        rows.append((name, frozenset({0, 1}), (["doctor", "--conf", str(file), "--format", form], tmp_path, 0)))
        if FULL or name in TRIED_AS_WELL:
            trying = ["try", str(file), "--report", str(tmp_path / f"{number}")]
            rows.append((f"try: {name}", frozenset({0, 1, 2, 3}), (trying, tmp_path, 0)))
    for (name, codes, _), told in zip(rows, asked([row[2] for row in rows]), strict=True):
        figures.judge(name, lost(told, codes))
    figures.survived()
