"""What the documents say of the project is so."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
from click.testing import CliRunner

from tools.reference import MADE
from wslb.cli import COMMANDS, cli, loaded
from wslb.scenarios import FAMILIES, SCENARIOS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_numbers_are_counted() -> None:
    assert f"{len(SCENARIOS)} scenarios in" in CHANGELOG


def test_every_family_and_command_is_named() -> None:
    for name in FAMILIES:
        assert f"`{name}`" in README
    commands = cli.list_commands(click.Context(cli))
    assert len(commands) > 8
    for command in commands:
        assert f"wslb {command}" in README


def test_the_readme_is_short_and_its_pictures_are_small() -> None:
    assert len(README.splitlines()) <= 150
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert len(pictures) == 2
    for picture in pictures:
        assert (ROOT / picture).stat().st_size < 150_000, picture


WRITTEN = [ROOT / "README.md"]
WRITTEN += [page for page in sorted((ROOT / "docs").rglob("*.md")) if not page.read_text().startswith(MADE)]


def lines_of(page: Path) -> list[str]:
    """Each line of a page that calls our command: of its blocks, and what stands as code in its sentences."""
    prose: list[str] = []
    blocks: list[str] = []
    inside: str | None = None
    for line in page.read_text(encoding="utf-8").replace("\\\n", "").splitlines():
        if line.startswith("```"):
            inside = line[3:] if inside is None else None
        else:
            (prose if inside is None else blocks).append(line)
    called = [line.strip().removeprefix("$ ").removeprefix(".venv/bin/") for line in blocks]
    called = [line for line in called if re.match(r"wslb [a-z]", line)]
    return called + re.findall(r"`(wslb [a-z][^`]*)`", "\n".join(prose))


def words_of(line: str) -> list[str]:
    """Its words without what is said about it: behind two blanks, a semicolon or an ellipsis."""
    return shlex.split(re.split(r"\s{2,}|…|; ", line)[0])[1:]


def unknown(line: str) -> list[str]:
    """The words of a line that its command does not know; the command itself where there is none such."""
    name, *words = words_of(line)
    if name not in COMMANDS:
        return [name]
    options = {one for parameter in loaded(name).params for one in (*parameter.opts, *parameter.secondary_opts)}
    return [word for word in words if word.startswith("-") and not {word.partition("=")[0], word[:2]} & options]


def test_every_command_that_is_named_exists_with_its_options() -> None:
    named = [(str(page.relative_to(ROOT)), line) for page in WRITTEN for line in lines_of(page)]
    assert len(named) > 80
    assert [(page, line) for page, line in named if unknown(line)] == []
    assert unknown("wslb check URL --connections 3") == ["--connections"]
    assert unknown("wslb attempt") == ["attempt"]


def test_commands_that_need_no_lab_do_what_the_pages_say() -> None:
    cheap = {line for page in WRITTEN for line in lines_of(page) if words_of(line)[0] in {"list", "explain", "config"}}
    cheap = {line for line in cheap if not re.search("NAME|M]", line)}
    assert len(cheap) > 2
    ended = {line: CliRunner().invoke(cli, words_of(line)) for line in cheap}
    assert [(line, one.output) for line, one in ended.items() if one.exit_code or not one.output] == []


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
