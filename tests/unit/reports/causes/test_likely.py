"""The table of likely causes: every rule speaks only with its evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from msgspec.structs import replace as edit

from tests import runs
from wslb.checks import accounting, carrier, distribution, handshake, log, members, refusals, strictness
from wslb.model.balancer import Carrier
from wslb.model.handshake import Arrival, Close, Exchange
from wslb.model.results import Claim, Event, LogLine, MemberStatus, Outcome, Record, ScenarioResult, Verdict
from wslb.reports.causes import likely as causes
from wslb.reports.document import SavedChange, SavedChanges, SavedScenario, SavedWitnesses
from wslb.reports.json_file import document

LINE = LogLine(at="x", module="proxy_balancer", level="error", code="AH01170", text="AH01170: All workers are in error")
WARNED = LogLine(
    at="x", module="core", level="warn", code="AH00558", text="AH00558: could not determine the server's name"
)


def saved(result: ScenarioResult) -> SavedScenario:
    return document(runs.run(result)).scenarios[0]


def changed(result: ScenarioResult, *, route: str, route_: str = "", **fields: Any) -> ScenarioResult:
    """The result with one member shown differently, before and after."""
    if route_:
        fields["route"] = route_

    def shown(statuses: tuple[MemberStatus, ...]) -> tuple[MemberStatus, ...]:
        return tuple(replace(s, **fields) if s.route == route else s for s in statuses)

    evidence = replace(result.record, before=shown(result.record.before), after=shown(result.record.after))
    return replace(result, record=evidence)


def listed_otherwise() -> ScenarioResult:
    result = runs.broken()
    record = replace(result.record, before=result.record.before[::-1], after=result.record.after[::-1])
    return replace(result, record=record)


def answered(seq: int, status: int | None, **more: Any) -> ScenarioResult:
    """A scenario in which one connection was answered otherwise than 101."""
    odd = runs.opened(seq, "node" if more.pop("seen", True) else None, status=status, error="no 101")
    return runs.judged(runs.record("LNLN", changed={seq: odd}, **more))


def refused_for_itself(**more: Any) -> ScenarioResult:
    """The request that was refused had something else wrong than its Upgrade."""
    odd = runs.opened(2, "node", status=more.pop("status"), error="no 101")
    arrivals = tuple(replace(arrival, **more) for arrival in odd.arrivals)
    odd = replace(odd, arrivals=arrivals, response=more.get("response", odd.response))
    return runs.judged(runs.record("LNLN", changed={2: odd}))


def impostor() -> ScenarioResult:
    odd = replace(runs.opened(2, "node"), greeters=("liberty",), greeting="[From Server] Connected to liberty")
    return runs.judged(runs.record("LNLN", changed={2: odd}), checks=(accounting.witnesses_agree,))


def wrong_accept() -> ScenarioResult:
    odd = runs.opened(2, "node")
    response = tuple((name, "d3Jvbmc=" if "Accept" in name else value) for name, value in odd.response)
    return runs.judged(
        runs.record("LNLN", changed={2: replace(odd, response=response)}), checks=(handshake.accept_is_right,)
    )


def other_carrier() -> ScenarioResult:
    odd = runs.opened(1, "liberty", carrier=Carrier.HTTP)
    return runs.judged(runs.record("LNLN", changed={1: odd}), checks=(carrier.carried_as_asked,))


def at_once() -> ScenarioResult:
    evidence = runs.record("LLNNLLNN")
    together = tuple(replace(h, opened_at=0.001 * i, elapsed_seconds=0.05) for i, h in enumerate(evidence.handshakes))
    return runs.judged(replace(evidence, handshakes=together), checks=(distribution.alternates,))


def sticky() -> ScenarioResult:
    balancer = replace(runs.CLUSTER, stickysession="ROUTEID")
    return runs.judged(runs.record("LLLL", balancer=balancer))


def stalled() -> ScenarioResult:
    tls = replace(
        runs.CLUSTER, members=tuple(replace(m, url=m.url.replace("ws:", "wss:")) for m in runs.CLUSTER.members)
    )
    return answered(2, None, seen=False, balancer=tls)


def kept_answer() -> ScenarioResult:
    odd = replace(stalled().record, handshakes=runs.record("LNLN").handshakes)
    silent = replace(odd.handshakes[1], status=None, response=(), error="no answer to the handshake within 4 s")
    return runs.judged(replace(odd, handshakes=(odd.handshakes[0], silent, *odd.handshakes[2:])))


def by_the_scenario_itself(result: ScenarioResult, kind: str, text: str) -> SavedScenario:
    """The result, with an event that tells of the scenario's own doing."""
    return saved(replace(result, record=replace(result.record, events=(Event(at=0.1, kind=kind, text=text),))))


@pytest.mark.parametrize(
    ("rule", "result", "words"),
    [
        ("failover", runs.failed_over(), "liberty refused a connect at connection #7; Apache failed over to node"),
        (
            "lbmethod",
            changed(runs.broken(), route="node", lbmethod="bytraffic"),
            "elects by bytraffic, not by byrequests",
        ),
        ("loadfactor", changed(runs.broken(), route="node", loadfactor=3.0), "node runs with loadfactor 3"),
        ("member-out", changed(runs.broken(letters="LLLL"), route="node", status="Init Err"), "node was Init Err"),
        ("nobody-left", answered(2, 503, lines=(LINE,)), "Apache answered 503"),
        ("impostor", impostor(), "node greets as liberty"),
        ("sticky", sticky(), "every connection went to liberty"),
        ("accept", wrong_accept(), "it changed between backend and client"),
        ("carrier", other_carrier(), "mod_proxy_http carried the tunnels"),
        ("not-upgraded", answered(2, 404), "404 instead of 101"),
        ("not-upgraded", answered(2, 426), "without a usable Upgrade"),
        ("backend-refused", refused_for_itself(status=404, method="POST"), "node itself answered 404"),
        (
            "backend-refused",
            refused_for_itself(status=426, response=(("Sec-WebSocket-Version", "13"),)),
            "node itself answered 426",
        ),
        ("tls-stall", stalled(), "can stall on TLS 1.3"),
        ("tls-stall", kept_answer(), "node answered 101, which did not come"),
        ("interleaved", at_once(), "handshakes overlapped"),
        (
            "member-out",
            changed(runs.broken(letters="LLLL"), route="node", status="Init Drn Ok"),
            "node was Init Drn Ok",
        ),
        ("members", changed(runs.broken(), route="node", url="ws://127.0.0.9:1"), "node leads to ws://127.0.0.9:1"),
        (
            "members",
            changed(runs.broken(), route="node", route_="other"),
            "the server has 2 members, the scenario knows",
        ),
        (
            "members",
            changed(runs.broken(), route="node", route_="http://127.0.0.102:8888", url="http://127.0.0.102:8888"),
            "node is http://127.0.0.102:8888, the scenario claims ws://127.0.0.102:8888; over http:// upgrades pass",
        ),
        ("members", listed_otherwise(), "the server lists node, liberty"),
        (
            "unread",
            replace(runs.broken(), record=replace(runs.broken().record, before=(), after=())),
            "showed no member",
        ),
        ("logged", runs.judged(runs.record("LNLN", lines=(WARNED,))), "No ServerName is set"),
    ],
)
def test_rule_matches_its_evidence(rule: str, result: ScenarioResult, words: str) -> None:
    cause = causes.likely(saved(result))
    assert cause is not None
    assert cause.rule == rule
    assert words in cause.sentence
    assert all(cause.evidence)


def test_dropped_upgrade_shows_both_sides() -> None:
    odd = replace(runs.opened(2, "node"), status=502, greeters=(), signers=())
    cause = causes.likely(saved(runs.judged(runs.record("LNLN", changed={2: odd}))))
    assert cause is not None
    assert cause.evidence == ("connection #2: node answered 101, the client got 502",)


def test_a_refusal_that_came_as_another_was_changed_on_its_way() -> None:
    (arrival,) = runs.opened(2, "node").arrivals
    odd = replace(
        runs.opened(2, "node", status=404, error="no 101"),
        arrivals=(replace(arrival, status=403, accepted=False),),
    )
    cause = causes.likely(saved(runs.judged(runs.record("LNLN", changed={2: odd}))))
    assert cause is not None
    assert cause.rule == "restated"
    assert cause.evidence == ("connection #2: 403 at node, 404 at the client",)


@pytest.mark.parametrize(
    ("result", "kind", "text"),
    [
        (changed(runs.broken(), route="node", loadfactor=3.0), "member", "node: Init Ok, loadfactor 3"),
        (
            changed(runs.broken(letters="LLLL"), route="node", status="Init Dis"),
            "member",
            "node: Init Dis, loadfactor 1",
        ),
    ],
)
def test_what_the_scenario_did_itself_is_no_cause(result: ScenarioResult, kind: str, text: str) -> None:
    assert causes.likely(saved(result)) is not None
    assert causes.likely(by_the_scenario_itself(result, kind, text)) is None
    other = causes.likely(by_the_scenario_itself(result, kind, text.replace("node", "liberty")))
    assert other == causes.likely(saved(result))


def test_a_state_that_a_check_wants_at_the_end_is_no_cause() -> None:
    result = changed(runs.broken(letters="LLLL"), route="node", status="Init Err")
    shown = members.shown_after(node="Init Err")(result.record)
    assert shown.holds
    assert causes.likely(saved(result)) is not None
    assert causes.likely(saved(replace(result, verdicts=(*result.verdicts, shown)))) is None


def test_an_answer_that_a_check_wants_is_no_cause() -> None:
    result = answered(2, 404)
    wanted = refusals.answers(101, 404, 101, 101)(result.record)
    assert wanted.holds
    cause = causes.likely(saved(replace(result, verdicts=(*result.verdicts, wanted))))
    assert cause is None or cause.rule != "not-upgraded"


@pytest.mark.parametrize("claimed", [True, False])
def test_a_method_in_the_words_of_a_product_is_a_cause_where_it_was_not_claimed(claimed: bool) -> None:
    result = changed(runs.broken(), route="node", lbmethod="hash")
    shown = accounting.members_as_claimed(result.record)
    assert not shown.holds
    told = result if claimed else replace(result, verdicts=(*result.verdicts, shown))
    cause = causes.likely(edit(saved(told), proxy="nginx"))
    assert (cause.rule if cause else "") == ("" if claimed else "lbmethod")


def test_break_without_further_evidence_has_no_cause() -> None:
    assert causes.likely(saved(runs.broken())) is None


def test_refusal_at_another_time_is_not_the_cause() -> None:
    result = runs.failed_over()
    line = runs.refused_at(result.record.handshakes[6].arrivals[0].at + 0.5)
    cause = causes.likely(saved(replace(result, record=replace(result.record, log=(line,)))))
    assert cause is None or cause.rule != "failover"


@pytest.mark.parametrize("result", [runs.passed(), runs.skipped(), runs.errored()])
def test_nothing_failed_has_no_cause(result: ScenarioResult) -> None:
    assert causes.likely(saved(result)) is None


def test_what_the_evidence_speaks_against() -> None:
    assert causes.ruled_out(saved(runs.broken())) == (
        "loadfactors equal (1:1)",
        "no request carried a cookie, a query or a path parameter that a route could stand in",
        "all members Init Ok at the start",
        "handshakes did not overlap",
        "no line in Apache's log",
    )
    assert (
        causes.ruled_out(saved(runs.judged(runs.record("LNLN", lines=(WARNED,)), checks=(log.only_announced(),)))) == ()
    )


def test_a_route_that_could_pin_is_not_spoken_against() -> None:
    odd = runs.opened(1, "liberty", extra=(("Cookie", "ROUTEID=.liberty"),))
    pinned = saved(runs.judged(runs.record("LNNL", changed={1: odd})))
    assert not [told for told in causes.ruled_out(pinned) if "route" in told]


def test_every_rule_is_silent_on_a_scenario_without_evidence() -> None:
    empty = saved(replace(runs.broken(), record=Record()))
    assert causes.likely(empty) is None
    assert causes.look_at(empty) == "the evidence of the verdicts"


def edited(*claims: Claim, **changes: Any) -> SavedScenario:
    """A saved scenario in which checks with these claims failed, with connection 2 changed so."""
    verdicts = tuple(
        Verdict(check="x", outcome=Outcome.FAILED, expected="", observed="connection 2: no", claims=claim)
        for claim in claims
    )
    return second(edit(saved(runs.passed()), outcome=Outcome.FAILED, verdicts=verdicts), **changes)


def second(scenario: SavedScenario, **changes: Any) -> SavedScenario:
    """The scenario with connection 2 changed so."""
    first, odd, *rest = scenario.connections
    return edit(scenario, connections=(first, edit(odd, **changes), *rest))


def counted(scenario: SavedScenario, **changes: Any) -> SavedScenario:
    """The scenario with the first member shown so after it."""
    first, *rest = scenario.members.after
    shown = edit(scenario.members, after=(replace(first, **changes), *rest))
    return edit(scenario, members=shown)


def witnesses(**changes: Any) -> SavedWitnesses:
    said: dict[str, Any] = {"greeting": "node", "header": "node", "journal": ("node",), "access_log": "node"}
    return SavedWitnesses(**{**said, "access_log_status": 200, **changes})


END = Close(code=1006)
BYE = Close(code=1000, by="client")


def heard(text: str, *, binary: bool = False) -> Exchange:
    return Exchange(sent=False, at=1.0, text=text, size=len(text), binary=binary)


def mirrored() -> SavedScenario:
    scenario = edited(Claim.WITNESSES)
    return second(scenario, arrivals=scenario.connections[1].arrivals * 2)


def unreached(address: str) -> LogLine:
    """What httpd logs of a backend that refuses TCP."""
    text = f"(111)Connection refused: AH00957: WS: attempt to connect to {address} ({address}) failed"
    return LogLine(at="x", module="proxy", level="error", code="AH00957", text=text)


def elsewhere(url: str, target: str) -> SavedScenario:
    """A saved scenario whose connection 2 was asked for at this URL and arrived so."""
    scenario = edited(Claim.NONE, url=url)
    arrivals = tuple(replace(arrival, target=target) for arrival in scenario.connections[1].arrivals)
    told = f"connection 2: node saw {target}, not /CLRunner; 1 of 4 handshakes wrong"
    verdict = Verdict(check="arrived_at", outcome=Outcome.FAILED, expected="", observed=told)
    return edit(second(scenario, arrivals=arrivals), verdicts=(verdict,))


def seen(field: tuple[str, str | None]) -> tuple[Arrival, ...]:
    """Arrivals of connection 2 in which one field is another one, or missing."""
    name, value = field
    (arrival,) = saved(runs.passed()).connections[1].arrivals
    kept = tuple(pair for pair in arrival.headers if pair[0] != name)
    return (replace(arrival, headers=kept if value is None else ((name, value), *kept)),)


DEATHS = (
    (Close(code=1001, by="client"), BYE, "the close code changed on its way: 1001 at the client, 1000 at node"),
    (Close(code=1001, by="client"), Close(code=1001, by="client"), "though the client closed with 1000"),
    (Close(code=1011, by="server"), Close(code=1011, by="client"), "a Close frame (1011) that node did not send"),
    (END, END, "neither end received a Close frame"),
    (Close(code=1006, reason="no Close frame answered ours"), END, "the client's Close frame did not reach node"),
    (END, BYE, "node received the client's Close frame, but its own did not come back"),
    (BYE, END, "closed the tunnel in order, but its Close frame did not reach node"),
    (Close(code=1011, by="server"), Close(code=1011, by="server"), "node itself closed the tunnel with 1011"),
    (END, Close(code=1011, by="server"), "with 1011 before the client did, and its Close frame did not reach"),
    (
        Close(code=1002, reason="RSV (RFC 6455 section 5.2)", by="client"),
        END,
        "so the client had to end the tunnel: RSV (RFC",
    ),
    (END, Close(code=1007, by="client"), "node ended the tunnel with 1007: what reached it broke RFC 6455"),
    (Close(code=1000, by="server"), END, "a Close frame (1000) that node did not send"),
)


def died(here: Close, there: Close) -> SavedScenario:
    """A saved scenario whose connection 2 ended so for the client and so for its backend."""
    scenario = edited(Claim.LIVING, closed=here)
    arrivals = tuple(replace(arrival, closed=there) for arrival in scenario.connections[1].arrivals)
    return second(scenario, arrivals=arrivals)


def over_tls(*lines: tuple[str, str]) -> SavedScenario:
    """A saved scenario whose connection 2 httpd answered with 500, with these lines of its log: number and words."""
    odd = runs.opened(2, None, status=500, error="HTTP 500")
    log = tuple(LogLine(at="x", module="m", level="error", code=code, text=f"{code}: {text}") for code, text in lines)
    record = runs.record("LNLN", changed={2: odd}, lines=log)
    return edit(
        saved(runs.judged(record, checks=(handshake.answered_101,))), addresses={"wss://node": "127.0.0.102:8889"}
    )


SENT = ("AH01084", "pass request body failed to 127.0.0.102:8889 (127.0.0.102)")
STRANGER = ("AH01084", "pass request body failed to 127.0.0.9:1 (127.0.0.9)")
CHAIN = ("AH02039", "Certificate Verification: Error (20): unable to get local issuer certificate")


def broken_off(path: str) -> tuple[str, str]:
    return ("AH00898", f"Error during SSL Handshake with remote server returned by {path}")


def passed_by(**witness: Any) -> SavedScenario:
    """A saved scenario whose requests all reached node, while no member was elected and the access log names none."""
    scenario = saved(runs.broken(letters="NNNN"))
    alone = witnesses(access_log=None, **witness)
    connections = tuple(edit(one, witnesses=alone) for one in scenario.connections)
    members = edit(scenario.members, after=scenario.members.before)
    return edit(scenario, connections=connections, members=members)


def full(letters: str, *, unanswered: bool = True) -> SavedScenario:
    """A saved scenario in which httpd had no thread left."""
    line = LogLine(at="x", module="mpm_event", level="error", code="AH00484", text="AH00484: server reached MaxRequest")
    odd = {2: runs.opened(2, None, status=None, error="no answer")} if unanswered else {}
    record = runs.record(letters, changed=odd, lines=(line,))
    return saved(runs.judged(record, checks=(handshake.answered_101, log.only_announced())))


def test_a_log_that_tells_of_other_paths_or_of_announced_refusals_blames_no_certificate() -> None:
    others = over_tls(STRANGER, CHAIN, broken_off("/stranger"))
    cause = causes.likely(others)
    assert cause is not None
    assert cause.rule != "untrusted"
    mixed = causes.likely(over_tls(STRANGER, CHAIN, broken_off("/stranger"), SENT, broken_off("/ws")))
    assert mixed is not None
    assert "node (127.0.0.102:8889): no AH02039 blames its chain" in mixed.sentence


def test_a_member_that_the_access_log_names_was_asked() -> None:
    named = passed_by()
    first, *rest = named.connections
    cause = causes.likely(edit(named, connections=(edit(first, witnesses=witnesses()), *rest)))
    assert cause is None or cause.rule != "bypassed"


def test_threads_that_are_taken_but_keep_nobody_waiting_are_no_cause_of_what_failed() -> None:
    cause = causes.likely(full("LNLN", unanswered=False))
    assert cause is None or cause.rule != "crowded"


@pytest.mark.parametrize(
    ("rule", "scenario", "words"),
    [
        ("untrusted", over_tls(SENT, broken_off("/ws")), "of node (127.0.0.102:8889): no AH02039 blames its chain, so"),
        ("untrusted", over_tls(CHAIN, SENT, broken_off("/ws")), "Error (20): unable to get local issuer"),
        ("bypassed", passed_by(), "/ws never reached the balancer, but node: an earlier ProxyPass"),
        ("crowded", full("LNLN"), "All threads are taken: every open tunnel holds one for its whole life. Raise"),
        ("lone-witness", edited(Claim.WITNESSES, witnesses=witnesses(header="liberty")), "X-Backend says liberty"),
        ("lone-witness", edited(Claim.WITNESSES, witnesses=witnesses(header=None), response=()),
         "lost its X-Backend"),
        ("lone-witness", edited(Claim.WITNESSES, witnesses=witnesses(header=None), response=(("X-Backend", "x"),)),
         "X-Backend says 'x', which names no backend"),
        *(("lone-witness", edit(edited(Claim.WITNESSES, witnesses=witnesses(header=header, greeting=greeting)),
                                signature="cookie SRV"), words)
          for greeting in ("node", None)
          for header, words in (
              ("liberty", "cookie SRV says liberty, everything else says node: something on the way rewrites it, or"),
              (None, "node's answer to connection #2 names no server by cookie SRV: it was lost or changed on its way"),
          )),
        ("lone-witness", edited(Claim.WITNESSES, witnesses=witnesses(journal=())), "journal lacks connection #2"),
        ("lone-witness", edited(Claim.WITNESSES, witnesses=witnesses(access_log=None, access_log_status=None)),
         "log lacks connection #2"),
        ("lone-witness", edited(Claim.WITNESSES, witnesses=witnesses(access_log="liberty")), "gives connection #2"),
        ("lone-witness", edited(Claim.WITNESSES, witnesses=witnesses(greeting=None)), "its greeting did not reach"),
        ("httpd-refused", edited(Claim.OPENING, status=403, accepted=False, arrivals=(), changes=None),
         "httpd itself answered 403"),
        ("httpd-refused", edit(edited(Claim.OPENING, status=503, accepted=False, arrivals=(), changes=None),
                               log=(unreached("127.0.0.1:9"),)),
         "503: no backend saw the request; it tried 127.0.0.1:9, which is no member: an earlier ProxyPass or Rewrite"),
        ("httpd-refused", edit(edited(Claim.OPENING, status=503, accepted=False, arrivals=(), changes=None),
                               log=(unreached("127.0.0.102:8888"),)), "127.0.0.102:8888 could not be reached"),
        ("misgreeted", edited(Claim.WITNESSES, exchanges=(heard("x", binary=True),)), "came as binary"),
        ("misgreeted", edited(Claim.WITNESSES, exchanges=(heard("hi"),) * 2, greeting="hi"), "greeting came 2 times"),
        ("misgreeted", edited(Claim.WITNESSES, exchanges=(heard("hi"),), greeting="hi",
                              witnesses=witnesses(greeting=None)), "is no backend's greeting"),
        ("accepted-twice", mirrored(), "was accepted 2 times (node and node)"),
        ("no-member-logged", edited(Claim.WITNESSES, witnesses=witnesses(access_log=None)), "names no member"),
        ("unmarked", edited(Claim.WITNESSES, witnesses=witnesses(header="node", journal=(), access_log=None,
                            access_log_status=None)), "X-Wslb-Conn was lost or changed before httpd"),
        ("unacceptable", edited(Claim.OPENING, error="invalid Upgrade header: h2c"), "no client may take it: invalid"),
        ("query", elsewhere("ws://127.0.0.1:8080/ws?x=1", "/CLRunner"), "the query ?x=1 reached node as ?"),
        ("path", elsewhere("ws://127.0.0.1:8080/ws", "/CLRunner/"), "node saw /CLRunner/, not /CLRunner"),
        ("forwarded", edited(Claim.FORWARDED, arrivals=seen(("X-Forwarded-For", None))), "X-Forwarded-For is missing"),
        ("forwarded", edited(Claim.FORWARDED, arrivals=seen(("X-Forwarded-For", "192.0.2.1, 127.0.0.1"))),
         "the request had been forwarded before"),
        ("forwarded", edited(Claim.FORWARDED, arrivals=seen(("X-Forwarded-Host", "a.example"))),
         "X-Forwarded-Host is a.example, but the client asked for 127.0.0.1:8080"),
        ("forwarded", edited(Claim.FORWARDED, arrivals=seen(("Host", "a.example"))), "no member's address"),
        *(("died", died(here, there), words) for here, there, words in DEATHS),
        ("ended-early", edited(Claim.MESSAGES, exchanges=(), closed=END), "broke before an answer came"),
        ("ended-early", edited(Claim.MESSAGES, exchanges=(), closed=Close(code=1000, by="server")),
         "closed the tunnel with 1000 before it answered"),
    ],
)  # fmt: skip
def test_rule_matches_a_changed_connection(rule: str, scenario: SavedScenario, words: str) -> None:
    cause = causes.likely(scenario)
    assert cause is not None
    assert (cause.rule, words in cause.sentence) == (rule, True), cause
    assert all(cause.evidence)


def test_two_ends_of_one_tunnel() -> None:
    scenario = edited(Claim.END, closed=END)
    assert causes.likely(scenario) is None, "the backend may not have seen an end yet"
    (arrival,) = scenario.connections[1].arrivals
    ended = replace(arrival, closed=Close(code=4001, reason="x", by="server"))
    cause = causes.likely(second(scenario, arrivals=(ended,)))
    assert cause is not None
    assert cause.evidence == ("client: 1006 by nobody", "backend: 4001 x by server")


def test_two_witnesses_against_two_prove_nothing() -> None:
    scenario = edited(Claim.WITNESSES, witnesses=witnesses(header="liberty", access_log="liberty"))
    assert causes.likely(scenario) is None


@pytest.mark.parametrize(
    ("status", "words"), [(503, "node itself answered 503"), (None, "closed the connection without an answer")]
)
def test_backend_that_does_not_accept(status: int | None, words: str) -> None:
    scenario = edited(Claim.OPENING, status=status, accepted=False, error="closed")
    (arrival,) = scenario.connections[1].arrivals
    cause = causes.likely(second(scenario, arrivals=(replace(arrival, status=status, accepted=False),)))
    assert cause is not None
    assert words in cause.sentence


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ({"name": "Origin", "what": "removed"}, "Origin was removed between client and backend"),
        ({"name": "X-New", "what": "added"}, "X-New was added"),
        ({"name": "TE", "what": "removed"}, None),
        ({"name": "Host", "what": "rewritten"}, None),
        ({"name": "Upgrade", "what": "re-created"}, None),
    ],
)
def test_field_that_the_proxy_has_no_business_with(what: dict[str, str], words: str | None) -> None:
    scenario = edited(Claim.FIELDS)
    none = SavedChanges(request=(), response=())
    scenario = edit(scenario, connections=tuple(edit(one, changes=none) for one in scenario.connections))
    cause = causes.likely(second(scenario, changes=SavedChanges(request=(SavedChange(**what),), response=())))
    assert (cause and cause.rule) == ("field" if words else None)
    assert words is None or (cause and words in cause.sentence)


@pytest.mark.parametrize("kept", [True, False])
def test_a_field_named_by_the_clients_connection_that_went_through(kept: bool) -> None:
    odd = runs.opened(2, "node", extra=(("X-Hop", "1"),) if kept else ())
    request = tuple((name, "Upgrade, X-Hop" if name == "Connection" else value) for name, value in odd.request)
    odd = replace(odd, request=request)
    cause = causes.likely(
        saved(runs.judged(runs.record("LNLN", changed={2: odd}), checks=(strictness.nominated_fields_dropped,)))
    )
    if kept:
        assert cause is not None
        assert cause.sentence.startswith("x-hop reached node, though the client's Connection names it")
        assert cause.evidence == ("connection #2: Connection Upgrade, X-Hop at the client",)
    else:
        assert cause is None, "nobody was seen to keep it"


def test_counters_that_do_not_fit_the_connections() -> None:
    scenario = edited(Claim.ELECTED)
    elected = scenario.members.after[0].elected
    more, fewer = counted(scenario, elected=elected + 1), counted(scenario, elected=elected - 1)
    cut = edit(more, events=(Event(at=1.0, kind="note", text="left out", data={"connections": 9, "shown": 8}),))
    found = [causes.likely(scenario) for scenario in (more, fewer, cut)]
    assert [cause and cause.rule for cause in found] == ["others", "counters", None]


def test_tunnels_that_only_apache_still_counts() -> None:
    scenario = counted(edited(Claim.OPEN), busy=2)
    closed = edit(scenario, connections=tuple(edit(one, closed_at=1.0) for one in scenario.connections))
    cause = causes.likely(closed)
    assert cause is not None
    assert cause.evidence == ("balancer-manager: liberty busy 2",)
    assert causes.likely(second(closed, closed_at=None)) is None


def test_no_field_was_removed_from_an_answer_that_did_not_come() -> None:
    scenario = edited(Claim.OPENING, status=None, response=(), accepted=False, error="reset")
    cause = causes.likely(scenario)
    assert cause is not None
    assert cause.rule == "dropped"


@pytest.mark.parametrize(
    ("proxy", "scenario", "rule", "words"),
    [
        ("nginx", edited(Claim.OPENING, status=403, accepted=False, arrivals=(), changes=None), "httpd-refused",
         "nginx itself answered 403: no backend saw the request; look for return, deny or a limit"),
        ("haproxy", edited(Claim.OPENING, status=503, accepted=False, arrivals=(), changes=None), "httpd-refused",
         "HAProxy itself answered 503: no backend saw the request; look for http-request deny or return"),
        ("nginx", saved(runs.judged(runs.record("LNLN", lines=(WARNED,)))), "logged",
         "the traffic is as claimed; only nginx's log is not clean"),
        ("squid", saved(runs.judged(runs.record("LNLN", lines=(WARNED,)))), "logged",
         "the traffic is as claimed; only Apache's log is not clean"),
    ],
)  # fmt: skip
def test_a_cause_is_told_in_the_words_of_the_product(
    proxy: str, scenario: SavedScenario, rule: str, words: str
) -> None:
    cause = causes.likely(edit(scenario, proxy=proxy))
    assert cause
    assert cause.rule == rule
    assert words in cause.sentence
    assert cause.evidence


def test_evidence_that_was_seen_keeps_its_words() -> None:
    first = edited(Claim.OPENING, status=403, accepted=False, arrivals=(), changes=None, reason="says Apache httpd")
    cause = causes.likely(edit(first, proxy="nginx"))
    assert cause
    assert "says Apache httpd" in cause.evidence[0]
    counted_otherwise = causes.likely(edit(saved(listed_otherwise()), proxy="haproxy"))
    assert counted_otherwise
    assert counted_otherwise.evidence[0].startswith("HAProxy's statistics: ")


@pytest.mark.parametrize(("proxy", "rule"), [("nginx", ""), ("apache", "field")])
def test_fields_that_a_product_writes_itself_were_changed_by_nobody(proxy: str, rule: str) -> None:
    what = SavedChanges(request=(), response=(SavedChange(name="Server", what="added"),))
    scenario = edit(edited(Claim.OPENING, changes=what), proxy=proxy)
    cause = causes.likely(scenario)
    assert (cause.rule if cause else "") == rule


def test_elections_interleave_in_processes_of_httpd_alone() -> None:
    scenario = saved(at_once())
    assert causes.likely(edit(scenario, proxy="nginx")) is None
    assert "no line in nginx's log" in causes.ruled_out(edit(scenario, proxy="nginx", log=()))
    assert "no line in Apache's log" in causes.ruled_out(edit(scenario, log=()))


def test_where_to_look_is_said_in_the_words_of_the_product() -> None:
    scenario = edit(saved(runs.broken()), log=(WARNED,), proxy="haproxy")
    told = causes.look_at(scenario)
    assert told.startswith("HAProxy's log lines")
    assert "as HAProxy's statistics showed them" in told
