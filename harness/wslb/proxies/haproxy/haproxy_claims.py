"""Which claims of the catalogue were measured on HAProxy (2.6.12, 2.8.25), and what explains them there."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["MEASURED"]

_EQUAL = "With equal weights HAProxy's roundrobin and byrequests elect in the same order, however many threads serve."

MEASURED: Mapping[str, str] = {
    "lb-byrequests": _EQUAL,
    "lb-byrequests-held": _EQUAL,
    "lb-byrequests-long": _EQUAL,
    "lb-byrequests-long-held": _EQUAL,
    "lb-byrequests-reversed": _EQUAL,
    "lb-byrequests-at-once": _EQUAL,
    "weights-three-members": _EQUAL,
}
"""Explanation by name of a scenario. One that is not here is skipped on HAProxy, never green."""
