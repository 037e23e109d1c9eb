"""A directive as text again: as it stands in its file, or in words that httpd splits as it split those."""

from __future__ import annotations

import re
from collections.abc import Sequence

from wslb.proxies.apache.conf.directives import Directive

__all__ = ["quoted", "same"]


def same(written: Sequence[str], resolved: Sequence[str]) -> bool:
    """Whether words differ by nothing but the variables in them, which httpd fills in itself."""
    return len(written) == len(resolved) and all(map(_filled, written, resolved))


def _filled(written: str, resolved: str) -> bool:
    """Whether a word is another with something in the place of its variables: what is between them comes in order."""
    if "${" not in written or written == resolved:
        return written == resolved
    first, *others = re.split(r"\$\{[^}\s]*\}", written)
    last = others.pop() if others else ""
    at = len(first)
    for part in others:
        at = resolved.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return resolved.startswith(first) and resolved.endswith(last) and at + len(last) <= len(resolved)


def quoted(at: Directive) -> str:
    """A directive as text that httpd splits into the same words (ap_getword_conf)."""
    inner = " ".join((at.name, *map(_word, at.words)))
    return inner if at.body is None else f"<{inner}>"


def _word(word: str) -> str:
    if word and not re.search(r"\s", word) and word[0] not in "\"'" and not word.endswith("\\"):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
