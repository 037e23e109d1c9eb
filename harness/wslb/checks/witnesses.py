"""Whether every witness of a tunnel spoke: one that says nothing is silent, and silent is not agreeing."""

from __future__ import annotations

from collections.abc import Callable

from wslb.checks.judging import About, called, judged, no_evidence
from wslb.model.handshake import Handshake
from wslb.model.results import Check, Claim, Record, Verdict, Witness

__all__ = ["witnesses_speak"]


def witnesses_speak(*due: Witness) -> Check:
    """Each of these witnesses said of every tunnel who served it, once and in due form.

    The greeting is one text message (RFC 6455 section 5.6) in the words of a backend, the first one and no other. The
    access log and balancer-manager are asked where a balancer elects. Nobody waits for those that cannot tell
    (`Record.silent`).
    """

    def speak(record: Record) -> Verdict:
        name = About(check="witnesses_speak", phrase="a witness is silent", claims=Claim.WITNESSES)
        able = [witness for witness in due if witness not in record.silent]
        names = [record.signature if witness is Witness.SIGNATURE else witness for witness in able]
        expected = f"{', '.join(names)} speak of every tunnel, once and in due form"
        if not record.accepted:
            return no_evidence(name, expected=expected, lacking="no handshake was accepted")
        if not able:
            return no_evidence(name, expected=expected, lacking="the scenario has no witness")
        of_each = {witness: rule for witness, rule in _OF_EACH.items() if witness in able}
        if Witness.SIGNATURE in able:
            of_each[Witness.SIGNATURE] = lambda h: "" if h.signers else f"{record.signature} is silent"
        if record.balancer is None:
            of_each.pop(Witness.ACCESS_LOG, None)
        wrong = [
            (handshake, said)
            for handshake in record.accepted
            if (said := "; ".join(fault for rule in of_each.values() if (fault := rule(handshake))))
        ]
        mute = Witness.MANAGER in able and record.balancer is not None and not (record.before and record.after)
        manager = ["balancer-manager is silent"] if mute else []
        first = [f"{called(wrong[0][0])}: {wrong[0][1]}"] if wrong else []
        count = f"holds on {len(record.accepted) - len(wrong)} of {len(record.accepted)} tunnels"
        return judged(
            name,
            holds=not wrong and not manager,
            expected=expected,
            observed="; ".join([*manager, *first, count]),
            evidence=[handshake.conn_id for handshake, _ in wrong],
        )

    return speak


def _greeting(handshake: Handshake) -> str:
    """What is wrong with the greeting; empty for one of a backend's own, once."""
    end = handshake.closed
    received = [exchange for exchange in handshake.exchanges if not exchange.sent]
    if not received and end and end.by == "client" and not end.orderly:
        return f"the greeting could not be read: {end.reason}"
    if not received:
        return "the greeting is silent"
    if received[0].binary:
        return f"the greeting came as a binary message of {received[0].size} bytes, not as text (RFC 6455 section 5.6)"
    if not handshake.greeters:
        return f"the greeting is nobody's: {received[0].text[:80]!r}"
    times = sum(exchange.text == handshake.greeting for exchange in received)
    return f"the greeting came {times} times" if times > 1 else ""


def _arrival(handshake: Handshake) -> str:
    accepted = [arrival for arrival in handshake.arrivals if arrival.accepted]
    if len(accepted) > 1:
        return f"{len(accepted)} journals' entries say that they accepted it: {', '.join(a.backend for a in accepted)}"
    return "" if accepted else "the journals are silent"


_OF_EACH: dict[Witness, Callable[[Handshake], str]] = {
    Witness.GREETING: _greeting,
    Witness.JOURNAL: _arrival,
    Witness.ACCESS_LOG: lambda handshake: "" if handshake.logged_by else "the access log is silent",
}
