"""What ``from wslb import …`` offers, and what ``import wslb`` costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import wslb

TEXT = Path(wslb.__file__).read_text(encoding="utf-8")


def test_types_and_programs_read_the_same_names_from_the_same_modules() -> None:
    (guarded,) = [node for node in ast.parse(TEXT).body if isinstance(node, ast.If)]
    imported = {
        node.module: {alias.name for alias in node.names} for node in guarded.body if isinstance(node, ast.ImportFrom)
    }
    assert imported == {module: set(names.split()) for module, names in wslb._HOMES.items()}
    assert sorted(wslb.__all__) == sorted(name for names in imported.values() for name in names)


@pytest.mark.parametrize("name", wslb.__all__)
def test_a_public_name_is_there_and_listed(name: str) -> None:
    assert getattr(wslb, name) is not None
    assert name in dir(wslb)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Labb'"):
        _ = wslb.Labb


def test_importing_the_package_loads_nothing_else_of_it() -> None:
    program = (
        f"import sys; sys.path.insert(0, {str(Path(wslb.__file__).parents[1])!r}); import importlib, typing\n"
        "before = set(sys.modules); import wslb; print(*set(sys.modules) - before)"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == ["wslb"]
