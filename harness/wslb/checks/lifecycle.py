"""httpd's own life: signals that it got, whether it refused connects, whether it ended."""

from __future__ import annotations

from wslb.checks.judging import called, judged, no_evidence, numbered, told_status
from wslb.model.handshake import Handshake
from wslb.model.results import Check, Record, Verdict

__all__ = ["has_ended", "new_child", "not_served", "ran_then_ended", "refused", "restarted"]


def refused(seq: int) -> Check:
    """The connect of connection `seq` was refused: nobody listens any more.

    Behind a port forwarder, which accepts in httpd's place, nothing listened where httpd runs (event ``deaf``), and the
    connection was ended without an answer.
    """

    def nobody_listens(record: Record) -> Verdict:
        expected = f"the connect of connection {seq} is refused"

        def judge(handshake: Handshake) -> tuple[bool, str]:
            error = (handshake.error or "").lower()
            deaf = any(event.kind == "deaf" and event.at <= handshake.opened_at for event in record.events)
            ended = "connection refused" in error or (deaf and ("closed" in error or "reset" in error))
            told = f"{called(handshake)}: {handshake.error or handshake.status}"
            return handshake.status is None and ended, told

        return numbered("refused", record, seq, expected=expected, judge=judge)

    return nobody_listens


def not_served(seq: int) -> Check:
    """The last connection from `seq` on got no tunnel that lasts: no answer came, or the tunnel was cut at once.

    A process that a signal reaches late still serves who comes to it in that moment; so whoever asks, asks once more.
    """

    def judge(handshake: Handshake) -> tuple[bool, str]:
        code = handshake.closed.code if handshake.closed else None
        told = f"{told_status(handshake)}, close code {code or 'none'}"
        return handshake.status is None or (handshake.accepted and code == 1006), told

    def unserved(record: Record) -> Verdict:
        last = max((handshake.seq for handshake in record.handshakes), default=seq)
        expected = f"connection {max(seq, last)} is not answered, or cut (1006)"
        return numbered("not_served", record, max(seq, last), expected=expected, judge=judge)

    return unserved


def restarted(record: Record) -> Verdict:
    """A new generation of httpd served after a signal."""
    expected = "a new generation serves after the signal"
    signal = next((event for event in record.events if event.kind == "signal"), None)
    if signal is None:
        return no_evidence("restarted", expected=expected, lacking="httpd got no signal")
    came = [event for event in record.events if event.kind == "restart" and event.at >= signal.at]
    return judged(
        "restarted", holds=bool(came), expected=expected, observed="a new one served" if came else "no new one came"
    )


def has_ended(record: Record) -> Verdict:
    """httpd ended by itself."""
    ends = [event for event in record.events if event.kind == "exit"]
    if not record.events:
        return no_evidence("has_ended", expected="httpd ends by itself", lacking="nothing happened")
    return judged(
        "has_ended", holds=bool(ends), expected="httpd ends by itself", observed="it did" if ends else "it did not"
    )


def ran_then_ended(record: Record) -> Verdict:
    """httpd ran while tunnels were open, and ended by itself after the last one."""
    name, expected = "ran_then_ended", "httpd runs while tunnels are open and ends by itself after them"
    running = next((event for event in record.events if event.kind == "running"), None)
    exits = [event for event in record.events if event.kind == "exit"]
    if running is None or not record.accepted:
        return no_evidence(name, expected=expected, lacking="nobody looked while tunnels were open")
    last = max((h.closed_at or 0.0 for h in record.accepted), default=0.0)
    return judged(
        name,
        holds=bool(running.data["running"]) and bool(exits) and exits[0].at >= last >= running.at,
        expected=expected,
        observed=f"{running.text}; then {exits[0].text if exits else 'it did not end'}",
    )


def new_child(record: Record) -> Verdict:
    """A new child of httpd served while connections were opened before and after its coming."""
    expected = "a new child serves, with connections before and after"
    moment = next((event for event in record.events if event.kind == "child"), None)
    if not record.handshakes:
        return no_evidence("new_child", expected=expected, lacking="no connection was opened")
    if moment is None:
        return judged("new_child", holds=False, expected=expected, observed="no new child was seen")
    before = sum(handshake.opened_at < moment.at for handshake in record.handshakes)
    after = len(record.handshakes) - before
    return judged(
        "new_child",
        holds=before > 0 and after > 0,
        expected=expected,
        observed=f"{before} connections opened before it, {after} after it",
    )
