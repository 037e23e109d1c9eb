"""How every tunnel ended: what belongs to every scenario that does not say otherwise."""

from __future__ import annotations

from wslb.checks.judging import About, called, judged, no_evidence
from wslb.model.handshake import Close, Handshake
from wslb.model.results import Check, Claim, Record, Verdict

__all__ = ["ended_orderly"]


def ended_orderly(otherwise: int = 0, *, perhaps: int = 0) -> Check:
    """Every tunnel was open until the client closed it with 1000, and a Close frame went each way.

    The client tells 1000 only where a Close frame came back, the backend's journal only where the client's came through
    (RFC 6455 sections 5.5.1 and 7.1.5): a tunnel that died unseen, or a Close frame that was lost, shows at one end.

    Args:
        otherwise: how many tunnels must end in another way, which other checks judge.
        perhaps: how many more may.
    """
    name = About(check="ended_orderly", phrase="a tunnel did not live to its end", claims=Claim.LIVING)
    expected = "open until the client closes it with 1000, with a Close frame each way"
    expected += f"; all but {otherwise}" if otherwise else ""
    expected += f" or {otherwise + perhaps}" if perhaps else ""

    def orderly(record: Record) -> Verdict:
        if not record.accepted:
            return no_evidence(name, expected=expected, lacking="no handshake was accepted")
        odd = [(handshake, told) for handshake in record.accepted if (told := _disorder(handshake))]
        first = f"{called(odd[0][0])}: {odd[0][1]}; " if odd else ""
        return judged(
            name,
            holds=otherwise <= len(odd) <= otherwise + perhaps,
            expected=expected,
            observed=f"{first}holds on {len(record.accepted) - len(odd)} of {len(record.accepted)} tunnels",
            evidence=[handshake.conn_id for handshake, _ in odd],
        )

    return orderly


def _disorder(handshake: Handshake) -> str:
    ends = {"the client": handshake.closed}
    ends |= {arrival.backend: arrival.closed for arrival in handshake.arrivals if arrival.accepted}
    if len(ends) == 1:
        return "no backend's journal tells how it ended"
    wrong = [who for who, end in ends.items() if end is None or not end.orderly]
    return f"it ended {', '.join(f'for {who} {_told(end)}' for who, end in ends.items())}" if wrong else ""


def _told(end: Close | None) -> str:
    if end is None:
        return "not at all"
    if not end.clean:
        return f"without a Close frame ({end.code})"
    reason = f" {end.reason!r}" if end.reason else ""
    return f"with {end.code}{reason} by {'us' if end.by == 'client' else f'the {end.by}'}"
