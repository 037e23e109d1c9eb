"""A stand-in refuses a library that it was not tried with, in one sentence; `pyproject.toml` says the same bounds."""

import importlib
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from backends import contract

ROOT = Path(__file__).parents[3]
DEPENDENCIES: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "dependencies"
]

USERS = [("node", "websockets"), ("liberty", "aiohttp")]


@pytest.mark.parametrize(("stand_in", "name"), USERS)
def test_the_stand_in_demands_what_the_package_does(stand_in: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def note(name: str, *, lowest: str, below: str) -> None:
        asked.append(f"{name}>={lowest},<{below}")

    module = importlib.import_module(f"backends.{stand_in}")
    with monkeypatch.context() as patch:
        patch.setattr(contract, "demand", note)
        importlib.reload(module)
    importlib.reload(module)
    assert asked == [line for line in DEPENDENCIES if re.match(rf"{name}\b", line)]


@pytest.mark.parametrize(
    ("found", "taken"),
    [
        ("14.2", False),
        ("15.0", True),
        ("15.0.1", True),
        ("17.4", True),
        ("18.0", False),
        ("18.0rc1", False),
        ("100", False),
        ("unknown", False),
    ],
)
def test_a_version_is_taken_or_refused(
    found: str, taken: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(metadata, "version", {"websockets": found}.__getitem__)
    if taken:
        contract.demand("websockets", lowest="15", below="18")
        return
    with pytest.raises(SystemExit, match=r"^3$"):
        contract.demand("websockets", lowest="15", below="18")
    assert capsys.readouterr().err == (
        f"error: websockets {found} is installed, and this stand-in needs 15 or newer, below 18: "
        "pip install 'websockets>=15,<18'\n"
    )


@pytest.mark.parametrize(("stand_in", "name"), USERS)
@pytest.mark.parametrize(("version", "here"), [("1.0", "{} 1.0 is installed"), (None, "{} is not installed")])
def test_the_program_ends_with_one_line(
    stand_in: str, name: str, version: str | None, here: str, tmp_path: Path
) -> None:
    """A library that is older, or none, as its metadata on the path says; what would be imported is broken."""
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("raise AssertionError('it was imported')\n", encoding="utf-8")
    if version:
        (tmp_path / f"{name}-{version}.dist-info").mkdir()
        text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        (tmp_path / f"{name}-{version}.dist-info" / "METADATA").write_text(text, encoding="utf-8")
    # -S: nothing of the environment's own packages can be seen.
    ran = subprocess.run(
        [sys.executable, "-S", "-m", f"backends.{stand_in}"],
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 3, ran.stderr
    assert ran.stderr.count("\n") == 1
    assert f"{here.format(name)}, and this stand-in needs " in ran.stderr
