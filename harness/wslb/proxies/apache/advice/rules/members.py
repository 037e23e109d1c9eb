"""Members of a balancer: none, one, twice, in two balancers, and whether tunnels reach them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from wslb.proxies.apache.advice.rule import Older, Rule, Severity, Spot
from wslb.proxies.apache.advice.rules.paths import by_a_rule
from wslb.proxies.apache.conf.balancers import BalancerLines, MemberLine
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.mounting import Mounting, Way, sample_of
from wslb.proxies.apache.conf.urls import WEBSOCKET_SCHEMES, is_open, scheme_of
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
            if first is not member.directive and not is_open(member.directive):
                yield Spot(member.directive, f"{member.url} is a member since line {first.line}")


def _namesake(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: of two balancers of one name, the virtual host's gets the members of the main server's."""
    for balancer in conf.balancers:
        here = conf.balancer_in(balancer.scope, balancer.name)
        if here and [m.url for m in here.members] != [m.url for m in balancer.members] and balancer.members:
            other = here.members[0].directive if here.members else here.at
            yield Spot(
                balancer.at,
                f"balancer://{balancer.name} of this virtual host has a namesake in the main server, and gets {other} "
                f"of line {other.line}",
            )


def _no_upgrade(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71, both carriers: a member http:// without upgrade= gets no Upgrade field; its turns end in 404.

    Also seen there: upgrade=tcp and upgrade=NONE take it off a WebSocket's request, behind ws:// too; on 2.4.46 an
    http:// member gets none whatever stands there, and a ws:// one gets it with NONE.
    """
    old = conf.older_than(2, 4, 47)
    found = [*_beside_websockets(conf), *_on_websocket_paths(conf)]
    if old:
        found += [(m, "which says so") for _, m in conf.direct_members() if m.scheme in _HTTP and _meant(m)]
    for member, because in found:
        said = f"upgrade={member.parameters['upgrade']}" if "upgrade" in member.parameters else ""
        instead = f"{re.sub('^http', 'ws', member.url)} in its place"
        if old:
            why = f"{said}, which does nothing before httpd 2.4.47" if said else "no upgrade="
        else:
            instead += f", or upgrade=websocket behind {member.url}"
            why = f"{said}, which lets no WebSocket through" if said else "no upgrade="
        yield Spot(member.directive, f"{member.url} has {why}, {because}", cure=instead)
    for _, member in conf.direct_members():
        said = member.parameters.get("upgrade", "websocket").lower()
        if member.scheme in WEBSOCKET_SCHEMES and not _meant(member) and not (old and said == "none"):
            yield Spot(
                member.directive,
                f"{member.url} has upgrade={member.parameters['upgrade']}, which lets no WebSocket through",
                cure=f"{member.url} without upgrade=" if not old else f"{member.url} without that parameter",
            )


def _none_carries(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``ProxyPass / http://host/`` hands an upgrade on as a plain GET, without Upgrade: no tunnel."""
    lines = [m for m in conf.mountings if m.url != "!" and (m.way is not Way.REWRITE or m.flags & {"P", "PROXY"})]
    if any(_meant(member) for _, member in conf.direct_members()):
        return
    on_paths = (*_on_websocket_paths(conf), *_on_websocket_paths(conf, _NO_TUNNELS))
    if any(m.balancer and conf.balancer_of(m) is None for m in lines) or any(on_paths):
        return
    plain = [m for m in lines if m.balancer or scheme_of(m.url) in {*_HTTP, "ajp"}]
    if not plain:
        return
    widest = next((m for m in plain if m.path == "/"), plain[0])
    balancer = conf.balancer_of(widest)
    member = balancer.members[0] if balancer and balancer.members else _own(widest)
    if member.scheme == "ajp":
        instead = f"ws:// with {member.host.partition(':')[0]} and its HTTP port for the path of the tunnels"
        instead += ", above this line"
    else:
        instead = f"{re.sub('^http', 'ws', member.url)} for the path of the tunnels, above this line"
    if not conf.older_than(2, 4, 47) and member.scheme != "ajp":
        instead += f", or upgrade=websocket behind {member.url}"
    yield Spot(
        widest.directive, f"no path of this file carries WebSockets: {widest.path} leads to {member.url}", cure=instead
    )


def _no_tunnels(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: over ajp:// the client gets the backend's answer and nothing after its head, with upgrade= too.

    From the protocols: AJP, FastCGI, SCGI and uwsgi carry a request and its answer; HTTP/2 has no Upgrade (RFC 9113).
    """
    for member, because in (*_beside_websockets(conf, _NO_TUNNELS), *_on_websocket_paths(conf, _NO_TUNNELS)):
        host = member.host.partition(":")[0]
        yield Spot(
            member.directive, f"{member.url} carries no tunnel, {because}", cure=f"ws:// with {host} and its HTTP port"
        )


_HTTP = frozenset({"http", "https"})
_NO_TUNNELS = frozenset({"ajp", "fcgi", "scgi", "uwsgi", "h2", "h2c", "ftp"})


def _meant(member: MemberLine) -> bool:
    """Whether WebSockets are meant to reach this member, by its scheme or by what ``upgrade=`` lets through."""
    said = member.parameters.get("upgrade", "").lower()
    if member.scheme in WEBSOCKET_SCHEMES:
        return said in {"", "websocket", "any"}
    return member.scheme in _HTTP and said in {"websocket", "any"}


def _beside_websockets(conf: Configuration, schemes: frozenset[str] = _HTTP) -> Iterator[tuple[MemberLine, str]]:
    """Members of these schemes that get no upgrade, in a balancer that has others."""
    for balancer in conf.balancers:
        if any(map(_meant, balancer.members)):
            for member in balancer.members:
                if member.scheme in schemes and not _meant(member):
                    yield member, "but another member of its balancer carries WebSockets"


_WEBSOCKET_PATH = re.compile(r"(?:^|[/^_-])(?:wss?|websockets?|socket\.io)(?:$|[/?*$(])", re.IGNORECASE)


def _on_websocket_paths(conf: Configuration, schemes: frozenset[str] = _HTTP) -> Iterator[tuple[MemberLine, str]]:
    """Members of these schemes behind a path that says websocket, unless a RewriteRule takes upgrades elsewhere.

    socket.io polls over HTTP too, so its path alone proves nothing.
    """
    for mounting in conf.mountings:
        path = mounting.path
        if mounting.way is Way.REWRITE or not _WEBSOCKET_PATH.search(path) or "socket.io" in path:
            continue
        balancer = conf.balancer_of(mounting)
        members: Iterable[MemberLine] = balancer.members if balancer else [_own(mounting)]
        lacking = [member for member in members if member.scheme in schemes and not _meant(member)]
        if not lacking or any(map(_meant, members)):
            continue
        if not by_a_rule(conf, mounting.scope, sample_of(mounting) or path):
            yield from ((member, f"but leads on from {path}") for member in lacking)


def _own(mounting: Mounting) -> MemberLine:
    return MemberLine(url=mounting.url, parameters=mounting.parameters, directive=mounting.directive)


def _any_upgrade(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: over mod_proxy_wstunnel the backend receives ``Upgrade: *``; http works.

    Also seen there: Liberty answers 404 to it, and the package websocket of Node.js 101, as to any Upgrade; any
    other name lets that protocol through, and no WebSocket.
    """
    for _, member in conf.direct_members():
        if member.parameters.get("upgrade", "").upper() == "ANY":
            severity = Severity.NOTE if member.scheme in _HTTP else None
            yield Spot(member.directive, f"upgrade={member.parameters['upgrade']} on {member.url}", severity=severity)


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
        id="WSLB-C038",
        severity=Severity.ERROR,
        why="A virtual host inherits the balancers of the main server, and of two with one name the inherited members "
        "count: those that stand here are never asked.",
        cure="Give one of the two another name.",
        find=_namesake,
    ),
    Rule(
        id="WSLB-C027",
        severity=Severity.WARNING,
        why="mod_proxy_http then takes Upgrade off the request: the backend answers as to any GET, often 404 or 426.",
        cure="ws:// members, or upgrade=websocket on the http:// ones",
        older=Older(before=(2, 4, 47), cure="ws:// members"),
        find=_no_upgrade,
    ),
    Rule(
        id="WSLB-C028",
        severity=Severity.WARNING,
        why="It lets every protocol through, and over mod_proxy_wstunnel the backend receives a literal Upgrade: *, "
        "which most refuse.",
        cure="upgrade=websocket, or ws:// without the parameter; for another protocol, its name in the place of ANY",
        older=Older(
            before=(2, 4, 47), cure="ws:// without the parameter; for another protocol, its name in the place of ANY"
        ),
        find=_any_upgrade,
    ),
    Rule(
        id="WSLB-C039",
        severity=Severity.WARNING,
        why="The protocol of that scheme carries a request and its answer: no byte of a tunnel follows.",
        cure="ws:// with the port on which the backend speaks HTTP",
        find=_no_tunnels,
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
