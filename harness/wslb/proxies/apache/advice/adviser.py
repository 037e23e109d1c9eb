"""Reads a configuration, from httpd's own dump where one can be had, and applies every rule to it."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wslb.errors import EvidenceError
from wslb.interfaces import Installation
from wslb.proxies.apache.advice.rule import Advice, Rule, Severity
from wslb.proxies.apache.advice.rules import RULES
from wslb.proxies.apache.conf.configuration import Configuration, Modules
from wslb.proxies.apache.conf.directives import Directive, Tree, tree_of, walk
from wslb.proxies.apache.conf.dump import Reading, consult, with_first_lines
from wslb.proxies.apache.conf.effect import Effect, resolve
from wslb.proxies.apache.conf.languages import another_language
from wslb.proxies.apache.conf.trace import PathEnd, ends_of, servers_to_ask

__all__ = ["FileAdvice", "LocalFiles", "Traced", "advice_for", "advise_file", "configuration_of"]

MAX_BYTES = 16 * 1024 * 1024
_HINT = "Name the httpd.conf, or a file that it includes."


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """What becomes of an upgrade of one path in one server, by the text.

    Attributes:
        server: its section as written, or ``main server``.
        ends: the last one is reached where no other is.
    """

    path: str
    server: str
    ends: tuple[PathEnd, ...]

    def __str__(self) -> str:
        return "\n".join((f"{self.path} in {self.server}", *map(str, self.ends)))

    def document(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "path": self.path,
            "server": self.server,
            "ends": [
                {
                    "how": end.how.value,
                    "file": end.at.file if end.at else None,
                    "line": end.at.line if end.at else None,
                    "url": end.url,
                    "carries": end.carries,
                    "module": end.module,
                    "provided": list(end.provided),
                    "seen": [
                        {"member": s.member, "target": s.target, "host": s.host, "upgrade": s.upgrade}
                        for s in end.sights
                    ],
                }
                for end in self.ends
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAdvice:
    """What was found in one configuration.

    Attributes:
        paths: what becomes of each path that was asked for, in each server that leads anything.
        source: who read it, as a clause.
        files: how many files were read.
    """

    file: str
    advice: tuple[Advice, ...]
    source: str
    files: int
    paths: tuple[Traced, ...] = ()

    @property
    def lost(self) -> tuple[str, ...]:
        """Paths that were asked for and carry no WebSocket in any server."""
        names = dict.fromkeys(traced.path for traced in self.paths)
        return tuple(
            name
            for name in names
            if not any(end.carries for traced in self.paths if traced.path == name for end in traced.ends)
        )

    def count(self, severity: Severity) -> int:
        """Number of findings of this severity."""
        return sum(advice.severity is severity for advice in self.advice)

    @property
    def exit_code(self) -> int:
        """1 when anything but notes was found, or a path that was asked for carries no WebSocket."""
        return 1 if self.lost or any(advice.severity is not Severity.NOTE for advice in self.advice) else 0

    @property
    def summary(self) -> str:
        """One line for the end."""
        counts = [(self.count(severity), severity.value) for severity in Severity]
        told = ", ".join(f"{number} {name}{'' if number == 1 else 's'}" for number, name in counts if number)
        files = f"{self.files} file{'' if self.files == 1 else 's'}"
        return f"{told or 'nothing to advise'} in {files}; {self.source}"

    def document(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "file": self.file,
            "source": self.source,
            "files": self.files,
            "counts": {severity.value: self.count(severity) for severity in Severity},
            "advice": [
                {
                    "rule": advice.rule,
                    "severity": advice.severity.value,
                    "file": advice.file,
                    "line": advice.line,
                    "what": advice.what,
                    "why": advice.why,
                    "cure": advice.cure,
                }
                for advice in self.advice
            ],
            **({"paths": [traced.document() for traced in self.paths]} if self.paths else {}),
        }


class LocalFiles:
    """Included files of this machine (`wslb.proxies.apache.conf.effect.Files`)."""

    def read(self, path: str) -> str | None:
        """Text of a regular file; None for anything else."""
        try:
            data = _bytes(Path(path))
        except OSError:
            return None
        return None if data is None or b"\0" in data else data.decode("utf-8", errors="replace")

    def glob(self, pattern: str) -> list[str]:
        """Files that match, or those of a folder and the folders in it, sorted as httpd sorts them."""
        if "\0" in pattern or "${" in pattern:
            return []
        try:
            if Path(pattern).is_dir():
                return _below(Path(pattern))
            return sorted(path for path in glob.glob(pattern)[:5000] if Path(path).is_file())  # noqa: PTH207 - httpd's
        except OSError:
            return []


def _below(folder: Path) -> list[str]:
    """Files of a folder, a bounded number: Include / must not read a whole disk."""
    found: list[str] = []
    for path, folders, names in os.walk(folder):
        folders.sort()
        found += [str(Path(path) / name) for name in sorted(names)]
        if len(found) > 1000:
            break
    return found


def _bytes(path: Path) -> bytes | None:
    """Content of a regular file, bounded; None for a device, a pipe or a folder, which may never end."""
    if not stat.S_ISREG(path.stat().st_mode):
        return None
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def text_of(path: Path) -> str:
    """Text of the given file.

    Raises:
        EvidenceError: it cannot be read, is empty, too large, or no text.
    """
    try:
        data = _bytes(path)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc)
        raise EvidenceError(path=path, detail=reason.lower(), hint=_HINT) from exc
    if data is None:
        raise EvidenceError(path=path, detail="it is no regular file", hint=_HINT)
    if len(data) > MAX_BYTES:
        raise EvidenceError(path=path, detail=f"it is larger than {MAX_BYTES // 2**20} MiB", hint=_HINT)
    if b"\0" in data:
        raise EvidenceError(path=path, detail="it is binary, not text", hint=_HINT)
    text = data.decode("utf-8", errors="replace")
    if text.count("\ufffd") > len(text) // 20 and len(text) > 20:
        raise EvidenceError(path=path, detail="it is binary, not text", hint=_HINT)
    return text


def understood(text: str, path: Path) -> Tree:
    """Tree of a file that holds at least one directive.

    Raises:
        EvidenceError: there is none.
    """
    if other := another_language(text):
        raise EvidenceError(path=path, detail=f"this is {other}, not Apache httpd", hint=_HINT)
    tree = tree_of(text, str(path))
    if not tree.directives:
        raise EvidenceError(path=path, detail="it holds no directive", hint=_HINT)
    if not any(directive.name.isidentifier() for directive in walk(tree.directives)):
        raise EvidenceError(path=path, detail="no line of it is an httpd directive", hint=_HINT)
    return tree


def is_whole(effect: Effect) -> bool:
    """Whether this is a server's complete configuration: an MPM or ServerRoot, modules, and every included file."""
    main = {directive.key for directive in effect.directives}
    mpm = any(name.startswith("mpm_") for name in effect.loaded)
    return bool(effect.loaded) and (mpm or "serverroot" in main) and not effect.incomplete


def modules_of(effect: Effect, reading: Reading | None) -> Modules:
    """What is known of the modules: httpd's own list, else the LoadModule lines of something that loads mod_proxy."""
    ibm_i = any(".SRVPGM" in word.upper() for at in effect.loaded.values() for word in at.words[1:])
    names = reading.modules if reading and reading.modules else frozenset(effect.loaded)
    known = bool(reading and reading.modules) or (
        bool(effect.loaded) and not effect.incomplete and (is_whole(effect) or "proxy" in effect.loaded)
    )
    return Modules(known=known, names=names, ibm_i=ibm_i)


def configuration_of(
    effect: Effect, *, tunnels: int | None = None, reading: Reading | None = None, version: str = ""
) -> Configuration:
    """Configuration that the rules look at."""
    directives: Sequence[Directive] = effect.directives
    if reading and reading.tree:
        first = {
            (directive.file, directive.last_line): directive.line
            for directive in walk(effect.directives)
            if directive.last_line != directive.line
        }
        directives = with_first_lines(reading.tree, first).directives
        directives = (*(d for d in effect.directives if d.key in _READ_AT_ONCE), *directives)
    return Configuration(
        directives=tuple(directives),
        modules=modules_of(effect, reading),
        whole=is_whole(effect),
        tunnels=tunnels,
        flaws=tuple(effect.flaws),
        undefined={
            name: at
            for name, at in effect.undefined.items()
            if reading is None or reading.tree is None or name in reading.undefined
        },
        version=version,
    )


_READ_AT_ONCE = frozenset({"serverroot", "loadmodule", "define"})
"""Directives that httpd carries out while it reads: its dump does not have them."""


def advice_for(conf: Configuration, *, rules: Sequence[Rule] = RULES) -> list[Advice]:
    """Every finding, in the order of the files and lines."""
    order = {directive.file: 0 for directive in conf.directives}
    places = {file: number for number, file in enumerate(order)}
    found = [advice for rule in rules for advice in rule.apply(conf)]
    return sorted(
        found, key=lambda advice: (places.get(advice.file, len(places)), advice.file, advice.line, advice.rule)
    )


async def advise_file(
    path: Path,
    *,
    tunnels: int | None = None,
    installation: Installation | None = None,
    version: str = "",
    paths: Sequence[str] = (),
) -> FileAdvice:
    """Read a file and say what is to be said.

    Args:
        path: of the configuration, or of a file that it includes.
        tunnels: how many WebSockets are expected at a time.
        installation: httpd that may read it too; None reads the text alone.
        version: of the httpd that the file is for; empty takes that of the installation.
        paths: to be traced, each from its slash on.

    Raises:
        EvidenceError: there is nothing that could be read.
    """
    tree = understood(text_of(path), path)
    effect = resolve(tree, str(path), LocalFiles())
    reading: Reading | None = None
    if installation is not None and not modules_of(effect, None).ibm_i:
        version = version or installation.version
        reading = await consult(
            installation, str(path.absolute()), whole=is_whole(effect), loaded=frozenset(effect.loaded)
        )
        reading = _in_our_words(reading, path)
    conf = configuration_of(effect, tunnels=tunnels, reading=reading, version=version)
    found = advice_for(conf)
    refused = _refused(reading, effect, found)
    return FileAdvice(
        file=str(path),
        advice=tuple(sorted((*found, *refused), key=lambda a: (a.file != str(path), a.file, a.line, a.rule))),
        source=reading.sentence if reading else "no httpd was asked, its text was read",
        files=len(effect.files),
        paths=tuple(
            Traced(path=asked, server=str(scope.section or "the main server"), ends=ends_of(conf, scope, asked))
            for asked in paths
            for scope in servers_to_ask(conf)
        ),
    )


def _in_our_words(reading: Reading, path: Path) -> Reading:
    """Reading with the file named as the caller named it."""
    absolute, named = str(path.absolute()), str(path)
    if reading.tree is None or absolute == named:
        return reading

    def renamed(directive: Directive) -> Directive:
        body = None if directive.body is None else tuple(renamed(inner) for inner in directive.body)
        file = named if directive.file == absolute else directive.file
        return Directive(directive.name, directive.words, file, directive.line, directive.last_line, body)

    tree = Tree(tuple(renamed(directive) for directive in reading.tree.directives))
    return replace(reading, tree=tree)


_JUDGED = ("proxy", "balancer", "<proxy", "sslproxy", "rewrite")


def _refused(reading: Reading | None, effect: Effect, found: Sequence[Advice]) -> list[Advice]:
    """httpd's own complaint about a proxy directive, where no rule has said it better.

    Other complaints may come from this machine: a certificate or a folder that is elsewhere.
    """
    complaint = reading.complaint if reading else None
    if complaint is None or (complaint.text.startswith("Invalid command") and not is_whole(effect)):
        return []
    at = next(
        (
            d
            for d in walk(effect.directives)
            if d.last_line == complaint.line and str(Path(d.file).absolute()) == complaint.file
        ),
        None,
    )
    if at is None or not at.key.startswith(_JUDGED):
        return []
    if any(a.file == at.file and a.line == at.line and a.severity is Severity.ERROR for a in found):
        return []
    return [
        Advice(
            rule="WSLB-C000",
            severity=Severity.ERROR,
            file=at.file,
            line=at.line,
            what=f"httpd refuses {at}",
            why=complaint.text,
            cure="Correct the line; httpd -t says when it is right.",
        )
    ]
