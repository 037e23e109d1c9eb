"""WebSockets over HTTP/2 (RFC 8441): what the client sees of them, and what the backend gets instead."""

from __future__ import annotations

from dataclasses import replace

from wslb.checks.judging import About, called, first_wrong, judged, no_evidence, told_field, told_status
from wslb.model.handshake import Handshake, accept_for, header_values, one_header, tokens, valid_key
from wslb.model.results import Claim, Record, Verdict

__all__ = ["bridged_to_http1", "greeting_not_lost", "not_offered", "opened_by_connect", "opened_with_accept"]

_ACCEPT = "sec-websocket-accept"
_NOT_IN_HTTP2 = ("connection", "upgrade", _ACCEPT)
"""Fields that belong to the HTTP/1.1 handshake and have no place in HTTP/2 (RFC 8441 section 5, RFC 9113 8.2.2)."""


def opened_by_connect(record: Record) -> Verdict:
    """Every extended CONNECT is answered with 200 and none of the fields of the HTTP/1.1 handshake."""
    name = About(check="opened_by_connect", phrase="a handshake was not answered 2xx", claims=Claim.OPENING)
    expected = "status 200, and no Connection, Upgrade or Sec-WebSocket-Accept, for every extended CONNECT"
    asked = [handshake for handshake in record.handshakes if handshake.extended_connect]
    if not asked:
        return no_evidence(name, expected=expected, lacking="nobody asked by extended CONNECT")
    return first_wrong(name, asked, expected=expected, wrong=_unlike_http2) or judged(
        name, holds=True, expected=expected, observed=f"holds on all {len(asked)} tunnels"
    )


def opened_with_accept(record: Record) -> Verdict:
    """Every extended CONNECT is answered with 200 and, of the HTTP/1.1 handshake, the backend's accept alone."""
    name = About(check="opened_with_accept", phrase="a handshake was not answered 2xx", claims=Claim.OPENING)
    expected = "status 200, the backend's Sec-WebSocket-Accept, no Connection or Upgrade, for every extended CONNECT"
    asked = [handshake for handshake in record.handshakes if handshake.extended_connect]
    if not asked:
        return no_evidence(name, expected=expected, lacking="nobody asked by extended CONNECT")
    return first_wrong(name, asked, expected=expected, wrong=_not_with_accept) or judged(
        name, holds=True, expected=expected, observed=f"holds on all {len(asked)} tunnels"
    )


def _not_with_accept(handshake: Handshake) -> str:
    sent = header_values(handshake.arrival.response, _ACCEPT) if handshake.arrival else ()
    got = header_values(handshake.response, _ACCEPT)
    others = replace(handshake, response=tuple(pair for pair in handshake.response if pair[0].lower() != _ACCEPT))
    told = f"the backend's accept is {', '.join(sent) or 'unknown'}, the client has {', '.join(got) or 'none'}"
    return _unlike_http2(others) or ("" if sent and got == sent else told)


def _unlike_http2(handshake: Handshake) -> str:
    leaked = [field for field in _NOT_IN_HTTP2 if header_values(handshake.response, field)]
    if leaked:
        return f"{', '.join(leaked)} came along"
    return "" if handshake.status == 200 else told_status(handshake)


def bridged_to_http1(record: Record) -> Verdict:
    """The backend gets an HTTP/1.1 handshake with a key of httpd's own, and answers that key."""
    name = "bridged_to_http1"
    expected = "GET over HTTP/1.1 with Upgrade, version 13 and a valid key that is another every time"
    asked = [handshake for handshake in record.accepted if handshake.extended_connect]
    if not asked:
        return no_evidence(name, expected=expected, lacking="no extended CONNECT was accepted")
    keys = {one_header(h.arrival.headers, "Sec-WebSocket-Key") for h in asked if h.arrival}
    return first_wrong(name, asked, expected=expected, wrong=_unlike_http1) or judged(
        name,
        holds=len(keys) == len(asked),
        expected=expected,
        observed=f"holds on all {len(asked)} tunnels, {len(keys)} different keys",
    )


def _unlike_http1(handshake: Handshake) -> str:
    arrival = handshake.arrival
    if arrival is None:
        return "no backend saw it"
    if (arrival.method, arrival.http_version) != ("GET", "1.1"):
        return f"{arrival.method} over HTTP/{arrival.http_version}"
    key = one_header(arrival.headers, "Sec-WebSocket-Key") or ""
    rules = (
        (valid_key(key), f"Sec-WebSocket-Key is {key!r}"),
        ("websocket" in tokens(arrival.headers, "Upgrade"), f"Upgrade is {told_field(arrival.headers, 'Upgrade')}"),
        (one_header(arrival.headers, "Sec-WebSocket-Version") == "13", "Sec-WebSocket-Version is not 13"),
        (
            one_header(arrival.response, "Sec-WebSocket-Accept") == accept_for(key),
            "the backend's Sec-WebSocket-Accept does not answer that key",
        ),
    )
    return next((sentence for holds, sentence in rules if not holds), "")


def not_offered(record: Record) -> Verdict:
    """The client learns from SETTINGS that extended CONNECT is not offered, and no backend hears of the attempt."""
    name = "not_offered"
    expected = "no SETTINGS_ENABLE_CONNECT_PROTOCOL, no tunnel, nothing at any backend"
    asked = [handshake for handshake in record.handshakes if handshake.extended_connect]
    if not asked:
        return no_evidence(name, expected=expected, lacking="nobody asked by extended CONNECT")
    wrong = [h for h in asked if h.accepted or h.arrivals or "SETTINGS_ENABLE_CONNECT_PROTOCOL" not in (h.error or "")]
    told = f"{called(wrong[0])}: {told_status(wrong[0])}" if wrong else f"holds on all {len(asked)} tunnels"
    return judged(name, holds=not wrong, expected=expected, observed=told, evidence=[h.conn_id for h in wrong])


def greeting_not_lost(record: Record) -> Verdict:
    """The greeting is the first message of every tunnel, at the latest behind the client's own first message."""
    name = "greeting_not_lost"
    expected = "[From Server] Connected to … is the first message received on every tunnel, early or late"
    if not record.accepted:
        return no_evidence(name, expected=expected, lacking="no handshake was accepted")
    late = sum(bool(handshake.exchanges) and handshake.exchanges[0].sent for handshake in record.accepted)
    return first_wrong(name, record.accepted, expected=expected, wrong=_not_greeted_first) or judged(
        name,
        holds=True,
        expected=expected,
        observed=f"holds on all {len(record.accepted)} tunnels; {late} of them waited for the client's first message",
    )


def _not_greeted_first(handshake: Handshake) -> str:
    first = next((exchange.text for exchange in handshake.exchanges if not exchange.sent), "")
    return "" if first.startswith("[From Server] Connected to ") else f"first message {first[:60]!r}"
