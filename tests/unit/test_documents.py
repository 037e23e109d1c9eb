"""What the documents say of the project is so."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from wslb.cli import cli
from wslb.commands.mutations import MUTATIONS
from wslb.scenarios import FAMILIES, SCENARIOS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", [README, CHANGELOG], ids=["README", "CHANGELOG"])
def test_numbers_are_counted(text: str) -> None:
    assert f"{len(SCENARIOS)} scenarios in" in text
    assert f"in {len(MUTATIONS)} ways" in text


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
