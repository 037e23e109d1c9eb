"""What RFC 6455 asks of an opening handshake, field by field, at the station where it counts.

A client that asks over HTTP/2 gets a status of its own and none of the fields of an upgrade (RFC 8441 section 5); the
backend's side of it is an ordinary handshake.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from wslb.model.handshake import Arrival, Headers, accept_for, header_values, tokens, valid_key
from wslb.reports.document import SavedConnection

__all__ = ["Judged", "judge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One rule on one handshake.

    Attributes:
        section: of RFC 6455 where no other is named; empty for a field without a rule.
        holds: None where there is nothing to judge.
        why: what is wrong with it, or what was recomputed.
    """

    section: str = ""
    holds: bool | None = None
    why: str = ""


def judge(connection: SavedConnection, arrival: Arrival | None) -> dict[str, Judged]:
    """Rules of RFC 6455 that this handshake must keep: section, whether it does, and what is wrong."""
    got = connection.response
    sent = connection.request
    rules: dict[str, Judged] = {}

    def rule(name: str, section: str, holds: bool, why: str) -> None:
        rules[name] = Judged(section=section, holds=holds, why="" if holds else why)

    if arrival:
        seen = arrival.headers
        line_holds = arrival.method == "GET" and arrival.http_version >= "1.1"
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
            rules["request origin"] = Judged(section="§10.2")
    else:
        rules["request line"] = Judged(section="§4.2.1 (1)")
    if connection.extended_connect:
        rule("status line", "RFC 8441 §5", connection.accepted, "must be 2xx")
    else:
        rule("status line", "§4.2.2 (5.1)", connection.accepted, "must be 101")
    if not connection.accepted:
        return rules
    _judge_choice(rules, sent, got, "Sec-WebSocket-Protocol", "§4.1, §4.2.2 (5.5)")
    _judge_choice(rules, sent, got, "Sec-WebSocket-Extensions", "§4.1, §4.2.2 (5.6)")
    if connection.extended_connect:
        return rules
    rule("response upgrade", "§4.2.2 (5.2)", "websocket" in tokens(got, "Upgrade"), "must name websocket")
    rule("response connection", "§4.2.2 (5.3)", "upgrade" in tokens(got, "Connection"), "must name Upgrade")
    key = next(iter(header_values(sent, "Sec-WebSocket-Key")), "")
    want = accept_for(key)
    accept_holds = header_values(got, "Sec-WebSocket-Accept") == (want,)
    rules["response sec-websocket-accept"] = Judged(
        section="§4.2.2 (5.4)",
        holds=accept_holds,
        why="recomputed from the key: the same" if accept_holds else f"the key wants {want}",
    )
    return rules


def _judge_choice(rules: dict[str, Judged], sent: Headers, got: Headers, name: str, section: str) -> None:
    """A choice must be among the offers; extensions compare by name, their parameters are negotiated."""
    chosen = {token.partition(";")[0].strip() for token in tokens(got, name)}
    offered = {token.partition(";")[0].strip() for token in tokens(sent, name)}
    if chosen:
        holds = chosen <= offered
        why = "among those offered" if holds else "was never offered"
        rules[f"response {name.lower()}"] = Judged(section=section, holds=holds, why=why)


def _keys_hold(headers: Headers) -> bool:
    values = header_values(headers, "Sec-WebSocket-Key")
    return len(values) == 1 and valid_key(values[0])
