"""What balancer-manager says of the server, against what the scenario claims."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from wslb.errors import ConfigError
from wslb.model.balancer import resolve_url
from wslb.model.results import MemberStatus
from wslb.reports.causes.cause import HTTPD, Cause, foreseen, told
from wslb.reports.document import SavedScenario
from wslb.reports.sequences import Turns

__all__ = [
    "another_lbmethod",
    "another_loadfactor",
    "another_setting",
    "bypassed",
    "member_out",
    "nobody_left",
    "other_members",
    "unread",
]

_WORDS = {
    "enabled": "Init Ok",
    "disabled": "Init Dis",
    "stopped": "Init Stop",
    "drain": "Init Drn Ok",
    "standby": "Init Stby Ok",
    "spare": "Init Spar Ok",
    "in_error": "Init Err",
}
"""How balancer-manager shows a member that is configured so."""


def another_lbmethod(scenario: SavedScenario, _: Turns) -> Cause | None:
    """The server runs another lbmethod than the scenario claims.

    A scenario may claim another product's method in that one's own words: there the check of members must have failed.
    """
    wrong = any(verdict.check == "members_as_claimed" and not verdict.holds for verdict in scenario.verdicts)
    if scenario.proxy != HTTPD and not wrong:
        return None
    for member in scenario.members.shown:
        if scenario.balancer and member.lbmethod and member.lbmethod != scenario.balancer.lbmethod:
            sentence = f"the server elects by {member.lbmethod}, not by {scenario.balancer.lbmethod}"
            return Cause(rule="lbmethod", sentence=sentence, evidence=(told(member),))
    return None


def another_loadfactor(scenario: SavedScenario, _: Turns) -> Cause | None:
    """The server runs other loadfactors than the scenario claims."""
    claimed = {m.route: m.loadfactor for m in (scenario.balancer.members if scenario.balancer else ())}
    for member in scenario.members.shown:
        want = claimed.get(member.route)
        if want is not None and member.loadfactor != want and not foreseen(scenario, "member", member.route):
            sentence = f"{member.route} runs with loadfactor {member.loadfactor:g}, the scenario claims {want:g}"
            return Cause(rule="loadfactor", sentence=sentence, evidence=(told(member),))
    return None


def another_setting(scenario: SavedScenario, _: Turns) -> Cause | None:
    """The server runs a member with another lbset, max or the like than the scenario claims; the check has them."""
    for verdict in scenario.verdicts:
        if verdict.check == "members_as_claimed" and not verdict.holds and verdict.evidence:
            sentence = f"the server is configured otherwise than the scenario claims: {verdict.evidence[0]}"
            return Cause(rule="setting", sentence=sentence, evidence=tuple(verdict.evidence))
    return None


def nobody_left(scenario: SavedScenario, _: Turns) -> Cause | None:
    """503 with every member in error."""
    if not any(c.status == 503 for c in scenario.connections):
        return None
    for line in scenario.log:
        if line.code in {"AH01170", "AH01167", "AH01171"}:
            retried = not scenario.members.after or any("Err" in m.status for m in scenario.members.after)
            sentence = "no member could be elected, so Apache answered 503" + (
                "; a member in error stays out for retry= seconds" if retried else ""
            )
            states = ", ".join(f"{m.route} {m.status}" for m in scenario.members.after)
            return Cause(rule="nobody-left", sentence=sentence, evidence=tuple(filter(None, (line.text, states))))
    return None


def bypassed(scenario: SavedScenario, _: Turns) -> Cause | None:
    """Requests were passed on, but no member was elected for them, and httpd's log names none: by another line."""
    before, after = scenario.members.before, scenario.members.after
    logged = [c.witnesses for c in scenario.connections if c.witnesses.access_log_status is not None]
    passed_on = [c for c in scenario.connections if c.arrivals]
    if not (before and logged and passed_on) or any(one.access_log for one in logged):
        return None
    if [(m.route, m.elected) for m in before] != [(m.route, m.elected) for m in after]:
        return None
    path, who = urlsplit(passed_on[0].url).path, passed_on[0].arrivals[-1].backend
    return Cause(
        rule="bypassed",
        sentence=f"{path} never reached the balancer, but {who}: an earlier ProxyPass or RewriteRule takes this path",
        evidence=(
            "balancer-manager: " + ", ".join(f"{m.route} elected {m.elected} before and after" for m in after),
            f"access log: no member for any of {len(logged)} connections",
        ),
    )


def member_out(scenario: SavedScenario, turns: Turns) -> Cause | None:
    """balancer-manager shows a member in another state than configured, and elections were not as claimed."""
    if not scenario.balancer:
        return None
    configured = {m.route: _WORDS.get(m.state, "") for m in scenario.balancer.members}
    idle = {share.lane for share in turns.shares if not share.seen}
    before = {member.route: member.status for member in scenario.members.before}
    for member in scenario.members.shown:
        route, want = member.route, configured.get(member.route, "")
        odd = set(member.status.split()) - set(want.split())
        if want and odd and not _expected(scenario, member) and (route in idle or turns.marks or turns.unserved):
            since = " from the start" if before.get(route) == member.status else ": it changed while the test ran"
            return Cause(
                rule="member-out",
                sentence=f"{route} was {member.status}{since}; elections passed it over",
                evidence=(told(member),),
            )
    return None


def _expected(scenario: SavedScenario, member: MemberStatus) -> bool:
    """Whether the scenario brought the member into this state by a form, or has a check that wants it there."""
    so = f"{member.route} is {member.status}"
    wanted = any(v.check == "shown_after" and v.holds and so in v.observed for v in scenario.verdicts)
    return wanted or foreseen(scenario, "member", member.route)


def other_members(scenario: SavedScenario, _: Turns) -> Cause | None:
    """The server has other members, or in another order, than the scenario claims."""
    balancer, there = scenario.balancer, scenario.members.before or scenario.members.after
    if not balancer or not there:
        return None
    claimed = {member.route: _address(member.url, scenario.addresses) for member in balancer.members}
    extra = [member for member in there if member.route not in claimed]
    missing = [route for route in claimed if route not in {member.route for member in there}]
    if extra:
        routes = ", ".join(member.route or member.url for member in extra)
        sentence = _of_another_scheme(extra, {route: claimed[route] for route in missing}) or (
            f"the server has {len(there)} members, the scenario knows {len(claimed)}: {routes} takes turns, too"
        )
        return Cause(rule="members", sentence=sentence, evidence=tuple(_leads(member) for member in extra))
    if missing:
        sentence = f"the server has no member {', '.join(missing)}"
        return Cause(rule="members", sentence=sentence, evidence=tuple(_leads(member) for member in there))
    for member in there:
        want = claimed[member.route]
        if want and member.url != want:
            sentence = f"{member.route} leads to {member.url}, the scenario claims {want}"
            return Cause(rule="members", sentence=sentence, evidence=tuple(_leads(one) for one in there))
    order = [member.route for member in there]
    if order != list(claimed):
        sentence = (
            f"the server lists {', '.join(order)}, the scenario claims {', '.join(claimed)}: the first-listed member "
            "gets the first connection"
        )
        return Cause(rule="members", sentence=sentence, evidence=tuple(_leads(member) for member in there))
    return None


def unread(scenario: SavedScenario, _: Turns) -> Cause | None:
    """balancer-manager showed nothing at all."""
    if not scenario.balancer or not scenario.connections or any(True for _ in scenario.members.shown):
        return None
    return Cause(
        rule="unread",
        sentence="balancer-manager showed no member: nothing can be said of counters and states",
        evidence=("members before and after: none",),
    )


def _of_another_scheme(extra: Sequence[MemberStatus], missing: Mapping[str, str]) -> str:
    """Which member is there under another scheme than the scenario claims; empty when none is."""
    for member, (route, url) in itertools.product(extra, missing.items()):
        has, want = urlsplit(member.url), urlsplit(url)
        if has.scheme != want.scheme and (has.netloc, has.path) == (want.netloc, want.path):
            plain = has.scheme in {"http", "https"}
            why = "; over http:// upgrades pass only with upgrade=websocket" if plain else ""
            return f"{route} is {member.url}, the scenario claims {url}{why}"
    return ""


def _address(url: str, addresses: Mapping[str, str]) -> str:
    """URL of a claimed member with its backend's address put in; empty where the run does not know it."""
    try:
        resolved = resolve_url(url, addresses)
    except ConfigError:
        return ""
    return "" if resolved == url else resolved


def _leads(member: MemberStatus) -> str:
    return f"balancer-manager: {member.route or 'no route'} → {member.url}"
