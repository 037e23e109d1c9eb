"""The CL parser: text in, a command with its values out."""

import re
from dataclasses import dataclass

from backends.cl import messages
from backends.cl.messages import CommandError

_NAME = re.compile(r"[A-Z$#@][A-Z0-9$#@_.]{0,9}", re.IGNORECASE)
_SPACE = re.compile(r"\s+")
_BARE = re.compile(r"[A-Za-z0-9*$#@_./%:,+=!&?-]+")
COMMAND_LIMIT = 32_702
"""Longest command string of the system's own command analyser, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One parsed command. Values keep their case when quoted and are upper case otherwise."""

    name: str
    library: str
    positional: tuple[str, ...]
    keywords: dict[str, str]


def parse(text: str) -> Command:
    """Parse one command: `[library/]NAME value KEY(value) KEY('it''s')`.

    Raises:
        CommandError: With the message that tells what is wrong.
    """
    return _Parser(text).command()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._at = 0

    def command(self) -> Command:
        if not self._text:
            raise CommandError("CPD0029", "No command was entered; type a command, such as WRKSYSSTS.")
        if len(self._text) > COMMAND_LIMIT:
            raise CommandError("CPD0031", f"Command string is longer than {COMMAND_LIMIT} characters.")
        library, name = self._qualified_name()
        positional: list[str] = []
        keywords: dict[str, str] = {}
        while self._space():
            key = self._keyword()
            if key is None:
                positional.append(self._value())
            elif key in keywords:
                raise messages.repeated(key)
            else:
                keywords[key] = self._parenthesised()
        if self._at < len(self._text):
            raise self._unexpected()
        return Command(name=name, library=library, positional=tuple(positional), keywords=keywords)

    def _qualified_name(self) -> tuple[str, str]:
        library = "*LIBL"
        name = self._match(_NAME)
        if name is not None and self._peek() == "/":
            self._at += 1
            library, name = name, self._match(_NAME)
        if name is None:
            raise self._unexpected()
        return library.upper(), name.upper()

    def _keyword(self) -> str | None:
        start = self._at
        name = self._match(_NAME)
        if name is not None and self._peek() == "(":
            return name.upper()
        self._at = start
        return None

    def _parenthesised(self) -> str:
        self._at += 1
        values: list[str] = []
        while True:
            self._space()
            if self._at >= len(self._text):
                raise messages.no_parenthesis()
            if self._peek() == ")":
                self._at += 1
                return " ".join(values)
            values.append(self._value())

    def _value(self) -> str:
        if self._peek() == "'":
            return self._quoted()
        bare = self._match(_BARE)
        if bare is None:
            raise self._unexpected()
        return bare.upper()

    def _quoted(self) -> str:
        """Read an apostrophe string; two apostrophes in it stand for one."""
        pieces: list[str] = []
        while self._peek() == "'":
            end = self._text.find("'", self._at + 1)
            if end < 0:
                raise messages.no_apostrophe()
            pieces.append(self._text[self._at + 1 : end])
            self._at = end + 1
        return "'".join(pieces)

    def _space(self) -> bool:
        return self._match(_SPACE) is not None and self._at < len(self._text)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _match(self, pattern: re.Pattern[str]) -> str | None:
        found = pattern.match(self._text, self._at)
        if found is None:
            return None
        self._at = found.end()
        return found.group()

    def _unexpected(self) -> CommandError:
        character = self._peek()
        if character == ")":
            return messages.no_parenthesis()
        before = self._text[max(0, self._at - 20) : self._at].rstrip()
        shown = character if character.isprintable() else f"X{ord(character):02X}"
        return messages.bad_character(shown, before)
