"""The pages that the code tells are those that stand in docs/reference."""

from __future__ import annotations

import re

import pytest

from tools.reference import FOLDER, PAGES
from wslb.cli.load import EXIT_CODES as OF_LOAD
from wslb.cli.options import EXIT_CODES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_the_code_says(name: str, pytestconfig: pytest.Config) -> None:
    path = FOLDER / f"{name}.md"
    text = PAGES[name]().rstrip() + "\n"
    if pytestconfig.getoption("--update-golden"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"{path} is made from the code: python -m tools.reference"


def test_every_exit_code_has_its_meaning() -> None:
    page = (FOLDER / "exit-codes.md").read_text(encoding="utf-8")
    told = set(re.findall(r"\d+", " ".join(re.findall(r"^\| ([\d, ]+) \|", page, re.MULTILINE))))
    assert {"0", "1", "2", "3", "4", "5", "130"} <= told
    assert set(re.findall(r"\b\d+\b", EXIT_CODES + OF_LOAD)) <= told
