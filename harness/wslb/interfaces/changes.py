"""What a proxy's own manager changes at run time."""

from __future__ import annotations

from dataclasses import dataclass

from wslb.model.balancer import MemberState

__all__ = ["BalancerChange", "MemberChange"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChange:
    """A change of one member at run time, through the proxy's own manager.

    Attributes:
        state, on: set (or clear) this state.
        loadfactor: new loadfactor.
    """

    route: str
    state: MemberState | None = None
    on: bool = True
    loadfactor: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerChange:
    """A change of the balancer itself at run time; the method is a name as typed, so that a wrong one can be tried."""

    lbmethod: str
