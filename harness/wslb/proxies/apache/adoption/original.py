"""A user's configuration as it stands: every file of it, placeholders filled in, Debian's envvars and ``-D`` given."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from wslb.errors import ConfigError, ProxyConfigRejected
from wslb.interfaces import Installation
from wslb.proxies.apache.advice.adviser import configuration_of, is_whole
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import MAX_DEPTH, Directive, Flaw, walk
from wslb.proxies.apache.conf.effect import MAX_DIRECTIVES, MAX_FILES, MAX_WORD, Decide, Effect, module_name, resolve
from wslb.proxies.apache.conf.outside import FilledFiles, outside_of, root_of
from wslb.proxies.apache.conf.vocabulary import SERVER_ONLY, USUAL_MODULES

__all__ = ["Original", "read_original"]


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
        told: what was found beside the file, and what of it was left out, each a sentence.
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
        defines: ``NAME`` as after httpd's ``-D``, or ``NAME=VALUE``.
        values: of placeholders and variables, by name.

    Raises:
        EvidenceError: there is nothing that could be read.
        ConfigError: a placeholder has no value, or there is more than is read.
        ProxyConfigRejected: sections do not close each other, or a ``.htaccess`` has what may not stand there.
    """
    path = file.absolute()
    outside = outside_of(path, defines=defines, values=values)
    files = FilledFiles(values=outside.values)
    tree = files.tree_of(path)

    def resolved(decide: Decide = lambda _section, _loaded: None) -> Effect:
        return resolve(
            tree,
            str(path),
            files,
            root=root_of(path),
            folder=outside.folder,
            defines=outside.defines,
            decide=decide,
        )

    draft = resolved()
    _refuse_endless(draft, file)
    _refuse_nesting(draft)
    whole = is_whole(draft)
    supplied = frozenset() if whole else frozenset(n for n in USUAL_MODULES if installation.has(n))
    effect = resolved(_Decider(installation, supplied).decide)
    _refuse_server_only(effect, outside.folder)
    if files.open_places:
        place = files.open_places[0]
        raise ConfigError(
            option=f"the placeholder {place.text} ({place.file}:{place.line})",
            value=place.text,
            allowed="a real value",
            hint=f"Give it: --set '{place.text}=VALUE'",
        )
    conf = configuration_of(effect, version=installation.version, folder=outside.folder)
    names = frozenset(effect.loaded) | supplied | installation.built_in
    ibm_i = conf.modules.ibm_i
    conf = replace(conf, modules=replace(conf.modules, known=True, names=names, ibm_i=False))
    return Original(
        file=file,
        effect=effect,
        texts=files.texts,
        defines=outside.defines,
        whole=whole,
        conf=conf,
        ibm_i=ibm_i,
        told=(*(f"read with {clause}" for clause in outside.told), *_left_out(effect.left_out)),
    )


def _refuse_endless(draft: Effect, file: Path) -> None:
    """What is not read to its end cannot be served: nobody knows how many files and how much memory it would take."""
    for flaw in draft.unread:
        place = f"{file if flaw.file == str(file.absolute()) else flaw.file}:{flaw.line}"
        if flaw.kind == "many":
            hint = "Include the files of the configuration alone, or name one of them as the file."
            option, most, unit = f"the number of files with those of {flaw.text} ({place})", MAX_FILES, ""
        elif flaw.kind == "deep":
            hint = "Write it with fewer sections in one another."
            option, most, unit = f"the number of sections around <{flaw.text}> ({place})", MAX_DEPTH, ""
        elif flaw.kind == "endless":
            hint = "Leave out what is written by a program, or a macro that uses others many times."
            option, most, unit = f"the number of directives ({place})", MAX_DIRECTIVES, ""
        else:
            hint = "Define it shorter; what doubles each time would take all memory of httpd."
            option, most, unit = f"the length of {flaw.text} ({place})", MAX_WORD, " characters"
        raise ConfigError(option=option, value=f"over {most}", allowed=f"at most {most}{unit}", hint=hint)


def _refuse_nesting(draft: Effect) -> None:
    """httpd does not start where sections do not close; served as we understood them, they would be another file."""
    told = {"unclosed": "is not closed", "stray": "closes nothing"}
    flaw = next((flaw for flaw in draft.flaws if flaw.kind in told), None)
    if flaw is not None:
        text = f"{flaw.file}:{flaw.line}: <{'/' * (flaw.kind == 'stray')}{flaw.text}> {told[flaw.kind]}"
        hint = "httpd does not start with it: close every section in the opposite order of opening."
        raise ProxyConfigRejected(file=Path(flaw.file), line=None, text=text, hint=hint)


MOST_LEFT_OUT = 5


def _left_out(sections: Sequence[Directive]) -> Iterator[str]:
    for one in sections[:MOST_LEFT_OUT]:
        yield f"{one.file}:{one.line}: {one} is left out, for nobody defined the name: -D {one.first}"
    if len(sections) > MOST_LEFT_OUT:
        yield f"{len(sections) - MOST_LEFT_OUT} more such sections are left out; wslb doctor --conf names them"


def _refuse_server_only(effect: Effect, folder: str) -> None:
    """A ``.htaccess`` is served as the ``<Directory>`` that it stands for, which may have more than the file."""
    wrong = next((d for d in walk(effect.directives) if d.line and SERVER_ONLY.match(d.key)), None) if folder else None
    if wrong is not None:
        text = f"{wrong.file}:{wrong.line}: {wrong.name} not allowed here"
        hint = "httpd answers every request of the folder with 500: put the line into the server's own configuration."
        raise ProxyConfigRejected(file=Path(wrong.file), line=None, text=text, hint=hint)


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
