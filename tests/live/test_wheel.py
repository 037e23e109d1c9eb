"""The wheel works outside the checkout: templates, page, schema and backends travel with it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator, Mapping
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
        "wslb/py.typed",
        "wslb/_apache/httpd.conf.j2",
        "wslb/reports/report.schema.json",
        "wslb/_programs/backends/console/WSConsole.html",
        "wslb/_programs/backends/README.md",
        "wslb/_programs/backends/liberty/__main__.py",
    } <= names
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"wslb"}


@pytest.fixture(scope="module")
def python(wheel: Path) -> Iterator[Path]:
    """Of a new environment that has the pinned packages and the wheel, and no path to the checkout."""
    with place() as here:
        environment = here.folder / "env"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, timeout=60)
        packages = next(environment.glob("lib/python*/site-packages"))
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)
        # A plain path line makes the pinned packages importable; the checkout's own .pth file there is not read.
        (packages / "pinned.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
        yield environment / "bin" / "python"


def run(here: Place, *command: object, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run it there, without the checkout."""
    environment = {name: value for name, value in here.environment().items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(word) for word in command],
        cwd=here.folder,
        env={**environment, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_an_empty_environment_in_an_empty_folder_runs_the_main_job(python: Path) -> None:
    with place() as here:
        where = run(here, python, "-c", "import wslb; print(wslb.Lab, wslb.__file__)").stdout
        assert "wslb.lab.lab.Lab" in where
        assert str(ROOT) not in where
        ended = run(here, python, "-m", "wslb", "test", "lb")
        assert ended.returncode == 0, ended.stdout + ended.stderr
        document = json.loads((here.folder / "reports/lb/report.json").read_text(encoding="utf-8"))
        assert document["counts"]["passed"] == len(document["planned"]) >= 14
        assert here.leftovers() == []


IN_A_NAMESAKE = """
from backends.own import NAME as backend
from harness.own import NAME as harness

async def test_both(wslb_lab):
    assert (backend, harness) == ("backends", "harness")
    assert [one.backend for one in await wslb_lab.open_in_turn(4)] == ["liberty", "node", "liberty", "node"]
"""


def test_a_project_with_folders_of_our_names_runs_its_tests_and_the_lab(python: Path) -> None:
    with place() as here:
        for name in ("harness", "backends"):
            (here.folder / name).mkdir()
            (here.folder / name / "__init__.py").touch()
            (here.folder / name / "own.py").write_text(f"NAME = {name!r}\n", encoding="utf-8")
        (here.folder / "test_both.py").write_text(IN_A_NAMESAKE, encoding="utf-8")
        command = (python, "-m", "pytest", "-q", "-p", "no:cacheprovider")
        ended = run(here, *command, environ={"PYTHONPATH": str(here.folder)})
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert "1 passed" in ended.stdout
        assert here.leftovers() == []


API = (ROOT / "tests/typing/api.py").read_text(encoding="utf-8")
WRONG = {number for number, line in enumerate(API.splitlines(), 1) if line.endswith("# error")}
GUIDE = (ROOT / "docs/howto/pytest.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


def typed(here: Place) -> None:
    """A user's tests: ours with its errors, and what the guide shows."""
    (here.folder / "api.py").write_text(API, encoding="utf-8")
    for number, example in enumerate(EXAMPLES):
        (here.folder / f"guide_{number}.py").write_text(example, encoding="utf-8")


def test_mypy_finds_the_errors_of_a_user_and_no_others(python: Path) -> None:
    with place() as here:
        typed(here)
        command = (sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--python-executable={python}")
        files = sorted(path.name for path in here.folder.glob("*.py"))
        told = run(here, *command, "--cache-dir=cache", "--no-pretty", "--hide-error-context", *files).stdout
        found = re.findall(r"^(\w+\.py):(\d+): error:", told, re.MULTILINE)
        assert {(name, int(line)) for name, line in found} == {("api.py", line) for line in WRONG}, told


def test_pyright_finds_the_errors_of_a_user_and_no_others(python: Path) -> None:
    with place() as here:
        typed(here)
        (here.folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}', encoding="utf-8")
        told = run(here, sys.executable, "-m", "basedpyright", "--pythonpath", python, "--outputjson", ".").stdout
        found = [line for line in json.loads(told)["generalDiagnostics"] if line["severity"] == "error"]
        lines = {(Path(line["file"]).name, line["range"]["start"]["line"] + 1) for line in found}
        assert lines == {("api.py", line) for line in WRONG}, told
