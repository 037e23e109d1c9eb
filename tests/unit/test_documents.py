"""What the documents say of the project is so."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from wslb.cli import cli
from wslb.scenarios import FAMILIES, SCENARIOS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", [README, CHANGELOG], ids=["README", "CHANGELOG"])
def test_numbers_are_counted(text: str) -> None:
    assert f"{len(SCENARIOS)} scenarios in" in text


def test_every_family_and_command_is_named() -> None:
    for name in FAMILIES:
        assert f"`{name}`" in README
    commands = cli.list_commands(click.Context(cli))
    assert len(commands) > 8
    for command in commands:
        assert f"wslb {command}" in README


def test_every_command_that_is_named_exists() -> None:
    named = set(re.findall(r"^wslb ([a-z]+)", README, re.MULTILINE))
    assert named
    assert named <= set(cli.list_commands(click.Context(cli)))


def test_every_linked_file_is_there() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    for target in targets:
        assert (ROOT / target).is_file(), target


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "harness" / "wslb").rglob("*.py"))


def test_every_path_that_contributing_names_is_there() -> None:
    named = re.findall(r"`((?:harness|backends|tests|apache|docs)/[^` ]*)`", CONTRIBUTING)
    assert len(named) > 25
    for path in named:
        assert (ROOT / path.partition("<")[0]).exists(), path


def test_every_folder_of_its_tree_is_there_and_none_is_missing() -> None:
    drawn = CONTRIBUTING.split("```")[1]
    package = drawn.partition("backends/")[0]
    named = set(
        re.findall(
            r"(?:^|\s\s)([a-z]+/?)(?=\s|$)", "\n".join(re.split(r"  {3,}", line)[0] for line in package.splitlines())
        )
    )
    parts = {path.name + "/" for path in (ROOT / "harness" / "wslb").iterdir() if (path / "__init__.py").is_file()}
    parts |= {path.stem for path in (ROOT / "harness" / "wslb").glob("[!_]*.py")}
    assert parts <= named | {"harness/"}, parts - named


def test_every_registry_and_class_that_contributing_names_exists() -> None:
    table = CONTRIBUTING.partition("| I want to add |")[2].partition("## ")[0]
    named = set(re.findall(r"`([A-Z][A-Za-z]+|[A-Z]{4,})(?:\(\.\.\.\))?`", table))
    assert {"BACKENDS", "COMMANDS", "About"} <= named
    for name in named:
        assert re.search(rf"^(?:class {name}\b|{name}\b[^\n]*=)", SOURCES, re.MULTILINE), name
