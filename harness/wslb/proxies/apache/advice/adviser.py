"""Reads a configuration, from httpd's own dump where one can be had, and applies every rule to it."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wslb.interfaces import Installation
from wslb.proxies.apache.advice.rule import Advice, Rule, Severity
from wslb.proxies.apache.advice.rules import RULES
from wslb.proxies.apache.conf.configuration import Configuration, Modules
from wslb.proxies.apache.conf.directives import Directive, Tree, walk
from wslb.proxies.apache.conf.dump import Reading, Submitted, consult, with_first_lines
from wslb.proxies.apache.conf.effect import Effect, resolve
from wslb.proxies.apache.conf.outside import FilledFiles, Outside, outside_of, root_of
from wslb.proxies.apache.conf.trace import PathEnd, ends_of, servers_to_ask

__all__ = ["FileAdvice", "Traced", "advice_for", "advise_file", "configuration_of"]


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
        untold: how many more places the same rules have found.
    """

    file: str
    advice: tuple[Advice, ...]
    source: str
    files: int
    paths: tuple[Traced, ...] = ()
    untold: int = 0

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
        more = f", {self.untold} more of the same kinds" if self.untold else ""
        return f"{told or 'nothing to advise'}{more} in {files}; {self.source}"


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
    effect: Effect, *, tunnels: int | None = None, reading: Reading | None = None, version: str = "", folder: str = ""
) -> Configuration:
    """Configuration that the rules look at; `folder` is that of a ``.htaccess``."""
    directives: Sequence[Directive] = effect.directives
    if reading and reading.tree:
        first = {
            (directive.file, directive.last_line): directive.line
            for directive in walk(effect.directives)
            if directive.last_line != directive.line
        }
        directives = with_first_lines(reading.tree, first).directives
        if folder:
            file = effect.files[0]
            directives = (Directive("Directory", (folder,), file, 0, 0, tuple(directives)),)
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
        left_out=tuple(effect.left_out),
        folder=folder,
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
    defines: Sequence[str] = (),
    values: Mapping[str, str] | None = None,
    unasked: str = "no httpd was asked, its text was read",
) -> FileAdvice:
    """Read a file and say what is to be said.

    Args:
        path: of the configuration, or of a file that it includes.
        tunnels: how many WebSockets are expected at a time.
        installation: httpd that may read it too; None reads the text alone.
        version: of the httpd that the file is for; empty takes that of the installation.
        paths: to be traced, each from its slash on.
        defines: ``NAME`` as after httpd's ``-D``, or ``NAME=VALUE``.
        values: of placeholders and variables, by name.
        unasked: what is said of the source where no httpd reads the file.

    Raises:
        EvidenceError: there is nothing that could be read.
    """
    absolute = _absolute(path)
    outside = outside_of(absolute, defines=defines, values=values)
    files = FilledFiles(values=outside.values)
    root = root_of(absolute)
    effect = resolve(files.tree_of(path), str(path), files, root=root, folder=outside.folder, defines=outside.defines)
    effect.flaws += files.open_places
    reading: Reading | None = None
    if effect.unread:
        unasked = "its text was read, and not to its end"
    elif installation is not None and not modules_of(effect, None).ibm_i:
        version = version or installation.version
        reading = await _read_by(installation, path, effect, files, outside, root)
    conf = configuration_of(effect, tunnels=tunnels, reading=reading, version=version, folder=outside.folder)
    found = advice_for(conf)
    refused = _refused(reading, effect, found)
    source = reading.sentence if reading else unasked
    advice = sorted((*found, *refused), key=lambda a: (a.file != str(path), a.file, a.line, a.rule))
    told = _first_of_each(advice)
    return FileAdvice(
        file=str(path),
        advice=told,
        untold=len(advice) - len(told),
        source=", with ".join((source, *outside.told)),
        files=len(effect.files),
        paths=tuple(
            Traced(path=asked, server=str(scope.section or "the main server"), ends=ends_of(conf, scope, asked))
            for asked in paths
            for scope in servers_to_ask(conf)
        ),
    )


MOST_OF_A_RULE = 100
"""Places that are told of one rule: who reads a hundred will look for the others."""


def _first_of_each(advice: Sequence[Advice]) -> tuple[Advice, ...]:
    seen = Counter[str]()
    told = []
    for one in advice:
        seen[one.rule] += 1
        if seen[one.rule] <= MOST_OF_A_RULE:
            told.append(one)
    return tuple(told)


def _absolute(path: Path) -> Path:
    """The path as httpd names it, which takes ``..`` out without looking at the disk (apr_filepath_merge)."""
    absolute = path.absolute()
    return absolute.parent.resolve() / absolute.name if ".." in absolute.parts else absolute


async def _read_by(
    installation: Installation, path: Path, effect: Effect, files: FilledFiles, outside: Outside, root: str
) -> Reading:
    """What httpd makes of the file; of a copy of it where placeholders were filled in."""
    absolute = str(_absolute(path))
    given = Submitted(
        file=absolute,
        whole=is_whole(effect),
        loaded=frozenset(effect.loaded),
        flags=outside.flags,
        variables=outside.variables,
        root=_root_told(effect, root),
        folder=outside.folder,
    )
    if not files.changed:
        return _in_our_words(await consult(installation, given), path, absolute)
    if set(files.changed) - {str(path)}:
        return Reading(version=installation.version, sentence="its text was read, with the values of --set")
    with tempfile.TemporaryDirectory(prefix="wslb-") as folder:
        copy = Path(folder) / path.name
        copy.write_text(files.changed[str(path)], encoding="utf-8")
        return _in_our_words(await consult(installation, replace(given, file=str(copy))), path, str(copy))


def _root_told(effect: Effect, root: str) -> str:
    """Folder for httpd's own ``-d``, where relative paths of the text lead to files of it; empty leaves it alone."""
    if any(directive.key == "serverroot" for directive in effect.directives) or len(effect.files) == 1:
        return ""
    modules = (at.words[-1] for at in effect.loaded.values() if len(at.words) > 1 and not at.words[-1].startswith("/"))
    return root if all((Path(root) / name).is_file() for name in modules) else ""


def _in_our_words(reading: Reading, path: Path, absolute: str) -> Reading:
    """Reading with the file named as the caller named it."""
    named = str(path)
    if absolute == named:
        return reading
    reading = replace(reading, sentence=reading.sentence.replace(absolute, named))
    if reading.complaint is not None and reading.complaint.file == absolute:
        reading = replace(reading, complaint=replace(reading.complaint, file=named))
    if reading.tree is None:
        return reading

    def renamed(directive: Directive) -> Directive:
        body = None if directive.body is None else tuple(renamed(inner) for inner in directive.body)
        file = named if directive.file == absolute else directive.file
        return replace(directive, file=file, body=body)

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
        (d for d in walk(effect.directives) if d.last_line == complaint.line and d.file == complaint.file),
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
