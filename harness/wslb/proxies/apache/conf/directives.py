"""Directives of an httpd configuration: names, arguments and nesting, each with its file and line.

Only the text is looked at here; what conditions, includes and macros make of it is `wslb.proxies.apache.conf.effect`.
Tolerant by design: whatever cannot be understood becomes a `Flaw`, and reading goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

__all__ = [
    "MAX_DEPTH",
    "Directive",
    "Flaw",
    "LogicalLine",
    "Tree",
    "build",
    "logical_lines",
    "split_words",
    "tree_of",
    "walk",
    "without_comment",
]

MAX_DEPTH = 60
"""Sections inside sections; a real configuration has five. Deeper ones are kept, but flat."""

_WORD = re.compile(r'\s*(?:"((?:\\.|[^"\\])*)"|\'((?:\\.|[^\'\\])*)\'|["\'](.*)|(\S+))', re.DOTALL)
_SECTION = re.compile(r"<\s*(/?)\s*([A-Za-z][\w]*)\s*(.*?)(?:>([^>]*))?$", re.DOTALL)

_VALUES_BEFORE = {"define": 3, "setenv": 3, "rewritecond": 3, "rewriterule": 3, "header": 4, "requestheader": 4}
"""Words, its name included, of which none is a comment although it begins with ``#``: a value may begin so."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """A place that httpd would stumble over, or that we could not follow.

    Attributes:
        kind: ``unclosed``, ``stray``, ``swallowed``, ``missing`` (an include), ``macro``, ``deep``,
            ``many`` (included files) or ``long`` (a variable's value).
    """

    kind: str
    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """A logical line: continuation lines joined, blanks at both ends removed.

    Attributes:
        line, last_line: first and last physical line, from 1.
    """

    text: str
    file: str
    line: int
    last_line: int


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive, or one section with everything in it.

    Attributes:
        name: as written; `key` is the same in lower case, because httpd compares without case.
        words: arguments, quotes removed.
        body: what a section encloses; None for a plain directive.
        comment: what was meant as one, behind the arguments on the same line; httpd has no such comments.
    """

    name: str
    words: tuple[str, ...]
    file: str
    line: int
    last_line: int
    body: tuple[Directive, ...] | None = None
    comment: str = ""
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", self.name.lower())

    @property
    def first(self) -> str:
        """First argument, or an empty string."""
        return self.words[0] if self.words else ""

    def __str__(self) -> str:
        inner = " ".join((self.name, *self.words))
        return inner if self.body is None else f"<{inner}>"


@dataclass(frozen=True, slots=True)
class Tree:
    """A file as it is nested, and what was wrong with it."""

    directives: tuple[Directive, ...]
    flaws: tuple[Flaw, ...] = ()


@dataclass(slots=True)
class _Open:
    """A section whose end has not come yet."""

    name: str
    words: tuple[str, ...]
    at: LogicalLine
    comment: str
    body: list[Directive] = field(default_factory=list)

    def closed(self) -> Directive:
        at = self.at
        return Directive(self.name, self.words, at.file, at.line, at.last_line, tuple(self.body), self.comment)


def logical_lines(text: str, file: str) -> Iterator[LogicalLine]:
    """Lines as httpd joins them (ap_cfg_getline): a backslash at the end continues, even in a comment."""
    pending: list[str] = []
    start = 1
    number = 0
    for number, raw in enumerate(text.split("\n"), 1):
        physical = raw.rstrip("\r")
        if not pending:
            start = number
        if physical.endswith("\\"):
            pending.append(physical[:-1])
            continue
        joined = "".join((*pending, physical)) if pending else physical
        pending.clear()
        yield LogicalLine(joined.strip(), file, start, number)
    if pending:
        yield LogicalLine("".join(pending).strip(), file, start, number)


def split_words(text: str) -> tuple[str, ...]:
    """Arguments as httpd splits them (ap_getword_conf): quotes group, a backslash guards a quote or a backslash."""
    return tuple(map(_word, _WORD.finditer(text)))


def _word(match: re.Match[str]) -> str:
    double, single, rest, plain = match.groups()
    quoted = next((part for part in (double, single, rest) if part is not None), None)
    return str(plain) if quoted is None else re.sub(r"\\([\"'\\])", r"\1", quoted)


def without_comment(text: str) -> tuple[str, str]:
    """A line without what was meant as a comment behind its arguments, and that comment."""
    if "#" not in text:
        return text, ""
    name = text.split(None, 1)[0].lower()
    for number, match in enumerate(_WORD.finditer(text)):
        plain = match[4] or ""
        if plain.startswith("#") and number >= (2 if plain == "#" else _VALUES_BEFORE.get(name, 2)):
            return text[: match.start(4)].rstrip(), text[match.start(4) :]
    return text, ""


def tree_of(text: str, file: str) -> Tree:
    """Tree of one file's text."""
    swallowed = []
    lines = []
    for line in logical_lines(text.removeprefix("\ufeff"), file):
        if line.text.startswith("#") and line.last_line > line.line:
            swallowed.append(Flaw("swallowed", file, line.line, f"lines {line.line + 1} to {line.last_line}"))
        lines.append(line)
    tree = build(lines)
    return Tree(tree.directives, (*swallowed, *tree.flaws))


def build(lines: Iterable[LogicalLine]) -> Tree:
    """Tree of logical lines; a section that is never closed ends with its enclosing one.

    A section in more than `MAX_DEPTH` others is one flaw, and what stands in it is in no tree.
    """
    root: list[Directive] = []
    stack: list[_Open] = []
    flaws: list[Flaw] = []
    too_deep = 0
    for line in lines:
        if not line.text or line.text.startswith("#"):
            continue
        body = stack[-1].body if stack else root
        section = _SECTION.match(line.text) if line.text.startswith("<") else None
        if too_deep:
            too_deep += 0 if section is None else -1 if section[1] else 1
        elif section is None:
            text, comment = without_comment(line.text)
            words = split_words(text)
            body.append(Directive(words[0], words[1:], line.file, line.line, line.last_line, None, comment))
        elif section[1]:
            _close(section[2], line, stack, root, flaws)
        elif len(stack) >= MAX_DEPTH:
            flaws.append(Flaw("deep", line.file, line.line, section[2]))
            too_deep = 1
        else:
            stack.append(_Open(section[2], split_words(section[3]), line, (section[4] or "").strip()))
    while stack:
        flaws.append(_unclosed(stack[-1]))
        _end(stack, root)
    return Tree(tuple(root), tuple(flaws))


def _close(name: str, line: LogicalLine, stack: list[_Open], root: list[Directive], flaws: list[Flaw]) -> None:
    """End the innermost section of this name; those left open inside it are flaws, and so is an end without start."""
    depth = next((i for i in range(len(stack) - 1, -1, -1) if stack[i].name.lower() == name.lower()), None)
    if depth is None:
        flaws.append(Flaw("stray", line.file, line.line, name))
        return
    while len(stack) > depth + 1:
        flaws.append(_unclosed(stack[-1]))
        _end(stack, root)
    _end(stack, root)


def _end(stack: list[_Open], root: list[Directive]) -> None:
    section = stack.pop()
    (stack[-1].body if stack else root).append(section.closed())


def _unclosed(section: _Open) -> Flaw:
    return Flaw("unclosed", section.at.file, section.at.line, section.name)


def walk(directives: Iterable[Directive]) -> Iterator[Directive]:
    """Every directive and section, in the order of the text, sections before their content."""
    for directive in directives:
        yield directive
        if directive.body is not None:
            yield from walk(directive.body)
