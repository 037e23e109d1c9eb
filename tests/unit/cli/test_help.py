"""The help of every command is its golden file: read the difference, then ``--update-golden``."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from wslb.cli import COMMANDS, cli, loaded
from wslb.cli.loading import FOREIGN_CONNECTIONS, LAB_CONNECTIONS
from wslb.commands.compare import COMPARED, LEAST_REPEATS
from wslb.load.plan import DEFAULT_CONCURRENCY
from wslb.reports.screen import Colour

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "harness")}
GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", ["", *COMMANDS], ids=lambda name: name or "wslb")
def test_help_is_the_golden_file(name: str, pytestconfig: pytest.Config) -> None:
    words = [*filter(None, [name]), "--help"]
    shown = CliRunner().invoke(cli, words, prog_name="wslb", terminal_width=100).output
    golden = GOLDEN / f"help-{name or 'wslb'}.txt"
    if pytestconfig.getoption("--update-golden"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(shown, encoding="utf-8")
    assert shown == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_come_before_options(name: str) -> None:
    shown = CliRunner().invoke(cli, [name, "--help"], prog_name="wslb", terminal_width=100).output
    if "Example" in shown:
        assert shown.index("Example") < shown.index("Options:")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_list_tells_of_a_command_what_it_tells_of_itself(name: str) -> None:
    command = loaded(name)
    assert command.name == name
    assert (command.help or "").partition("\n\n")[0].replace("\n", " ") == COMMANDS[name]


def test_the_lab_and_the_libraries_are_not_loaded_for_a_list_of_commands() -> None:
    """Neither for the options of one of them: this is what a TAB waits for."""
    program = (
        "import sys; import wslb.cli.main; from wslb.cli import COMMANDS, loaded\n"
        "[loaded(name) for name in COMMANDS]\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    loads = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert "wslb" in loads.stdout.split()
    assert not {"rich", "aiohttp", "jinja2", "websockets", "docker", "pytest", "asyncio"} & set(loads.stdout.split())


STARTS = {
    "version": (["--version"], {}),
    "help": (["--help"], {}),
    "help of a command": (["test", "--help"], {}),
    "TAB for a command": ([], {"_WSLB_COMPLETE": "bash_complete", "COMP_WORDS": "wslb te", "COMP_CWORD": "1"}),
    "TAB for an option": ([], {"_WSLB_COMPLETE": "bash_complete", "COMP_WORDS": "wslb load --c", "COMP_CWORD": "2"}),
}
"""What people wait for without a run: words, and what the shell's completion sets."""


@pytest.mark.parametrize(("words", "more"), STARTS.values(), ids=STARTS)
def test_what_needs_no_lab_starts_in_four_times_what_click_needs(words: list[str], more: dict[str, str]) -> None:
    """CPU of whole processes, in turns, as a ratio of medians: both meet the same machine."""
    own, click_alone = [], []
    for _ in range(5):
        click_alone.append(cpu([sys.executable, "-c", "import click"], {}))
        own.append(cpu([sys.executable, "-m", "wslb", *words], more))
    assert statistics.median(own) <= 4 * statistics.median(click_alone), (own, click_alone)


def cpu(command: list[str], more: dict[str, str]) -> float:
    """CPU seconds of one process, from the system's own count of children that ended."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env=ENVIRONMENT | more)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def told(command: str, option: str) -> str:
    """Help of an option."""
    (found,) = [one for one in loaded(command).params if isinstance(one, click.Option) and one.name == option]
    return found.help or ""


def test_the_options_name_the_defaults_that_they_do_not_load() -> None:
    assert f"({LEAST_REPEATS})" in told("compare", "repeats")
    assert f"({','.join(COMPARED)})" in told("compare", "lbmethods")
    assert f"({LAB_CONNECTIONS}; URL: {FOREIGN_CONNECTIONS})" in told("load", "connections")
    assert f"({DEFAULT_CONCURRENCY})" in told("load", "concurrency")
    (colours,) = [one for one in loaded("test").params if one.name == "color"]
    assert isinstance(colours.type, click.Choice)
    assert list(colours.type.choices) == [colour.value for colour in Colour]
