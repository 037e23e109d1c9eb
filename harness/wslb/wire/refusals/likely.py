"""The likely causes of a refusal, the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator

from wslb.wire.refusals import answered, silent
from wslb.wire.refusals.cause import Likely
from wslb.wire.refusals.refusal import Refusal

__all__ = ["MOST", "Likely", "likely"]

MOST = 3
"""Causes that are told: a longer list helps nobody."""


def likely(refusal: Refusal) -> tuple[Likely, ...]:
    """Why this opening led to no tunnel: one to three causes, the likeliest first, each with what to do."""
    found = tuple(_different(refusal))
    return tuple(one for one in found if one.name != "unknown")[:MOST] or found


def _different(refusal: Refusal) -> Iterator[Likely]:
    seen: set[str] = set()
    for rule in silent.RULES if refusal.status is None else answered.RULES:
        for one in rule(refusal):
            if one.name not in seen:
                seen.add(one.name)
                yield one
