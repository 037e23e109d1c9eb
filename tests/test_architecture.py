"""The layers of CONTRIBUTING.md, held by reading every import."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FLOORS = (
    "errors waiting",
    "identity resources",
    "certificates model",
    "config wire interfaces checks",
    "connectors runtimes",
    "proxies",
    "fleet reports",
    "lab",
    "scenarios load",
    "commands",
    "cli plugin",
    "__main__",
)
"""Lowest first: what stands on a floor imports itself and what is below. Rooms of one floor do not know each other."""

FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names.split()}

ONLY = {
    "docker": {"runtimes"},
    "websockets": {"connectors"},
    "h2": {"connectors"},
    "pytest": {"plugin"},
    "pytest_asyncio": {"plugin"},
    "click": {"cli"},
}
"""Libraries that one part alone may import."""


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part(path: Path) -> str:
    return path.relative_to(ROOT / "harness" / "wslb").parts[0].removesuffix(".py")


HARNESS = sorted(
    path for path in (ROOT / "harness" / "wslb").rglob("*.py") if path.name != "__init__.py" or part(path) != "__init__"
)
BACKENDS = sorted((ROOT / "backends").rglob("*.py"))


@pytest.mark.parametrize("path", HARNESS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_from_its_own_room_and_the_floors_below(path: Path) -> None:
    own = part(path)
    used = {name.split(".")[1] for name in imports(path) if name.startswith("wslb.")} - {own}
    if own in FLOOR:
        wrong = {name for name in used if name in FLOOR and FLOOR[name] >= FLOOR[own]}
        assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)}: see FLOORS"


@pytest.mark.parametrize("path", HARNESS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_library_has_one_importer(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(path)}
    for library, parts in ONLY.items():
        assert library not in roots or part(path) in parts, f"only {parts} may import {library}"


def test_wslb_and_backends_meet_on_the_wire_only() -> None:
    for path in HARNESS:
        assert not {name for name in imports(path) if name.split(".")[0] == "backends"}, path
    for path in BACKENDS:
        assert not {name for name in imports(path) if name.split(".")[0] == "wslb"}, path


@pytest.mark.parametrize("path", [p for p in HARNESS if part(p) in {"checks", "model", "wire"}], ids=lambda p: p.name)
def test_rules_do_no_input_or_output(path: Path) -> None:
    assert not [node for node in ast.walk(tree(path)) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & {"asyncio", "socket", "subprocess", "aiohttp", "time", "os", "pathlib"}


def test_the_environment_is_read_in_two_places() -> None:
    readers = {
        part(path)
        for path in HARNESS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    assert readers <= {"cli", "plugin", "runtimes", "proxies"}, "settings come from cli and plugin alone"


def test_nothing_waits_by_sleeping() -> None:
    found = {
        (path.name, ast.unparse(node.func))
        for path in HARNESS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "asyncio.sleep"}
    }
    pace_of_a_display, time_under_test = ("up.py", "asyncio.sleep"), ("acts.py", "asyncio.sleep")
    assert found <= {pace_of_a_display, time_under_test}


SHARED_BY_FAMILIES = ("acts", "claims", "scenario")
"""Modules of ``scenarios`` that every family may import."""


@pytest.mark.parametrize(
    "path", sorted((ROOT / "harness" / "wslb" / "scenarios").glob("[!_]*.py")), ids=lambda p: p.stem
)
def test_a_family_imports_no_other_family(path: Path) -> None:
    """A family is a module, and further ones behind an underscore: ``failover``, ``failover_rude``."""
    used = {name.split(".")[2] for name in imports(path) if name.startswith("wslb.scenarios.")}
    assert {name for name in used if name.partition("_")[0] != path.stem.partition("_")[0]} <= set(SHARED_BY_FAMILIES)
