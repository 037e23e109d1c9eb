"""The help of every command is its golden file: read the difference, then ``--update-golden``."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from wslb.cli.main import cli

GOLDEN = Path(__file__).parent / "golden"
COMMANDS = ["", *sorted(cli.commands)]


@pytest.mark.parametrize("name", COMMANDS, ids=lambda name: name or "wslb")
def test_help_is_the_golden_file(name: str, pytestconfig: pytest.Config) -> None:
    words = [*filter(None, [name]), "--help"]
    shown = CliRunner().invoke(cli, words, prog_name="wslb", terminal_width=100).output
    golden = GOLDEN / f"help-{name or 'wslb'}.txt"
    if pytestconfig.getoption("--update-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_examples_come_before_options(name: str) -> None:
    command: click.Command = cli.commands[name]
    shown = CliRunner().invoke(cli, [name, "--help"], prog_name="wslb", terminal_width=100).output
    assert command.help
    if "Example" in shown:
        assert shown.index("Example") < shown.index("Options:")
