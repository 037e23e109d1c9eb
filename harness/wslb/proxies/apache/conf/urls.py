"""URLs and parameters as mod_proxy reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from wslb.proxies.apache.conf.directives import Directive

__all__ = ["WEBSOCKET_SCHEMES", "covering_paths", "host_of", "is_open", "parameters_of", "path_of", "scheme_of"]


WEBSOCKET_SCHEMES = frozenset({"ws", "wss"})


def scheme_of(url: str) -> str:
    """Scheme of a URL in lower case; empty when it has none."""
    scheme, separator, _ = url.partition("://")
    return scheme.lower() if separator else ""


def host_of(url: str) -> str:
    """Host, and port where one is written, in lower case."""
    return re.split(r"[/?#$]", url.partition("://")[2], maxsplit=1)[0].lower()


def path_of(url: str) -> str:
    """Path of a URL; empty when there is none."""
    rest = url.partition("://")[2]
    return rest[rest.index("/") :] if "/" in rest else ""


def covering_paths(path: str) -> Iterator[str]:
    """Paths that cover this one, longest first: itself, and each one that ends before a slash or with it."""
    yield path
    for at in range(len(path) - 1, -1, -1):
        if path[at] == "/":
            if at + 1 < len(path):
                yield path[: at + 1]
            if at:
                yield path[:at]


def parameters_of(words: Iterable[str]) -> dict[str, str]:
    """``key=value`` arguments; flags such as ``nocanon`` have an empty value."""
    found: dict[str, str] = {}
    for word in words:
        key, _, value = word.partition("=")
        found[key.lower()] = value
    return found


_PLACEHOLDER = re.compile(r"\{\{|\{%|<%|@@[\w.-]+@@|(?<![?P])<[A-Za-z][\w -]*>|__[A-Z][A-Z0-9_]*__")


def is_open(directive: Directive) -> bool:
    """Whether a placeholder of a template stands in this line: ``{{ x }}``, ``@@X@@``, ``<your host>``, ``__X__``."""
    return bool(_PLACEHOLDER.search(" ".join(directive.words)))
