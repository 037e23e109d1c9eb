"""What a real httpd makes of a configuration: its syntax check, its modules, and its tree after every condition."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wslb.errors import HarnessError, plain
from wslb.interfaces import Installation
from wslb.proxies.apache.conf.directives import Directive, LogicalLine, Tree, build
from wslb.proxies.apache.conf.effect import module_name
from wslb.proxies.apache.conf.vocabulary import USUAL_MODULES
from wslb.runtimes.local.local_runtime import LocalRuntime

__all__ = ["Complaint", "Reading", "Submitted", "consult", "parse_dump", "parse_modules"]


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why the syntax check stopped, in httpd's words, and where; an empty file where it named no place."""

    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What httpd said.

    Attributes:
        tree: its own dump; None when the syntax check stopped, or this httpd has no mod_info.
        modules: loaded ones, without ``_module``; empty for a fragment.
        undefined: variables that neither the configuration nor the environment defines.
        complaint: why it stopped; None when it did not.
        sentence: for the reader.
    """

    version: str
    tree: Tree | None = None
    modules: frozenset[str] = field(default_factory=frozenset)
    undefined: frozenset[str] = field(default_factory=frozenset)
    complaint: Complaint | None = None
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted:
    """What httpd is asked to read.

    Attributes:
        file: absolute path.
        whole: a complete configuration loads its own modules; a fragment is given the usual ones.
        loaded: modules that the file loads by itself.
        flags, variables: what is defined before its first line (`wslb.proxies.apache.conf.outside.Outside`).
        root: folder that relative paths count from until ServerRoot is set; empty leaves that to httpd.
        folder: of a ``.htaccess``, which is read as within its ``<Directory>``; empty for any other file.
    """

    file: str
    whole: bool
    loaded: frozenset[str]
    flags: Sequence[str] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    root: str = ""
    folder: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """Options of httpd, without the modules."""
        defined = [part for n, v in self.variables.items() for part in ("-C", f"Define {n} {_quoted(v)}")]
        flags = [part for name in self.flags for part in ("-D", name)]
        root = ("-d", self.root) if self.root else ()
        if not self.folder:
            return (*root, *defined, *flags, "-f", self.file)
        inside = (f"<Directory {_quoted(self.folder)}>", f"Include {_quoted(self.file)}", "</Directory>")
        return (*root, *defined, *flags, "-f", os.devnull, *(part for line in inside for part in ("-c", line)))


MOST_ATTEMPTS = 8
"""How often a module that we add may be taken back because httpd does not start with it."""


async def consult(installation: Installation, given: Submitted) -> Reading:
    """Let httpd read a file without starting it (``httpd -t``).

    Modules that we add never make it refuse: one that cannot be loaded beside those of the file is taken back.
    """
    named = f"httpd {installation.version} ({installation.binary})"
    extra, attempts = _added(installation, given), MOST_ATTEMPTS
    while True:
        try:
            done = await LocalRuntime(Path()).run(_argv(installation, given, extra), timeout_seconds=15)
        except (OSError, TimeoutError, HarnessError) as exc:
            return Reading(version="", sentence=f"{named} could not read it ({plain(exc)}), so its text was read")
        attempts -= 1
        without = _without(extra, installation, done.output) if done.returncode and attempts else extra
        if without == extra:
            break
        extra = without
    if done.returncode != 0:
        complaint = _complaint(done.output)
        return Reading(
            version=installation.version,
            complaint=complaint,
            sentence=f"{named} does not accept it here ({complaint.text}), so its text was read",
        )
    tree = parse_dump(done.output) if "# In file: " in done.output else None
    modules = parse_modules(done.output) - {"info"} | (given.loaded & {"info"}) if given.whole else frozenset[str]()
    return Reading(
        version=installation.version,
        tree=tree,
        modules=modules,
        undefined=frozenset(re.findall(r"AH00111: Config variable \$\{([^}]+)\}", done.output)),
        sentence=f"read by {named}" if tree else f"accepted by {named}; its text was read",
    )


def _argv(installation: Installation, given: Submitted, extra: Sequence[str]) -> list[str]:
    folder = installation.modules_folder
    loading = [part for name in extra for part in ("-C", f'LoadModule {name}_module "{folder}/mod_{name}.so"')]
    # The check wants the error log's folder, which may be on another machine.
    log = ("-c", f'ErrorLog "{os.devnull}"')
    return [installation.binary, "-t", *loading, *given.words, *log, "-D", "DUMP_CONFIG", "-D", "DUMP_MODULES"]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _added(installation: Installation, given: Submitted) -> tuple[str, ...]:
    """Modules that we add, in loading order.

    What a fragment loads itself is loaded here too: others of ours need it, and httpd skips the second line.
    """
    mpm = any(name.startswith("mpm_") for name in given.loaded)
    usual = () if given.whole else tuple(name for name in USUAL_MODULES if not name.startswith("mpm_"))
    wanted = (*(() if mpm else (f"mpm_{installation.mpm}",)), *usual, *(() if "info" in given.loaded else ("info",)))
    return tuple(name for name in wanted if name in installation.loadable and name not in installation.built_in)


def _without(extra: tuple[str, ...], installation: Installation, output: str) -> tuple[str, ...]:
    """Modules that we add, without those that httpd says cannot be loaded, or that the file loads in another way."""
    if "AH00534" in output:
        if "More than one MPM" in output:
            return tuple(name for name in extra if not name.startswith("mpm_"))
        mpm = f"mpm_{installation.mpm}"
        return extra if mpm in extra or mpm not in installation.loadable else (mpm, *extra)
    ours = re.search(r"error in -C/-c directive: (?!Syntax error on line)([^\n]*)", output)
    if ours is None:
        return extra
    told = re.search(r"module (\w+)_module is built-in|/mod_(\w+)\.so into server|structure `(\w+)_module'", ours[1])
    return tuple(name for name in extra if told is None or name not in told.groups())


def parse_modules(text: str) -> frozenset[str]:
    """Module names from ``httpd -M``, without ``_module``."""
    return frozenset(module_name(name) for name in re.findall(r"^ (\w+_module) \(", text, re.MULTILINE))


def parse_dump(text: str) -> Tree:
    """Tree of ``-D DUMP_CONFIG`` (mod_info): every directive under a comment with its line, files in comments too."""
    return build(_lines(text))


_MACRO = re.compile(r"^macro '.*?' \(defined on line (\d+) of \\?\"(.+?)\\?\"\)")


_OURS = "-c/-C directives"
"""The file, in httpd's words, that our own additions stand in."""


def _lines(text: str) -> Iterator[LogicalLine]:
    file, number, offset = "", 0, 0
    for written in text.splitlines():
        raw = written.strip()
        if raw.startswith("# In file: "):
            file, offset = raw.removeprefix("# In file: "), 0
            number = 0 if file == _OURS else number
            macro = _MACRO.match(file)
            if macro:
                offset, file = int(macro[1]), macro[2]
        elif re.fullmatch(r"# +\d+:", raw):
            number = int(raw.strip("# :")) + offset if file != _OURS else 0
        elif raw == "Loaded Modules:":
            number = 0
        elif number and raw != "Syntax OK" and not raw.startswith("#"):
            yield LogicalLine(raw, file, number, number)


def with_first_lines(tree: Tree, first: Mapping[tuple[str, int], int]) -> Tree:
    """Tree in which a directive of several lines has its first line; httpd tells the last one."""

    def moved(directive: Directive) -> Directive:
        line = first.get((directive.file, directive.line), directive.line)
        body = None if directive.body is None else tuple(moved(inner) for inner in directive.body)
        return replace(directive, line=line, body=body)

    return Tree(tuple(moved(directive) for directive in tree.directives), tree.flaws)


def _complaint(output: str) -> Complaint:
    """The innermost place that a failed check names, and all that httpd says of it."""
    places = list(re.finditer(r"[Ss]yntax error on line (\d+) of ([^\n]+?):(?:\s|$)", output))
    if places:
        last = places[-1]
        return Complaint(last[2], int(last[1]), _said(output[last.end() :]) or "syntax error")
    return Complaint("", 0, _said(output) or "it gave no reason")


_MOST_SAID = 2000
_NO_REASON = ("AH00558", "AH00014", "AH00111", "AH01574")
"""Lines beside the reason: no name of the server, that the check failed, a variable, a module that is there already."""


def _said(output: str) -> str:
    """What httpd says, in one line: the reason instead of the last line, which says only that there is one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    reasons = [line for line in lines if not any(number in line for number in _NO_REASON)]
    said = "; ".join(re.sub(r"^(?:\[[^\]]*\] *)*(?:\S*(?:httpd|apache2): )?", "", line) for line in reasons or lines)
    told = re.sub(r"^AH(?:00526|00534): ", "", said)[:_MOST_SAID]
    if folder := re.search(r"AH02291: Cannot access directory '([^']*)'", told):
        told += f"; the folder {folder[1]} of that log is not on this machine, and httpd starts only where it is"
    return told
