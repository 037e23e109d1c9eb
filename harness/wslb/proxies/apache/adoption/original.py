"""A user's configuration as it stands: every file of it, placeholders filled in, Debian's envvars and ``-D`` given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from wslb.errors import ConfigError
from wslb.interfaces import Installation
from wslb.proxies.apache.advice.adviser import LocalFiles, configuration_of, is_whole, text_of, understood
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive, Flaw, Tree, logical_lines
from wslb.proxies.apache.conf.effect import Effect, module_name, resolve
from wslb.proxies.apache.conf.vocabulary import USUAL_MODULES

__all__ = ["Original", "read_original"]

_PLACEHOLDER = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}|@@([\w.-]+)@@|(?<=[\s/\"'@:])<([A-Za-z][\w-]*(?: [\w-]+)*)>")
_EXPORT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$")
_USED = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A configuration that was read, conditions decided as the httpd of the lab will decide them.

    Attributes:
        file: as the user named it.
        effect: includes, macros and conditions resolved.
        texts: logical line of each place, as written.
        defines: variables from outside the files: envvars, ``-D`` and ``--set``.
        whole: whether it loads its own modules; a fragment gets the usual ones.
        conf: what it means to mod_proxy in the httpd of the lab.
        ibm_i: whether it is for HTTP Server for i.
        told: what was found beside the file, each a clause.
    """

    file: Path
    effect: Effect
    texts: Mapping[tuple[str, int], str]
    defines: Mapping[str, str]
    whole: bool
    conf: Configuration
    ibm_i: bool
    told: tuple[str, ...] = ()

    def named(self, file: str) -> str:
        """A file in the user's words."""
        return str(self.file) if file == str(self.file.absolute()) else file

    @property
    def flaws(self) -> Sequence[Flaw]:
        """What was wrong with its text."""
        return self.effect.flaws


@dataclass(slots=True)
class _FilledFiles(LocalFiles):
    """Included files, with placeholders filled in, each line kept."""

    values: Mapping[str, str]
    texts: dict[tuple[str, int], str] = field(default_factory=dict)
    open_places: list[tuple[str, int, str]] = field(default_factory=list)

    def read(self, path: str) -> str | None:
        """Text of a regular file with the placeholders that have a value filled in."""
        text = LocalFiles.read(self, path)
        return None if text is None else self.kept(text, path)

    def kept(self, text: str, path: str) -> str:
        """The filled text, after its lines were noted."""
        filled = _PLACEHOLDER.sub(lambda found: self.values.get(_named(found), found[0]), text)
        for line in logical_lines(filled.removeprefix("\ufeff"), path):
            self.texts[path, line.line] = line.text
            if not line.text.startswith("#"):
                self.open_places += [(path, line.line, found[0]) for found in _PLACEHOLDER.finditer(line.text)]
        return filled


def read_original(
    file: Path,
    *,
    installation: Installation,
    defines: Sequence[str] = (),
    values: Mapping[str, str] | None = None,
) -> Original:
    """Read a configuration for the httpd that is to serve it.

    Args:
        file: complete, or a fragment.
        installation: that httpd: its version and modules decide the conditions.
        defines: names as after httpd's ``-D``.
        values: of placeholders and variables, by name.

    Raises:
        EvidenceError: there is nothing that could be read.
        ConfigError: a placeholder has no value.
    """
    given = dict(values or {})
    path = file.absolute()
    files = _FilledFiles(given)
    tree = understood(files.kept(text_of(path), str(path)), path)
    variables, told = _envvars(path)
    outside = {**variables, **dict.fromkeys(defines, ""), **given}
    first = tuple(Directive("Define", (n, v) if v else (n,), "", 0, 0) for n, v in outside.items())
    tree = Tree((*first, *tree.directives), tree.flaws)
    draft = resolve(tree, str(path), files)
    whole = is_whole(draft)
    supplied = frozenset() if whole else frozenset(n for n in USUAL_MODULES if installation.has(n))
    effect = resolve(tree, str(path), files, decide=_Decider(installation, supplied).decide)
    if files.open_places:
        where, line, text = files.open_places[0]
        raise ConfigError(
            option=f"the placeholder {text} ({where}:{line})",
            value=text,
            allowed="a real value",
            hint=f"Give it: --set '{text.strip('{}@<> ')}=VALUE'",
        )
    effect.directives = tuple(d for d in effect.directives if d.line)
    conf = configuration_of(effect, version=installation.version)
    names = frozenset(effect.loaded) | supplied | installation.built_in
    ibm_i = conf.modules.ibm_i
    conf = replace(conf, modules=replace(conf.modules, known=True, names=names, ibm_i=False))
    return Original(
        file=file,
        effect=effect,
        texts=files.texts,
        defines=outside,
        whole=whole,
        conf=conf,
        ibm_i=ibm_i,
        told=told,
    )


def _named(found: re.Match[str]) -> str:
    return next(group for group in found.groups() if group)


def _envvars(file: Path) -> tuple[dict[str, str], tuple[str, ...]]:
    """Variables of Debian's ``envvars`` beside the file or above it: assignments only, nothing of it is run."""
    for folder in tuple(file.parents)[:3]:
        text = LocalFiles().read(str(folder / "envvars"))
        if text is None or "APACHE_" not in text:
            continue
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


@dataclass(frozen=True, slots=True)
class _Decider:
    """Conditions as the httpd of the lab decides them; None where the text knows better."""

    installation: Installation
    supplied: frozenset[str]

    def decide(self, section: Directive, loaded: Mapping[str, Directive]) -> bool | None:
        """Whether the content of a conditional section counts."""
        name = section.first
        negated = name.startswith("!")
        name = name.lstrip("!")
        if section.key == "ifmodule":
            module = module_name(name)
            known = self.supplied | self.installation.built_in | {f"mpm_{n}" for n in self.installation.built_in}
            if f"mpm_{self.installation.mpm}" == module and not any(m.startswith("mpm_") for m in loaded):
                return not negated
            return (module in known or module in loaded) is not negated
        if section.key == "ifversion":
            return _version_fits(section.words, self.installation.numbers)
        if section.key == "iffile":
            return Path(name).exists() is not negated if PurePosixPath(name).is_absolute() else None
        return None


def _version_fits(words: Sequence[str], version: tuple[int, ...]) -> bool | None:
    """``<IfVersion [!]operator version>`` (mod_version); None for a pattern."""
    operator = words[0] if len(words) > 1 else "="
    wanted = words[-1] if words else ""
    negated = operator.startswith("!")
    operator = operator.lstrip("!") or "="
    if not re.fullmatch(r"\d+(\.\d+)*", wanted):
        return None
    want = tuple(map(int, wanted.split(".")))
    have = (*version, 0, 0)[: max(len(want), 1)]
    results = {"=": have == want, "==": have == want, ">": have > want, ">=": have >= want, "<": have < want}
    results["<="] = have <= want
    if operator not in results:
        return None
    return results[operator] is not negated
