"""HAProxy's configuration: words with their quotes, sections, and what a section has from its defaults.

Source: HAProxy's configuration manual, sections 2.1 (format), 2.2 (quoting) and 4 (proxies): a section begins with its
keyword, a ``defaults`` section counts for those behind it until the next one, or for those that name it with ``from``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wslb.errors import ConfigError, ProxyConfigRejected
from wslb.proxies.textfile import configuration_text

__all__ = ["HaproxyLine", "HaproxySection", "in_force", "read_sections", "switched_on"]

MAX_LINES = 50_000
KINDS = frozenset(
    {
        *("global", "defaults", "frontend", "backend", "listen", "userlist", "peers", "mailers", "resolvers", "cache"),
        *("program", "http-errors", "ring", "log-forward", "log-profile", "fcgi-app", "crt-store", "traces", "acme"),
    }
)
PROXIES = frozenset({"frontend", "backend", "listen"})
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?:\[\*\])?(?:-([^}]*))?\})")
_HINT = "HAProxy does not start with it either: see the line."


@dataclass(frozen=True, slots=True, kw_only=True)
class HaproxyLine:
    """One line.

    Attributes:
        raw: its words as written, quotes included.
        words: without quotes, with the variables of the environment.
        line: from 1.
    """

    raw: tuple[str, ...]
    words: tuple[str, ...]
    file: str
    line: int

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.file}:{self.line}"

    @property
    def condition(self) -> tuple[str, tuple[str, ...]]:
        """``if`` or ``unless`` with the words behind it; empty where it always counts."""
        at = next((n for n, word in enumerate(self.raw) if n and word in {"if", "unless"}), None)
        return ("", ()) if at is None else (self.raw[at], self.words[at + 1 :])

    @property
    def conditional(self) -> str:
        """Its condition as written, with ``if`` or ``unless``; empty where it always counts."""
        at = next((n for n, word in enumerate(self.raw) if n and word in {"if", "unless"}), len(self.raw))
        return " ".join(self.raw[at:])

    @property
    def name(self) -> str:
        """Its first word."""
        return self.word(0)

    def word(self, at: int) -> str:
        """A word, from 0; empty where there is none."""
        return next(iter(self.words[at : at + 1]), "")

    def begins(self, *words: str) -> bool:
        """Whether it begins with these words."""
        return self.words[: len(words)] == words

    def after(self, word: str) -> str:
        """The word behind this one; empty where there is none."""
        found = next((n for n, one in enumerate(self.words[:-1]) if one == word), None)
        return "" if found is None else self.words[found + 1]

    def __str__(self) -> str:
        return " ".join(self.raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class HaproxySection:
    """One section.

    Attributes:
        at: the line that begins it.
        base: its defaults; None where there are none.
    """

    kind: str
    name: str
    at: HaproxyLine
    lines: tuple[HaproxyLine, ...]
    base: HaproxySection | None = None

    def inside(self, *words: str) -> Iterator[HaproxyLine]:
        """Its own lines that begin with these words."""
        return (line for line in self.lines if line.begins(*words))

    @property
    def told(self) -> str:
        """As people call it."""
        return f"{self.kind} {self.name}".strip()


def in_force(section: HaproxySection, *words: str) -> HaproxyLine | None:
    """The line that counts of those that begin with these words: its own last, else the last of its defaults."""
    at: HaproxySection | None = section
    while at is not None:
        if found := list(at.inside(*words)):
            return found[-1]
        at = at.base
    return None


def switched_on(section: HaproxySection, option: str) -> HaproxyLine | None:
    """The line by which an option is on; None where it is off (``no option``)."""
    at: HaproxySection | None = section
    while at is not None:
        for line in reversed(at.lines):
            if line.begins("option", option):
                return line
            if line.begins("no", "option", option):
                return None
        at = at.base
    return None


def read_sections(
    file: Path, environment: Mapping[str, str] | None = None
) -> tuple[tuple[HaproxySection, ...], tuple[str, ...]]:
    """Sections of a file in their order, and what is noticed about it, each a sentence.

    Args:
        environment: for its variables; None takes the process's own.

    Raises:
        EvidenceError: the file cannot be read as text.
        ProxyConfigRejected: a quote is not closed, or a line stands in no section.
        ConfigError: there is more than is read.
    """
    known = os.environ if environment is None else environment
    found: list[tuple[HaproxyLine, list[HaproxyLine]]] = []
    told: list[str] = []
    lines = configuration_text(file).splitlines()
    if len(lines) > MAX_LINES:
        raise ConfigError(option="the number of lines", value=len(lines), allowed=f"at most {MAX_LINES}")
    for number, text in enumerate(lines, 1):
        raw = tuple(_split(text, file, number))
        if not raw:
            continue
        lacking = {
            name for word in raw for name in _variables(word) if name not in known and not name.startswith("HAPROXY_")
        }
        told += [f"{file}:{number}: the variable {name} of the environment is not set here" for name in sorted(lacking)]
        line = HaproxyLine(raw=raw, words=tuple(_bare(word, known) for word in raw), file=str(file), line=number)
        if raw[0].startswith("."):
            told.append(f"{line.place}: {line}: is read as if it were true everywhere; HAProxy itself decides it")
        if line.name in KINDS:
            found.append((line, []))
        elif found:
            found[-1][1].append(line)
        elif not raw[0].startswith("."):
            raise ProxyConfigRejected(
                file=None, line=None, text=f"{line.place}: {line}: a line of no section", hint=_HINT, program="HAProxy"
            )
    return _linked(found), tuple(told)


def _linked(found: list[tuple[HaproxyLine, list[HaproxyLine]]]) -> tuple[HaproxySection, ...]:
    """Sections with their defaults."""
    sections: list[HaproxySection] = []
    named: dict[str, HaproxySection] = {}
    last: HaproxySection | None = None
    for at, lines in found:
        kind = at.name
        given = at.words[1:2] if at.words[1:2] != ("from",) else ()
        base = named.get(at.after("from")) if "from" in at.words[1:] else last if kind in PROXIES else None
        section = HaproxySection(kind=kind, name=next(iter(given), ""), at=at, lines=tuple(lines), base=base)
        if kind == "defaults":
            last = section
            named |= {section.name: section} if section.name else {}
        sections.append(section)
    return tuple(sections)


def _split(text: str, file: Path, number: int) -> Iterator[str]:
    """Words of a line as written; a ``#`` outside of quotes begins a comment.

    Raises:
        ProxyConfigRejected: a quote is not closed.
    """
    word, quote, at = "", "", 0
    while at < len(text):
        one = text[at]
        if one == "\\" and quote != "'":
            word += text[at : at + 2]
            at += 2
            continue
        if quote:
            quote = "" if one == quote else quote
        elif one in "\"'":
            quote = one
        elif one == "#":
            break
        elif one.isspace():
            if word:
                yield word
            word = ""
            at += 1
            continue
        word += one
        at += 1
    if quote:
        raise ProxyConfigRejected(
            file=None, line=None, text=f"{file}:{number}: a quote is not closed", hint=_HINT, program="HAProxy"
        )
    if word:
        yield word


def _pieces(word: str) -> Iterator[tuple[str, str]]:
    """Pieces of a word, each with the quote that it stands in."""
    for match in re.finditer(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"|((?:[^'\"\\]|\\.)+)", word):
        if match[1] is not None:
            yield "'", match[1]
        elif match[2] is not None:
            yield '"', match[2]
        else:
            yield "", match[3]


def _variables(word: str) -> Iterator[str]:
    for quote, piece in _pieces(word):
        if quote == '"':
            yield from (match[1] or match[2] for match in _VARIABLE.finditer(piece) if match[3] is None)


def _bare(word: str, known: Mapping[str, str]) -> str:
    """A word without quotes; only strong quotes keep a backslash, only weak ones know variables."""
    found = ""
    for quote, piece in _pieces(word):
        text = piece
        if quote == '"':
            text = _VARIABLE.sub(lambda match: known.get(match[1] or match[2], match[3] or ""), text)
        found += text if quote == "'" else re.sub(r"\\(.)", r"\1", text)
    return found
