"""What a configuration gets from outside its files: ``-D``, values of placeholders, and Debian's ``envvars``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wslb.proxies.apache.conf.directives import Flaw, Tree, logical_lines
from wslb.proxies.apache.conf.textfiles import LocalFiles, text_of, understood

__all__ = ["FilledFiles", "Outside", "outside_of", "root_of"]

_PLACEHOLDER = re.compile(
    r"^[ \t]*<"  # a section, never a placeholder
    r"|\{\{-?[ \t]*([^{}\n]{1,200}?)[ \t]*-?\}\}"
    r"|@@([\w.-]+)@@"
    r"|<%=[ \t]*([^%\n]{1,200}?)[ \t]*%>"
    r"|(?<![\w_])__([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)__(?![\w_])"
    r"|(?<=[\s/\"'@:])<([A-Za-z][\w-]*(?: [\w-]+)*)>",
    re.MULTILINE,
)
_EXPORT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$")
_USED = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
_PER_FOLDER = re.compile(r"\.ht(?!passwd|group|digest)[\w-]+$")
"""Names of files that httpd reads in a folder, at each request (AccessFileName)."""

_ROOTS = ("envvars", "apache2.conf", "httpd.conf", "conf/httpd.conf")
"""Files by which the root of a tree of configurations is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What was given, and what was found beside the file.

    Attributes:
        flags: names as after httpd's ``-D``.
        variables: what ``${NAME}`` stands for, by name.
        values: of placeholders, by name.
        folder: of a ``.htaccess``, which counts as within its ``<Directory>``; empty for any other file.
        told: what was found beside the file, each a clause.
    """

    flags: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""
    told: tuple[str, ...] = ()

    @property
    def defines(self) -> Mapping[str, str]:
        """Everything that is defined before the first line is read."""
        return {**self.variables, **dict.fromkeys(self.flags, "")}


def outside_of(file: Path, *, defines: Sequence[str] = (), values: Mapping[str, str] | None = None) -> Outside:
    """What a file gets from outside.

    Args:
        file: the configuration; variables of an ``envvars`` beside it, or in the two folders above, are taken.
        defines: ``NAME`` as after httpd's ``-D``, or ``NAME=VALUE`` as by ``Define``.
        values: of placeholders and variables, by name.
    """
    found, told = _envvars(file)
    given = dict(values or {})
    named = dict(define.split("=", 1) for define in defines if "=" in define)
    flags = tuple(define for define in defines if "=" not in define)
    folder = str(file.parent) if _PER_FOLDER.fullmatch(file.name) else ""
    return Outside(flags=flags, variables={**found, **named, **given}, values=given, folder=folder, told=told)


def root_of(file: Path) -> str:
    """Folder that relative paths count from where no ServerRoot is set: of the tree around the file, or its own."""
    folders = tuple(file.parents)[:3]
    named = (folder for folder in folders if any((folder / name).is_file() for name in _ROOTS))
    return str(next(named, folders[0]))


@dataclass(slots=True)
class FilledFiles(LocalFiles):
    """Included files, with placeholders filled in, each line kept.

    Attributes:
        values: of placeholders, by name.
        texts: logical line of each place, as it counts.
        changed: files that have a placeholder with a value.
        open_places: a flaw for each placeholder that has no value; it becomes one word.
    """

    values: Mapping[str, str]
    texts: dict[tuple[str, int], str] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
    open_places: list[Flaw] = field(default_factory=list)

    def tree_of(self, path: Path) -> Tree:
        """Tree of the file that the user named.

        Raises:
            EvidenceError: there is nothing that could be read.
        """
        return understood(self.kept(text_of(path), str(path)), path)

    def read(self, path: str) -> str | None:
        """Text of a regular file with the placeholders that have a value filled in."""
        text = LocalFiles.read(self, path)
        return None if text is None else self.kept(text, path)

    def kept(self, text: str, path: str) -> str:
        """The filled text, after its lines were noted."""
        valued = _PLACEHOLDER.sub(self._valued, text)
        if valued != text:
            self.changed[path] = valued
        for line in logical_lines(valued.removeprefix("\ufeff"), path):
            self.texts[path, line.line] = line.text
            if not line.text.startswith("#"):
                self.open_places += [Flaw("placeholder", path, line.line, name) for name in _open_in(line.text)]
        return _PLACEHOLDER.sub(_in_one_word, valued)

    def _valued(self, found: re.Match[str]) -> str:
        return self.values.get(_named(found), found[0])


def _open_in(text: str) -> Iterator[str]:
    return (name for found in _PLACEHOLDER.finditer(text) if (name := _named(found)))


def _in_one_word(found: re.Match[str]) -> str:
    return re.sub(r"[ \t]+", "_", found[0]) if _named(found) else found[0]


def _named(found: re.Match[str]) -> str:
    return next((group for group in found.groups() if group), "")


def _envvars(file: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Variables of Debian's ``envvars`` beside the file or above it: assignments only, nothing of it is run."""
    for folder in tuple(file.parents)[:3]:
        text = LocalFiles().read(str(folder / "envvars"))
        if text is not None and "APACHE_" in text:
            return _exported(text), (f"variables from {folder / 'envvars'}",)
    return {}, ()


def _exported(text: str) -> dict[str, str]:
    """``APACHE_…`` variables of such a file, with those used in them filled in."""
    found = {"SUFFIX": ""}

    def value(used: re.Match[str]) -> str:
        return found.get(used[1], "")

    for line in text.splitlines():
        if match := _EXPORT.match(line):
            found[match[1]] = _USED.sub(value, match[2].split("#")[0].strip().strip("\"'"))
    return {name: value for name, value in found.items() if name.startswith("APACHE_")}
