"""Under which host name a server is asked: one of its own, such that the line that a path is of can take the request.

A line may stand behind a condition on the Host field (RewriteCond on ``%{HTTP_HOST}``, ``<If>``). A request under
another name would pass it by, and a configuration that works would be called broken. So a name is taken that all
such conditions accept: of the server's names, else what the conditions themselves ask for, where this server would
get a request under that name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from wslb.proxies.apache.conf.directives import Directive, walk
from wslb.proxies.apache.conf.mounting import Mounting, compiled, text_for

__all__ = ["host_name", "names_asked_for", "names_in"]

_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_VARIABLES = frozenset({"%{http_host}", "%{server_name}", "%{http:host}"})
_EXPRESSION = re.compile(
    r"""\s*(?:%\{(?:HTTP_HOST|SERVER_NAME)\}|(?:req|http)\(\s*['"]Host['"]\s*\))\s*
    (?P<how>==|!=|=~|!~|eq|ne)\s*
    (?:'(?P<single>[^']*)'|"(?P<double>[^"]*)"|m(?P<mark>[#|])(?P<marked>.*?)(?P=mark)(?P<mi>i?)|/(?P<slashed>.*)/(?P<si>i?))\s*""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """A condition on the Host field: of equality with a text, or of a pattern that it must match."""

    text: str
    pattern: bool
    nocase: bool
    negated: bool

    def allows(self, name: str) -> bool:
        read = compiled(self.text, nocase=self.nocase) if self.pattern else None
        equal = name.lower() == self.text.lower() if self.nocase else name == self.text
        return (bool(read and read.search(name)) if self.pattern else equal) != self.negated

    @property
    def sample(self) -> str | None:
        """A name that fulfils it; None where none can be told."""
        meant = re.sub(r"(?<!\\)\.(?![*+?{])", r"\.", self.text)  # few write the dots of a name as httpd wants them
        text = None if self.negated else (text_for(meant, rooted=False) if self.pattern else self.text)
        name = (text or "").lower().partition(":")[0]
        return name if _HOST_NAME.fullmatch(name) else None


def names_in(directives: Iterable[Directive]) -> tuple[str, ...]:
    """What ServerName and ServerAlias say, in lower case, without scheme and port; ``*`` and ``?`` as they stand."""
    names = [w for d in directives if d.key in {"servername", "serveralias"} for w in d.words]
    return tuple(dict.fromkeys(re.sub(r"^\w+://|:\d+$", "", name).lower() for name in names))


def names_asked_for(directives: Iterable[Directive]) -> tuple[str, ...]:
    """Host names that conditions on the Host field ask for, wherever in these lines they stand."""
    wishes = (_wish(at) for at in walk(directives))
    return tuple(dict.fromkeys(wish.sample for wish in wishes if wish and wish.sample))


def host_name(names: Sequence[str], mounting: Mounting | None, *, alone: bool) -> str | None:
    """A name under which this line of the server takes a request; None for any.

    Args:
        names: of the server (`names_in`).
        mounting: the line; None for none.
        alone: whether the server gets requests under any other name too.
    """
    own = [name for name in names if _HOST_NAME.fullmatch(name)]
    groups = list(_groups(mounting)) if mounting else []
    wanted = [wish.sample for group in groups for wish in group if wish.sample]
    reached = [name for name in wanted if alone or not names or any(fnmatchcase(name, known) for known in names)]
    likely = [*own, *reached, *(name.replace("*", "x").replace("?", "x") for name in names)]
    possible = [name for name in likely if _HOST_NAME.fullmatch(name)]
    fits = (name for name in possible if all(any(wish.allows(name) for wish in group) for group in groups))
    return next(fits, next(iter(possible), None))


def _groups(mounting: Mounting) -> Iterator[tuple[_Wish, ...]]:
    """Of each group of conditions joined by OR, its wishes, where it has no other; one must be fulfilled."""
    for section in mounting.around:
        if wish := _wish(section):
            yield (wish,)
    group: list[_Wish | None] = []
    for condition in mounting.conditions:
        group.append(_wish(condition))
        if "OR" not in _flags(condition) and "ORNEXT" not in _flags(condition):
            wishes = tuple(wish for wish in group if wish)
            if len(wishes) == len(group):
                yield wishes
            group = []


def _flags(condition: Directive) -> set[str]:
    return set(condition.words[2].strip("[]").upper().split(",")) if len(condition.words) > 2 else set()


def _wish(at: Directive) -> _Wish | None:
    if at.key in {"if", "elseif"} or (at.key == "rewritecond" and at.first.lower() == "expr"):
        return _read(at.words[-1] if at.key == "rewritecond" and len(at.words) > 1 else " ".join(at.words))
    if at.key != "rewritecond" or len(at.words) < 2 or at.first.lower() not in _VARIABLES:
        return None
    negated, text = at.words[1].startswith("!"), at.words[1].removeprefix("!")
    if text.startswith(("-", "<", ">")):
        return None
    equal = text.startswith("=")
    nocase = bool({"NC", "NOCASE"} & _flags(at))
    return _Wish(text=text.removeprefix("=").strip('"'), pattern=not equal, nocase=nocase, negated=negated)


def _read(expression: str) -> _Wish | None:
    found = _EXPRESSION.fullmatch(expression)
    if found is None:
        return None
    texts = (found["single"], found["double"], found["marked"], found["slashed"])
    return _Wish(
        text=next(text for text in texts if text is not None),
        pattern="~" in found["how"],
        nocase=bool(found["mi"] or found["si"]),
        negated=found["how"].lower() in {"!=", "!~", "ne"},
    )
