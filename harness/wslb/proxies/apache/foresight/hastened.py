"""A configuration in which time runs faster: every time that decides about tunnels divided by one factor. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from wslb.proxies.apache.adoption.original import Original
from wslb.proxies.apache.conf.directives import Directive, walk
from wslb.proxies.apache.conf.urls import scheme_of
from wslb.proxies.apache.foresight.times import DEFAULT_RETRY, DEFAULT_TIMEOUT

__all__ = ["hastened", "shorter"]

_DIRECTIVES = frozenset({"timeout", "proxytimeout"})
_PARAMETERS = frozenset({"retry", "timeout", "connectiontimeout", "hcinterval"})
_LINES = frozenset({"balancermember", "proxypass", "proxypassmatch", "proxyset", "proxyhctemplate"})


def shorter(seconds: int, factor: float) -> int:
    """A time divided: whole seconds, one at least, for 0 has a meaning of its own; 0 stays."""
    return max(1, math.floor(seconds / factor + 0.5)) if seconds else 0


def hastened(original: Original, factor: float) -> Original:
    """The configuration with its times divided, httpd's defaults of Timeout and ``retry`` written out first."""
    if factor == 1:
        return original
    before = original.effect.directives
    directives = _all(before, factor, ())
    pairs = zip(walk(before), walk(directives), strict=True)
    changed = {(old.file, old.line) for old, new in pairs if old.body is None and old.words != new.words}
    if not any(d.key == "timeout" for d in before):
        directives = (Directive("Timeout", (str(shorter(DEFAULT_TIMEOUT, factor)),), "", 0, 0), *directives)
    return replace(
        original,
        effect=replace(original.effect, directives=directives),
        conf=replace(original.conf, directives=directives),
        texts={place: text for place, text in original.texts.items() if place not in changed},
    )


def _all(directives: Iterable[Directive], factor: float, around: tuple[Directive, ...]) -> tuple[Directive, ...]:
    return tuple(
        _one(d, factor, around) if d.body is None else replace(d, body=_all(d.body, factor, (*around, d)))
        for d in directives
    )


def _one(at: Directive, factor: float, around: Sequence[Directive]) -> Directive:
    if at.key in _DIRECTIVES:
        return replace(at, words=tuple(_divided(word, factor) for word in at.words))
    if at.key not in _LINES or _of_balancer(at, around):
        return at
    words = tuple(_parameter(word, factor) for word in at.words)
    leads = any("://" in word for word in words)
    if at.key in {"balancermember", "proxypass", "proxypassmatch"} and leads and not _says(words, "retry"):
        words = (*words, f"retry={shorter(DEFAULT_RETRY, factor)}")
    return replace(at, words=words)


def _of_balancer(at: Directive, around: Sequence[Directive]) -> bool:
    """Whether a line is about a balancer itself, whose ``timeout`` is another thing: the wait for a free member."""
    if at.key == "balancermember":
        return False
    named = [scheme_of(word) for word in at.words if "://" in word.partition("=")[0]]
    sections = [scheme_of(section.first) for section in around if section.key == "proxy"]
    return "balancer" in (named or sections)


def _says(words: Iterable[str], name: str) -> bool:
    return any(word.lower().startswith(f"{name}=") for word in words)


def _parameter(word: str, factor: float) -> str:
    name, equals, value = word.partition("=")
    return f"{name}={_divided(value, factor)}" if equals and name.lower() in _PARAMETERS else word


def _divided(text: str, factor: float) -> str:
    found = re.fullmatch(r"(\d{1,9})(\w*)", text)
    return f"{shorter(int(found[1]), factor)}{found[2]}" if found else text
