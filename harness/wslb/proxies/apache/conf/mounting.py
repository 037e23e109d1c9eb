"""Paths of a server, where each one leads, and a path that it may take."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache

from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.scope import Placed, Scope
from wslb.proxies.apache.conf.urls import host_of, parameters_of, path_of, scheme_of

__all__ = ["Mounting", "Way", "bounded", "compiled", "mountings_in", "sample_of", "text_for"]


class Way(StrEnum):
    """How a path is led to its end."""

    PROXYPASS = "ProxyPass"
    PROXYPASSMATCH = "ProxyPassMatch"
    REWRITE = "RewriteRule"


@dataclass(frozen=True, kw_only=True)
class Mounting:
    """A path that is led to a URL.

    Attributes:
        path: as written, or the pattern of a RewriteRule or ProxyPassMatch; of ``<Location>`` where it stands in one.
        url: where to; ``!`` excludes the path.
        parameters: of the ProxyPass line.
        location: whether it stands in ``<Location>``, which goes before every ProxyPass of the server.
        flags: of a RewriteRule, in upper case.
        around: sections that it stands in, outermost first.
        conditions: RewriteCond lines of a RewriteRule.
    """

    way: Way
    path: str
    url: str
    parameters: Mapping[str, str]
    directive: Directive
    scope: Scope
    location: bool = False
    flags: frozenset[str] = frozenset()
    around: tuple[Directive, ...] = ()
    conditions: tuple[Directive, ...] = ()

    @cached_property
    def balancer(self) -> str | None:
        """Name of the balancer, in lower case; None for any other URL."""
        return host_of(self.url) if scheme_of(self.url) == "balancer" else None

    @property
    def section(self) -> Directive | None:
        """The ``<Location>`` or ``<LocationMatch>`` that it stands in; None outside of one."""
        return next((s for s in reversed(self.around) if s.key in {"location", "locationmatch"}), None)

    @cached_property
    def url_path(self) -> str:
        """Path of the URL; empty when there is none."""
        return path_of(self.url)


def mountings_in(scope: Scope) -> Iterator[Mounting]:
    """Every path of one server that is led somewhere: ProxyPass lines as in the text, then RewriteRule lines."""
    for placed in scope.placed:
        if placed.directive.key in {"proxypass", "proxypassmatch"}:
            yield from _proxypass(placed, scope)
    conditions: list[Directive] = []
    for placed in scope.placed:
        words = placed.directive.words
        if placed.directive.key == "rewritecond":
            conditions.append(placed.directive)
        elif placed.directive.key == "rewriterule" and len(words) < 2:
            conditions = []
        elif placed.directive.key == "rewriterule":
            pattern, target, *more = words
            flags = more[0].strip("[]").upper().split(",") if more else []
            yield Mounting(
                way=Way.REWRITE,
                path=pattern,
                url=target,
                parameters={},
                directive=placed.directive,
                scope=scope,
                location=bool(placed.around),
                flags=frozenset(flag.strip().partition("=")[0] for flag in flags),
                around=placed.around,
                conditions=tuple(conditions),
            )
            conditions = []


def _proxypass(placed: Placed, scope: Scope) -> Iterator[Mounting]:
    directive = placed.directive
    words = list(directive.words)
    if any(section.key.startswith(("directory", "files")) for section in placed.around):
        return  # httpd refuses it there
    location = next((s for s in reversed(placed.around) if s.key in {"location", "locationmatch"}), None)
    way = Way.PROXYPASSMATCH if directive.key == "proxypassmatch" else Way.PROXYPASS
    if location is not None and words and ("://" in words[0] or words[0] == "!"):
        path = location.words[-1] if location.words else ""
        if location.key == "locationmatch" or location.first == "~":
            way = Way.PROXYPASSMATCH
    elif len(words) >= 2:
        path = words.pop(0)
    else:
        return
    yield Mounting(
        way=way,
        path=path,
        url=words[0],
        parameters=parameters_of(words[1:]),
        directive=directive,
        scope=scope,
        location=location is not None,
        around=placed.around,
    )


def sample_of(mounting: Mounting) -> str | None:
    """A path, with a query where one is wanted, that this line means to take; None where none can be told."""
    if mounting.way is Way.PROXYPASS:
        if re.match(r"\^|/.*(?:\.\*|\$$)", mounting.path):
            return text_for(mounting.path)  # it is no pattern there, but somebody meant one
        return mounting.path if mounting.path.startswith("/") and not re.search(r"[*\s$]", mounting.path) else None
    wanted, query = "", ""
    if mounting.way is Way.REWRITE:
        for condition in mounting.conditions:
            tested, pattern = (*condition.words, "", "")[:2]
            if pattern.startswith("!"):
                continue
            if tested == "%{REQUEST_URI}":
                wanted = text_for(pattern) or ""
            elif tested == "%{QUERY_STRING}":
                query = text_for(pattern, rooted=False) or ""
        inside = mounting.around[-1] if mounting.around else None
        if inside is not None and inside.key in {"location", "directory"} and inside.first.startswith("/"):
            wanted = wanted or (f"{inside.first.rstrip('/')}/" if inside.key == "location" else "")
    path = wanted or text_for(mounting.path)
    return None if path is None else f"{path}{'?' if query else ''}{query}"


_ATOM = re.compile(
    r"\\[/.\-_~=&?]|\\[dwsS]|\[[^\]]*\]|\((?:\?:|\?i\))?|\)|\||\.|[A-Za-z0-9/_~=&%:,@-]|[\^$]|[*+?]|\{\d+(?:,\d*)?\}"
)


def text_for(pattern: str, *, rooted: bool = True) -> str | None:
    """Text that a simple pattern matches: literals, the first of alternatives, one character for a class."""
    text = _first(_spelt(pattern)) if len(pattern) <= 500 else None
    if text is None:
        return None
    if rooted and not text.startswith("/"):
        text = f"/{text}"
    read = compiled(pattern) if len(text) <= _SHORT else bounded(pattern)
    return text if read and (read.search(text) or read.search(text.removeprefix("/"))) else None


def _first(pattern: str) -> str | None:
    groups: list[tuple[list[str], bool]] = [([], False)]
    at = 0
    while at < len(pattern):
        found = _ATOM.match(pattern, at)
        if found is None:
            return None
        atom, at = found[0], found.end()
        out, skipping = groups[-1]
        if atom.startswith("("):
            groups.append(([], skipping))
        elif atom == ")":
            if len(groups) == 1:
                return None
            inner, _ = groups.pop()
            if not groups[-1][1]:
                groups[-1][0].append("".join(inner))
        elif atom == "|":
            groups[-1] = (out, True)
        elif skipping or atom in "^$":
            continue
        elif atom in {"*", "?"}:
            if out:
                out.pop()
        elif atom == "+" or atom.startswith("{"):
            continue
        else:
            out.append(_character(atom))
    return "".join(groups[0][0]) if len(groups) == 1 else None


def _character(atom: str) -> str:
    if atom.startswith("["):
        inner = atom[1:-1]
        return (
            "x"
            if inner.startswith("^")
            else ("1" if inner.startswith(("0-9", r"\d")) else inner[:1].replace("\\", "x"))
        )
    if atom.startswith("\\"):
        return {"d": "1", "w": "x", "S": "x", "s": " "}.get(atom[1], atom[1])
    return "x" if atom == "." else atom


_CLASSES = {
    "alnum": "A-Za-z0-9",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "digit": "0-9",
    "lower": "a-z",
    "space": r"\s",
    "upper": "A-Z",
    "word": r"\w",
    "xdigit": "0-9A-Fa-f",
}


def _spelt(pattern: str) -> str:
    """A pattern of httpd in Python's spelling: classes such as ``[:alnum:]``, and names of groups."""
    classes = re.sub(r"\[:(\w+):\]", lambda found: _CLASSES.get(found[1], found[0]), pattern)
    return re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", classes)


@lru_cache(maxsize=1024)
def compiled(pattern: str, *, nocase: bool = False) -> re.Pattern[str] | None:
    """A pattern of httpd (PCRE), as far as Python's are alike; None where it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a bracket inside of brackets is one to PCRE, and a question to Python
        try:
            return re.compile(_spelt(pattern), re.IGNORECASE if nocase else 0)
        except (re.error, OverflowError, RecursionError):
            return None


_SHORT = 20
"""Characters of a text on which the search for any pattern ends soon."""

_REPEATED_TWICE = re.compile(r"[*+}][^()]*\)+[*+{]")


def bounded(pattern: str, *, nocase: bool = False) -> re.Pattern[str] | None:
    """A pattern whose search soon ends; None for one that repeats what repeats itself, and for what is no pattern."""
    return None if len(pattern) > 500 or _REPEATED_TWICE.search(pattern) else compiled(pattern, nocase=nocase)
