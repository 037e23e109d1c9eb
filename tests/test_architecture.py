"""Who may import whom, how the folders are kept, and one name for one thing: the table of CONTRIBUTING.md, held.

Every import counts, wherever it stands: inside a function and under ``if TYPE_CHECKING`` too.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WSLB = ROOT / "harness" / "wslb"

FLOORS = (
    "caller errors waiting",
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
    "__init__ __main__",
)
"""Lowest first: what stands on a floor imports itself and what is below. Rooms of one floor do not know each other."""

FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names.split()}

NEVER = {
    "wslb.reports": ("wslb.connectors", "wslb.lab", "wslb.scenarios"),
    "wslb.checks": tuple(f"wslb.{room}" for room in FLOOR if room not in {"checks", "model"}),
}
"""What a room may not import although it lies below; of two products, two stand-ins and two places see further down."""

BESIDE = {"wslb.proxies": (), "backends": ("contract", "cl", "console")}
"""Folders that do not know each other, and those beside them that each may import."""

ONLY = {
    "docker": {"runtimes"},
    "websockets": {"connectors"},
    "h2": {"connectors"},
    "pytest": {"plugin"},
    "click": {"cli"},
}
"""Libraries that one part alone may import."""

OF_ONE_KIND = {"checks", "scenarios", "causes", "rules", "mutations", "cli"}
"""Folders of things of one kind, each module named after its subject, whose own module may have that name too."""

MOST_IN_THE_ROOT = 10
MOST_IN_A_FOLDER = 15
LARGE = {"checks", "scenarios", "reports", "cli"}
"""Folders that may hold more modules than that: all of one kind."""


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> frozenset[str]:
    """Dotted names of everything that a module imports, ``from a import b`` as ``a`` and ``a.b``."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import hides where it leads"
            assert node.module
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def part(path: Path) -> str:
    return path.relative_to(WSLB).parts[0].removesuffix(".py")


def dotted(path: Path) -> str:
    """Name of a module as it is imported."""
    base = ROOT / "harness" if path.is_relative_to(WSLB) else ROOT
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


HARNESS = sorted(WSLB.rglob("*.py"))
BACKENDS = sorted((ROOT / "backends").rglob("*.py"))
MODULES = {dotted(path): path for path in (*HARNESS, *BACKENDS)}


@cache
def arrows(path: Path) -> frozenset[str]:
    """Modules of ours that a module imports: of ``from a import b``, ``a.b`` where that is a module, else ``a``."""
    names = imports(path) & MODULES.keys()
    packages = {name for name in names if MODULES[name].name == "__init__.py"}
    whole = {name for name in packages if not _only_submodules(path, name)}
    return (names - packages | whole) - {dotted(path)}


def _only_submodules(path: Path, package: str) -> bool:
    """Whether every name that is imported from a package is a module in it, so that its own text is not asked."""
    taken = {
        f"{package}.{alias.name}"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and node.module == package
        for alias in node.names
    }
    return bool(taken) and taken <= MODULES.keys()


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_every_part_stands_on_a_floor() -> None:
    assert {part(path) for path in HARNESS} == set(FLOOR)


@pytest.mark.parametrize("path", HARNESS, ids=dotted)
def test_a_module_imports_from_its_own_room_and_the_floors_below(path: Path) -> None:
    own = part(path)
    used = {[*name.split("."), "__init__"][1] for name in imports(path) if within(name, "wslb")} - {own}
    wrong = {name for name in used if FLOOR.get(name, len(FLOORS)) >= FLOOR[own]}
    assert not wrong, f"{dotted(path)} imports {sorted(wrong)}: see FLOORS"


@pytest.mark.parametrize(("room", "foreign"), NEVER.items(), ids=NEVER)
def test_a_room_does_not_know(room: str, foreign: Iterable[str]) -> None:
    wrong = {
        (module, name)
        for module, path in MODULES.items()
        if within(module, room)
        for name in imports(path)
        if any(within(name, other) for other in foreign)
    }
    assert not wrong


@pytest.mark.parametrize(("house", "shared"), BESIDE.items(), ids=BESIDE)
def test_replaceable_parts_do_not_know_each_other(house: str, shared: Iterable[str]) -> None:
    wrong = {
        (module, name)
        for module, path in MODULES.items()
        if within(module, house) and (own := _folder(module, house))
        for name in arrows(path)
        if within(name, house) and _folder(name, house) not in {own, *shared, ""}
    }
    assert not wrong


def _folder(module: str, house: str) -> str:
    """The folder of a house that a module lies in; empty for a module of the house itself."""
    name = f"{house}.{module.removeprefix(house).strip('.').partition('.')[0]}"
    return name.rpartition(".")[2] if any(other.startswith(f"{name}.") for other in MODULES) else ""


def test_no_circle() -> None:
    assert not circle({module: arrows(path) for module, path in MODULES.items()})


def circle(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """One circle of imports, in order; empty when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as exc:
        return list(exc.args[1])
    return []


def test_a_circle_is_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": set()})
    assert not circle({"a": {"b", "c"}, "b": {"c"}, "c": set()})


@pytest.mark.parametrize("path", HARNESS, ids=dotted)
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


def test_the_root_is_small() -> None:
    modules = [path.name for path in WSLB.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MOST_IN_THE_ROOT, sorted(modules)


def test_a_large_folder_holds_one_kind() -> None:
    count: dict[Path, int] = defaultdict(int)
    for path in MODULES.values():
        count[path.parent] += path.name != "__init__.py"
    assert {folder.name for folder, number in count.items() if number > MOST_IN_A_FOLDER} <= LARGE


def test_backends_is_a_house_of_folders() -> None:
    files = {path.name for path in (ROOT / "backends").iterdir() if path.is_file()}
    assert files == {"__init__.py", "README.md"}


def classes() -> Iterator[tuple[str, str]]:
    for module, path in MODULES.items():
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield node.name, module


def test_no_two_classes_have_one_name() -> None:
    assert not doubles(classes())


def test_no_two_modules_have_one_name() -> None:
    named = (
        (path.stem, module)
        for module, path in MODULES.items()
        if not path.stem.startswith("__") and path.parent.name not in OF_ONE_KIND
    )
    assert not doubles(named)


def doubles(named: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Names that stand for several things, each with where it stands."""
    places: dict[str, list[str]] = defaultdict(list)
    for name, where in named:
        places[name].append(where)
    return {name: found for name, found in places.items() if len(found) > 1}


def test_the_environment_is_read_in_two_places() -> None:
    readers = {
        part(path)
        for path in HARNESS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    assert readers <= {"cli", "plugin", "runtimes", "proxies"}, "settings come from cli and plugin alone"


TIME_IS_THE_THING = {
    "commands/up.py": "the pace of a display",
    "lab/relay.py": "delay that a tunnel must endure",
    "load/conduct.py": "the pace at which programs and members are looked at, and the hour of a fault",
    "load/shards/shard.py": "the pace of progress",
    "scenarios/acts.py": "silence that a tunnel must endure",
}
"""Modules that let time pass, and why; all others wait for something, with `waiting.until`."""


def test_nothing_waits_by_sleeping() -> None:
    found = {
        (path.relative_to(ROOT / "harness" / "wslb").as_posix(), ast.unparse(node.func))
        for path in HARNESS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "asyncio.sleep"}
    }
    assert found == {(module, "asyncio.sleep") for module in TIME_IS_THE_THING}


def test_nothing_sleeps_by_hand() -> None:
    """A future that a timer sets is a sleep under another name."""
    timers = [
        path
        for path in HARNESS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("call_later")
        and any(ast.unparse(argument).endswith("set_result") for argument in node.args)
    ]
    assert not timers


SHARED_BY_FAMILIES = ("acts", "claims", "ending", "scenario")
"""Modules of ``scenarios`` that every family, and the runner, may import."""


@pytest.mark.parametrize(
    "path", sorted((ROOT / "harness" / "wslb" / "scenarios").glob("[!_]*.py")), ids=lambda p: p.stem
)
def test_a_family_imports_no_other_family(path: Path) -> None:
    """A family is a module, and further ones behind an underscore: ``failover``, ``failover_rude``."""
    used = {name.split(".")[2] for name in imports(path) if name.startswith("wslb.scenarios.")}
    assert {name for name in used if name.partition("_")[0] != path.stem.partition("_")[0]} <= set(SHARED_BY_FAMILIES)
