"""Members of a balancer: none, one, twice, in two balancers, and whether tunnels reach them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from wslb.proxies.apache.advice.rule import Older, Rule, Severity, Spot
from wslb.proxies.apache.conf.balancers import BalancerLines, MemberLine
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.mounting import Mounting, Way
from wslb.proxies.apache.conf.urls import scheme_of
from wslb.proxies.apache.conf.vocabulary import meant

__all__ = ["RULES"]


def _nobody(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``httpd -t`` says Syntax OK, every request is answered 503 with AH01171."""
    names = frozenset(balancer.name for balancer in conf.balancers if balancer.members)
    for mounting in conf.mountings:
        name = mounting.balancer
        if not name or "$" in name or "%" in name or (mounting.way is Way.REWRITE and "P" not in mounting.flags):
            continue
        balancer = conf.balancer_of(mounting)
        if balancer is None or not balancer.members:
            told = f"balancer://{name} has no member" if balancer else f"balancer://{name} is not defined"
            where = "" if conf.whole else "; in this file, at least"
            severity = Severity.ERROR if conf.whole else Severity.WARNING
            near = meant(name, names)
            yield Spot(
                mounting.directive, told + (f" (balancer://{near} is)" if near else "") + where, severity=severity
            )


def _alone(conf: Configuration) -> Iterator[Spot]:
    """Nothing to elect: by definition."""
    for balancer in conf.balancers:
        if len(balancer.members) == 1 and balancer.websocket:
            yield Spot(balancer.members[0].directive, f"balancer://{balancer.name} has one member")


def _twice(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: A, B, B is served ABAB: the second line of one URL adds no member."""
    for balancer in conf.balancers:
        seen: dict[str, Directive] = {}
        for member in balancer.members:
            first = seen.setdefault(member.url.lower(), member.directive)
            if first is not member.directive:
                yield Spot(member.directive, f"{member.url} is a member since line {first.line}")


def _no_upgrade(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71, both carriers: a member http:// without upgrade= gets no Upgrade field; its turns end in 426."""
    for member, because in (*_beside_websockets(conf), *_on_websocket_paths(conf)):
        instead = f"BalancerMember {re.sub('^http', 'ws', member.url)}"
        if not conf.older_than(2, 4, 47):
            instead += f", or upgrade=websocket behind {member.url}"
        yield Spot(member.directive, f"{member.url} has no upgrade=, {because}", cure=instead)


def _none_carries(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``ProxyPass / http://host/`` hands an upgrade on as a plain GET, without Upgrade: no tunnel."""
    lines = [m for m in conf.mountings if m.url != "!" and (m.way is not Way.REWRITE or m.flags & {"P", "PROXY"})]
    if any(conf.tunnels_to(m) for m in conf.mountings) or any(b.websocket for b in conf.balancers):
        return
    if any(m.balancer and conf.balancer_of(m) is None for m in lines) or next(_on_websocket_paths(conf), None):
        return
    http = [m for m in lines if m.balancer or scheme_of(m.url) in {"http", "https"}]
    if not http:
        return
    widest = next((m for m in http if m.path == "/"), http[0])
    balancer = conf.balancer_of(widest)
    member = balancer.members[0].url if balancer and balancer.members else widest.url
    instead = f"{re.sub('^http', 'ws', member)} for the path of the tunnels, above this line"
    if not conf.older_than(2, 4, 47):
        instead += f", or upgrade=websocket behind {member}"
    yield Spot(
        widest.directive, f"no path of this file carries WebSockets: {widest.path} leads to {member}", cure=instead
    )


def _plain(member: MemberLine) -> bool:
    return member.scheme in {"http", "https"} and "upgrade" not in member.parameters


def _beside_websockets(conf: Configuration) -> Iterator[tuple[MemberLine, str]]:
    for balancer in conf.balancers:
        if balancer.websocket:
            for member in filter(_plain, balancer.members):
                yield member, "but another member of its balancer carries WebSockets"


_WEBSOCKET_PATH = re.compile(r"(?:^|[/^_-])(?:wss?|websockets?|socket\.io)(?:$|[/?*$(])", re.IGNORECASE)


def _on_websocket_paths(conf: Configuration) -> Iterator[tuple[MemberLine, str]]:
    """Members behind a path that says websocket. socket.io polls over HTTP too, so its path alone proves nothing."""
    for mounting in conf.mountings:
        path = mounting.path
        if mounting.way is Way.REWRITE or not _WEBSOCKET_PATH.search(path) or "socket.io" in path:
            continue
        balancer = conf.balancer_of(mounting)
        members: Iterable[MemberLine] = balancer.members if balancer else [_own(mounting)]
        if balancer and balancer.websocket:
            continue
        for member in filter(_plain, members):
            yield member, f"but leads on from {path}"


def _own(mounting: Mounting) -> MemberLine:
    return MemberLine(url=mounting.url, parameters=mounting.parameters, directive=mounting.directive)


def _any_upgrade(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: over mod_proxy_wstunnel the backend receives ``Upgrade: *`` and answers 426; http works."""
    for _, member in conf.direct_members():
        if member.parameters.get("upgrade", "").upper() in {"ANY", "NONE"}:
            yield Spot(member.directive, f"upgrade={member.parameters['upgrade']} on {member.url}")


def _two_books(conf: Configuration) -> Iterator[Spot]:
    """From the source: counters belong to the balancer's members, so two balancers over one host never add up."""
    by_host: dict[str, list[tuple[BalancerLines, MemberLine]]] = defaultdict(list)
    for balancer in conf.balancers:
        for member in balancer.members:
            by_host[member.host].append((balancer, member))
    told: set[tuple[int, int]] = set()
    for uses in by_host.values():
        first = uses[0]
        for balancer, member in uses[1:]:
            pair = (id(first[0]), id(balancer))
            if balancer is not first[0] and (balancer.websocket or first[0].websocket) and pair not in told:
                told.add(pair)
                yield Spot(member.directive, f"{member.host} is also a member of balancer://{first[0].name}")


def _bytraffic(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: 200 KB through a tunnel change neither counter; transferred rises by the request head only."""
    for balancer in conf.balancers:
        if (balancer.setting("lbmethod") or "").lower() == "bytraffic" and balancer.websocket:
            yield Spot(balancer.set_at("lbmethod"), f"balancer://{balancer.name} balances tunnels by traffic")


def _outside(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``BalancerMember must define remote proxy server`` outside of a <Proxy> section."""
    for scope in conf.scopes:
        for placed in scope.all("balancermember"):
            words = placed.directive.words
            inside = any(section.key in {"proxy", "location"} for section in placed.around)
            if words and not inside and scheme_of(words[0]) != "balancer":
                yield Spot(placed.directive, f"BalancerMember {words[0]} belongs to no balancer")


RULES = (
    Rule(
        id="WSLB-C063",
        severity=Severity.WARNING,
        why="The fields Upgrade and Connection end at this proxy: the backend sees a plain GET, and no tunnel comes.",
        cure="ws:// for the path of the tunnels",
        find=_none_carries,
    ),
    Rule(
        id="WSLB-C024",
        severity=Severity.ERROR,
        why="httpd -t says Syntax OK, but every request is answered 503 (AH01171).",
        cure="Define <Proxy balancer://name> with its members in the same server or in the main one.",
        find=_nobody,
    ),
    Rule(
        id="WSLB-C025",
        severity=Severity.NOTE,
        why="There is nobody to elect, and nobody to fail over to.",
        cure="Add a second BalancerMember, or lead ProxyPass to the backend itself.",
        find=_alone,
    ),
    Rule(
        id="WSLB-C026",
        severity=Severity.WARNING,
        why="A URL is one member, however often it is listed: it gets one share of the elections, not two.",
        cure="Remove the line; loadfactor=2 gives a double share.",
        find=_twice,
    ),
    Rule(
        id="WSLB-C027",
        severity=Severity.WARNING,
        why="mod_proxy_http then takes Upgrade off the request: the backend answers as to any GET, often 426 or 400.",
        cure="ws:// members, or upgrade=websocket on the http:// ones",
        older=Older(before=(2, 4, 47), cure="ws:// members"),
        find=_no_upgrade,
    ),
    Rule(
        id="WSLB-C028",
        severity=Severity.WARNING,
        why="It lets every protocol through, and over mod_proxy_wstunnel the backend receives a literal Upgrade: * and "
        "refuses.",
        cure="upgrade=websocket, or ws:// without the parameter",
        older=Older(before=(2, 4, 47), cure="ws:// without the parameter"),
        find=_any_upgrade,
    ),
    Rule(
        id="WSLB-C030",
        severity=Severity.NOTE,
        why="Each balancer counts for itself: together they may load one backend more than the other.",
        cure="Nothing, if each takes its own turns; one balancer for all paths, if the sum must be even.",
        find=_two_books,
    ),
    Rule(
        id="WSLB-C031",
        severity=Severity.NOTE,
        why="Bytes inside a tunnel are not counted: bytraffic compares the sizes of the opening requests.",
        cure="lbmethod=bybusyness spreads open tunnels, byrequests takes turns",
        find=_bytraffic,
    ),
    Rule(
        id="WSLB-C036",
        severity=Severity.ERROR,
        why="httpd does not start: it does not know which balancer the member belongs to.",
        cure="Put it into <Proxy balancer://name>, or write BalancerMember balancer://name URL.",
        find=_outside,
    ),
)
