"""What mod_rewrite makes of an upgrade request, rule by rule, as far as the text of a configuration decides it.

A condition on what only the request or the machine knows (a file, an address, another field) is undecided: the rule
then is one possible end, named with that condition, and reading goes on as if it did not fit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.mounting import compiled
from wslb.proxies.apache.conf.scope import Placed, Scope

__all__ = ["FILES", "AskedPath", "Rewritten", "location_fits", "rewritten", "rules_of"]

_BROWSER = {
    "http:upgrade": "websocket",
    "http:connection": "Upgrade",
    "http_connection": "Upgrade",
    "http:sec-websocket-version": "13",
    "request_method": "GET",
}
_REFERENCE = re.compile(r"\\(.)|([$%])(\d)|\$\{[^}]*\}|%\{([^}]+)\}")
_ABSOLUTE = re.compile(r"^(?:https?|wss?|balancer|ajp|fcgi|h2c?|unix|ftp|uwsgi|scgi)://?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AskedPath:
    """A request as far as it has come: its path, and its query without the question mark."""

    path: str
    query: str = ""

    @property
    def variables(self) -> dict[str, str]:
        """Variables of mod_rewrite that an upgrade of a browser decides, by their names in lower case."""
        return {**_BROWSER, "request_uri": self.path, "query_string": self.query}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """One possible end of the rules.

    Attributes:
        how: ``proxied``, ``redirected``, ``refused``, ``served`` (as a file), or ``passed`` on to mod_proxy.
        at: the rule; None where none applied.
        target: URL or status of the end; empty for ``passed``.
        asking: the request behind the rules.
        provided: what the text does not decide, each a clause; empty for the last end.
    """

    how: str
    at: Directive | None
    target: str = ""
    asking: AskedPath
    provided: tuple[str, ...] = ()


def location_fits(section: Directive, path: str) -> bool | None:
    """Whether a section covers a path (ap_location_walk); None where the text does not decide."""
    words = section.words
    if section.key == "locationmatch" or (section.key == "location" and section.first == "~"):
        return _found(words[-1] if words else "", path, nocase=False) is not None
    if section.key == "location":
        prefix = section.first
        if re.search(r"[*?\[]", prefix):
            return None
        return path.startswith(prefix) and (prefix.endswith("/") or path[len(prefix) : len(prefix) + 1] in {"", "/"})
    return None


def rewritten(scope: Scope, asking: AskedPath) -> tuple[Rewritten, ...]:
    """Every possible end of the rules of a server for an upgrade request; the last one is reached if no other is."""
    ends: list[Rewritten] = []
    conditions: list[Directive] = []
    at: Directive | None = None
    changed = False
    skip = 0
    chained_out = False
    for placed in _lines(scope, asking.path):
        line = placed.directive
        if line.key == "rewritecond":
            conditions.append(line)
            continue
        flags, own, conditions = _flags(line), conditions, []
        if skip or chained_out:
            skip = max(0, skip - 1)
            chained_out = chained_out and "C" in flags
            continue
        fits, match, last = _fits(line, own, asking, flags, _compared(placed, asking.path))
        undecided = _undecided(own, asking) if fits is None else ()
        if fits is False:
            chained_out = "C" in flags
            continue
        end = _end(line, flags, match, last, asking)
        covered = all(location_fits(section, asking.path) for section in placed.around)
        if not covered or (placed.around and end.how not in _LAST):
            fits, undecided = None, (f"{placed.around[-1]} applies", *undecided)
        if fits is None:
            ends.append(Rewritten(how=end.how, at=line, target=end.target, asking=end.asking, provided=undecided))
            continue
        if end.how in _LAST:
            return (*ends, end)
        if line.words[1] != "-":
            at, asking, changed = line, end.asking, end.how == "served"
        skip = int(flags["S"]) if flags.get("S", "").isdigit() else 0
        if {"L", "END", "PT"} & flags.keys():
            break
    return (*ends, Rewritten(how="served" if changed else "passed", at=at, asking=asking))


_LAST = frozenset({"proxied", "redirected", "refused"})

FILES = "/srv/www/html"
"""Stands for the folder of a server's files, which is rarely written where its rules are."""


def _compared(placed: Placed, path: str) -> str:
    """What a pattern is compared with: the path, without its slash in a folder; in <Location> the name of the file.

    Where a ProxyPass leads the path on, that name is ``proxy:`` and its URL (seen on 2.4.71): a pattern that begins
    with the path misses both.
    """
    if _within_a_folder(placed):
        return path.removeprefix("/")
    return f"{FILES}{path}" if any(s.key in {"location", "locationmatch"} for s in placed.around) else path


def rules_of(scope: Scope) -> tuple[Directive, ...]:
    """RewriteRule lines that are asked for some path of a server, in order."""
    return tuple(at.directive for at in _lines(scope, None) if at.directive.key == "rewriterule")


def _lines(scope: Scope, path: str | None) -> list[Placed]:
    """Conditions and rules that are asked for a path, in order, with what ``RewriteOptions Inherit`` adds."""
    own = _own_lines(scope, path)
    if scope.main is None:
        return own
    options = {word.lower() for at in scope.all("rewriteoptions") for word in at.directive.words}
    inherited = [at for at in _own_lines(scope.main, path) if not at.around]
    before = inherited if "inheritbefore" in options else []
    return [*before, *own, *(inherited if "inherit" in options else [])]


def _own_lines(scope: Scope, path: str | None) -> list[Placed]:
    # A section's rules are asked later than those of the server (the fixup hook of mod_rewrite).
    engine = scope.value("RewriteEngine") == "on"
    lines = [at for at in scope.placed if at.directive.key in {"rewritecond", "rewriterule"}]
    of_server = [at for at in lines if not at.around and engine]
    inside = [
        at
        for at in lines
        if at.around
        and (path is None or all(location_fits(section, path) is not False for section in at.around))
        and _switched(scope, at)
    ]
    return [at for at in (*of_server, *inside) if at.directive.key == "rewritecond" or len(at.directive.words) > 1]


def _switched(scope: Scope, at: Placed) -> bool:
    """Whether the engine is On inside a section, or for the whole server."""
    inside = [p for p in scope.all("rewriteengine") if p.around and p.around[-1] is at.around[-1]]
    return inside[-1].directive.first.lower() == "on" if inside else scope.value("RewriteEngine") == "on"


def _flags(line: Directive) -> dict[str, str]:
    """Flags of a rule or a condition by their short names, with their values."""
    written = line.words[2].strip("[]").split(",") if len(line.words) > 2 else []
    pairs = (flag.strip().partition("=") for flag in written)
    return {_SHORT.get(name.upper(), name.upper()): value for name, _, value in pairs}


_SHORT = {
    "PROXY": "P",
    "LAST": "L",
    "NOCASE": "NC",
    "ORNEXT": "OR",
    "REDIRECT": "R",
    "FORBIDDEN": "F",
    "GONE": "G",
    "CHAIN": "C",
    "SKIP": "S",
    "PASSTHROUGH": "PT",
    "QSAPPEND": "QSA",
    "QSDISCARD": "QSD",
}


def _within_a_folder(placed: Placed) -> bool:
    """Whether a rule is asked without the slash, because the folder's own prefix is taken off (hook_fixup)."""
    return any(section.key == "directory" for section in placed.around)


def _fits(
    line: Directive, conditions: Sequence[Directive], asking: AskedPath, flags: dict[str, str], path: str
) -> tuple[bool | None, re.Match[str] | None, re.Match[str] | None]:
    """Whether a rule applies to a path, with what its pattern and its last condition matched."""
    pattern = line.words[0]
    negated = pattern.startswith("!")
    match = _found(pattern.removeprefix("!"), path, nocase="NC" in flags)
    if (match is None) is not negated:
        return False, None, None
    last: re.Match[str] | None = None
    answer: bool | None = True
    either: bool | None = False
    for condition in conditions:
        holds, matched = _holds(condition, asking, match, last)
        last = matched or last
        either = True if either or holds else (None if either is None or holds is None else False)
        if "OR" in _flags(condition):
            continue
        if either is False:
            return False, None, None
        answer = None if either is None else answer
        either = False
    return answer, match, last


def _undecided(conditions: Sequence[Directive], asking: AskedPath) -> tuple[str, ...]:
    return tuple(f"{at.file}:{at.line}: {at} holds" for at in conditions if _holds(at, asking, None, None)[0] is None)


def _holds(
    condition: Directive, asking: AskedPath, match: re.Match[str] | None, last: re.Match[str] | None
) -> tuple[bool | None, re.Match[str] | None]:
    """Whether a condition holds; None where the text does not decide."""
    if len(condition.words) < 2 or condition.first.lower() == "expr":
        return None, None
    tested, whole = _put(condition.first, asking, match, last)
    pattern = condition.words[1]
    negated = pattern.startswith("!")
    pattern = pattern.removeprefix("!")
    if not whole or re.match(r"-\w|[<>]", pattern):
        return None, None
    nocase = "NC" in _flags(condition)
    if pattern.startswith("="):
        wanted = pattern[1:].strip('"')
        equal = tested.lower() == wanted.lower() if nocase else tested == wanted
        return equal is not negated, None
    found = _found(pattern, tested, nocase=nocase)
    return (found is not None) is not negated, None if negated else found


def _found(pattern: str, text: str, *, nocase: bool) -> re.Match[str] | None:
    read = compiled(pattern, nocase=nocase)
    return read.search(text) if read else None


def _put(text: str, asking: AskedPath, match: re.Match[str] | None, last: re.Match[str] | None) -> tuple[str, bool]:
    """Text with its references put in, and whether each of them is known; an unknown one stays as it is written.

    ``${name:key}`` of a map that there is not is empty (mod_rewrite, lookup_map).
    """
    known = True
    variables = asking.variables

    def value(found: re.Match[str]) -> str:
        nonlocal known
        guarded, kind, number, name = found.groups()
        if guarded is not None:
            return str(guarded)
        if number is not None:
            source = match if kind == "$" else last
            group = int(number)
            return (source[group] or "") if source is not None and group <= source.re.groups else ""
        if name is None:
            return ""
        if name.lower() in variables:
            return variables[name.lower()]
        known = False
        return found[0]

    return _REFERENCE.sub(value, text), known


def _end(
    line: Directive, flags: dict[str, str], match: re.Match[str] | None, last: re.Match[str] | None, asking: AskedPath
) -> Rewritten:
    """What a rule that applies does with a request."""
    if "F" in flags or "G" in flags:
        return Rewritten(how="refused", at=line, target="403" if "F" in flags else "410", asking=asking)
    target, _ = _put(line.words[1], asking, match, last)
    path, mark, query = (asking.path, "", "") if line.words[1] == "-" else target.partition("?")
    if not mark and "QSD" not in flags:
        query = asking.query
    elif mark and "QSA" in flags and asking.query:
        query = "&".join(part for part in (query, asking.query) if part)
    after = AskedPath(path, query)
    if "P" in flags:
        return Rewritten(how="proxied", at=line, target=path, asking=after)
    if "R" in flags or _ABSOLUTE.match(path):
        status = flags.get("R", "")
        if status.isdigit() and not status.startswith("3"):
            return Rewritten(how="refused", at=line, target=status, asking=asking)
        return Rewritten(how="redirected", at=line, target=path, asking=after)
    passed = line.words[1] == "-" or "PT" in flags
    return Rewritten(how="passed" if passed else "served", at=line, asking=after)
