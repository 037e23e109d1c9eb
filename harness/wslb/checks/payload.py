"""What travelled through the tunnels: whole, in order, in the frames it was cut into, and how the tunnels ended."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks.judging import About, called, each, judged, no_evidence
from wslb.model.handshake import Close, Exchange, Handshake, header_values
from wslb.model.results import Check, Claim, Record, Verdict

__all__ = [
    "bytes_logged",
    "closed_as",
    "compressed",
    "cut_into",
    "echoed",
    "ended_by_proxy",
    "frames_came",
    "pushed",
    "spoke_both_at_once",
]

_PUSH = "push "


def echoed(count: int) -> Check:
    """Every message came back as it was sent: same kind, size and SHA-256, in the same order, nothing else.

    Args:
        count: messages that each connection must have sent.
    """

    def rule(handshake: Handshake) -> str:
        sent = [_seal(e) for e in handshake.exchanges if e.sent]
        back = [_seal(e) for e in handshake.exchanges if not e.sent and not e.text.startswith(_PUSH)]
        if len(sent) != count:
            return f"{len(sent)} messages were sent"
        wrong = next((number for number, pair in enumerate(zip(sent, back, strict=False), 1) if pair[0] != pair[1]), 0)
        if wrong:
            return f"message {wrong} was {_told(sent[wrong - 1])} and came back as {_told(back[wrong - 1])}"
        return "" if len(back) == count else f"{len(back)} of {count} came back"

    return lambda record: each(
        About(check="echoed", claims=Claim.MESSAGES),
        record,
        expected=f"{count} messages come back with the same kind, size and SHA-256, in order",
        wrong=rule,
    )


Seal = tuple[bool, int, str]


def _seal(exchange: Exchange) -> Seal:
    return exchange.binary, exchange.size, exchange.sha256 or exchange.text


def _told(seal: Seal) -> str:
    return f"{'binary' if seal[0] else 'text'} of {seal[1]} bytes ({seal[2][:12]}…)"


def frames_came(*told: str) -> Check:
    """Exactly these frames reached the client, in this order, before the goodbye."""

    def rule(handshake: Handshake) -> str:
        frames = handshake.wire.frames if handshake.wire else ()
        came = tuple(frame for frame in frames if not frame.startswith("close"))
        return "" if came == told else f"{', '.join(came) or 'no frame'} came"

    return lambda record: each("frames_came", record, expected=f"frames {', '.join(told)}", wrong=rule)


def closed_as(*closes: Close, own_reason: bool = False) -> Check:
    """Client and backend both saw the connection end in this way: code, reason and who began.

    A client that began hears its own code again, and its reason only from servers that repeat it (RFC 6455 section
    5.5.1 asks for the code alone).

    Args:
        closes: one for every connection, or one for all.
        own_reason: the reason is the backend's own, whatever it is: then both sides must tell the same.
    """

    def check(record: Record) -> Verdict:
        name = About(check="closed_as", claims=Claim.END)
        wanted = closes * len(record.accepted) if len(closes) == 1 else closes
        expected = "; ".join(dict.fromkeys(_close(close) for close in closes)) + ", at the client and in the journal"
        if not record.accepted or len(wanted) != len(record.accepted):
            return no_evidence(name, expected=expected, lacking=f"{len(record.accepted)} connections were accepted")
        for handshake, want in zip(record.accepted, wanted, strict=True):
            here, there = handshake.closed, handshake.arrival.closed if handshake.arrival else None
            if own_reason and there is not None:
                want = replace(want, reason=there.reason)  # noqa: PLW2901 - the reason is taken from the journal
            silent = here is not None and want.by == "client" and here.reason == ""
            if there != want or (replace(here, reason=want.reason) if here and silent else here) != want:
                observed = f"{called(handshake)}: the client saw {_close(here)}, the backend {_close(there)}"
                return judged(name, holds=False, expected=expected, observed=observed, evidence=[handshake.conn_id])
        return judged(name, holds=True, expected=expected, observed=f"holds on all {len(wanted)} tunnels")

    return check


def _close(close: Close | None) -> str:
    return f"{close.code} {close.reason!r} by {close.by}" if close else "no end"


def compressed(*, at_least: int) -> Check:
    """permessage-deflate was agreed end to end, and a fraction of the payload travelled (RFC 7692).

    Args:
        at_least: how many times smaller the bytes in the proxy's access log are than the payload, both ways.
    """
    expected = f"permessage-deflate offered, arrived and agreed; at most 1/{at_least} of the bytes on the wire"

    def check(record: Record) -> Verdict:
        logged = {line.conn_id: line for line in record.access}

        def rule(handshake: Handshake) -> str:
            field = "Sec-WebSocket-Extensions"
            arrival, line = handshake.arrival, logged.get(handshake.conn_id)
            if arrival is None or line is None:
                return "no arrival or no access log line"
            offered, agreed = header_values(handshake.request, field), header_values(handshake.response, field)
            if not offered or header_values(arrival.headers, field) != offered:
                return f"the offer {offered} arrived as {header_values(arrival.headers, field)}"
            if not agreed or header_values(arrival.response, field) != agreed or "permessage-deflate" not in agreed[0]:
                return f"the answer {header_values(arrival.response, field)} reached the client as {agreed}"
            payload = sum(exchange.size for exchange in handshake.exchanges if exchange.sent)
            most = max(line.bytes_in, line.bytes_out)
            return "" if payload and most * at_least <= payload else f"{most} bytes on the wire for {payload}"

        return each("compressed", record, expected=expected, wrong=rule)

    return check


def bytes_logged(record: Record) -> Verdict:
    """mod_logio's %I and %O are exactly the bytes that the client sent and received, tunnelled ones included."""
    logged = {line.conn_id: line for line in record.access}

    def rule(handshake: Handshake) -> str:
        line, wire = logged.get(handshake.conn_id), handshake.wire
        if line is None or wire is None:
            return "no access log line, or a client that does not count bytes"
        wrong = (line.bytes_in, line.bytes_out) != (wire.sent, wire.received)
        return f"logged {line.bytes_in} and {line.bytes_out}, not {wire.sent} and {wire.received}" if wrong else ""

    return each(
        "bytes_logged", record, expected="%I and %O are the bytes that the client sent and received", wrong=rule
    )


def pushed(count: int) -> Check:
    """The server sent this many messages unasked, and the client, which had sent nothing, received them in order."""

    def rule(handshake: Handshake) -> str:
        if any(exchange.sent for exchange in handshake.exchanges):
            return "the client had sent something"
        return _pushes(handshake, count)

    return lambda record: each(
        "pushed", record, expected=f"push 1 to push {count}, in order, without a request", wrong=rule
    )


def _pushes(handshake: Handshake, count: int) -> str:
    came = [e.text for e in handshake.exchanges if not e.sent and e.text.startswith(_PUSH)]
    wanted = [f"{_PUSH}{number}" for number in range(1, count + 1)]
    return "" if came == wanted else f"{', '.join(came) or 'nothing'} came"


def spoke_both_at_once(count: int) -> Check:
    """The server's messages reached the client while the client's own message was under way, which then came back."""

    def rule(handshake: Handshake) -> str:
        fault = _pushes(handshake, count)
        if fault:
            return fault
        ended = next((e.at for e in handshake.exchanges if e.sent), None)
        last = max(e.at for e in handshake.exchanges if e.text.startswith(_PUSH))
        if ended is None or ended < last:
            return "the client's message had ended before the last push came"
        return ""

    expected = f"push 1 to push {count} arrive between the first and the last frame of a message from the client"
    return lambda record: each("spoke_both_at_once", record, expected=expected, wrong=rule)


def cut_into(*sizes: int) -> Check:
    """The first message reached the client in frames of these sizes; a last empty one is allowed to follow."""

    def rule(handshake: Handshake) -> str:
        frames = [frame for frame in (handshake.wire.frames if handshake.wire else ()) if not frame.startswith("close")]
        came = [int(frame.split()[1]) for frame in frames]
        more = [frame.endswith(" more") for frame in frames]
        whole = bool(frames) and all(more[:-1]) and not more[-1] and not frames[0].startswith("continuation")
        if whole and came in (list(sizes), [*sizes, 0]):
            return ""
        return f"{', '.join(frames) or 'no frame'} came"

    return lambda record: each("cut_into", record, expected=f"one message in frames of {sizes} bytes", wrong=rule)


def ended_by_proxy(record: Record) -> Verdict:
    """After the goodbye the TCP connection was ended by the other side, with a FIN."""

    def rule(handshake: Handshake) -> str:
        return "" if handshake.wire and handshake.wire.ended == "closed" else "it was not ended"

    return each("ended_by_proxy", record, expected="the connection is closed by the proxy", wrong=rule)
