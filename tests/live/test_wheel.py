"""The wheel works outside the checkout: templates, page, schema and backends travel with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.live.command import Place, place

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--no-build-isolation", "-w", str(folder), str(ROOT)], check=True, timeout=120)
    (built,) = folder.glob("wslb-*.whl")
    return built


def test_everything_that_a_run_reads_is_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "wslb/_apache/httpd.conf.j2",
        "wslb/reports/report.schema.json",
        "wslb/_programs/backends/console/WSConsole.html",
        "wslb/_programs/backends/README.md",
        "wslb/_programs/backends/liberty/__main__.py",
    } <= names
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"wslb"}


def test_an_empty_environment_in_an_empty_folder_runs_the_main_job(wheel: Path) -> None:
    """A new environment that has the pinned packages and the wheel, and no path to the checkout."""
    with place() as here:
        environment = here.folder / "env"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=60)
        packages = next(environment.glob("lib/python*/site-packages"))
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)
        # A plain path line makes the pinned packages importable; the checkout's own .pth file there is not read.
        (packages / "pinned.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
        python = environment / "bin" / "python"
        where = subprocess.run(
            [python, "-c", "import wslb; print(wslb.__file__)"],
            capture_output=True,
            text=True,
            check=True,
            cwd=here.folder,
            env=here.environment(),
        ).stdout
        assert str(ROOT) not in where
        ended = _test(here, python)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        document = json.loads((here.folder / "reports/lb/report.json").read_text(encoding="utf-8"))
        assert document["counts"]["passed"] == len(document["planned"]) >= 14
        assert here.leftovers() == []


def _test(here: Place, python: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in here.environment().items() if name != "PYTHONPATH"}
    return subprocess.run(
        [python, "-m", "wslb", "test", "lb"],
        cwd=here.folder,
        env={**environment, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
