"""A stream that breaks, or cannot hold a character, changes neither exit code nor report of any command that writes."""

from __future__ import annotations

import json

import pytest

from tests import runs
from tests.faults.figures import FULL, Figures, needs_proc
from tests.faults.moments import SEED
from tests.faults.remains import Room, room
from wslb.reports import files

pytestmark = [pytest.mark.live, pytest.mark.slow, needs_proc]

COMMANDS: dict[str, tuple[tuple[str, ...], int, str]] = {
    "test": (("test", "lb-byrequests"), 0, "reports/lb/report.json"),
    "load": (("load", "--connections", "20", "--lag-limit", "60s"), 0, "reports/load/load.json"),
    "compare": (
        ("compare", "short", "--lbmethods", "byrequests,bybusyness", "--connections", "10"),
        0,
        "reports/compare/report.json",
    ),
    "check": (("check", "ws://127.0.0.1:1/", "--count", "1"), 1, ""),
    "selftest": (("selftest", "probe-proxied"), 0, ""),
    "report": (("report", "saved/report.json", "--report", "drawn"), 0, "saved/report.json"),
    "doctor": (("doctor",), 0, ""),
    "config": (("config", "article-listing8"), 0, ""),
    "list": (("list", "--json"), 0, ""),
    "up": (("up", "--port", "18078", "--tls-port", "18448"), 0, ""),
    "wrong": (("test", "nonsense"), 2, ""),
}
"""Words, exit code, and the report."""

BREAKS = {
    "| head -1": '"$@" | head -1 >/dev/null; exit ${PIPESTATUS[0]}',
    "| true": '"$@" 2>&1 | true; exit ${PIPESTATUS[0]}',
    ">/dev/full": "exec >/dev/full",
    ">/dev/full 2>&1": "exec >/dev/full 2>&1",
    ">&-": "exec >&-",
    "2>&-": "exec 2>&-",
    "all closed": "exec <&- >&- 2>&-",
    "ASCII": "export LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0",
    "latin-1": "export PYTHONIOENCODING=latin-1",
}
UNTIL_UP = """me=$$
( until (: </dev/tcp/127.0.0.1/18078) 2>/dev/null; do sleep 0.1; done; kill -INT $me ) </dev/null >/dev/null 2>&1 &
exec "$@"
"""
"""``wslb up`` goes on until somebody ends it."""


def lost_by(name: str, before: str) -> list[str]:
    """Sentences of what a command lost by it."""
    words, code, report = COMMANDS[name]
    with room() as here:
        if name == "report":
            files.write(runs.run(runs.passed()), here.folder / "saved")
        command = here.command(*words)
        if name == "up":
            command = ["/bin/bash", "-c", UNTIL_UP, "-", *command]
        process = here.begin(here.argv(*command, before=before))
        _, err = process.communicate(timeout=120)
        lost = [] if process.returncode == code else [f"exit code {process.returncode}"]
        if b"Traceback" in err or b"itself failed" in err:
            lost.append("an error without a sentence")
        lost += [*_unsaid(here, report, code), *here.left()]
        return lost and [*lost, f"err {err[-800:]!r}"]


def _unsaid(here: Room, report: str, code: int) -> list[str]:
    if not report:
        return []
    path = here.folder / report
    if not path.exists():
        return ["it has no report"]
    document = json.loads(path.read_text())
    said = document.get("outcome", document)["exit_code"]
    return [] if said == code else [f"its report says {said}"]


def test_streams_that_break() -> None:
    figures = Figures(f"broken streams (WSLB_FAULTS_SEED={SEED})")
    every = [(name, how) for name in COMMANDS for how in BREAKS]
    names = list(COMMANDS)
    portion = [(names[(SEED + i) % len(names)], how) for i, how in enumerate(BREAKS)]
    for name, how in every if FULL else portion:
        figures.judge(f"{name} {how}", lost_by(name, BREAKS[how]))
    figures.survived()
