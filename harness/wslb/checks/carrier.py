"""Which module carried the tunnels, by proofs that do not depend on each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from urllib.parse import urlsplit

from wslb.checks.judging import About, first_wrong, judged, no_evidence
from wslb.model.balancer import CARRIERS, LOGGED, Carrier
from wslb.model.handshake import Handshake, Headers, one_header
from wslb.model.results import Check, Record, Verdict

__all__ = ["carried_as_asked", "matrix", "read_counted", "upgrade_dropped"]


def carried_as_asked(record: Record) -> Verdict:
    """Two independent proofs name the module that was asked for, on every accepted connection.

    * Spelling: mod_proxy_wstunnel always writes ``Upgrade: WebSocket`` to the backend, mod_proxy_http repeats the
      client's own ``websocket``, or mod_http2's where the client asked by an extended CONNECT.
      Behind another mod_proxy_wstunnel, which has spelt it so already, it tells nothing. A proxy that has one way only
      must do as mod_proxy_http does.
    * Access log: the final status of a tunnel is 200 with mod_proxy_wstunnel, 101 with mod_proxy_http.
    """
    name = About(check="carried_as_asked", phrase="another module carried the tunnels")
    expected = f"both proofs (Upgrade at the backend, status in the access log) say {record.carrier.module}"
    if not record.accepted:
        return no_evidence(name, expected=expected, lacking="no handshake was accepted")

    def wrong(handshake: Handshake) -> str:
        asked = record.asked(handshake)
        proofs = {"the access log": _by_status(handshake)}
        if one_header(record.ahead, "Upgrade") != "WebSocket":
            proofs = {"Upgrade at the backend": _by_spelling(handshake, asked), **proofs}
        if set(proofs.values()) == {Carrier.HTTP if record.carrier is Carrier.OWN else record.carrier}:
            return ""
        return ", ".join(f"{proof} says {by.module if by else 'nothing'}" for proof, by in proofs.items())

    return first_wrong(name, record.accepted, expected=expected, wrong=wrong) or judged(
        name, holds=True, expected=expected, observed=f"both say so for all {len(record.accepted)} connections"
    )


def _by_spelling(handshake: Handshake, asked: Headers) -> Carrier | None:
    sent = "websocket" if handshake.extended_connect else one_header(asked, "Upgrade")
    received = one_header(handshake.arrival.headers, "Upgrade") if handshake.arrival else None
    if sent is None or received is None or sent == "WebSocket":
        return None
    return {"WebSocket": Carrier.WSTUNNEL, sent: Carrier.HTTP}.get(received)


def _by_status(handshake: Handshake) -> Carrier | None:
    return next((carrier for carrier in CARRIERS if LOGGED[carrier] == handshake.logged_status), None)


def read_counted(record: Record) -> Verdict:
    """``read`` rises by the status line of every 101 with mod_proxy_http, and not at all with mod_proxy_wstunnel."""
    name = "read_counted"
    each = record.carrier.read_per_tunnel
    expected = f"{record.carrier.module} counts {each} bytes as read for each tunnel, whatever travels in it"
    if record.balancer is None or not record.before or not record.after or not record.accepted:
        return no_evidence(name, expected=expected, lacking="no accepted connection, or balancer-manager was not read")
    before = {status.route: status.read for status in record.before}
    counts = Counter(record.route_of(handshake) for handshake in record.accepted)
    rise = {status.route: status.read - before.get(status.route, 0) for status in record.after}
    told = ", ".join(f"{route} +{read} for {counts[route]} tunnels" for route, read in rise.items())
    wrong = [route for route, read in rise.items() if read != each * counts[route]]
    return judged(name, holds=not wrong, expected=expected, observed=told, evidence=wrong)


def upgrade_dropped(status: int) -> Check:
    """Every handshake reaches a backend without ``Upgrade`` and is answered with this status, so no tunnel opens."""

    def wrong(handshake: Handshake) -> str:
        arrival = handshake.arrival
        if arrival is None:
            return "no backend saw it"
        upgrade = one_header(arrival.headers, "Upgrade")
        if upgrade is not None:
            return f"{arrival.backend} received Upgrade: {upgrade}"
        return "" if handshake.status == status else f"status {handshake.status}"

    def dropped(record: Record) -> Verdict:
        name = "upgrade_dropped"
        expected = f"no Upgrade at any backend, and {status} for the client"
        if not record.handshakes:
            return no_evidence(name, expected=expected, lacking="no handshake was made")
        return first_wrong(name, record.handshakes, expected=expected, wrong=wrong) or judged(
            name, holds=True, expected=expected, observed=f"holds on all {len(record.handshakes)} handshakes"
        )

    return dropped


def matrix(ways: Mapping[str, str], *, command: str) -> Check:
    """Every way to carry a WebSocket through one httpd, side by side, and the differences that belong to each.

    Args:
        ways: row of the matrix by path, ``h2`` in front for HTTP/2: answer to the client, Upgrade at the backend,
            status in the access log, and whether a command was answered through the tunnel.
        command: what was sent on every tunnel.
    """

    def side_by_side(record: Record) -> Verdict:
        name = "matrix"
        expected = "; ".join(f"{way}: {row}" for way, row in ways.items())
        if not record.handshakes:
            return no_evidence(name, expected=expected, lacking="no handshake was made")
        seen: dict[str, set[str]] = {}
        for handshake in record.handshakes:
            seen.setdefault(_way(handshake), set()).add(_row(handshake, command))
        rows = {way: " or ".join(sorted(found)) for way, found in seen.items()}
        wrong = [way for way in {**ways, **rows} if ways.get(way) != rows.get(way)]
        told = "; ".join(f"{way}: {row}" for way, row in rows.items())
        first = f"first different: {wrong[0]}; " if wrong else ""
        return judged(name, holds=not wrong, expected=expected, observed=first + told, evidence=wrong)

    return side_by_side


def _way(handshake: Handshake) -> str:
    path = urlsplit(handshake.url).path
    return f"h2 {path}" if handshake.extended_connect else path


def _row(handshake: Handshake, command: str) -> str:
    arrival = handshake.arrival
    upgrade = one_header(arrival.headers, "Upgrade") if arrival else None
    texts = [exchange.text for exchange in handshake.exchanges if not exchange.sent]
    sent = any(exchange.sent and exchange.text == command for exchange in handshake.exchanges)
    said = "answered" if sent and len(texts) >= 2 else "no tunnel" if not handshake.accepted else "silent"
    return f"{handshake.status}, {upgrade or 'no Upgrade'}, logged {handshake.logged_status or '-'}, {said}"
