"""What others run of this repository: action, GitLab component, image and release; each script is executed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

yaml: Any = pytest.importorskip("yaml")

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
INPUTS, JOB = yaml.safe_load_all((ROOT / "templates" / "wslb.yml").read_text(encoding="utf-8"))
RELEASE = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8"))
SCRIPTS = {
    "action": (["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"], ACTION["runs"]["steps"][2]["run"]),
    "gitlab": (["sh", "-ec"], JOB["wslb"]["script"][0]),
}
BROKEN = "ProxyPass / http://192.0.2.1:80/\nProxyPass /ws ws://192.0.2.1:80/ws\n"


def asked(script: str, folder: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The script of a job, with a `wslb` in its PATH."""
    call, text = SCRIPTS[script]
    wslb = folder / "wslb" / "bin" / "wslb"
    wslb.parent.mkdir(parents=True)
    wslb.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT}/harness exec {sys.executable} -m wslb "$@"\n', encoding="utf-8")
    wslb.chmod(0o755)
    ask = {"ASK_COMMAND": command, "ASK_ARGUMENTS": "\n".join(arguments), "ASK_REPORT": "out folder"}
    path = f"{wslb.parent}{os.pathsep}{os.environ['PATH']}"
    ci = {"RUNNER_TEMP": str(folder), "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    return subprocess.run(
        [*call, text.replace("/opt/wslb", str(folder / "wslb"))],
        cwd=folder,
        env={**os.environ, "PATH": path, **ask, **ci},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_server_that_is_not_there_is_red_and_told(script: str, tmp_path: Path) -> None:
    ended = asked(script, tmp_path, "check", "ws://127.0.0.1:9/ws", "", "--count", "1")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    told = (tmp_path / "out folder" / "check.txt").read_text(encoding="utf-8")
    assert "checks hold" in told
    assert told in ended.stdout
    if script == "action":
        assert told in (tmp_path / "summary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("script", SCRIPTS)
def test_an_argument_is_one_whatever_it_holds(script: str, tmp_path: Path) -> None:
    ended = asked(script, tmp_path, "doctor", "a $(touch stolen) `touch stolen`; touch stolen.conf")
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "a $(touch stolen) `touch stolen`; touch stolen.conf" in ended.stderr
    assert [path.name for path in tmp_path.glob("stolen*")] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_advice_on_a_file_is_red_too(script: str, tmp_path: Path) -> None:
    (tmp_path / "site.conf").write_text(BROKEN, encoding="utf-8")
    ended = asked(script, tmp_path, "doctor", "site.conf")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "WSLB-C050" in ended.stdout


def test_a_command_that_is_none_of_those_is_wrong_usage(tmp_path: Path) -> None:
    ended = asked("action", tmp_path, "up")
    assert (ended.returncode, "must be try, check, test or doctor" in ended.stderr) == (2, True), ended.stderr
    assert INPUTS["spec"]["inputs"]["command"]["options"] == ["try", "check", "test", "doctor"]  # GitLab refuses others


@pytest.mark.live
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_configuration_leaves_its_report(script: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "site.conf").write_text(BROKEN, encoding="utf-8")
    ended = asked(script, tmp_path, "try", "site.conf")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "site.conf:1: ProxyPass / http://192.0.2.1:80/ takes it as plain HTTP" in ended.stdout
    names = {path.name for path in (tmp_path / "out folder").iterdir()}
    assert {"report.html", "report.json", "junit.xml"} <= names


def test_what_is_published_is_the_folder_of_the_report() -> None:
    upload = ACTION["runs"]["steps"][-1]
    assert upload["with"]["path"] == "${{ inputs.report }}"
    assert "cancelled()" in upload["if"]
    artifacts = JOB["wslb"]["artifacts"]
    assert (artifacts["when"], artifacts["paths"]) == ("always", ["$[[ inputs.report ]]"])
    used = {name for text in map(json.dumps, (ACTION, JOB)) for name in re.findall(r"inputs\.([a-z]+)", text)}
    assert used == {*ACTION["inputs"], *INPUTS["spec"]["inputs"]}


@pytest.mark.parametrize(("tag", "code"), [("v0.1.0", 0), ("v0.1.1", 1)])
def test_a_release_has_the_version_of_its_tag(tag: str, code: int) -> None:
    step = next(one for one in RELEASE["jobs"]["build"]["steps"] if one.get("name") == "The tag is the version")
    call = step["run"].replace("python ", f"{sys.executable} ", 1)
    ran = subprocess.run(["/bin/sh", "-c", call], cwd=ROOT, env={**os.environ, "GITHUB_REF_NAME": tag}, check=False)
    assert ran.returncode == code


def test_only_the_job_that_publishes_may_ask_for_a_token() -> None:
    assert RELEASE["permissions"] == {"contents": "read"}
    assert {name: job.get("permissions") for name, job in RELEASE["jobs"].items()} == {
        "build": None,
        "publish": {"id-token": "write"},
    }


@pytest.mark.slow
def test_the_image_gets_all_that_the_wheel_is_made_of(tmp_path: Path) -> None:
    """The sources that the Dockerfile copies, and that .dockerignore lets through, make a wheel that works."""
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (.+) /src/\S*$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    names = [name for line in copied for name in line.split()]
    assert len(names) > 4
    assert set(names) <= let_through
    (tmp_path / "src").mkdir()
    for name in names:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / "src" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tmp_path / "src" / name)
    words = ["wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation"]
    subprocess.run([sys.executable, "-m", "pip", *words, "-w", str(tmp_path), str(tmp_path / "src")], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    shown = subprocess.run(
        [sys.executable, "-P", "-m", "wslb", "config", "--compose"],
        env={**unmeasured, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "balancer://mycluster" in shown.stdout, shown.stderr


def test_the_devcontainer_makes_the_environment_of_the_makefile() -> None:
    made = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text(encoding="utf-8"))
    target = made["postCreateCommand"].removeprefix("make ")
    assert re.search(rf"^{target}: ", (ROOT / "Makefile").read_text(), re.MULTILINE)
