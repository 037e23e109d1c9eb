"""Whether the tunnels ran over TLS, hop by hop, and whether the proxy would have believed a stranger."""

from __future__ import annotations

from urllib.parse import urlsplit

from wslb.checks.judging import About, each, judged, no_evidence
from wslb.model.handshake import Handshake
from wslb.model.results import Check, Record, Verdict

__all__ = ["encrypted", "stranger_refused"]


def encrypted(*, front: bool = True, behind: bool = True) -> Check:
    """Which hops of every tunnel ran over TLS: the client's by its URL, the backend's by the listener in its journal.

    Args:
        front, behind: whether the hop before, and behind, the proxy is over TLS; a plain one must be plain.
    """
    hops = f"{'wss' if front else 'ws'} to the proxy, {'wss' if behind else 'ws'} to the backend"

    def wrong(handshake: Handshake) -> str:
        arrival = handshake.arrival
        seen = (urlsplit(handshake.url).scheme, arrival.listener if arrival else "nothing in any journal")
        told = f"{seen[0]} to the proxy, {seen[1]} to the backend"
        return "" if told == hops else told

    about = About(check="encrypted", phrase="a hop is not as private as claimed")
    return lambda record: each(about, record, expected=f"{hops}, on every tunnel", wrong=wrong)


def stranger_refused(path: str) -> Check:
    """The proxy refuses the certificate of a stranger that stands beside the members, under the same directives.

    That members were verified cannot be seen on a good connection: it is known only when one is refused that nobody
    has vouched for (mod_ssl, SSLProxyVerify). The answer is 500, or an error page without a head (httpd 2.4.27).

    Args:
        path: leads to a backend whose certificate no known authority has signed.
    """
    about = About(check="stranger_refused", phrase="httpd believes any certificate")

    def refused(record: Record) -> Verdict:
        expected = f"no backend's answer on {path}, whose certificate nobody knows has signed, and AH02039 in the log"
        asked = [event for event in record.events if event.kind == "request" and event.data["path"] == path]
        if not asked:
            return no_evidence(about, expected=expected, lacking=f"nothing was asked of {path}")
        statuses = [event.data["status"] for event in asked]
        told = ", ".join(str(status or "no answer") for status in statuses)
        logged = any(line.code == "AH02039" for line in record.log)
        return judged(
            about,
            holds=logged and all(status == 0 or status >= 500 for status in statuses),
            expected=expected,
            observed=f"{told}, {'' if logged else 'no '}AH02039",
            evidence=[event.text for event in asked],
        )

    return refused
