"""Which module carried the tunnels, by proofs that do not depend on each other."""

from __future__ import annotations

from harness.balancer import Carrier
from harness.checks.judging import called, judged, no_evidence
from harness.handshake import Handshake, one_header
from harness.results import Record, Verdict

__all__ = ["carried_as_asked"]


def carried_as_asked(record: Record) -> Verdict:
    """Two independent proofs name the module that was asked for, on every accepted connection.

    * Spelling: mod_proxy_wstunnel always writes ``Upgrade: WebSocket`` to the backend, mod_proxy_http repeats the
      client's own ``websocket``.
    * Access log: the final status of a tunnel is 200 with mod_proxy_wstunnel, 101 with mod_proxy_http.
    """
    name = "carried_as_asked"
    expected = f"both proofs (Upgrade at the backend, status in the access log) say {record.carrier.module}"
    if not record.accepted:
        return no_evidence(name, expected=expected, lacking="no handshake was accepted")
    for handshake in record.accepted:
        proofs = {"Upgrade at the backend": _by_spelling(handshake), "the access log": _by_status(handshake)}
        if set(proofs.values()) != {record.carrier}:
            told = ", ".join(
                f"{proof} says {carrier.module if carrier else 'nothing'}" for proof, carrier in proofs.items()
            )
            return judged(
                name,
                holds=False,
                expected=expected,
                observed=f"{called(handshake)}: {told}",
                evidence=[handshake.conn_id],
            )
    return judged(
        name, holds=True, expected=expected, observed=f"both say so for all {len(record.accepted)} connections"
    )


def _by_spelling(handshake: Handshake) -> Carrier | None:
    sent = one_header(handshake.request, "Upgrade")
    received = one_header(handshake.arrival.headers, "Upgrade") if handshake.arrival else None
    if sent is None or received is None or sent == "WebSocket":
        return None
    return {"WebSocket": Carrier.WSTUNNEL, sent: Carrier.HTTP}.get(received)


def _by_status(handshake: Handshake) -> Carrier | None:
    return {200: Carrier.WSTUNNEL, 101: Carrier.HTTP}.get(handshake.logged_status or 0)
