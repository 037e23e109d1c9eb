"""The rules that name a likely cause, each with the evidence that must be there; the first that matches speaks.

To add one, write a function from a scenario of the saved document and its turns to a `Cause` or None, put it into
`RULES` at its place, and a row into the table of tests/unit/test_causes.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from harness import ah_numbers
from harness.handshake import accept_for, fields, header_values, one_header
from harness.turns import ORDER_CHECKS, Turns, overlapping

__all__ = ["RULES", "Cause"]

NEAR_SECONDS = 0.05
"""How close to a connection a log line must stand to be about it."""

_ZONE_SECONDS = 900
_REFUSED = ("AH00957", "AH01114", "AH02452", "AH00959")
_STATES = {"enabled": "Ok", "disabled": "Dis", "stopped": "Stop", "drain": "Drn", "in_error": "Err"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A likely cause.

    Attributes:
        rule: name of the rule that matched.
        sentence: what probably happened.
        evidence: what in this run says so.
    """

    rule: str
    sentence: str
    evidence: tuple[str, ...]


Scenario = Mapping[str, Any]
Rule = Callable[[Scenario, Turns], Cause | None]


def another_lbmethod(scenario: Scenario, _: Turns) -> Cause | None:
    """The server runs another lbmethod than the scenario claims."""
    for member in _shown(scenario):
        if scenario["balancer"] and member["lbmethod"] and member["lbmethod"] != scenario["balancer"]["lbmethod"]:
            sentence = f"the server elects by {member['lbmethod']}, not by {scenario['balancer']['lbmethod']}"
            return Cause(rule="lbmethod", sentence=sentence, evidence=(_told(member),))
    return None


def another_loadfactor(scenario: Scenario, _: Turns) -> Cause | None:
    """The server runs other loadfactors than the scenario claims."""
    claimed = {m["route"]: m["loadfactor"] for m in (scenario["balancer"] or {"members": ()})["members"]}
    for member in _shown(scenario):
        want = claimed.get(member["route"])
        if want is not None and member["loadfactor"] != want:
            sentence = f"{member['route']} runs with loadfactor {member['loadfactor']:g}, the scenario claims {want:g}"
            return Cause(rule="loadfactor", sentence=sentence, evidence=(_told(member),))
    return None


def refused_then_failed_over(scenario: Scenario, turns: Turns) -> Cause | None:
    """A member refused TCP at the moment of the break, so Apache elected another one."""
    for i in turns.marks:
        moment = _moment(scenario["connections"], i)
        for line in scenario["log"]:
            at = _seconds(line["at"])
            if line["code"] not in _REFUSED or moment is None or at is None:
                continue
            # Log lines are in local time and journals in Unix time: zones differ by whole quarters of an hour.
            apart = (at - moment + _ZONE_SECONDS / 2) % _ZONE_SECONDS - _ZONE_SECONDS / 2
            if abs(apart) <= NEAR_SECONDS + scenario["connections"][i]["elapsed_seconds"]:
                want = turns.expected[i] or "a member"
                sentence = (
                    f"{want} refused a connect at connection #{turns.numbers[i]}; Apache failed over to "
                    f"{turns.seen[i] or 'nobody'} and the turns moved by one"
                )
                return Cause(rule="failover", sentence=sentence, evidence=(f"{line['at']} {line['text']}",))
    return None


def nobody_left(scenario: Scenario, _: Turns) -> Cause | None:
    """503 with every member in error."""
    if not any(c["status"] == 503 for c in scenario["connections"]):
        return None
    for line in scenario["log"]:
        if line["code"] in {"AH01170", "AH01167", "AH01171"}:
            sentence = (
                "no member could be elected, so Apache answered 503; a member in error stays out for retry= seconds"
            )
            states = ", ".join(f"{m['route']} {m['status']}" for m in scenario["members"]["after"])
            return Cause(rule="nobody-left", sentence=sentence, evidence=tuple(filter(None, (line["text"], states))))
    return None


def member_out(scenario: Scenario, turns: Turns) -> Cause | None:
    """A member got nothing, and balancer-manager shows it in another state than configured."""
    if not scenario["balancer"]:
        return None
    configured = {m["route"]: _STATES.get(m["state"], "") for m in scenario["balancer"]["members"]}
    idle = {share.lane for share in turns.shares if not share.seen}
    for member in _shown(scenario):
        want = configured.get(member["route"], "")
        if want and want not in member["status"].split() and (member["route"] in idle or turns.marks or turns.unserved):
            sentence = f"{member['route']} was {member['status']}: elections passed it over"
            return Cause(rule="member-out", sentence=sentence, evidence=(_told(member),))
    return None


def sticky(scenario: Scenario, turns: Turns) -> Cause | None:
    """Everything on one member, with a sticky route configured or sent."""
    served = [share.lane for share in turns.shares if share.seen]
    if len(served) != 1 or len(turns.lanes) < 2 or len(turns) < 2:
        return None
    name = (scenario["balancer"] or {}).get("stickysession")
    if name:
        return Cause(
            rule="sticky",
            sentence=f"a sticky route is on, so every connection went to {served[0]}",
            evidence=(f"stickysession={name}",),
        )
    return None


def impostor(scenario: Scenario, _: Turns) -> Cause | None:
    """A backend's greeting names another backend than the journals do."""
    for c in scenario["connections"]:
        told, journals = c["witnesses"]["greeting"], c["witnesses"]["journal"]
        if told and journals and told not in journals:
            sentence = (
                f"{journals[0]} greets as {told}: two backends run with one name, or one of them is misconfigured"
            )
            return Cause(rule="impostor", sentence=sentence, evidence=(f"connection #{c['seq']}: {c['greeting']}",))
    return None


def wrong_accept(scenario: Scenario, _: Turns) -> Cause | None:
    """Sec-WebSocket-Accept is wrong; the journal tells whose fault it is."""
    for c in scenario["connections"]:
        got = one_header(fields(c["response"]), "Sec-WebSocket-Accept")
        want = accept_for(one_header(fields(c["request"]), "Sec-WebSocket-Key") or "")
        if c["status"] != 101 or got is None or got == want or not c["arrivals"]:
            continue
        arrival = c["arrivals"][-1]
        same = got in header_values(fields(arrival["response"]), "Sec-WebSocket-Accept")
        who = f"{arrival['backend']} itself answered with it" if same else "it changed between backend and client"
        return Cause(
            rule="accept",
            sentence=f"Sec-WebSocket-Accept is wrong from connection #{c['seq']} on: {who}",
            evidence=(f"the key wants {want}, {got} came",),
        )
    return None


def other_carrier(scenario: Scenario, _: Turns) -> Cause | None:
    """The access log's status says that the other module carried the tunnels."""
    want = {"wstunnel": 200, "http": 101}[scenario["carrier"]]
    for c in scenario["connections"]:
        logged = c["witnesses"]["access_log_status"]
        if c["status"] == 101 and logged in {101, 200} and logged != want:
            by = {200: "mod_proxy_wstunnel", 101: "mod_proxy_http"}[logged]
            why = (
                "ProxyWebsocketFallbackToProxyHttp is On, which is the default with both modules loaded"
                if logged == 101
                else "ProxyWebsocketFallbackToProxyHttp is Off"
            )
            return Cause(
                rule="carrier",
                sentence=f"{by} carried the tunnels: {why}",
                evidence=(f"connection #{c['seq']}: status {logged} in the access log",),
            )
    return None


def dropped_upgrade(scenario: Scenario, _: Turns) -> Cause | None:
    """The backend answered 101, the client got something else."""
    for c in scenario["connections"]:
        for arrival in c["arrivals"]:
            if arrival["status"] == 101 and c["status"] != 101:
                return Cause(
                    rule="dropped",
                    sentence="the backend accepted the upgrade, but the proxy refused or dropped it",
                    evidence=(
                        f"connection #{c['seq']}: {arrival['backend']} answered 101, "
                        f"the client got {c['status'] or c['error'] or 'nothing'}",
                    ),
                )
    return None


def not_upgraded(scenario: Scenario, _: Turns) -> Cause | None:
    """An ordinary HTTP answer: the request did not reach a WebSocket endpoint as an upgrade."""
    for c in scenario["connections"]:
        if c["status"] in {200, 404, 426}:
            mounts = "; ".join(f"ProxyPass {mount['path']} {mount['target']}" for mount in scenario["mounts"])
            why = (
                "the request arrived without a usable Upgrade"
                if c["status"] == 426
                else "the path leads elsewhere (order of ProxyPass), or the member lacks ws:// or upgrade=websocket"
            )
            return Cause(
                rule="not-upgraded",
                sentence=f"the answer was {c['status']} instead of 101: {why}",
                evidence=(f"connection #{c['seq']}: {c['url']}", mounts),
            )
    return None


def silent_over_tls(scenario: Scenario, _: Turns) -> Cause | None:
    """No answer at all over TLS to the members, carried by mod_proxy_wstunnel."""
    if scenario["carrier"] != "wstunnel" or not any(m["url"].startswith("wss:") for m in _shown(scenario)):
        return None
    for c in scenario["connections"]:
        if c["status"] is None and not c["arrivals"]:
            return Cause(
                rule="tls-stall",
                sentence=(
                    "no backend saw the handshake: mod_proxy_wstunnel can stall on TLS 1.3 to a wss:// member; "
                    "SSLProxyProtocol TLSv1.2 avoids it"
                ),
                evidence=(f"connection #{c['seq']}: {c['error'] or 'no answer'}",),
            )
    return None


def interleaved(scenario: Scenario, turns: Turns) -> Cause | None:
    """Handshakes overlapped, so elections of several processes of httpd may have interleaved."""
    checks = {verdict["check"] for verdict in scenario["verdicts"] if verdict["outcome"] == "failed"}
    many = overlapping(scenario["connections"])
    if many and checks & (ORDER_CHECKS | {"split_within"}) and not turns.unserved:
        return Cause(
            rule="interleaved",
            sentence="handshakes overlapped: elections are locked inside one process of httpd only and can interleave",
            evidence=(f"{many} of {len(turns)} handshakes began before the one before them had ended",),
        )
    return None


def logged(scenario: Scenario, _: Turns) -> Cause | None:
    """Only the error log is wrong: its first unexpected number, explained."""
    failed = [verdict for verdict in scenario["verdicts"] if verdict["outcome"] == "failed"]
    if [verdict["check"] for verdict in failed] != ["log_is_clean"]:
        return None
    match = re.search(r"\bAH\d{5}\b", failed[0]["observed"])
    number = ah_numbers.look_up(match[0]) if match else None
    if number is None or not number.means:
        return None
    sentence = f"the traffic is as claimed; only Apache's log is not clean. {number.code}: {number.means} {number.do}"
    return Cause(rule="logged", sentence=sentence.strip(), evidence=tuple(failed[0]["evidence"][:1]))


def _shown(scenario: Scenario) -> Iterator[Mapping[str, Any]]:
    """Members as balancer-manager showed them, after the acting first: that is when a state has changed."""
    yield from scenario["members"]["after"]
    yield from scenario["members"]["before"]


def _told(member: Mapping[str, Any]) -> str:
    return (
        f"balancer-manager: {member['route']} {member['status']}, loadfactor {member['loadfactor']:g}, "
        f"{member['lbmethod'] or 'lbmethod not shown'}"
    )


def _moment(connections: Sequence[Mapping[str, Any]], position: int) -> float | None:
    """Unix time at which a connection reached a backend; from its neighbours when none saw it."""
    for i in sorted(range(len(connections)), key=lambda i: abs(i - position)):
        if connections[i]["arrivals"]:
            moment: float = connections[i]["arrivals"][-1]["at"] + (
                connections[position]["opened_at"] - connections[i]["opened_at"]
            )
            return moment
    return None


def _seconds(at: str) -> float | None:
    """Local time of a log line as if it were UTC; None when it has none."""
    try:
        return datetime.strptime(at, "%a %b %d %H:%M:%S.%f %Y").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


RULES: tuple[Rule, ...] = (
    another_lbmethod,
    another_loadfactor,
    refused_then_failed_over,
    nobody_left,
    member_out,
    impostor,
    sticky,
    wrong_accept,
    other_carrier,
    dropped_upgrade,
    not_upgraded,
    silent_over_tls,
    interleaved,
    logged,
)
"""In this order: what the server says of itself, then what happened to single connections, then circumstances."""
