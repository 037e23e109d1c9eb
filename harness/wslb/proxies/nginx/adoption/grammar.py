"""nginx's grammar: words, quotes, blocks, comments and includes, each directive with its file and line.

Source: ``ngx_conf_read_token`` in nginx's src/core/ngx_conf_file.c: a ``#`` begins a comment only where a word could
begin, a quote only there as well, ``${`` is part of a word, and a backslash takes the next character with it.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wslb.errors import ConfigError, EvidenceError, ProxyConfigRejected
from wslb.proxies.textfile import configuration_text

__all__ = ["NginxLine", "every", "read_tree"]

MAX_DEPTH = 20
MAX_FILES = 500
MAX_LINES = 50_000
_HINT = "nginx does not start with it either: see the line."


@dataclass(frozen=True, slots=True, kw_only=True)
class NginxLine:
    """One directive.

    Attributes:
        raw: its words after the name as written, quotes included.
        block: directives in its braces; None where it ends with a semicolon.
        written: its name with the quotes that it has; empty for none.
        file: as the user named it, or as the include found it.
        line: on which it begins, from 1.
    """

    name: str
    raw: tuple[str, ...]
    file: str
    line: int
    block: tuple[NginxLine, ...] | None = None
    written: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """Words after the name, without their quotes."""
        return tuple(_bare(word) for word in self.raw)

    @property
    def first(self) -> str:
        """First word after the name; empty where there is none."""
        return self.words[0] if self.raw else ""

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return " ".join((self.written or self.name, *self.raw))

    def inside(self, *names: str) -> Iterator[NginxLine]:
        """Directives of these names in its own block, not deeper."""
        return (line for line in self.block or () if line.name in names)


def every(lines: tuple[NginxLine, ...]) -> Iterator[NginxLine]:
    """Each directive, those in blocks after the one that they are in."""
    for line in lines:
        yield line
        yield from every(line.block or ())


def _bare(word: str) -> str:
    quoted = len(word) > 1 and word[0] == word[-1] and word[0] in "\"'"
    return word[1:-1].replace(f"\\{word[0]}", word[0]) if quoted else word


def read_tree(file: Path) -> tuple[tuple[NginxLine, ...], tuple[str, ...]]:
    """A configuration with its includes in their places, and what of it is not here, each a sentence.

    Raises:
        EvidenceError: a file cannot be read as text.
        ProxyConfigRejected: a block, a quote or a directive is not closed.
        ConfigError: there is more than is read.
    """
    reader = _Reader(root=file.absolute().parent)
    return reader.included(_parsed(configuration_text(file), str(file)), 0), tuple(reader.told)


class _Reader:
    """Puts included files in the place of their include."""

    def __init__(self, *, root: Path) -> None:
        self._root = root
        self._files = 0
        self._lines = 0
        self.told: list[str] = []

    def included(self, lines: tuple[NginxLine, ...], depth: int) -> tuple[NginxLine, ...]:
        found: list[NginxLine] = []
        for line in lines:
            self._lines += 1
            if self._lines > MAX_LINES:
                raise ConfigError(option="the number of directives", value=f"over {MAX_LINES}", allowed="fewer")
            if line.name == "include" and len(line.raw) == 1 and line.block is None:
                found += self._of(line, depth)
            else:
                own = None if line.block is None else self.included(line.block, depth)
                found.append(replace(line, block=own))
        return tuple(found)

    def _of(self, line: NginxLine, depth: int) -> tuple[NginxLine, ...]:
        pattern = str(self._root / line.first)
        plain = not set(line.first) & set("*?[")
        paths = [pattern] if plain else sorted(glob.glob(pattern)[:MAX_FILES])  # noqa: PTH207 - nginx's own
        self._files += len(paths)
        if depth >= MAX_DEPTH or self._files > MAX_FILES:
            option = f"the depth or the number of included files ({line.place})"
            raise ConfigError(option=option, value="more", allowed=f"at most {MAX_DEPTH} deep and {MAX_FILES} files")
        found: list[NginxLine] = []
        for path in paths:
            try:
                text = configuration_text(Path(path))
            except EvidenceError as exc:
                self.told.append(f"{line.place}: {line} is left out: {exc.detail}")
                continue
            found += self.included(_parsed(text, path), depth + 1)
        return tuple(found)


def _parsed(text: str, file: str) -> tuple[NginxLine, ...]:
    tokens = list(_tokens(text.removeprefix("\ufeff"), file))
    root: list[NginxLine] = []
    stack: list[tuple[list[NginxLine], tuple[str, ...], int]] = []
    words: list[str] = []
    begun = 0
    for word, line in tokens:
        if word == "{":
            stack.append((root, tuple(words), begun or line))
            if len(stack) > MAX_DEPTH:
                raise _rejected(file, line, f"more than {MAX_DEPTH} blocks in one another")
            root, words, begun = [], [], 0
        elif word in {";", "}"}:
            if word == ";" and words:
                root.append(_line(words, file, begun))
            elif word == ";" or words or not stack:
                raise _rejected(file, line, f'unexpected "{word}"')
            else:
                block = tuple(root)
                root, head, begun = stack.pop()
                if not head:
                    raise _rejected(file, line, 'unexpected "{"')
                root.append(replace(_line(head, file, begun), block=block))
            words, begun = [], 0
        else:
            begun = begun or line
            words.append(word)
    if words or stack:
        at = begun or stack[-1][2]
        what = 'expecting ";" or "}"' if words else 'expecting "}"'
        raise _rejected(file, at, f"unexpected end of file, {what}, for what begins here")
    return tuple(root)


def _line(words: Sequence[str], file: str, line: int) -> NginxLine:
    return NginxLine(name=_bare(words[0]), raw=tuple(words[1:]), file=file, line=line, written=words[0])


def _rejected(file: str, line: int, text: str) -> ProxyConfigRejected:
    return ProxyConfigRejected(file=Path(file), line=None, text=f"{file}:{line}: {text}", hint=_HINT, program="nginx")


def _tokens(text: str, file: str) -> Iterator[tuple[str, int]]:
    at, line = 0, 1
    while at < len(text):
        one = text[at]
        if one.isspace():
            line += one == "\n"
            at += 1
        elif one == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif one in "{};":
            yield one, line
            at += 1
        else:
            end = _quoted(text, at) if one in "\"'" else _word(text, at)
            if end < 0:
                raise _rejected(file, line, f"the quote {one} is not closed")
            yield text[at:end], line
            line += text.count("\n", at, end)
            at = end


def _quoted(text: str, at: int) -> int:
    """Index behind a quoted word; -1 where it does not end."""
    quote, at = text[at], at + 1
    while at < len(text):
        if text[at] == "\\":
            at += 1
        elif text[at] == quote:
            return at + 1
        at += 1
    return -1


def _word(text: str, at: int) -> int:
    """Index behind a bare word."""
    while at < len(text) and not text[at].isspace() and text[at] not in ";{":
        if text[at] == "\\" or text.startswith("${", at):
            at += 1
        at += 1
    return min(at, len(text))
