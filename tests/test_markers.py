"""Every marker of the tests is registered once, and used."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
OPTIONS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
PLUGIN = (ROOT / "harness" / "wslb" / "plugin" / "__init__.py").read_text(encoding="utf-8")

OWN = [line.partition(":")[0].partition("(")[0] for line in OPTIONS["markers"]]
SHIPPED = re.findall(r'addinivalue_line\(\s*"markers",\s*"(\w+)', PLUGIN)


def test_a_marker_is_registered_once() -> None:
    assert "live" in OWN
    assert "wslb_lb" in SHIPPED
    assert not [name for name, times in Counter(OWN + SHIPPED).items() if times > 1]


def test_a_marker_is_used() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    used = set(re.findall(r"\bmark\.(\w+)", text)) | set(re.findall(r'"mark", "(\w+)"', text))
    assert {"parametrize", "slow"} <= used
    assert not set(OWN) - used


def test_parameters_that_are_missing_fail_and_do_not_skip() -> None:
    assert OPTIONS["empty_parameter_set_mark"] == "fail_at_collect"
