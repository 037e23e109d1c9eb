"""``wslb matrix`` of real installations: each is asked, and the table says what only some of them can be asked."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

HTTPD = next(filter(None, map(shutil.which, ("apache2", "httpd"))), "")


def matrix(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from wslb.cli.main import main; sys.argv[0] = 'wslb'; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "matrix", *words, "--report", str(folder)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def copied(tmp_path: Path) -> str:
    """The local httpd by another name: an installation of its own."""
    if not HTTPD:
        pytest.skip("there is no httpd on this machine's PATH")
    link = tmp_path / "httpd-two"
    link.symlink_to(HTTPD)
    return str(link)


def test_two_of_one_version_answer_alike(tmp_path: Path, copied: str) -> None:
    done = matrix(tmp_path / "m", "lb-byrequests", "sticky-cookie", "--httpd", HTTPD, "--httpd", copied)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "2 scenarios on 2 installations: all answer alike" in done.stdout
    for number in (1, 2):
        report = json.loads((tmp_path / "m" / str(number) / "report.json").read_text())
        assert report["counts"]["passed"] == 2


def test_one_that_is_no_httpd_is_told_and_not_agreed_with(tmp_path: Path) -> None:
    if not HTTPD:
        pytest.skip("there is no httpd on this machine's PATH")
    done = matrix(tmp_path / "m", "lb-byrequests", "--httpd", HTTPD, "--httpd", "/bin/true", "--json")
    assert done.returncode == 4, done.stderr + done.stdout
    told = json.loads(done.stdout)
    assert [cell["outcome"] for cell in told["rows"][0]["cells"]] == ["passed", None]
    assert "is not a working Apache httpd" in told["columns"][1]["error"]
    assert "1 scenario on 2 installations: 1 differ" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--httpd", "/bin/true"], "the number of installations is 1, but must be at least 2."),
        (["--httpd", "/a", "--httpd", "/a"], "--httpd is '/a', but must be named once."),
        (["--proxy", "apache", "--proxy", "squid"], "--proxy is 'squid', but must be one of apache, nginx"),
    ],
)
def test_what_cannot_be_a_matrix_is_wrong_usage(tmp_path: Path, words: list[str], told: str) -> None:
    done = matrix(tmp_path / "m", "lb-byrequests", *words)
    assert done.returncode == 2
    assert told in done.stderr
    assert not (tmp_path / "m").exists()
