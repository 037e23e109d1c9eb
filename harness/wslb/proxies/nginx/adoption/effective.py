"""What counts in a block of nginx's: the nearest block that says it. Pure.

Source: ngx_http_proxy_module: "These directives are inherited from the previous configuration level if and only if
there are no proxy_set_header directives defined on the current level".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from wslb.proxies.nginx.adoption.grammar import NginxLine, every
from wslb.proxies.samples import path_samples

__all__ = [
    "METHODS",
    "READ_SECONDS",
    "first_line",
    "lines_in_force",
    "proxying",
    "sample_of_location",
    "seconds_of",
    "upstreams_of",
]

METHODS = frozenset({"least_conn", "ip_hash", "hash", "random", "least_time", "sticky", "fair"})
"""Directives of an upstream that elect otherwise than by weighted round robin."""

READ_SECONDS = 60.0
"""``proxy_read_timeout`` that nginx takes for granted (ngx_http_proxy_module)."""

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "M": 2592000, "y": 31536000, "": 1}


def lines_in_force(chain: Sequence[NginxLine], name: str) -> tuple[NginxLine, ...]:
    """Directives of this name in the innermost block that has any.

    Args:
        chain: blocks from the outermost to the innermost.
    """
    for block in reversed(chain):
        if found := tuple(block.inside(name)):
            return found
    return ()


def first_line(chain: Sequence[NginxLine], name: str) -> NginxLine | None:
    """The directive that counts; None where nobody says it."""
    return next(iter(lines_in_force(chain, name)), None)


def seconds_of(text: str) -> float | None:
    """Seconds of a time such as ``90``, ``1m 30s`` or ``500ms``; None for no time (ngx_parse_time)."""
    parts = re.findall(r"(\d+)(ms|[smhdwMy]?)\s*", text)
    if not parts or "".join(f"{n}{u}" for n, u in parts) != re.sub(r"\s", "", text):
        return None
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def upstreams_of(lines: tuple[NginxLine, ...]) -> dict[str, NginxLine]:
    """Blocks of members by name."""
    return {line.first: line for line in every(lines) if line.name == "upstream" and line.block is not None}


def proxying(location: NginxLine, server: NginxLine) -> tuple[tuple[NginxLine, ...], NginxLine] | None:
    """Blocks from a location to the ``proxy_pass`` that takes its requests, and that line; None where nobody proxies.

    It may stand in the location, in an ``if`` of it, or in the named location that ``try_files`` or ``error_page``
    falls back to.
    """
    for at in location.inside("proxy_pass"):
        return (location,), at
    for block in location.inside("if"):
        for at in block.inside("proxy_pass"):
            return (location, block), at
    for at in location.inside("try_files", "error_page"):
        if at.words and at.words[-1].startswith("@"):
            named = next((one for one in server.inside("location") if one.words == (at.words[-1],)), None)
            found = next(named.inside("proxy_pass"), None) if named else None
            if named and found:
                return (named,), found
    return None


def sample_of_location(location: NginxLine) -> str | None:
    """A path that the location's own pattern matches; None where none is found, or it has no path."""
    words = location.words
    if not words or words[0].startswith("@"):
        return None
    if words[0] in {"=", "^~"} or len(words) == 1:
        path = words[-1]
        return path if path.startswith("/") and not set(path) & set(" \r\n\t") else None
    return next(iter(path_samples(words[-1])), None) if words[0] in {"~", "~*"} else None


def host_in(url: str) -> str:
    """What stands between scheme and path of ``proxy_pass``; of a socket, with its path."""
    rest = re.sub(r"(?<=[^/])\$(?:request_)?uri\b.*", "", url.partition("://")[2])
    if rest.startswith("unix:"):
        return rest if rest.count(":") < 2 else rest.rpartition(":")[0]
    return re.split(r"[/?]", rest, maxsplit=1)[0]
