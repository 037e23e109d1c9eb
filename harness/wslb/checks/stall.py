"""Answers and frames that the proxy had and kept, until the client sent something."""

from __future__ import annotations

from wslb.checks.judging import called, each, judged, no_evidence
from wslb.model.balancer import Carrier
from wslb.model.handshake import Handshake
from wslb.model.results import Check, Record, Verdict

__all__ = ["behind_the_handshake", "body_in_tunnel", "never_stalled", "stalled"]


def _woken(handshake: Handshake) -> bool:
    """Whether the answer came only after the client had sent a ping, and then sooner than it had been waited for."""
    wire = handshake.wire
    if wire is None or wire.nudged_at is None or wire.answered_at is None:
        return False
    waited = wire.nudged_at - handshake.opened_at
    return 0 <= wire.answered_at - wire.nudged_at < waited


def stalled(*, at_least: int, rate: float) -> Check:
    """Some answers stayed inside the proxy until the client sent a ping; with it, every one came.

    Args:
        at_least: how many must have stalled.
        rate: share that stalls by experience, from which the chance of a false alarm is computed.
    """

    def check(record: Record) -> Verdict:
        count = len(record.handshakes)
        missed = f"a false alarm once in {1 / (1 - rate) ** count:.0e}" if count else "nothing was opened"
        expected = f"at least {at_least} of the opens stall until a ping, and all are accepted after it ({missed})"
        if not count:
            return no_evidence("stalled", expected=expected, lacking="no handshake was made")
        woken = [h for h in record.handshakes if _woken(h)]
        refused = [h for h in record.handshakes if not h.accepted]
        lost = f"; {called(refused[0])} never accepted" if refused else ""
        return judged(
            "stalled",
            holds=len(woken) >= at_least and not refused,
            expected=expected,
            observed=f"{len(woken)} of {count} stalled{lost}",
            evidence=[h.conn_id for h in (*refused, *woken)],
        )

    return check


def never_stalled(count: int) -> Check:
    """All of this many handshakes were answered while the client kept still."""

    def check(record: Record) -> Verdict:
        expected = f"{count} of {count} accepted without a byte from the client"
        if not record.handshakes:
            return no_evidence("never_stalled", expected=expected, lacking="no handshake was made")
        still = [h for h in record.handshakes if h.accepted and h.wire is not None and h.wire.nudged_at is None]
        wrong = [h for h in record.handshakes if h not in still]
        return judged(
            "never_stalled",
            holds=len(still) == count and not wrong,
            expected=expected,
            observed=f"{len(still)} of {len(record.handshakes)}" + (f", not {called(wrong[0])}" if wrong else ""),
            evidence=[h.conn_id for h in wrong],
        )

    return check


def behind_the_handshake(text: str) -> Check:
    """A message in the same segment as the request: only mod_proxy_wstunnel keeps it.

    mod_proxy_wstunnel polls the client's socket, but httpd has already read the frame into its own buffer, so the
    poll does not wake before the client sends again.
    """

    def rule(handshake: Handshake, carrier: Carrier) -> str:
        wire = handshake.wire
        came = next((e.at for e in handshake.exchanges if not e.sent and e.text == text), None)
        if came is None or wire is None:
            return "the message never came back"
        if carrier is not Carrier.WSTUNNEL:
            return "" if wire.nudged_at is None else "it came only after a ping"
        return "" if wire.nudged_at is not None and came >= wire.nudged_at else "it came without a ping"

    def check(record: Record) -> Verdict:
        when = "at once" if record.carrier is not Carrier.WSTUNNEL else "only after the client's next byte"
        expected = f"with {record.carrier.module} the message behind the handshake is echoed {when}"
        return each("behind_the_handshake", record, expected=expected, wrong=lambda h: rule(h, record.carrier))

    return check


def body_in_tunnel(body: str, message: str) -> Check:
    """The body of a handshake, itself a frame: only mod_proxy_wstunnel lets it into the tunnel.

    Args:
        body, message: texts of the frame in the body and of the one sent later in the tunnel.
    """

    def check(record: Record) -> Verdict:
        wanted = (message,) if record.carrier is not Carrier.WSTUNNEL else (body, message)
        expected = f"with {record.carrier.module} the backend echoes {' and '.join(wanted)}"

        def rule(handshake: Handshake) -> str:
            back = tuple(e.text for e in handshake.exchanges if not e.sent)
            return "" if back == wanted else f"it echoed {' and '.join(back) or 'nothing'}"

        return each("body_in_tunnel", record, expected=expected, wrong=rule)

    return check
