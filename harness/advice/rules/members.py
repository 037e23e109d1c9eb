"""Members and balancers: parameters in the wrong place, values out of range, what is shared and what is not."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from harness.advice.configuration import Configuration
from harness.advice.directives import Directive
from harness.advice.group import Group, MemberLine
from harness.advice.mounting import Mounting, Way
from harness.advice.rule import Rule, Severity, Spot
from harness.advice.urls import scheme_of
from harness.advice.vocabulary import (
    BALANCER_PARAMETERS,
    LINE_PARAMETERS,
    MEMBER_PARAMETERS,
    SHARED_PARAMETERS,
    meant,
)

__all__ = ["RULES"]

_KNOWN = BALANCER_PARAMETERS | MEMBER_PARAMETERS | SHARED_PARAMETERS

_FLAGS = re.compile(r"(?:[+-]?[DSINHERC]+)+", re.IGNORECASE)
_HC_METHODS = frozenset({"tcp", "options", "head", "get", "options11", "head11", "get11", "none"})


def _on_members_only(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``ProxyPass unknown Balancer parameter`` for upgrade=, retry= and loadfactor=."""
    for group in conf.groups:
        for key, value, at in group.settings:
            if key in MEMBER_PARAMETERS:
                yield Spot(
                    at,
                    f"{key}={value} stands on balancer://{group.name}",
                    cure=f"Write {key}={value} on every BalancerMember line of balancer://{group.name}.",
                )


def _on_balancers_only(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``BalancerMember unknown Worker parameter`` for lbmethod= and stickysession=."""
    for _, member in conf.direct_members():
        for key, value in member.parameters.items():
            if key in BALANCER_PARAMETERS:
                yield Spot(
                    member.directive,
                    f"{key}={value} stands on the member {member.url}",
                    cure=f"ProxySet {key}={value} inside <Proxy balancer://…>",
                )


def _unknown(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``BalancerMember unknown Worker parameter`` for ``timout=5``."""
    found: list[tuple[str, Directive]] = [(key, at) for group in conf.groups for key, _, at in group.settings]
    found += [(key, member.directive) for _, member in conf.direct_members() for key in member.parameters]
    for key, at in found:
        if key in _KNOWN | LINE_PARAMETERS or "$" in key or (at.key == "rewriterule"):
            continue
        near = meant(key, _KNOWN)
        yield Spot(at, f"{key!r} is no parameter of mod_proxy", cure=f"Did you mean {near}=?" if near else "")


def _values(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: each of these stops ``httpd -t``, such as ``LoadFactor must be a number between 1..100``."""
    for _, member in conf.direct_members():
        for key, value in member.parameters.items():
            wrong = "" if "$" in value else _wrong(key, value)
            if wrong:
                yield Spot(member.directive, f"{key}={value} on {member.url}", cure=wrong)


_VALUES: tuple[tuple[str, Callable[[str], object], str], ...] = (
    ("loadfactor", lambda value: _between(value, 1, 100), "loadfactor= is a number from 1 to 100."),
    ("timeout", re.compile(r"0*[1-9]\d*(?:ms|s|mi|min)?").fullmatch, "timeout= is at least one second."),
    ("retry", re.compile(r"\d+(?:ms|s|mi|min)?").fullmatch, "retry= is a number of seconds, 0 or more."),
    ("route", lambda value: len(value) < 64, "A route is shorter than 64 characters."),
    ("status", _FLAGS.fullmatch, "status= takes the flags D, S, I, H, E, N, R and C, each with + or -."),
    (
        "hcmethod",
        lambda value: value.lower() in {*_HC_METHODS, "cping"},
        "hcmethod= is TCP, GET, HEAD, OPTIONS, one of these with 11, or NONE.",
    ),
)


def _wrong(key: str, value: str) -> str:
    """What the value must be, where it is not; empty where it is fine."""
    return next((told for name, fine, told in _VALUES if name == key and not fine(value)), "")


def _between(value: str, low: float, high: float) -> bool:
    try:
        return low <= float(value) <= high
    except ValueError:
        return False


def _nobody(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``httpd -t`` says Syntax OK, every request is answered 503 with AH01171."""
    names = frozenset(group.name for group in conf.groups if group.members)
    for mounting in conf.mountings:
        name = mounting.balancer
        if not name or "$" in name or "%" in name or (mounting.way is Way.REWRITE and "P" not in mounting.flags):
            continue
        group = conf.group_of(mounting)
        if group is None or not group.members:
            told = f"balancer://{name} has no member" if group else f"balancer://{name} is not defined"
            where = "" if conf.whole else "; in this file, at least"
            severity = Severity.ERROR if conf.whole else Severity.WARNING
            near = meant(name, names)
            yield Spot(
                mounting.directive, told + (f" (balancer://{near} is)" if near else "") + where, severity=severity
            )


def _alone(conf: Configuration) -> Iterator[Spot]:
    """Nothing to elect: by definition."""
    for group in conf.groups:
        if len(group.members) == 1 and group.websocket:
            yield Spot(group.members[0].directive, f"balancer://{group.name} has one member")


def _twice(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: A, B, B is served ABAB: the second line of one URL adds no member."""
    for group in conf.groups:
        seen: dict[str, Directive] = {}
        for member in group.members:
            first = seen.setdefault(member.url.lower(), member.directive)
            if first is not member.directive:
                yield Spot(member.directive, f"{member.url} is a member since line {first.line}")


def _no_upgrade(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71, both carriers: a member http:// without upgrade= gets no Upgrade field; its turns end in 426."""
    for member, because in (*_beside_websockets(conf), *_on_websocket_paths(conf)):
        yield Spot(
            member.directive,
            f"{member.url} has no upgrade=, {because}",
            cure=f"BalancerMember {re.sub('^http', 'ws', member.url)}, or upgrade=websocket behind {member.url}",
        )


def _plain(member: MemberLine) -> bool:
    return member.scheme in {"http", "https"} and "upgrade" not in member.parameters


def _beside_websockets(conf: Configuration) -> Iterator[tuple[MemberLine, str]]:
    for group in conf.groups:
        if group.websocket:
            for member in filter(_plain, group.members):
                yield member, "but another member of its balancer carries WebSockets"


_WEBSOCKET_PATH = re.compile(r"(?:^|[/^_-])(?:wss?|websockets?|socket\.io)(?:$|[/?*$(])", re.IGNORECASE)


def _on_websocket_paths(conf: Configuration) -> Iterator[tuple[MemberLine, str]]:
    """Members behind a path that says websocket. socket.io polls over HTTP too, so its path alone proves nothing."""
    for mounting in conf.mountings:
        path = mounting.path
        if mounting.way is Way.REWRITE or not _WEBSOCKET_PATH.search(path) or "socket.io" in path:
            continue
        group = conf.group_of(mounting)
        members: Iterable[MemberLine] = group.members if group else [_own(mounting)]
        if group and group.websocket:
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


def _shared(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: AH01146 Ignoring parameter, because of worker sharing with the earlier, shorter URL."""
    for scope in conf.scopes:
        earlier: dict[str, Mounting] = {}
        for mounting in conf.mountings_in(scope):
            if mounting.way is Way.REWRITE or scheme_of(mounting.url) in {"", "balancer"}:
                continue
            url = mounting.url.rstrip("/")
            starts = (url[:at] for at, character in enumerate(url) if character == "/")
            first = next((earlier[start] for start in (*starts, url) if start in earlier), None)
            if first and any(key not in LINE_PARAMETERS for key in mounting.parameters):
                told = ", ".join(f"{k}={v}" for k, v in mounting.parameters.items())
                yield Spot(
                    mounting.directive, f"{told}: {mounting.url} shares the settings of line {first.directive.line}"
                )
            earlier.setdefault(url, mounting)


def _two_books(conf: Configuration) -> Iterator[Spot]:
    """From the source: counters belong to the balancer's members, so two balancers over one host never add up."""
    by_host: dict[str, list[tuple[Group, MemberLine]]] = defaultdict(list)
    for group in conf.groups:
        for member in group.members:
            by_host[member.host].append((group, member))
    told: set[tuple[int, int]] = set()
    for uses in by_host.values():
        first = uses[0]
        for group, member in uses[1:]:
            pair = (id(first[0]), id(group))
            if group is not first[0] and (group.websocket or first[0].websocket) and pair not in told:
                told.add(pair)
                yield Spot(member.directive, f"{member.host} is also a member of balancer://{first[0].name}")


def _bytraffic(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: 200 KB through a tunnel change neither counter; transferred rises by the request head only."""
    for group in conf.groups:
        if (group.setting("lbmethod") or "").lower() == "bytraffic" and group.websocket:
            yield Spot(group.set_at("lbmethod"), f"balancer://{group.name} balances tunnels by traffic")


def _none_usable(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: with ``status=+D`` on both members every request is answered 503 with AH01170."""
    for group in conf.groups:
        off = [
            m for m in group.members if re.search(r"(?:^|\+|[^-\w])[DSI]|^[DS]", m.parameters.get("status", ""), re.I)
        ]
        if off and len(off) == len(group.members):
            yield Spot(off[0].directive, f"every member of balancer://{group.name} is disabled or stopped")


def _retry_zero(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: the dead member is tried at every turn, and elected 5 times of 6."""
    for _, member in conf.direct_members():
        if re.fullmatch(r"0+(?:s|ms)?", member.parameters.get("retry", "")) and member.websocket:
            yield Spot(member.directive, f"retry=0 on {member.url}")


def _no_recovery(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: with every member in error and forcerecovery=Off, 503 until the retry time of one is over."""
    for group in conf.groups:
        if (group.setting("forcerecovery") or "").lower() == "off" and group.websocket:
            yield Spot(group.set_at("forcerecovery"), f"forcerecovery=Off on balancer://{group.name}")


def _not_over_wstunnel(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: mod_proxy_wstunnel ignores both; over mod_proxy_http both work."""
    for group in conf.groups:
        if group.websocket and conf.carrier(group.scope) == "proxy_wstunnel":
            for key in ("failonstatus", "failontimeout"):
                if group.setting(key) is not None:
                    yield Spot(
                        group.set_at(key), f"{key}={group.setting(key)}, but mod_proxy_wstunnel carries the tunnels"
                    )


def _outside(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``BalancerMember must define remote proxy server`` outside of a <Proxy> section."""
    for scope in conf.scopes:
        for placed in scope.all("balancermember"):
            words = placed.directive.words
            inside = any(section.key in {"proxy", "location"} for section in placed.around)
            if words and not inside and scheme_of(words[0]) != "balancer":
                yield Spot(placed.directive, f"BalancerMember {words[0]} belongs to no balancer")


def _hcheck_by_http(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: a server that knows WebSockets only answers 405 or 426; both members HcFl, every open 503.

    Also seen there: CPING stops ``httpd -t`` (not yet implemented), but not where mod_proxy_ajp is loaded.
    """
    for group in conf.groups:
        for member in group.members:
            method = member.parameters.get("hcmethod", "").lower()
            over_http = method in _HC_METHODS - {"tcp", "none"} and member.scheme in {"ws", "wss"}
            if over_http and not {"hcexpr", "hctemplate"} & member.parameters.keys():
                yield Spot(member.directive, f"hcmethod={method.upper()} asks {member.url} over HTTP")
            elif method == "cping" and member.scheme != "ajp":
                yield Spot(member.directive, f"hcmethod=CPING asks {member.url} in AJP", severity=Severity.ERROR)


RULES = (
    Rule(
        id="WSLB-C020",
        severity=Severity.ERROR,
        title="a member's parameter on the balancer",
        why="Parameters of a connection belong to its member: httpd does not start, unknown Balancer parameter.",
        cure="Write it on every BalancerMember line.",
        find=_on_members_only,
    ),
    Rule(
        id="WSLB-C021",
        severity=Severity.ERROR,
        title="a balancer's parameter on a member",
        why="Parameters of the election belong to the balancer: httpd does not start, unknown Worker parameter.",
        cure="Write it with ProxySet inside <Proxy balancer://…>.",
        find=_on_balancers_only,
    ),
    Rule(
        id="WSLB-C022",
        severity=Severity.ERROR,
        title="no such parameter",
        why="httpd does not start: unknown Worker or Balancer parameter.",
        cure="See ProxyPass in the manual of mod_proxy for the names.",
        find=_unknown,
    ),
    Rule(
        id="WSLB-C023",
        severity=Severity.ERROR,
        title="a value out of range",
        why="httpd does not start with this value.",
        cure="Correct the value.",
        find=_values,
    ),
    Rule(
        id="WSLB-C024",
        severity=Severity.ERROR,
        title="a balancer without members",
        why="httpd -t says Syntax OK, but every request is answered 503 (AH01171).",
        cure="Define <Proxy balancer://name> with its members in the same server or in the main one.",
        find=_nobody,
    ),
    Rule(
        id="WSLB-C025",
        severity=Severity.NOTE,
        title="a balancer with one member",
        why="There is nobody to elect, and nobody to fail over to.",
        cure="Add a second BalancerMember, or lead ProxyPass to the backend itself.",
        find=_alone,
    ),
    Rule(
        id="WSLB-C026",
        severity=Severity.WARNING,
        title="one member twice",
        why="A URL is one member, however often it is listed: it gets one share of the elections, not two.",
        cure="Remove the line; loadfactor=2 gives a double share.",
        find=_twice,
    ),
    Rule(
        id="WSLB-C027",
        severity=Severity.WARNING,
        title="an http:// member without upgrade=",
        why="mod_proxy_http then takes Upgrade off the request: the backend answers as to any GET, often 426 or 400.",
        cure="ws:// members, or upgrade=websocket on the http:// ones",
        find=_no_upgrade,
    ),
    Rule(
        id="WSLB-C028",
        severity=Severity.WARNING,
        title="upgrade=ANY",
        why="It lets every protocol through, and over mod_proxy_wstunnel the backend receives a literal Upgrade: * and "
        "refuses.",
        cure="upgrade=websocket, or ws:// without the parameter",
        find=_any_upgrade,
    ),
    Rule(
        id="WSLB-C029",
        severity=Severity.WARNING,
        title="parameters lost to sharing",
        why="ProxyPass lines whose URLs begin alike share the connection settings of the first: later ones are ignored "
        "(AH01146).",
        cure="Put the parameters on the first line, or the longer URL before the shorter.",
        find=_shared,
    ),
    Rule(
        id="WSLB-C030",
        severity=Severity.NOTE,
        title="one backend in two balancers",
        why="Each balancer counts for itself: together they may load one backend more than the other.",
        cure="Nothing, if each takes its own turns; one balancer for all paths, if the sum must be even.",
        find=_two_books,
    ),
    Rule(
        id="WSLB-C031",
        severity=Severity.NOTE,
        title="bytraffic for tunnels",
        why="Bytes inside a tunnel are not counted: bytraffic compares the sizes of the opening requests.",
        cure="lbmethod=bybusyness spreads open tunnels, byrequests takes turns",
        find=_bytraffic,
    ),
    Rule(
        id="WSLB-C032",
        severity=Severity.ERROR,
        title="every member is off",
        why="No member may be elected: every request is answered 503 (AH01170).",
        cure="Take status=+D or +S off at least one member.",
        find=_none_usable,
    ),
    Rule(
        id="WSLB-C033",
        severity=Severity.WARNING,
        title="retry=0",
        why="A dead member is tried again at every turn: each such client waits for the connect before it fails over.",
        cure="retry=5 or more, or mod_proxy_hcheck with hcmethod=TCP",
        find=_retry_zero,
    ),
    Rule(
        id="WSLB-C034",
        severity=Severity.WARNING,
        title="forcerecovery=Off",
        why="When every member is in error, all clients get 503 until a retry time is over, even if a backend is back.",
        cure="Leave it at its default, On, or make retry= short.",
        find=_no_recovery,
    ),
    Rule(
        id="WSLB-C035",
        severity=Severity.WARNING,
        title="failonstatus or failontimeout over mod_proxy_wstunnel",
        why="mod_proxy_wstunnel passes the backend's bytes on unread: it never sees the status, and it waits for ever.",
        cure="Let mod_proxy_http carry: remove ProxyWebsocketFallbackToProxyHttp Off and load proxy_http_module.",
        find=_not_over_wstunnel,
    ),
    Rule(
        id="WSLB-C036",
        severity=Severity.ERROR,
        title="BalancerMember outside of a balancer",
        why="httpd does not start: it does not know which balancer the member belongs to.",
        cure="Put it into <Proxy balancer://name>, or write BalancerMember balancer://name URL.",
        find=_outside,
    ),
    Rule(
        id="WSLB-C037",
        severity=Severity.WARNING,
        title="a health check that a WebSocket server does not understand",
        why="The check is no opening handshake: a server that knows WebSockets only answers 405 or 426, every "
        "member is in error (HcFl), every open gets 503.",
        cure="hcmethod=TCP, or GET11 with hcuri= of a page that answers 200, or hcexpr= that takes the 426",
        find=_hcheck_by_http,
    ),
)
