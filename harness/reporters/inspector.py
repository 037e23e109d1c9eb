"""The opening handshake at its four stations: what the proxy did to every field, and the rule that it must keep.

Connections whose handshakes were treated alike are shown once: hundreds of them say the same thing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from harness.handshake import Headers, accept_for, fields, header_values, tokens, valid_key
from harness.hops import Change, changes

__all__ = ["Capture", "Group", "Row", "groups"]

MOST_GROUPS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One station's bytes as text."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
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
    connection: Mapping[str, Any]
    title: str
    count: int
    scenarios: tuple[str, ...]
    wrong: bool
    request: tuple[Row, ...]
    response: tuple[Row, ...]
    footnotes: tuple[str, ...]
    captures: tuple[Capture, ...]


def groups(scenarios: Sequence[Mapping[str, Any]], *, asked_for: Sequence[tuple[str, int]] = ()) -> tuple[Group, ...]:
    """Handshakes of a run, grouped by how they were treated; the ones asked for, and broken ones, first.

    Args:
        scenarios: of the saved document.
        asked_for: scenario and connection number of handshakes that must be shown by themselves.
    """
    found: dict[tuple[Any, ...], list[tuple[str, Mapping[str, Any]]]] = {}
    single: list[tuple[str, Mapping[str, Any]]] = []
    for scenario in scenarios:
        for connection in scenario["connections"]:
            found.setdefault(_kind(scenario, connection), []).append((scenario["name"], connection))
            if (scenario["name"], connection["seq"]) in asked_for:
                single.append((scenario["name"], connection))
    ordered = sorted(found.items(), key=lambda item: item[0][0])
    chosen = [(name, connection, [(name, connection)]) for name, connection in single]
    chosen += [(*members[0], members) for _, members in ordered]
    carriers = {scenario["name"]: scenario["carrier"] for scenario in scenarios}
    return tuple(
        _group(index, name, connection, members, carriers[name])
        for index, (name, connection, members) in enumerate(chosen[:MOST_GROUPS], 1)
    )


def _kind(scenario: Mapping[str, Any], connection: Mapping[str, Any]) -> tuple[Any, ...]:
    """Key of the connections that are shown together; broken ones sort first."""
    arrival = arrival_of(connection)
    changed = connection["changes"] or {"request": (), "response": ()}
    verdicts = tuple(holds for _, holds, _ in _judge(connection, arrival).values())
    return (
        connection["status"] == 101 and False not in verdicts,
        urlsplit(connection["url"]).scheme,
        scenario["carrier"],
        connection["status"] or 0,
        (arrival["status"] or 0) if arrival else -1,
        len(connection["arrivals"]),
        tuple((change["name"], change["what"]) for side in ("request", "response") for change in changed[side]),
        tuple("-" if holds is None else str(holds) for holds in verdicts),
    )


def arrival_of(connection: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The arrival that led to the answer: the last accepted one, else the last."""
    arrivals = connection["arrivals"]
    accepted = [arrival for arrival in arrivals if arrival["accepted"]]
    found: Mapping[str, Any] | None = accepted[-1] if accepted else (arrivals[-1] if arrivals else None)
    return found


def _group(
    index: int,
    scenario: str,
    connection: Mapping[str, Any],
    members: Sequence[tuple[str, Mapping[str, Any]]],
    carrier: str,
) -> Group:
    arrival = arrival_of(connection)
    judged = _judge(connection, arrival)
    sent, got = fields(connection["request"]), fields(connection["response"])
    received = fields(arrival["headers"]) if arrival else ()
    answered = fields(arrival["response"]) if arrival else ()
    notes: list[str] = []
    scheme = urlsplit(connection["url"]).scheme
    backend = connection["backend"] or (arrival["backend"] if arrival else None)
    request = [_first_line(connection, arrival, judged["request line"])]
    request += _rows(changes(sent, received) if arrival else _alone(sent), judged, "request ", notes, carrier)
    response = [_status_line(connection, arrival, judged["status line"])]
    response += _rows(changes(answered, got) if arrival else _alone(got), judged, "response ", notes, carrier)
    return Group(
        id=f"handshake-{index}",
        scenario=scenario,
        number=connection["seq"],
        connection=connection,
        title=f"{scheme} through mod_proxy_{carrier} to {backend or 'nobody'}",
        count=len(members),
        scenarios=tuple(dict.fromkeys(name for name, _ in members)),
        wrong=connection["status"] != 101 or any(row.holds is False for row in (*request, *response)),
        request=tuple(request),
        response=tuple(response),
        footnotes=tuple(notes),
        captures=_captures(connection, arrival),
    )


def _alone(headers: Headers) -> tuple[Change, ...]:
    """Fields of one station when the other one is not known."""
    return tuple(
        Change(name=name, before=header_values(headers, name), after=(), what="not seen at a backend")
        for name in dict.fromkeys(name for name, _ in headers)
    )


def _rows(
    found: Sequence[Change],
    judged: Mapping[str, tuple[str, bool | None, str]],
    side: str,
    notes: list[str],
    carrier: str,
) -> list[Row]:
    rows = []
    for change in found:
        rule, holds, why = judged.get(side + change.name.lower(), ("", None, ""))
        cause = _cause(change, carrier) if side == "request " else ""
        if cause and cause not in notes:
            notes.append(cause)
        what = "re-created for this hop" if change.what == "re-created" else change.what
        rows.append(
            Row(
                name=change.name,
                before=change.before,
                after=change.after,
                what=what,
                note=notes.index(cause) + 1 if cause else 0,
                rule=rule,
                holds=holds,
                why=why,
            )
        )
    return rows


def _cause(change: Change, carrier: str) -> str:
    """Directive or rule behind a change of the request, by mod_proxy's manual."""
    name = change.name.lower()
    if change.what == "re-created":
        spelling = "always WebSocket" if carrier == "wstunnel" else "as the client spelled it"
        return (
            f"Upgrade and Connection belong to one hop (RFC 9110 section 7.6.1): mod_proxy_{carrier} writes both anew "
            f"for the backend, Upgrade {spelling}."
        )
    if name == "host" and change.what == "rewritten":
        return "ProxyPreserveHost Off (default): the backend sees the member's own host and port."
    if name.startswith("x-forwarded-") and change.what in {"added", "rewritten"}:
        return "ProxyAddHeaders On (default): X-Forwarded-For, -Host and -Server tell the client's side."
    if name == "via":
        return "ProxyVia adds a Via field."
    return ""


def _first_line(
    connection: Mapping[str, Any], arrival: Mapping[str, Any] | None, rule: tuple[str, bool | None, str]
) -> Row:
    target = _target(connection["url"])
    before = f"GET {target} HTTP/1.1"
    after = f"{arrival['method']} {arrival['target']} HTTP/{arrival['http_version']}" if arrival else ""
    what = "not seen at a backend" if not arrival else "unchanged" if before == after else "path mapped"
    return Row(
        name="request line",
        before=(before,),
        after=(after,) if after else (),
        what=what,
        rule=rule[0],
        holds=rule[1],
        why=rule[2],
    )


def _status_line(
    connection: Mapping[str, Any], arrival: Mapping[str, Any] | None, rule: tuple[str, bool | None, str]
) -> Row:
    sent = str(arrival["status"]) if arrival and arrival["status"] else ""
    got = " ".join(str(part) for part in (connection["status"], connection["reason"]) if part)
    same = bool(sent) and sent == str(connection["status"] or "")
    what = "passed on" if same else "not seen at a backend" if not arrival else "answered otherwise"
    return Row(
        name="status line",
        before=(sent,) if sent else (),
        after=(got,) if got else (),
        what=what,
        rule=rule[0],
        holds=rule[1],
        why=rule[2] or connection["error"] or "",
    )


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _judge(connection: Mapping[str, Any], arrival: Mapping[str, Any] | None) -> dict[str, tuple[str, bool | None, str]]:
    """Rules of RFC 6455 that this handshake must keep: section, whether it does, and what is wrong."""
    got = fields(connection["response"])
    sent = fields(connection["request"])
    rules: dict[str, tuple[str, bool | None, str]] = {}

    def rule(name: str, section: str, holds: bool, why: str) -> None:
        rules[name] = (section, holds, "" if holds else why)

    if arrival:
        seen = fields(arrival["headers"])
        line_holds = arrival["method"] == "GET" and arrival["http_version"] >= "1.1"
        rule("request line", "§4.2.1 (1)", line_holds, "must be GET with HTTP/1.1 or higher")
        checks: tuple[tuple[str, str, Callable[[], bool], str], ...] = (
            ("Host", "§4.2.1 (2)", lambda: len(header_values(seen, "Host")) == 1, "must be there once"),
            ("Upgrade", "§4.2.1 (3)", lambda: "websocket" in tokens(seen, "Upgrade"), "must name websocket"),
            ("Connection", "§4.2.1 (4)", lambda: "upgrade" in tokens(seen, "Connection"), "must name Upgrade"),
            ("Sec-WebSocket-Key", "§4.2.1 (5)", lambda: _keys_hold(seen), "must be base64 of 16 bytes, once"),
            (
                "Sec-WebSocket-Version",
                "§4.2.1 (6)",
                lambda: header_values(seen, "Sec-WebSocket-Version") == ("13",),
                "must be 13",
            ),
        )
        for name, section, holds, why in checks:
            rule(f"request {name.lower()}", section, holds(), why)
        if header_values(seen, "Origin"):
            rules["request origin"] = ("§10.2", None, "")
    else:
        rules["request line"] = ("§4.2.1 (1)", None, "")
    rule("status line", "§4.2.2 (5.1)", connection["status"] == 101, "must be 101")
    if connection["status"] != 101:
        return rules
    rule("response upgrade", "§4.2.2 (5.2)", "websocket" in tokens(got, "Upgrade"), "must name websocket")
    rule("response connection", "§4.2.2 (5.3)", "upgrade" in tokens(got, "Connection"), "must name Upgrade")
    key = next(iter(header_values(sent, "Sec-WebSocket-Key")), "")
    want = accept_for(key)
    accept_holds = header_values(got, "Sec-WebSocket-Accept") == (want,)
    rules["response sec-websocket-accept"] = (
        "§4.2.2 (5.4)",
        accept_holds,
        "recomputed from the key: the same" if accept_holds else f"the key wants {want}",
    )
    _judge_choice(rules, sent, got, "Sec-WebSocket-Protocol", "§4.1, §4.2.2 (5.5)")
    _judge_choice(rules, sent, got, "Sec-WebSocket-Extensions", "§4.1, §4.2.2 (5.6)")
    return rules


def _judge_choice(
    rules: dict[str, tuple[str, bool | None, str]], sent: Headers, got: Headers, name: str, section: str
) -> None:
    """A choice must be among the offers; extensions compare by name, their parameters are negotiated."""
    chosen = {token.partition(";")[0].strip() for token in tokens(got, name)}
    offered = {token.partition(";")[0].strip() for token in tokens(sent, name)}
    if chosen:
        holds = chosen <= offered
        rules[f"response {name.lower()}"] = (section, holds, "among those offered" if holds else "was never offered")


def _keys_hold(headers: Headers) -> bool:
    values = header_values(headers, "Sec-WebSocket-Key")
    return len(values) == 1 and valid_key(values[0])


def _captures(connection: Mapping[str, Any], arrival: Mapping[str, Any] | None) -> tuple[Capture, ...]:
    """The four stations in order, every field in its own order, case and number."""
    sent = f"GET {_target(connection['url'])} HTTP/1.1"
    captures = [Capture(title="Request as the client sent it", text=_head(sent, connection["request"]))]
    if arrival:
        line = f"{arrival['method']} {arrival['target']} HTTP/{arrival['http_version']}"
        captures.append(
            Capture(title=f"Request as {arrival['backend']} received it", text=_head(line, arrival["headers"]))
        )
        status = f"HTTP/1.1 {arrival['status'] or '(no answer)'}"
        captures.append(
            Capture(title=f"Response as {arrival['backend']} sent it", text=_head(status, arrival["response"]))
        )
    got = f"HTTP/1.1 {connection['status'] or '(no answer)'} {connection['reason']}".rstrip()
    captures.append(Capture(title="Response as the client received it", text=_head(got, connection["response"])))
    return tuple(captures)


def _head(line: str, headers: Sequence[Sequence[str]]) -> str:
    return "\n".join([line, *(f"{name}: {value}" for name, value in headers)])
