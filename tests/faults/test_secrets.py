"""A secret given to any option, argument or variable of any command is in nothing that the command says or writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from tests import runs
from tests.faults.figures import FULL
from wslb.cli import COMMANDS, loaded
from wslb.config import Settings
from wslb.reports import files

pytestmark = [pytest.mark.live, pytest.mark.slow]

SECRET = "Hu5h-4711-Hu5h"
SHAPES = {
    "user of a URL": f"ws://user:{SECRET}@127.0.0.1:9/ws",
    "query of a URL": f"ws://127.0.0.1:9/ws?access_token={SECRET}&x=1",
    "query of a page": f"https://127.0.0.1:9/ws?x=1&session_id={SECRET}",
    "user of an address": f"tcp://user:{SECRET}@127.0.0.1:9",
    "Authorization": f"Authorization: Bearer {SECRET}",
    "Proxy-Authorization": f"Proxy-Authorization: Basic {SECRET}",
    "Cookie": f"Cookie: a=b; c={SECRET}",
    "key": f"X-Api-Key: {SECRET}",
    "subprotocol": f"Sec-WebSocket-Protocol: chat, token.{SECRET}",
    "quoted field": f"'Authorization': 'Bearer {SECRET}'",
    "signed token": f"eyJhbGciOiJIUzI1NiJ9.{SECRET}.c2lnbmF0dXJl",
}
EVERY = "\n".join(SHAPES.values())
NAMES_A_FOLDER = "report"
"""The option whose value becomes the name of a folder: that name is no secret."""

ENDS = {
    "check": ["ws://127.0.0.1:9/"],
    "clean": [],
    "compare": ["--httpd", "/nowhere/httpd"],
    "config": ["--httpd", "/nowhere/httpd"],
    "doctor": ["--httpd", "/nowhere/httpd"],
    "explain": ["lb-byrequests"],
    "list": [],
    "load": ["--httpd", "/nowhere/httpd"],
    "matrix": ["--httpd", "/nowhere/httpd", "--proxy", "nginx=/nowhere/nginx"],
    "report": ["report.json"],
    "selftest": ["--httpd", "/nowhere/httpd"],
    "test": ["--httpd", "/nowhere/httpd"],
    "try": ["--httpd", "/nowhere/httpd"],
    "up": ["--httpd", "/nowhere/httpd"],
}
"""What makes each command end at once: nobody serves port 9, and no httpd is there."""


def lines_of(name: str) -> Iterator[list[str]]:
    """A command line for each shape of a secret in each place of a command that takes a text."""
    yield [name, *ENDS[name], f"--unknown={SHAPES['Authorization']}"]
    for number, shape in enumerate(SHAPES.values()):
        for place, parameter in enumerate(loaded(name).params):
            if not FULL and (number + place) % 4:
                continue
            if isinstance(parameter, click.Argument):
                yield [name, *ENDS[name][ENDS[name] == ["report.json"] or name == "check" :], shape]
            elif isinstance(parameter, click.Option) and not parameter.is_flag and not parameter.count:
                if parameter.name == NAMES_A_FOLDER:
                    continue
                yield [name, *ENDS[name], parameter.opts[-1], shape]
        yield [name, *ENDS[name], shape, shape]


def asked(lines: list[list[str]], folder: Path, **variables: str) -> list[dict[str, Any]]:
    """What came of each, where pipes stand in the place of a terminal and GitHub Actions listens."""
    text = json.dumps([(words, str(folder), 0, 20) for words in lines])
    environ = {name: value for name, value in os.environ.items() if not name.startswith("WSLB_")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.asked"],
        input=text, capture_output=True, text=True, timeout=600, check=True,
        env={**environ, "WSLB_DEBUG": "1", "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "summary.md", **variables},
    )  # fmt: skip
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def leaks(lines: list[list[str]], told: list[dict[str, Any]], folder: Path) -> list[str]:
    found = [
        f"{words}: code {one['code']}, {one['out'][-300:]!r}, {one['err'][-500:]!r}"
        for words, one in zip(lines, told, strict=True)
        if SECRET in one["out"] + one["err"] or one["code"] < 0
    ]
    return found + [
        f"{path.relative_to(folder)}" for path in folder.rglob("*") if path.is_file() and SECRET in path.read_text()
    ]


def test_every_command_is_asked() -> None:
    assert ENDS.keys() == COMMANDS.keys(), "a command ends at once with what words?"


@pytest.mark.parametrize("name", COMMANDS)
def test_what_was_given_is_not_told(name: str, tmp_path: Path) -> None:
    files.write(runs.run(runs.passed()), tmp_path)
    lines = list(lines_of(name))
    assert len(lines) > len(SHAPES)
    told = asked(lines, tmp_path)
    assert not leaks(lines, told, tmp_path), "\n".join(leaks(lines, told, tmp_path))
    assert any("(redacted)" in one["out"] + one["err"] for one in told), "it is told without the secret"


def test_what_the_environment_holds_is_not_told(tmp_path: Path) -> None:
    files.write(runs.run(runs.passed()), tmp_path)
    lines = [[name, *words] for name, words in ENDS.items() if name in {"test", "report", "doctor", "config", "up"}]
    names = [f"WSLB_{name.upper()}" for name in Settings.__dataclass_fields__ if name != NAMES_A_FOLDER]
    for variable in ("WSLB_MPM", "WSLB_CONNECTIONS", "WSLB_PERCENTILES", "WSLB_RUNTIME"):
        assert variable in names
        told = asked(lines, tmp_path, **{variable: EVERY})
        assert not leaks(lines, told, tmp_path), "\n".join(leaks(lines, told, tmp_path))
        assert any("(redacted)" in one["err"] for one in told), variable


def test_what_saved_files_hold_is_not_told(tmp_path: Path) -> None:
    """A report that another program wrote, redrawn, as baseline, and as one that is refused."""
    files.write(runs.run(runs.passed(), runs.broken()), tmp_path)
    document = json.loads((tmp_path / "report.json").read_text())
    scenario = document["scenarios"][1]
    document["command"] = document["error"] = scenario["reason"] = scenario["reproduce"] = EVERY
    document["environment"]["proxy"] = scenario["verdicts"][0]["observed"] = EVERY
    (tmp_path / "foreign.json").write_text(json.dumps(document))
    (tmp_path / "wrong.json").write_text(json.dumps({**document, "verdict": EVERY}))
    (tmp_path / "other.json").write_text(json.dumps({"schema": f"wslb.report/{EVERY}"}))
    lines = [
        ["report", "foreign.json"],
        ["report", "report.json", "--baseline", "foreign.json"],
        ["report", "wrong.json"],
        ["report", "other.json"],
    ]
    told = asked(lines, tmp_path)
    for name in ("foreign.json", "wrong.json", "other.json"):
        (tmp_path / name).unlink()
    assert [one["code"] for one in told] == [0, 0, 2, 2], told
    assert not leaks(lines, told, tmp_path), "\n".join(leaks(lines, told, tmp_path))


def test_what_a_configuration_holds_is_not_told(tmp_path: Path) -> None:
    for number, shape in enumerate(SHAPES.values()):
        (tmp_path / f"{number}.conf").write_text(
            f'ProxyPass "/ws" "{shape}"\nProxyPass / ws://user:{SECRET}@127.0.0.1:9/\nProxyPass /a ws://127.0.0.1/\n'
            f'<Proxy balancer://c>\nBalancerMember "ws://user:{SECRET}@127.0.0.1:9" loadfactor=0 route={{\n</Proxy>\n'
            f'ProxyPass /c balancer://c stickysession="{shape}"\nRequestHeader set Cookie "a={SECRET}"\n'
            f'RequestHeader set Authorization "Basic {SECRET}"\nProxySet "{shape}"\n'
            f'<If "{shape}">\nProxyTimeout "{shape}"\n'
        )
    lines = [
        ["doctor", "--conf", f"{number}.conf", *more] for number in range(len(SHAPES)) for more in ([], ["--json"])
    ]
    told = asked(lines, tmp_path)
    for path in tmp_path.glob("*.conf"):
        path.unlink()
    assert {one["code"] for one in told} == {1}
    assert not leaks(lines, told, tmp_path), "\n".join(leaks(lines, told, tmp_path))
