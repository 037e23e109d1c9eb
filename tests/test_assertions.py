"""Every test can fail: assertions that hold whatever the code does are found by reading the tests, not by luck.

What is found: a test that asserts nothing; an assertion of something that is always true; one that stands only inside a
loop that may run no time; `all()` of what may be empty; `"x" not in text` where nobody ever writes x.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent
Function = ast.FunctionDef | ast.AsyncFunctionDef

SAYS_SO = {"raises", "warns", "fail", "exit", "expect", "ask", "wslb_ask", "fullmatch_lines", "fnmatch_lines", "until"}
"""Calls that fail a test by themselves: of pytest, of playwright, of the plugin, and of `wslb.waiting`."""

SIZED = {"enumerate", "sorted", "list", "tuple", "set", "reversed", "zip", "product", "pairwise", "combinations"}
"""What is as empty as its arguments are."""


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


FILES = sorted(path for path in TESTS.rglob("*.py") if "typing" not in path.parts)


def called(node: ast.AST) -> str:
    """Last word of what a call calls."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def functions(path: Path) -> Iterator[Function]:
    for node in ast.walk(tree(path)):
        if isinstance(node, Function):
            yield node


def shared(path: Path) -> Iterator[Function]:
    """Functions of a module and of its classes: one inside a function means something to that function alone."""
    for node in tree(path).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        yield from (part for part in inner if isinstance(part, Function))


@cache
def asserting() -> frozenset[str]:
    """Names of functions of the tests that assert, themselves or by calling one that does."""
    calls: dict[str, set[str]] = {}
    found = set(SAYS_SO)
    for path in FILES:
        for function in shared(path):
            if any(isinstance(node, ast.Assert | ast.Raise) for node in ast.walk(function)):
                found.add(function.name)
            calls.setdefault(function.name, set()).update(called(node) for node in ast.walk(function))
    while more := {name for name, names in calls.items() if names & found} - found:
        found |= more
    return frozenset(found)


def claims(node: ast.AST) -> bool:
    """Whether this statement or call can fail a test."""
    return isinstance(node, ast.Assert) or called(node) in asserting()


def always(test: ast.expr) -> str:
    """Why an asserted expression is true whatever happens; empty when it need not be."""
    why = ""
    match test:
        case ast.Constant(value=value) if value:
            why = "a constant"
        case ast.Tuple(elts=[_, *_]) | ast.List(elts=[_, *_]) | ast.Dict(keys=[_, *_]) | ast.JoinedStr():
            why = "never empty"
        case ast.GeneratorExp() | ast.Lambda():
            why = "an object, whatever it would yield"
        case ast.BoolOp(values=values):  # of "or" one such part makes it true; of "and" it is a part too many
            why = next((found for value in values if (found := always(value))), "")
        case ast.UnaryOp(op=ast.Not(), operand=ast.Constant(value=value)) if not value:
            why = "not of a false constant"
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            why = _always_compares(left, op, right)
    return why


def _always_compares(left: ast.expr, op: ast.cmpop, right: ast.expr) -> str:
    constant = right.value if isinstance(right, ast.Constant) else None
    if isinstance(op, ast.Eq | ast.Is | ast.GtE | ast.LtE) and ast.dump(left) == ast.dump(right):
        return "" if any(isinstance(node, ast.Call) for node in ast.walk(left)) else "compared with itself"
    if called(left) in {"len", "abs"} and ((isinstance(op, ast.GtE) and constant == 0) or constant == -1):
        return "a size is never below 0"
    if isinstance(op, ast.In) and isinstance(left, ast.Constant) and left.value in {"", b""}:
        return "the empty text is in every text"
    if isinstance(op, ast.NotIn) and constant in {"", b""}:
        return "nothing is in the empty text"
    return ""


@cache
def written() -> dict[Path, str]:
    """All text that the product and its tests are made of."""
    folders = (ROOT / name for name in ("harness", "backends", "apache", "tests"))
    kinds = {".py", ".j2", ".html", ".css", ".js", ".conf", ".json", ".txt", ".md", ".sh"}
    found = {path for folder in folders for path in folder.rglob("*") if path.suffix in kinds and path.is_file()}
    return {path: path.read_text(encoding="utf-8", errors="replace") for path in found if ".venv" not in path.parts}


def unwritten(path: Path, test: ast.expr) -> Iterator[str]:
    """Text that must not be in another, but that nobody ever writes: as it stands, or as part of a pattern."""
    for node in ast.walk(test):
        match node:
            case ast.Compare(left=ast.Constant(value=str() as text), ops=[ast.NotIn()]) if text.isprintable():
                texts = written()
                if texts[path].count(text) < 2 and not any(text in texts[other] for other in texts.keys() - {path}):
                    yield text


@dataclass
class Known:
    """Names that a function shows to be something before it loops over them."""

    names: set[str] = field(default_factory=set)

    def learn(self, function: Function) -> None:
        """Everything that an assertion outside of a loop is about, and what is assigned from a literal."""
        for node in outside_loops(function):
            if isinstance(node, ast.Assert):
                self.names |= {
                    ast.unparse(part) for part in ast.walk(node.test) if isinstance(part, ast.Name | ast.Attribute)
                }
            elif isinstance(node, ast.Assign) and self.something(node.value):
                self.names |= {ast.unparse(target) for target in node.targets}

    def something(self, iterable: ast.expr) -> bool:
        """Whether there is at least one of it."""
        found = ast.unparse(iterable) in self.names
        match iterable:
            case ast.Tuple(elts=[_, *_]) | ast.List(elts=[_, *_]) | ast.Set(elts=[_, *_]) | ast.Dict(keys=[_, *_]):
                found = True
            case ast.Constant(value=str() | bytes()):
                found = bool(iterable.value)
            case ast.Name(id=name) | ast.Attribute(attr=name) if name[:1].isupper():
                found = True  # a constant of a module, or an enumeration
            case ast.Subscript(value=value) | ast.Starred(value=value):
                found = found or self.something(value)
            case ast.Call(func=ast.Attribute(value=value, attr="items" | "values" | "keys" | "split" | "splitlines")):
                found = found or self.something(value)
            case ast.Call(args=[ast.Constant(value=first)]) if called(iterable) == "range":
                found = first != 0
            case ast.Call(args=[_, _, *_]) if called(iterable) == "range":
                found = True
            case ast.Call(args=[_, *_]) if called(iterable) in SIZED:
                found = any(self.something(part) for part in iterable.args)
            case ast.BinOp(left=left, right=right):
                found = self.something(left) or self.something(right)
        return found


def outside_loops(function: Function) -> Iterator[ast.AST]:
    """Nodes of a function that are in no loop, the outermost loops themselves included."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.For | ast.AsyncFor | ast.While | Function | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)


def findings(path: Path, function: Function) -> Iterator[str]:
    """What cannot fail in one test."""
    nodes, once = list(ast.walk(function)), list(outside_loops(function))
    if not any(claims(node) for node in nodes):
        yield "asserts nothing"
    known = Known()
    known.learn(function)
    for node in nodes:
        if isinstance(node, ast.Assert):
            yield from (f"line {node.lineno}: {why}" for why in weaknesses(path, node, known))
    loops = [node for node in once if isinstance(node, ast.For) and any(claims(part) for part in ast.walk(node))]
    if not any(claims(node) for node in once):
        for loop in loops:
            if not known.something(loop.iter):
                yield f"line {loop.lineno}: asserts only for each of {ast.unparse(loop.iter)}, which may be empty"


def weaknesses(path: Path, claim: ast.Assert, known: Known) -> Iterator[str]:
    """Why one assertion cannot fail."""
    if why := always(claim.test):
        yield f"always true, {why}"
    for text in unwritten(path, claim.test):
        yield f"nobody writes {text!r}, so that it is nowhere"
    for part in ast.walk(claim.test):
        match part:
            case ast.Call(func=ast.Name(id="all"), args=[ast.GeneratorExp(generators=[first, *_])]):
                if not known.something(first.iter):
                    yield f"all() of {ast.unparse(first.iter)}, which may be empty"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_every_test_of_a_file_can_fail(path: Path) -> None:
    tests = [function for function in functions(path) if function.name.startswith("test_")]
    assert path.name.startswith("test_") == bool(tests), "tests stand in files of their name"
    found = [f"{function.name}: {what}" for function in tests for what in findings(path, function)]
    assert not found, "\n".join(found)


SAMPLES = {
    "def test_it(): act()": "asserts nothing",
    "def test_it():\n for x in found(): assert x": "line 2: asserts only for each of found(), which may be empty",
    "def test_it(): assert (run(), 'why')": "line 1: always true, never empty",
    "def test_it(): assert run() or True": "line 1: always true, a constant",
    "def test_it(): assert (x for x in run())": "line 1: always true, an object, whatever it would yield",
    "def test_it(): assert len(run()) >= 0": "line 1: always true, a size is never below 0",
    "def test_it(): assert '' in run()": "line 1: always true, the empty text is in every text",
    "def test_it(): assert x.y == x.y": "line 1: always true, compared with itself",
    "def test_it(): assert all(x for x in run())": "line 1: all() of run(), which may be empty",
    "def test_it(): assert 'wonderful ' 'whatsoever' not in run()": "line 1: nobody writes 'wonderful whatsoever', so "
    "that it is nowhere",
    "def test_it():\n xs = run()\n assert xs\n assert all(x for x in xs)": "",
    "def test_it():\n for x in (1, 2): assert run(x)": "",
    "def test_it():\n with pytest.raises(OSError): run()": "",
    "def test_it():\n for x in found(): assert x\n assert found()": "",
}


@pytest.mark.parametrize(("text", "what"), SAMPLES.items())
def test_what_cannot_fail_is_found_and_what_can_is_not(text: str, what: str) -> None:
    (function,) = ast.parse(text).body
    assert isinstance(function, Function)
    assert list(findings(Path(__file__), function)) == ([what] if what else [])
