"""What a real httpd makes of a configuration: its syntax check, its modules, and its tree after every condition."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from wslb.errors import HarnessError
from wslb.interfaces import Installation
from wslb.proxies.apache.conf.directives import Directive, LogicalLine, Tree, build
from wslb.proxies.apache.conf.effect import module_name
from wslb.proxies.apache.conf.vocabulary import USUAL_MODULES
from wslb.runtimes.local.local_runtime import LocalRuntime

__all__ = ["Complaint", "Reading", "consult", "parse_dump", "parse_modules"]


@dataclass(frozen=True, slots=True)
class Complaint:
    """Where the syntax check stopped, and httpd's words."""

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
        complaint: why it stopped; None when it did not, or named no place.
        sentence: for the reader.
    """

    version: str
    tree: Tree | None = None
    modules: frozenset[str] = field(default_factory=frozenset)
    undefined: frozenset[str] = field(default_factory=frozenset)
    complaint: Complaint | None = None
    sentence: str = ""


async def consult(installation: Installation, file: str, *, whole: bool, loaded: frozenset[str]) -> Reading:
    """Let httpd read the file without starting it (``httpd -t``).

    Args:
        installation: which httpd.
        file: absolute path.
        whole: a complete configuration loads its own modules; a fragment is given the usual ones.
        loaded: modules that the file loads by itself.
    """
    # What a fragment loads itself is loaded here too: others of ours need it, and httpd skips the second line.
    mpm = any(name.startswith("mpm_") for name in loaded)
    wanted = () if whole else tuple(name for name in USUAL_MODULES if not (mpm and name.startswith("mpm_")))
    wanted = wanted if "info" in loaded else (*wanted, "info")
    extra = tuple(name for name in wanted if name in installation.loadable)
    folder = installation.modules_folder
    loading = [part for name in extra for part in ("-C", f'LoadModule {name}_module "{folder}/mod_{name}.so"')]
    # The check wants the error log's folder, which may be on another machine.
    log = ("-c", f'ErrorLog "{os.devnull}"')
    argv = [installation.binary, "-t", *loading, *log, "-f", file, "-D", "DUMP_CONFIG", "-D", "DUMP_MODULES"]
    named = f"httpd {installation.version} ({installation.binary})"
    try:
        done = await LocalRuntime(Path()).run(argv, timeout_seconds=15)
    except (OSError, TimeoutError, HarnessError) as exc:
        return Reading(version="", sentence=f"{named} could not read it ({exc}), so its text was read")
    if done.returncode != 0:
        complaint = _complaint(done.output)
        said = complaint.text if complaint else _last_line(done.output)
        return Reading(
            version=installation.version,
            complaint=complaint,
            sentence=f"{named} does not accept it here ({said}), so its text was read",
        )
    tree = parse_dump(done.output) if "# In file: " in done.output else None
    modules = parse_modules(done.output) - {"info"} | (loaded & {"info"}) if whole else frozenset[str]()
    return Reading(
        version=installation.version,
        tree=tree,
        modules=modules,
        undefined=frozenset(re.findall(r"AH00111: Config variable \$\{([^}]+)\}", done.output)),
        sentence=f"read by {named}" if tree else f"accepted by {named}; its text was read",
    )


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
        return Directive(directive.name, directive.words, directive.file, line, directive.last_line, body)

    return Tree(tuple(moved(directive) for directive in tree.directives), tree.flaws)


def _complaint(output: str) -> Complaint | None:
    """The innermost place that a failed check names."""
    places = list(re.finditer(r"[Ss]yntax error on line (\d+) of ([^\n]+?):(?:\s|$)", output))
    if not places:
        return None
    last = places[-1]
    said = " ".join(line.strip() for line in output[last.end() :].splitlines() if line.strip())
    return Complaint(last[2], int(last[1]), re.sub(r"^AH\d+: ", "", said) or "syntax error")


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip() and "AH00558" not in line]
    return re.sub(r"^\[.*?\] *|^\S+: (?=AH)", "", lines[-1])[:160] if lines else "it gave no reason"
