"""What httpd makes of a configuration's text: conditions decided, variables put in, files included, macros expanded.

Where the text alone does not decide (a module that may be built in, a file of another machine), the content counts:
an adviser that skips half a file is worth less than one that reads a little too much.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from wslb.proxies.apache.conf.directives import Directive, Flaw, Tree, tree_of

__all__ = ["BUILT_IN", "MAX_DIRECTIVES", "MAX_FILES", "MAX_WORD", "Decide", "Effect", "Files", "module_name", "resolve"]

MAX_FILES = 400
MAX_NESTING = 120
MAX_DIRECTIVES = 200_000
MAX_WORD = 8190
"""Longest line of an httpd configuration (MAX_STRING_LEN); a longer value is left as it is written."""

BUILT_IN = frozenset({"core", "so", "http", "http_core", "unixd", "version", "log_config", "logio", "watchdog"})
"""Modules that packages build in (Debian builds in all of these, ``httpd -l``)."""

_MPMS = frozenset({"mpm_event", "mpm_worker", "mpm_prefork"})
_VARIABLE = re.compile(r"\$\{([^}\s]+)\}")


class Files(Protocol):
    """Where included files come from."""

    def read(self, path: str) -> str | None:
        """Text of a file; None when it is not there or cannot be read as text."""
        ...

    def glob(self, pattern: str) -> list[str]:
        """Files that match a pattern, or all files below a folder, in httpd's order; empty when none do."""
        ...


@dataclass(slots=True)
class Effect:
    """A configuration as httpd would take it, as far as the text tells.

    Attributes:
        directives: conditions, includes and macros resolved; a file and line of their own each.
        loaded: module names without ``_module``, with the directive that loads them.
        flaws: of every file read.
        files: every file read, the given one first.
        incomplete: whether an included file was not there, so that modules or balancers may stand in it.
        left_out: sections of ``<IfDefine NAME>`` that do not count because nobody has defined the name.
        undefined: variables that nothing defines, with the first place of use.
    """

    directives: tuple[Directive, ...] = ()
    loaded: dict[str, Directive] = field(default_factory=dict)
    flaws: list[Flaw] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    incomplete: bool = False
    left_out: list[Directive] = field(default_factory=list)
    undefined: dict[str, Directive] = field(default_factory=dict)

    @property
    def unread(self) -> list[Flaw]:
        """Places behind which there is more than is read: too many files or sections, or a value that is too long."""
        return [flaw for flaw in self.flaws if flaw.kind in {"many", "long", "deep", "endless"}]


Decide = Callable[[Directive, Mapping[str, Directive]], bool | None]
"""Whether a conditional section counts, by section and modules loaded so far; None lets the text decide."""


def resolve(
    tree: Tree,
    file: str,
    files: Files,
    *,
    root: str = "",
    folder: str = "",
    defines: Mapping[str, str] | None = None,
    decide: Decide = lambda _section, _loaded: None,
) -> Effect:
    """Effect of a parsed file.

    Args:
        tree: the file.
        file: its path.
        files: where includes come from.
        root: relative includes count from it as long as no ServerRoot is set; empty takes the file's folder.
        folder: of a ``.htaccess``, which counts as within its ``<Directory>``.
        defines: what is defined before the first line.
        decide: asked first of every condition, for a httpd that is known.
    """
    if folder:
        tree = Tree((Directive("Directory", (folder,), file, 0, 0, tree.directives),), tree.flaws)
    return _Resolver(file, files, root or posixpath.dirname(file), dict(defines or {}), decide).run(tree)


def module_name(text: str) -> str:
    """``proxy`` for ``proxy_module``, ``mod_proxy.c`` and ``mod_proxy``; ``mpm_event`` for ``event.c``."""
    name = text.lower().removesuffix(".c").removesuffix("_module").removeprefix("mod_")
    return f"mpm_{name}" if name in {"event", "worker", "prefork"} else name


class _Resolver:
    def __init__(self, file: str, files: Files, root: str, defines: dict[str, str], decide: Decide) -> None:
        self._files = files
        self._decide = decide
        self._root = root
        self._defines = defines
        self._macros: dict[str, Directive] = {}
        self._count = 0
        self._long: dict[str, Flaw] = {}
        self._using: set[str] = set()
        self.effect = Effect(files=[file])

    def run(self, tree: Tree) -> Effect:
        self.effect.flaws.extend(tree.flaws)
        self.effect.directives = tuple(self._all(tree.directives, 0))
        self.effect.flaws.extend(self._long.values())
        return self.effect

    def _all(self, directives: Iterable[Directive], depth: int) -> Iterator[Directive]:
        for directive in directives:
            if self._count >= MAX_DIRECTIVES:
                self._long.setdefault("", Flaw("endless", directive.file, directive.line, directive.name))
                return
            self._count += 1
            yield from self._one(directive, depth)

    def _one(self, written: Directive, depth: int) -> Iterator[Directive]:
        directive = self._filled(written)
        key = directive.key
        if key == "macro" and directive.body is not None:
            self._macros[directive.first.lower()] = written
        elif key in _CONDITIONS and directive.body is not None:
            if self._holds(directive):
                yield from self._all(directive.body, depth + 1)
            elif key == "ifdefine" and not directive.first.startswith("!"):
                self.effect.left_out.append(directive)
        elif key in {"include", "includeoptional"}:
            yield from self._included(directive, depth)
        elif key == "use":
            yield from self._used(directive, depth)
        elif directive.body is not None:
            body = tuple(self._all(directive.body, depth + 1)) if depth < MAX_NESTING else directive.body
            yield replace(directive, body=body)
        else:
            self._learn(directive)
            yield directive

    def _learn(self, directive: Directive) -> None:
        words = directive.words
        if directive.key == "define" and words:
            self._defines[words[0]] = "".join(words[1:2])
        elif directive.key == "undefine" and words:
            self._defines.pop(words[0], None)
        elif directive.key == "loadmodule" and words:
            self.effect.loaded.setdefault(module_name(words[0]), directive)
        elif directive.key == "serverroot" and words:
            self._root = words[0]

    def _filled(self, directive: Directive) -> Directive:
        if not any("${" in word for word in directive.words):
            return directive

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name not in self._defines:
                self.effect.undefined.setdefault(name, directive)
                return match[0]
            if len(self._defines[name]) > MAX_WORD:
                self._long.setdefault(name, Flaw("long", directive.file, directive.line, match[0]))
                return match[0]
            return self._defines[name]

        return replace(directive, words=tuple(_VARIABLE.sub(value, word) for word in directive.words))

    def _holds(self, section: Directive) -> bool:
        decided = self._decide(section, self.effect.loaded)
        if decided is not None:
            return decided
        name = section.first
        negated = name.startswith("!")
        name = name.lstrip("!")
        if section.key == "ifmodule":
            return self._has_module(module_name(name), asked_for_absence=negated) is not negated
        if section.key == "ifdefine":
            return (name in self._defines) is not negated
        return True

    def _has_module(self, name: str, *, asked_for_absence: bool) -> bool:
        """Whether a module counts as loaded; where the text cannot know, the section's content counts."""
        loaded = self.effect.loaded
        if name in loaded:
            return True
        if asked_for_absence:
            return False
        unknown = not loaded or self.effect.incomplete or name in BUILT_IN
        return unknown or (name in _MPMS and not _MPMS & loaded.keys())

    def _included(self, directive: Directive, depth: int) -> Iterator[Directive]:
        # httpd merges paths without looking at the disk, `..` and all (apr_filepath_merge), and says them so.
        pattern = posixpath.normpath(posixpath.join(self._root, directive.first))
        found = self._files.glob(pattern) if directive.first and depth < MAX_NESTING else []
        if not found:
            if directive.key == "include":
                self.effect.incomplete = True
                self.effect.flaws.append(Flaw("missing", directive.file, directive.line, directive.first))
            return
        if len(found) > MAX_FILES and not set(pattern) & set("*?["):
            found = []  # a folder of everything: what stands first in it says nothing of a configuration
            self._too_many(directive)
        for path in found:
            if len(self.effect.files) >= MAX_FILES:
                self._too_many(directive)
                return
            if path in self.effect.files[:1]:
                self.effect.incomplete = True
                return
            text = self._files.read(path)
            if text is None:
                self.effect.incomplete = True
                continue
            self.effect.files.append(path)
            tree = tree_of(text, path)
            self.effect.flaws.extend(tree.flaws)
            yield from self._all(tree.directives, depth + 20)

    def _too_many(self, directive: Directive) -> None:
        self.effect.incomplete = True
        self.effect.flaws.append(Flaw("many", directive.file, directive.line, f"{directive.name} {directive.first}"))

    def _used(self, directive: Directive, depth: int) -> Iterator[Directive]:
        name = directive.first.lower()
        macro = self._macros.get(name)
        kind = (
            "macro" if macro is None else "recursive" if name in self._using else "deep" if depth >= MAX_NESTING else ""
        )
        if macro is None or kind:
            self.effect.flaws.append(Flaw(kind, directive.file, directive.line, directive.first))
            return
        parameters = sorted(zip(macro.words[1:], directive.words[1:], strict=False), key=lambda pair: -len(pair[0]))
        if sum(len(value) for _, value in parameters) > MAX_WORD:
            told = f"an argument of Use {directive.first}"
            self._long.setdefault(told, Flaw("long", directive.file, directive.line, told))
            return
        self._using.add(name)
        yield from self._all(_expanded(macro.body or (), parameters), depth + 1)
        self._using.discard(name)


_CONDITIONS = frozenset({"ifmodule", "ifdefine", "iffile", "ifversion", "ifdirective", "ifsection"})


def _expanded(directives: Iterable[Directive], parameters: list[tuple[str, str]]) -> tuple[Directive, ...]:
    """Body of a macro with its parameters put in (mod_macro: longest name first)."""

    def put(text: str) -> str:
        for name, value in parameters:
            if name:
                text = text.replace(name, value)
        return text

    return tuple(
        replace(
            directive,
            name=put(directive.name),
            words=tuple(put(word) for word in directive.words),
            body=None if directive.body is None else _expanded(directive.body, parameters),
        )
        for directive in directives
    )
