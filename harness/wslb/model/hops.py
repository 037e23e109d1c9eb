"""What a proxy changed between two stations of a handshake, header by header, in words."""

from __future__ import annotations

from dataclasses import dataclass

from wslb.model.handshake import Headers

__all__ = ["HOP_BY_HOP", "FieldChange", "changes"]

HOP_BY_HOP = frozenset(
    {"connection", "upgrade", "keep-alive", "te", "trailer", "transfer-encoding", "proxy-connection"}
)
"""Fields that belong to one connection and are made anew for the next (RFC 9110 section 7.6.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One header field at two stations.

    Attributes:
        what: ``unchanged``, ``rewritten``, ``added``, ``removed``, or ``re-created`` for a hop-by-hop field that is
            on both sides: even with an equal value it is another field.
    """

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    what: str


def changes(before: Headers, after: Headers) -> tuple[FieldChange, ...]:
    """Fields of both stations, compared by name without case: first those of the first station, then the new ones."""
    names: dict[str, str] = {}
    stations: tuple[dict[str, tuple[str, ...]], ...] = ({}, {})
    for headers, values in zip((before, after), stations, strict=True):
        for name, value in headers:
            lower = name.lower()
            names.setdefault(lower, name)
            values[lower] = (*values.get(lower, ()), value)
    found: list[FieldChange] = []
    for lower, name in names.items():
        old, new = (values.get(lower, ()) for values in stations)
        if not old:
            what = "added"
        elif not new:
            what = "removed"
        elif lower in HOP_BY_HOP:
            what = "re-created"
        else:
            what = "unchanged" if old == new else "rewritten"
        found.append(FieldChange(name=name, before=old, after=new, what=what))
    return tuple(found)
