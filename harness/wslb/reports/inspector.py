"""The opening handshake at its four stations: what the proxy did to every field, and the rule that it must keep.

Connections whose handshakes were treated alike are shown once: hundreds of them say the same thing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from wslb.model.balancer import Carrier
from wslb.model.handshake import Arrival, Headers, header_values
from wslb.model.hops import FieldChange, changes
from wslb.reports.document import SavedConnection, SavedScenario
from wslb.reports.rules import Judged, judge

__all__ = ["Alike", "Capture", "FieldRow", "groups"]

MOST_GROUPS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRow:
    """One header field (or the first line) at two stations.

    Attributes:
        before, after: values at the first and the second station; empty where it was absent.
        what: what the proxy did, in a word.
        note: number of the footnote that names the cause, 0 for none.
        rule: section of RFC 6455 that it must keep, empty without one.
        holds: whether it does, None without a rule.
        why: what is wrong with it, or what was recomputed.
    """

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    what: str
    note: int = 0
    rule: str = ""
    holds: bool | None = None
    why: str = ""

    @property
    def style(self) -> str:
        """``broken``, ``changed`` or ``same``; only a row of the last kind may be left out of what is shown."""
        if self.holds is False:
            return "broken"
        return "same" if self.what in {"unchanged", "passed on"} else "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One station's bytes as text."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alike:
    """Handshakes that were treated alike, shown by one of them.

    Attributes:
        id: anchor.
        scenario, number: the connection that is shown.
        count: connections like it.
        scenarios: names of the scenarios they belong to, first first.
        wrong: whether a rule is broken or nobody accepted it.
    """

    id: str
    scenario: str
    number: int
    connection: SavedConnection
    title: str
    count: int
    scenarios: tuple[str, ...]
    wrong: bool
    request: tuple[FieldRow, ...]
    response: tuple[FieldRow, ...]
    footnotes: tuple[str, ...]
    captures: tuple[Capture, ...]


def groups(scenarios: Sequence[SavedScenario], *, asked_for: Sequence[tuple[str, int]] = ()) -> tuple[Alike, ...]:
    """Handshakes of a run, grouped by how they were treated; the ones asked for, and broken ones, first.

    Args:
        scenarios: of the saved document.
        asked_for: scenario and connection number of handshakes that must be shown by themselves.
    """
    found: dict[tuple[bool, tuple[object, ...]], list[tuple[str, SavedConnection]]] = {}
    chosen: list[tuple[str, SavedConnection, list[tuple[str, SavedConnection]]]] = []
    for scenario in scenarios:
        for connection in scenario.connections:
            mine = (scenario.name, connection)
            found.setdefault(_kind(scenario, connection), []).append(mine)
            if (scenario.name, connection.seq) in asked_for:
                chosen.append((*mine, [mine]))
    for _, members in sorted(found.items(), key=lambda item: item[0][0]):
        if members not in [alone for _, _, alone in chosen]:
            chosen.append((*max(members, key=_size), members))
    carriers = {scenario.name: scenario.carrier for scenario in scenarios}
    return tuple(
        _group(index, name, connection, members, carriers[name])
        for index, (name, connection, members) in enumerate(chosen[:MOST_GROUPS], 1)
    )


def _size(member: tuple[str, SavedConnection]) -> int:
    """Fields of a handshake: the one with the most tells the most."""
    return len(member[1].request) + len(member[1].response)


def _kind(scenario: SavedScenario, connection: SavedConnection) -> tuple[bool, tuple[object, ...]]:
    """Key of the connections that are shown together; broken ones sort first."""
    arrival = connection.arrival
    changed = connection.changes
    broken = tuple(name for name, rule in judge(connection, arrival).items() if rule.holds is False)
    return (
        connection.accepted and not broken,
        (
            urlsplit(connection.url).scheme,
            scenario.carrier,
            connection.backend,
            connection.status,
            arrival.status if arrival else None,
            len(connection.arrivals),
            tuple(
                (side, change.name.lower(), change.what)
                for side, found in ((("request", changed.request), ("response", changed.response)) if changed else ())
                for change in found
                if change.what != "unchanged"
            ),
            broken,
        ),
    )


def _group(
    index: int,
    scenario: str,
    connection: SavedConnection,
    members: Sequence[tuple[str, SavedConnection]],
    carrier: Carrier,
) -> Alike:
    arrival = connection.arrival
    judged = judge(connection, arrival)
    sent, got = connection.request, connection.response
    received = arrival.headers if arrival else ()
    answered = arrival.response if arrival else ()
    notes: list[str] = []
    scheme = urlsplit(connection.url).scheme
    over = " over HTTP/2" if connection.extended_connect else ""
    backend = connection.backend or (arrival.backend if arrival else None)
    request = [_first_line(connection, arrival, judged["request line"])]
    request += _rows(changes(sent, received) if arrival else _alone(sent), judged, "request ", notes, carrier)
    response = [_status_line(connection, arrival, judged["status line"])]
    response += _rows(changes(answered, got) if arrival else _alone(got), judged, "response ", notes, carrier)
    return Alike(
        id=f"handshake-{index}",
        scenario=scenario,
        number=connection.seq,
        connection=connection,
        title=f"{scheme}{over} through {carrier.module} to {backend or 'nobody'}",
        count=len(members),
        scenarios=tuple(dict.fromkeys(name for name, _ in members)),
        wrong=not connection.accepted or any(row.holds is False for row in (*request, *response)),
        request=tuple(request),
        response=tuple(response),
        footnotes=tuple(notes),
        captures=_captures(connection, arrival),
    )


def _alone(headers: Headers) -> tuple[FieldChange, ...]:
    """Fields of one station when the other one is not known."""
    return tuple(
        FieldChange(name=name, before=header_values(headers, name), after=(), what="not seen at a backend")
        for name in dict.fromkeys(name for name, _ in headers)
    )


def _rows(
    found: Sequence[FieldChange],
    judged: Mapping[str, Judged],
    side: str,
    notes: list[str],
    carrier: Carrier,
) -> list[FieldRow]:
    rows = []
    for change in found:
        rule = judged.get(side + change.name.lower(), Judged())
        cause = _cause(change, carrier) if side == "request " else ""
        if cause and cause not in notes:
            notes.append(cause)
        what = "re-created for this hop" if change.what == "re-created" else change.what
        rows.append(
            FieldRow(
                name=change.name,
                before=change.before,
                after=change.after,
                what=what,
                note=notes.index(cause) + 1 if cause else 0,
                rule=rule.section,
                holds=rule.holds,
                why=rule.why,
            )
        )
    return rows


_ONE_HOP = "Upgrade and Connection belong to one hop (RFC 9110 section 7.6.1)"


def _cause(change: FieldChange, carrier: Carrier) -> str:
    """Directive or rule behind a change of the request, by mod_proxy's manual; of another proxy, what all must do."""
    name = change.name.lower()
    if carrier is Carrier.OWN:
        return f"{_ONE_HOP}, so each proxy writes its own for the backend." if change.what == "re-created" else ""
    if change.what == "re-created":
        spelling = "always WebSocket" if carrier is Carrier.WSTUNNEL else "as the client spelled it"
        return f"{_ONE_HOP}: {carrier.module} writes both anew for the backend, Upgrade {spelling}."
    if name == "host" and change.what == "rewritten":
        return "ProxyPreserveHost Off (default): the backend sees the member's own host and port."
    if name.startswith("x-forwarded-") and change.what in {"added", "rewritten"}:
        return "ProxyAddHeaders On (default): X-Forwarded-For, -Host and -Server tell the client's side."
    if name == "via":
        return "ProxyVia adds a Via field."
    return ""


def _first_line(connection: SavedConnection, arrival: Arrival | None, rule: Judged) -> FieldRow:
    before = _asked(connection)
    after = f"{arrival.method} {arrival.target} HTTP/{arrival.http_version}" if arrival else ""
    what = "not seen at a backend" if not arrival else "unchanged" if before == after else "path mapped"
    if arrival and connection.extended_connect:
        what = "made an upgrade of HTTP/1.1"
    return FieldRow(
        name="request line",
        before=(before,),
        after=(after,) if after else (),
        what=what,
        rule=rule.section,
        holds=rule.holds,
        why=rule.why,
    )


def _status_line(connection: SavedConnection, arrival: Arrival | None, rule: Judged) -> FieldRow:
    sent = str(arrival.status) if arrival and arrival.status else ""
    got = " ".join(str(part) for part in (connection.status, connection.reason) if part)
    same = bool(sent) and sent == str(connection.status or "")
    what = "passed on" if same else "not seen at a backend" if not arrival else "answered otherwise"
    if arrival and arrival.accepted and connection.extended_connect and connection.accepted:
        what = "made an answer of HTTP/2"
    return FieldRow(
        name="status line",
        before=(sent,) if sent else (),
        after=(got,) if got else (),
        what=what,
        rule=rule.section,
        holds=rule.holds,
        why=rule.why or connection.error or "",
    )


def _asked(connection: SavedConnection) -> str:
    """First line of the request as the client sent it; over HTTP/2 the pseudo-header fields in the shape of one."""
    parts = urlsplit(connection.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return f"CONNECT {target} HTTP/2" if connection.extended_connect else f"GET {target} HTTP/1.1"


def _captures(connection: SavedConnection, arrival: Arrival | None) -> tuple[Capture, ...]:
    """The four stations in order, every field in its own order, case and number."""
    captures = [Capture(title="Request as the client sent it", text=_head(_asked(connection), connection.request))]
    if arrival:
        line = f"{arrival.method} {arrival.target} HTTP/{arrival.http_version}"
        captures.append(Capture(title=f"Request as {arrival.backend} received it", text=_head(line, arrival.headers)))
        status = f"HTTP/1.1 {arrival.status or '(no answer)'}"
        captures.append(Capture(title=f"Response as {arrival.backend} sent it", text=_head(status, arrival.response)))
    version = "HTTP/2" if connection.extended_connect else "HTTP/1.1"
    got = f"{version} {connection.status or '(no answer)'} {connection.reason}".rstrip()
    captures.append(Capture(title="Response as the client received it", text=_head(got, connection.response)))
    return tuple(captures)


def _head(line: str, headers: Sequence[Sequence[str]]) -> str:
    return "\n".join([line, *(f"{name}: {value}" for name, value in headers)])
