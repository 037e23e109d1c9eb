"""Makes the pages of docs/reference that are told by the code itself: ``python -m tools.reference`` writes them."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click

import wslb
from wslb.cli import COMMANDS, cli, loaded
from wslb.commands.explain import meaning, words
from wslb.scenarios import FAMILIES

__all__ = ["FOLDER", "PAGES"]

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
_MARKS = {"property", "classmethod", "asynccontextmanager"}
_WIDE = 60
"""Characters of parameters that stand in one line."""

PACKAGE = Path(inspect.getfile(wslb)).parent
MADE = "<!-- made by python -m tools.reference -->\n"


def told(text: str) -> str:
    """A text of ours as Markdown: code stays code, and nothing else in it is markup."""
    parts = re.split(r"(``.+?``|`[^`]+`)", " ".join(text.split()))
    plain = [re.sub(r"[\\*<\[]|(?<!\w)_|_(?!\w)", r"\\\g<0>", part) for part in parts[::2]]
    code = [f"`{part.strip('`')}`" for part in parts[1::2]]
    return "".join(a + b for a, b in zip(plain, [*code, ""], strict=True))


def cell(text: str) -> str:
    """The same for a table."""
    return told(text).replace("|", "\\|")


def commands() -> str:
    """The help of every command, at the width of a page."""
    lines = [MADE, "# Commands", "", "What `wslb COMMAND --help` prints.", ""]
    group = click.Context(cli, info_name="wslb", **cli.context_settings)
    for name in COMMANDS:
        context = click.Context(loaded(name), info_name=name, parent=group, terminal_width=100, max_content_width=100)
        lines += [f"## wslb {name}", "", "```text", loaded(name).get_help(context).rstrip(), "```", ""]
    return "\n".join(lines)


def scenarios() -> str:
    """Question and limit of every scenario, a table a family."""
    about = "What `wslb test` asks. [What is claimed](../claims.md) binds each word of it to the checks behind it."
    lines = [MADE, "# Scenarios", "", about, ""]
    for family, asked in FAMILIES.items():
        of_family = inspect.getdoc(import_module(f"wslb.scenarios.{family}")) or ""
        lines += [f"## {family}", "", told(of_family.partition("\n\n")[0]), ""]
        lines += ["| Scenario | Question | Limit | Why it is so |", "|---|---|---|---|"]
        for one in asked:
            lines.append(f"| `{one.name}` | {cell(one.question)} | {cell(one.limit)} | {cell(one.explanation)} |")
        lines.append("")
    return "\n".join(lines)


def explained(title: str, about: str, kind: Callable[[str], bool]) -> str:
    """Every word of some kinds, as ``wslb explain`` tells it, a heading each."""
    lines = [MADE, f"# {title}", "", about, ""]
    for word in sorted(words()):
        found = meaning(word) if word not in FAMILIES else None
        if found and kind(found.kind):
            severity = found.kind.partition(", ")[2]
            lines += [f"## {word}", ""]
            lines += [f"* *{severity}*"] if severity else []
            lines += [f"* {heading}: {told(text)}" for heading, text in found.lines if text]
            lines.append("")
    return "\n".join(lines)


def checks() -> str:
    """Every check that a scenario asks."""
    about = (
        "What judges the record of a scenario. A check without evidence fails. `wslb explain NAME` prints the same. "
        "*Asked by* and *broken by* name the first few."
    )
    return explained("Checks", about, lambda kind: kind == "check")


def causes() -> str:
    """Every likely cause that a report may name."""
    about = (
        "What a report names where a scenario failed: the first rule that finds its evidence in the run speaks. "
        "*Named for* gives mutations of `wslb selftest` that show it."
    )
    return explained("Likely causes", about, lambda kind: kind == "likely cause")


def advice() -> str:
    """Every rule of ``wslb doctor --conf``, by its number."""
    about = (
        "What `wslb doctor --conf` says about a configuration, and `wslb try` asks of the real httpd. "
        "A number is never given to another rule."
    )
    return explained("Advice on a configuration", about, lambda kind: kind.startswith("advice"))


SCHEMAS = {
    "report.json": ("reports/report.schema.json", "`wslb test`, `wslb try`, `wslb compare` and the pytest plugin"),
    "matrix.json": ("reports/matrix.schema.json", "`wslb matrix`"),
    "proxies.json": ("reports/proxies.schema.json", "`wslb compare --proxies`"),
    "load.json": ("load/load.schema.json", "`wslb load`"),
    "advice": ("commands/advice.schema.json", "`wslb doctor --conf FILE --format json`"),
}


def documents() -> str:
    """The fields of every JSON document, from its schema."""
    lines = [MADE, "# JSON documents", ""]
    for name, (path, writer) in SCHEMAS.items():
        schema = json.loads((PACKAGE / path).read_text(encoding="utf-8"))
        lines += [f"## {name}", "", f"Written by {writer}; JSON Schema: `wslb/{path}` in the package.", ""]
        for title, part in [*([(name, schema)] if "properties" in schema else []), *schema.get("$defs", {}).items()]:
            lines += [f"### {title} of {name}" if title != name else "### The document", ""]
            lines += [*_prose(part.get("description", "")), *_fields(part), ""]
    return "\n".join(lines)


def _fields(part: dict[str, Any]) -> Iterator[str]:
    if "properties" not in part:
        yield f"{_type(part)}"
        return
    yield "| Field | Type | Absent means |"
    yield "|---|---|---|"
    for field, of in part["properties"].items():
        absent = "never absent" if field in part.get("required", ()) else f"`{json.dumps(of.get('default'))}`"
        yield f"| `{field}` | {_type(of)} | {absent} |"


def _type(of: dict[str, Any]) -> str:
    if "$ref" in of:
        return str(of["$ref"]).rpartition("/")[2]
    if "enum" in of:
        return ", ".join(f"`{json.dumps(value)}`" for value in of["enum"])
    if "anyOf" in of:
        return " or ".join(_type(one) for one in of["anyOf"])
    kind = of.get("type", "any")
    if kind == "array":
        inner = of["items"] if isinstance(of.get("items"), dict) else {}
        return f"array of {_type(inner)}" if inner else "array"
    more = of.get("additionalProperties")
    if kind == "object" and isinstance(more, dict):
        return f"object of {_type(more)}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def api() -> str:
    """Every public name with its types, from the source."""
    lines = [MADE, "# The library", ""]
    lines += ["What `from wslb import …` gives. Everything else may change without notice.", ""]
    source = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    public = source.partition("__all__ = [")[2].partition("\n]")[0]
    homes = {name: module for module, names in wslb._HOMES.items() for name in names.split()}
    for line in public.splitlines()[1:]:
        if line.lstrip().startswith("#"):
            lines += [f"## {line.strip('# ').capitalize()}", ""]
        else:
            name = line.strip(' ",')
            lines += [f"### {name}", "", *_described(homes[name], name), ""]
    return "\n".join(lines)


def _described(module: str, name: str) -> Iterator[str]:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    source = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text(encoding="utf-8")
    body = ast.parse(source).body
    for place, node in enumerate(body):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            yield from ("```python", f"# {module}", *_stub(node), "```", "", *_prose(ast.get_docstring(node) or ""))
            for method in _public(node):
                if text := ast.get_docstring(method):
                    yield from ("", f"`{method.name}`", "", *_prose(text))
        elif _assigns(node, name):
            yield from ("```python", f"# {module}", str(ast.get_source_segment(source, node)), "```", "")
            after = body[place + 1] if place + 1 < len(body) else None
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                yield from _prose(inspect.cleandoc(str(after.value.value)))


def _assigns(node: ast.stmt, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(isinstance(one, ast.Name) and one.id == name for one in targets)


def _public(node: ast.stmt) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    body = node.body if isinstance(node, ast.ClassDef) else []
    found = [one for one in body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [one for one in found if not one.name.startswith("_") or one.name == "__call__"]


def _stub(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Fields and signatures of a class or function, without bodies."""
    if not isinstance(node, ast.ClassDef):
        marks = [ast.unparse(one).rpartition(".")[2] for one in node.decorator_list]
        yield from (f"@{mark}" for mark in marks if mark in _MARKS)
        kind = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
        returned = ast.unparse(node.returns) if node.returns else "None"
        words = ast.unparse(node.args)
        if len(words) > _WIDE:
            words = "".join(f"\n    {one}," for one in re.split(r", (?![^\[(]*[\])])", words)) + "\n"
        yield from f"{kind} {node.name}({words}) -> {returned}".splitlines()
        return
    bases = ", ".join(ast.unparse(one) for one in node.bases)
    yield f"class {node.name}" + (f"({bases})" if bases else "")
    for part in node.body:
        if isinstance(part, ast.Assign | ast.AnnAssign) and not ast.unparse(part).startswith("_"):
            yield f"    {ast.unparse(part)}"
    for method in _public(node):
        yield from (f"    {line}" for line in _stub(method))


_SECTION = re.compile(r"(Attributes|Args|Returns|Raises|Yields):")


def _prose(docstring: str) -> Iterable[str]:
    """A docstring as Markdown: paragraphs, and a list for what is explained by name."""
    lines: list[str] = []
    for paragraph in filter(None, docstring.split("\n\n")):
        first, _, rest = paragraph.partition("\n")
        if not _SECTION.fullmatch(first):
            lines += [told(paragraph), ""]
            continue
        entries = re.sub(r"\n\s{5,}", " ", rest).splitlines()
        lines += [first, "", *(f"* {told(entry)}" for entry in entries if entry.strip()), ""]
    return lines


PAGES = {
    "commands": commands,
    "scenarios": scenarios,
    "checks": checks,
    "causes": causes,
    "advice": advice,
    "documents": documents,
    "api": api,
}
"""Name of the page in `FOLDER`, and what makes it."""


def main() -> None:
    """Write all of them."""
    for name, page in PAGES.items():
        (FOLDER / f"{name}.md").write_text(page().rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
