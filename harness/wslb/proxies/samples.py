"""Paths that a pattern matches."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["path_samples"]


def path_samples(pattern: str) -> Iterator[str]:
    """A path that this expression finds, where a simple reading of it gives one."""
    text = re.sub(r"\\[.]", "\0", pattern.strip("^").removesuffix("$"))
    for _ in range(10):
        text, count = re.subn(r"\((?:\?:|\?<\w+>)?([^()|]*)(?:\|[^()]*)?\)[?*+]?", r"\1", text)
        if not count:
            break
    text = re.sub(r"\\d[+*]?|\[[^\]]*\][+*]?|\\w[+*]?", "1", text)
    text = re.sub(r"\.[+*]\??", "x", text)
    text = re.sub(r".\?", "", text).replace("\0", ".").replace("\\", "")
    path = text if text.startswith("/") else f"/{text}"
    try:
        if re.search(pattern, path) and not set(path) & set(" \r\n\t(){}[]|"):
            yield path
    except re.error:
        return
