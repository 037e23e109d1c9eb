"""Connections that were not answered with a tunnel, or whose tunnel ended early: who did it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from wslb.model.handshake import Arrival, Close, header_values
from wslb.model.results import Claim
from wslb.reports.causes.cause import Cause, failed, foreseen
from wslb.reports.document import SavedScenario
from wslb.reports.sequences import Turns

__all__ = [
    "died",
    "dropped_upgrade",
    "end_lost",
    "ended_early",
    "hung_up",
    "not_upgraded",
    "refused",
    "restated",
    "silent_over_tls",
    "unacceptable",
    "untrusted",
]

_PATIENT = re.compile(r"\bno answer\b|timed out|TimeoutError")
"""How connectors say that nothing came, and nothing ended, for as long as they waited."""

_ATTEMPT = re.compile(r"AH00957: .*attempt to connect to ([^ ]+) ")
_BROKEN_OFF = re.compile(r"AH00898: Error during SSL Handshake with remote server returned by (\S+)")
_SENT_TO = re.compile(r"AH(?:01084|01097): pass request body failed to (\S+)")
_CLOSED = 1000
_SWITCHED = 101
_UNREADABLE = frozenset({1002, 1007, 1009})
"""Codes with which an end gives up on what it received (RFC 6455 section 7.4.1)."""


def restated(scenario: SavedScenario, _: Turns) -> Cause | None:
    """The backend refused with one status, the client got another answer."""
    for c in scenario.connections:
        arrival = c.arrivals[-1] if c.arrivals else None
        if arrival and arrival.status and not arrival.accepted and c.status not in {None, arrival.status}:
            return Cause(
                rule="restated",
                sentence=(
                    f"{arrival.backend} answered {arrival.status}, the client got {c.status}: "
                    "the proxy, or what stands before it, changed the answer"
                ),
                evidence=(f"connection #{c.seq}: {arrival.status} at {arrival.backend}, {c.status} at the client",),
            )
    return None


def dropped_upgrade(scenario: SavedScenario, _: Turns) -> Cause | None:
    """The backend answered 101, the client got something else."""
    for c in scenario.connections:
        for arrival in c.arrivals:
            if arrival.accepted and not c.accepted:
                return Cause(
                    rule="dropped",
                    sentence=(
                        "the backend accepted the upgrade, but its answer did not reach the client as such: the proxy, "
                        "or what stands before it, refused, changed or dropped it"
                    ),
                    evidence=(
                        f"connection #{c.seq}: {arrival.backend} answered 101, "
                        f"the client got {c.status or c.error or 'nothing'}",
                    ),
                )
    return None


def not_upgraded(scenario: SavedScenario, _: Turns) -> Cause | None:
    """An ordinary HTTP answer, which nobody claims: the request did not reach a WebSocket endpoint as an upgrade."""
    if any(verdict.check == "answers" and verdict.holds for verdict in scenario.verdicts):
        return None
    for c in scenario.connections:
        if not c.accepted and c.status in {200, 404, 426} and not any(map(_otherwise_bad, c.arrivals)):
            mounts = "; ".join(f"ProxyPass {mount.path} {mount.target}" for mount in scenario.mounts)
            why = (
                "the request arrived without a usable Upgrade"
                if c.status == 426
                else "the path leads elsewhere (order of ProxyPass), or the member lacks ws:// or upgrade=websocket"
            )
            return Cause(
                rule="not-upgraded",
                sentence=f"the answer was {c.status} instead of 101: {why}",
                evidence=(
                    f"connection #{c.seq}: {c.url}",
                    mounts,
                    *(f"{a.backend} saw {a.target}" for a in c.arrivals),
                ),
            )
    return None


def _otherwise_bad(arrival: Arrival) -> bool:
    """Whether a backend had another reason: the method, or a version in whose place it names its own."""
    return arrival.method != "GET" or bool(header_values(arrival.response, "Sec-WebSocket-Version"))


def silent_over_tls(scenario: SavedScenario, _: Turns) -> Cause | None:
    """No answer over TLS to the members, carried by mod_proxy_wstunnel, whether or not a backend gave one."""
    if scenario.carrier != "wstunnel" or not any(m.url.startswith("wss:") for m in scenario.members.shown):
        return None
    for c in scenario.connections:
        answered = next((arrival for arrival in c.arrivals if arrival.accepted), None)
        kept = answered is not None and _PATIENT.search(c.error or "") is not None
        if c.status is None and (kept or not c.arrivals):
            who = f"{answered.backend} answered 101, which did not come" if answered else "no backend saw the handshake"
            return Cause(
                rule="tls-stall",
                sentence=(
                    f"{who}: mod_proxy_wstunnel can stall on TLS 1.3 to a wss:// member; "
                    "SSLProxyProtocol TLSv1.2 avoids it"
                ),
                evidence=(f"connection #{c.seq}: {c.error or 'no answer'}",),
            )
    return None


def untrusted(scenario: SavedScenario, _: Turns) -> Cause | None:
    """httpd broke off its TLS handshake with a backend: its certificate, which the log blames at error or below.

    mod_ssl logs a chain that it does not believe as AH02039 at error, and a name that it misses as AH02411 at info.
    """
    if all(verdict.holds for verdict in scenario.verdicts if verdict.check == "answered_101"):
        return None
    denied = {urlsplit(c.url).path: c for c in scenario.connections if not c.accepted and c.status and not c.arrivals}
    address = chain = ""
    for line in scenario.log:
        address = found[1] if (found := _SENT_TO.search(line.text)) else address
        chain = line.text if line.code == "AH02039" else chain
        if not (ended := _BROKEN_OFF.search(line.text)):
            continue
        if c := denied.get(ended[1]):
            name = next((key for key, value in scenario.addresses.items() if value == address), address)
            who = f"{name.rpartition('/')[2] or 'a backend'} ({address or 'no address logged'})"
            host = address.rpartition(":")[0] or "the member"
            why = chain or (
                f"no AH02039 blames its chain, so most likely it does not name {host}"
                "; LogLevel ssl:info would say so (AH02411)"
            )
            return Cause(
                rule="untrusted",
                sentence=f"httpd did not believe the TLS certificate of {who}: {why}",
                evidence=(line.text, f"connection #{c.seq}: {c.status} {c.reason}, in no backend's journal"),
            )
        chain = ""
    return None


def refused(scenario: SavedScenario, _: Turns) -> Cause | None:
    """An answer other than 101: the backend's own, which the proxy passed on, or httpd's."""
    for c in scenario.connections:
        if c.accepted or c.status is None or Claim.OPENING not in failed(scenario):
            continue
        arrival = c.arrivals[-1] if c.arrivals else None
        if arrival and arrival.status == c.status:
            sentence = f"{arrival.backend} itself answered {c.status}; the proxy only passed it on"
            seen = f"journal of {arrival.backend}: {arrival.method} {arrival.target} → {arrival.status}"
            return Cause(rule="backend-refused", sentence=sentence, evidence=(f"connection #{c.seq}: {seen}",))
        if arrival is None:
            why = _unreachable(scenario) or "look for Require, RewriteRule, Redirect or a limit on this path"
            sentence = f"httpd itself answered {c.status}: no backend saw the request; {why}"
            seen = f"connection #{c.seq}: {c.url} → {c.status} {c.reason}".rstrip()
            return Cause(rule="httpd-refused", sentence=sentence, evidence=(f"{seen}, in no backend's journal",))
    return None


def _unreachable(scenario: SavedScenario) -> str:
    """Whom httpd could not reach, by AH00957 of its log, and whether that is a member at all."""
    tried = next((found[1] for line in scenario.log if (found := _ATTEMPT.search(line.text))), None)
    if tried is None:
        return ""
    members = [urlsplit(member.url).netloc for member in scenario.members.shown]
    if tried in (members or scenario.addresses.values()):
        return f"{tried} could not be reached"
    return f"it tried {tried}, which is no member: an earlier ProxyPass or RewriteRule takes this path"


def unacceptable(scenario: SavedScenario, _: Turns) -> Cause | None:
    """101 came, but the client had to refuse it."""
    for c in scenario.connections:
        if c.status == _SWITCHED and c.error and Claim.OPENING in failed(scenario):
            return Cause(
                rule="unacceptable",
                sentence=f"101 came, but no client may take it: {c.error} (RFC 6455 section 4.1)",
                evidence=(f"connection #{c.seq}: {c.status} {c.reason}, {c.error}",),
            )
    return None


def hung_up(scenario: SavedScenario, _: Turns) -> Cause | None:
    """A backend took the request and ended the connection without an answer."""
    for c in scenario.connections:
        arrival = c.arrivals[-1] if c.arrivals else None
        if (
            c.status in {None, 502}
            and arrival
            and not arrival.status
            and not foreseen(scenario, "fault", arrival.backend)
        ):
            return Cause(
                rule="hung-up",
                sentence=f"{arrival.backend} took the request and closed the connection without an answer",
                evidence=(f"connection #{c.seq}: {c.error or c.status or 'no answer'}",),
            )
    return None


def ended_early(scenario: SavedScenario, _: Turns) -> Cause | None:
    """A tunnel ended, by the backend or by a broken connection, before its command was answered."""
    checks = failed(scenario)
    for c in scenario.connections:
        received = [exchange for exchange in c.exchanges if not exchange.sent]
        unanswered = len(received) <= 1 or c.exchanges[-1].sent  # the greeting answers nothing
        end = c.closed
        if not checks & {Claim.MESSAGES, Claim.IDENTITY} or not c.accepted or not unanswered or not end:
            continue
        if end.by == "client" and end.clean:
            continue
        who = c.backend or "the backend"
        if end.clean:
            sentence = f"{who} closed the tunnel with {end.code} before it answered"
        else:
            sentence = f"the tunnel to {who} broke before an answer came: no Close frame was seen ({end.code})"
        return Cause(rule="ended-early", sentence=sentence, evidence=(f"connection #{c.seq}: {_end(end)}",))
    return None


def died(scenario: SavedScenario, _: Turns) -> Cause | None:
    """Tunnels that did not live until the client closed them: who ended them, from both ends."""
    if Claim.LIVING not in failed(scenario):
        return None
    for c in scenario.connections:
        accepted = [arrival for arrival in c.arrivals if arrival.accepted]
        here, there = c.closed, accepted[-1].closed if accepted else None
        if not c.accepted or not here or not there:
            continue
        who = accepted[-1].backend
        if sentence := _death(who, here, there):
            seen = (f"connection #{c.seq}, client: {_end(here)}", f"journal of {who}: {_end(there)}")
            return Cause(rule="died", sentence=sentence, evidence=seen)
    return None


def _death(who: str, here: Close, there: Close) -> str:
    """Who ended a tunnel, as far as its two ends tell; empty for one that the client closed orderly."""
    both = not here.clean and not there.clean
    kept = "" if here.clean else ", and its Close frame did not reach the client"
    told = {
        f"what came from {who} breaks RFC 6455, so the client had to end the tunnel: {here.reason}": (
            here.by == "client" and here.code in _UNREADABLE
        ),
        f"{who} itself closed the tunnel with {there.code} before the client did{kept}": (
            there.by == "server" and there.clean
        ),
        f"{who} ended the tunnel with {there.code}: what reached it broke RFC 6455": (
            there.by == "client" and there.code in _UNREADABLE
        ),
        f"the client received a Close frame ({here.code}) that {who} did not send: something between sent it": (
            here.by == "server" and there.by != "server"
        ),
        f"the client's Close frame did not reach {who}: it was lost between, or the tunnel was dead by then": (
            both and here.reason != ""
        ),
        f"the tunnel to {who} broke: neither end received a Close frame; {who} reset it, or what stands between": both,
        f"the close code changed on its way: {here.code} at the client, {there.code} at {who}": (
            here.clean and there.clean and here.code != there.code
        ),
        f"{who} received {here.code} as close code, though the client closed with 1000: it was changed on its way": (
            here.clean and there.clean and here.by == "client" and here.code != _CLOSED
        ),
        f"{who} received the client's Close frame, but its own did not come back to the client": not here.clean,
        f"the client closed the tunnel in order, but its Close frame did not reach {who}": not there.clean,
    }
    return next((sentence for sentence, so in told.items() if so), "")


def end_lost(scenario: SavedScenario, _: Turns) -> Cause | None:
    """Client and backend saw different ends of one tunnel."""
    for c in scenario.connections:
        there = c.arrivals[-1].closed if c.arrivals else None
        here = c.closed
        if Claim.END in failed(scenario) and there and _code(there) != _code(here):
            sentence = (
                f"client and {c.backend or 'backend'} saw different ends of connection #{c.seq}: the Close frame "
                "was changed or lost between them"
            )
            return Cause(
                rule="end-lost",
                sentence=sentence,
                evidence=(f"client: {_end(here)}", f"backend: {_end(there)}"),
            )
    return None


def _code(end: Close | None) -> tuple[int, str] | None:
    return (end.code, end.reason) if end else None


def _end(end: Close | None) -> str:
    return f"{end.code} {end.reason} by {end.by or 'nobody'}".replace("  ", " ") if end else "no end"
