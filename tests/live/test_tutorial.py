"""The tutorial, step by step as it stands: red, mended, green."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
CONFIGURATIONS = re.findall(r"```apache\n(.*?)```", PAGE, re.DOTALL)
ANSWERS = re.findall(r"```text\n([✖✔].*?)```", PAGE, re.DOTALL)

pytestmark = pytest.mark.live


def wslb(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wslb", *words], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(("number", "code"), [(0, 1), (1, 0)], ids=["as it is first", "mended"])
def test_the_configuration_gets_the_answer_that_stands_there(tmp_path: Path, number: int, code: int) -> None:
    assert len(CONFIGURATIONS) == len(ANSWERS) == 2
    (tmp_path / "site.conf").write_text(CONFIGURATIONS[number], encoding="utf-8")
    ended = wslb(tmp_path, "try", "site.conf")
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert ANSWERS[number] in ended.stdout
    assert (tmp_path / "reports" / "try" / "report.html").is_file()


def test_the_first_line_is_green(tmp_path: Path) -> None:
    (line,) = re.findall(r"^PASS .*$", PAGE, re.MULTILINE)
    ended = wslb(tmp_path, "test", "lb-byrequests")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert line in ended.stdout
