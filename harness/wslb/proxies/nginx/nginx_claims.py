"""Which claims of the catalogue were measured on nginx (1.22.1), and what explains them there."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["MEASURED"]

_RULE = (
    "Each election adds every server's weight to its current weight, elects the largest (first listed on a tie) and "
    "takes the sum of all from it: a smooth cycle, not blocks (ngx_http_upstream_round_robin)."
)

_SHARED = "One worker, and a zone: without a zone each worker of nginx counts its own turns (ngx_http_upstream_module)."

MEASURED: Mapping[str, str] = {
    "lb-byrequests": _SHARED,
    "lb-byrequests-held": _SHARED,
    "lb-byrequests-long": _SHARED,
    "lb-byrequests-long-held": _SHARED,
    "lb-byrequests-reversed": _SHARED,
    "lb-byrequests-at-once": _SHARED,
    "weights-3-1": _RULE,
    "weights-3-1-held": _RULE,
    "weights-1-3": _RULE,
    "weights-three-members": _SHARED,
    "weights-2-1-1": _RULE,
    "weights-70-30": _RULE,
}
"""Explanation by name of a scenario. One that is not here is skipped on nginx, never green."""
