"""In which state the members were left."""

from __future__ import annotations

from wslb.checks.judging import judged, no_evidence
from wslb.model.results import Check, Record, Verdict

__all__ = ["left_as"]


def left_as(**states: str) -> Check:
    """balancer-manager shows each of these members in this state after the acting, such as ``node="Init Err"``."""

    def check(record: Record) -> Verdict:
        expected = ", ".join(f"{route} {state}" for route, state in states.items())
        shown = {status.route: status.status for status in record.after}
        if not shown:
            return no_evidence("left_as", expected=expected, lacking="balancer-manager showed no member")
        wrong = [route for route, state in states.items() if shown.get(route) != state]
        observed = ", ".join(f"{route} {state}" for route, state in shown.items())
        return judged("left_as", holds=bool(states) and not wrong, expected=expected, observed=observed, evidence=wrong)

    return check
