"""Header fields that changed on their way, and the directive that probably did it."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from wslb.model.balancer import LOGGED, Carrier
from wslb.model.handshake import Headers, accept_for, header_values, one_header, tokens
from wslb.model.hops import HOP_BY_HOP
from wslb.model.results import Claim
from wslb.reports.causes.cause import HTTPD, Cause, capabilities, failed
from wslb.reports.document import SavedChange, SavedScenario
from wslb.reports.sequences import Turns

__all__ = ["changed_field", "forwarded", "kept_field", "other_carrier", "other_path", "wrong_accept"]

_OWN = frozenset({"host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-server"})
"""Fields that mod_proxy writes itself."""


def wrong_accept(scenario: SavedScenario, _: Turns) -> Cause | None:
    """Sec-WebSocket-Accept is wrong; the journal tells whose fault it is."""
    for c in scenario.connections:
        got = one_header(c.response, "Sec-WebSocket-Accept")
        want = accept_for(one_header(c.request, "Sec-WebSocket-Key") or "")
        if not c.accepted or got is None or got == want or not c.arrivals:
            continue
        arrival = c.arrivals[-1]
        if header_values(arrival.headers, "Sec-WebSocket-Key") != header_values(c.request, "Sec-WebSocket-Key"):
            continue  # it answers the key that came: that one was changed
        same = got in header_values(arrival.response, "Sec-WebSocket-Accept")
        who = f"{arrival.backend} itself answered with it" if same else "it changed between backend and client"
        return Cause(
            rule="accept",
            sentence=f"Sec-WebSocket-Accept is wrong from connection #{c.seq} on: {who}",
            evidence=(f"the key wants {want}, {got} came",),
        )
    return None


def other_carrier(scenario: SavedScenario, _: Turns) -> Cause | None:
    """The access log's status says that the other module carried the tunnels."""
    want = LOGGED[scenario.carrier]
    for c in scenario.connections:
        logged = c.witnesses.access_log_status
        by = next((carrier for carrier, status in LOGGED.items() if status == logged), None)
        if c.accepted and by is not None and logged != want:
            why = (
                "ProxyWebsocketFallbackToProxyHttp is On, which is the default with both modules loaded"
                if by is Carrier.HTTP
                else "ProxyWebsocketFallbackToProxyHttp is Off"
            )
            return Cause(
                rule="carrier",
                sentence=f"{by.module} carried the tunnels: {why}",
                evidence=(f"connection #{c.seq}: status {logged} in the access log",),
            )
    return None


def forwarded(scenario: SavedScenario, _: Turns) -> Cause | None:
    """Host or the X-Forwarded-* fields are not what mod_proxy's defaults make them; behind others, not the client's."""
    if Claim.FORWARDED not in failed(scenario):
        return None
    if scenario.proxy != HTTPD:
        return _not_as_sent(scenario)
    wrong = {name for v in scenario.verdicts if v.claims is Claim.FORWARDED and not v.holds for name in v.evidence}
    for c in scenario.connections:
        if not c.arrivals:
            continue
        seen, sent = c.arrivals[-1].headers, c.request
        host = header_values(seen, "Host")
        if host and host == header_values(sent, "Host"):
            return Cause(
                rule="preserve-host",
                sentence="ProxyPreserveHost is On: the backend sees the client's Host instead of the member's address",
                evidence=(f"connection #{c.seq}: Host {host[0]} at the client and at the backend",),
            )
        if not any(name.lower().startswith("x-forwarded-") for name, _ in seen):
            return Cause(
                rule="add-headers",
                sentence="ProxyAddHeaders is Off: no X-Forwarded field tells the backend about the client",
                evidence=(f"connection #{c.seq}: no X-Forwarded-For, -Host or -Server at the backend",),
            )
        clause = _forwarded_otherwise(seen, sent, frozenset(scenario.addresses.values()))
        if not clause and c.conn_id in wrong:  # nothing else is left that could be
            values = [f"{name} {one_header(seen, name)}" for name in ("X-Forwarded-For", "X-Forwarded-Server")]
            clause = f"the backend was told {' and '.join(values)}, of which one is not as mod_proxy writes it"
        if clause:
            who = c.arrivals[-1].backend
            return Cause(
                rule="forwarded",
                sentence=f"{clause}: another proxy before httpd or behind it, or RequestHeader (mod_headers), did it",
                evidence=(f"connection #{c.seq}, as {who} saw it: {clause}",),
            )
    return None


def _not_as_sent(scenario: SavedScenario) -> Cause | None:
    """What a check of a proxy saw that hands these fields on as the client sent them."""
    said = next(v.observed for v in scenario.verdicts if v.claims is Claim.FORWARDED and not v.holds)
    clause = said.partition(": ")[2].partition(";")[0]
    if " was sent as " not in clause:
        return None
    sentence = f"{clause}: look for RequestHeader (mod_headers) or another proxy in between"
    return Cause(rule="forwarded", sentence=sentence, evidence=(said,))


def _forwarded_otherwise(seen: Headers, sent: Headers, members: frozenset[str]) -> str:
    """What of the fields that mod_proxy writes is not as it writes them; empty when all is."""
    for name in ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Server"):
        if not header_values(seen, name):
            return f"{name} is missing at the backend, though others of its kind came"
    host, asked = one_header(seen, "Host") or "none", one_header(sent, "Host") or "none"
    clients, hosts = ", ".join(header_values(seen, "X-Forwarded-For")), one_header(seen, "X-Forwarded-Host") or ""
    if "," in clients:
        return f"the request had been forwarded before: X-Forwarded-For is {clients}"
    if hosts != asked:
        return f"X-Forwarded-Host is {hosts}, but the client asked for {asked}"
    if host not in members:
        return f"Host is {host}, which is no member's address"
    return ""


def other_path(scenario: SavedScenario, _: Turns) -> Cause | None:
    """The request arrived on another path, or with another query than the client sent."""
    for verdict in scenario.verdicts:
        if verdict.check != "arrived_at" or verdict.holds:
            continue
        for c in scenario.connections:
            for arrival in c.arrivals:
                sent, came = c.url.partition("?")[2], arrival.target.partition("?")[2]
                if sent != came:
                    return Cause(
                        rule="query",
                        sentence=f"the query ?{sent} reached {arrival.backend} as ?{came}: it was changed on its way",
                        evidence=(f"connection #{c.seq}: {c.url} → {arrival.target}",),
                    )
        told = verdict.observed.partition(": ")[2].partition(";")[0]
        if " saw /" in told:
            return Cause(
                rule="path",
                sentence=f"{told}: look at how ProxyPass and the member's path join, and for a rewrite on the way",
                evidence=(verdict.observed,),
            )
    return None


def changed_field(scenario: SavedScenario, _: Turns) -> Cause | None:
    """A field was added, removed or rewritten that the proxy has no business with."""
    if not failed(scenario) & {Claim.FIELDS, Claim.OPENING}:
        return None
    writes = capabilities(scenario).writes
    for c in scenario.connections:
        if not c.changes or any(name == ":protocol" for name, _ in c.request):  # httpd makes HTTP/1.1 of it (RFC 8441)
            continue
        arrival = c.arrivals[-1]
        came = c.status is not None and c.status == arrival.status  # without an answer nothing of it was removed
        for side, found, before, after, way in (
            ("request", c.changes.request, c.request, arrival.headers, "between client and backend"),
            ("response", c.changes.response if came else (), arrival.response, c.response, "on the way back"),
        ):
            for change in found:
                if _usual(change, side, named=tokens(c.request, "Connection"), writes=writes):
                    continue
                name, what = change.name, change.what
                values = (_values(before, name), _values(after, name))
                directive = "RequestHeader" if side == "request" else "Header"
                sentence = f"{name} was {what} {way}: look for {directive} (mod_headers) or another proxy in between"
                return Cause(
                    rule="field",
                    sentence=sentence,
                    evidence=(f"connection #{c.seq}: {name} {values[0]} → {values[1]}",),
                )
    return None


def kept_field(scenario: SavedScenario, _: Turns) -> Cause | None:
    """A field that the client's Connection names went through: httpd did not read it, or it came back behind httpd."""
    if not any(v.check == "nominated_fields_dropped" and not v.holds for v in scenario.verdicts):
        return None
    for c in scenario.connections:
        named = sorted(set(tokens(c.request, "Connection")) - {"upgrade"})
        for arrival in c.arrivals:
            kept = [name for name in named if header_values(arrival.headers, name)]
            if kept:
                return Cause(
                    rule="connection",
                    sentence=f"{', '.join(kept)} reached {arrival.backend}, though the client's Connection names it: "
                    "httpd saw another Connection (RequestHeader with early in mod_headers, a proxy before it), or "
                    "something behind httpd added the field",
                    evidence=(f"connection #{c.seq}: Connection {_values(c.request, 'Connection')} at the client",),
                )
    return None


def _usual(change: SavedChange, side: str, *, named: Iterable[str], writes: Collection[str]) -> bool:
    """Whether the proxy makes such a change of itself.

    Args:
        named: fields that Connection names.
        writes: fields of an answer that are the proxy's own.
    """
    name, what = change.name.lower(), change.what
    if what in {"unchanged", "re-created"}:
        return True
    if side == "response":
        return name in writes
    hop_fields = {*HOP_BY_HOP, *named} - {"upgrade", "connection"}
    return name in _OWN or (name in hop_fields and what == "removed")


def _values(headers: Headers, name: str) -> str:
    return ", ".join(header_values(headers, name)) or "absent"
