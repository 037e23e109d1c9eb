"""Timeouts, the module that carries, and how many tunnels fit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wslb.proxies.apache.advice.rule import Older, Rule, Severity, Spot
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.scope import Scope

__all__ = ["RULES", "capacity"]

_DEFAULT_TIMEOUT = 60.0
_UNITS = {"": 1.0, "s": 1.0, "ms": 0.001, "mi": 60.0, "min": 60.0}


def _seconds(text: str) -> float | None:
    """Seconds of an httpd interval; None for anything else."""
    match = re.fullmatch(r"(\d{1,9})(ms|s|mi|min)?", text.lower())
    return int(match[1]) * _UNITS[match[2] or ""] if match else None


def _timeout(scope: Scope) -> float:
    found = scope.setting("timeout")
    return (_seconds(found.first) if found else None) or _DEFAULT_TIMEOUT


def _limits(conf: Configuration) -> Iterator[tuple[Scope, str, float, Directive]]:
    """Timeouts written for tunnels: of members, of balancers, of ProxyPass lines, and ProxyTimeout."""
    for scope, member in conf.direct_members():
        value = _seconds(member.parameters.get("timeout", ""))
        if value is not None and member.websocket:
            yield scope, f"timeout={member.parameters['timeout']} on {member.url}", value, member.directive
    for scope in conf.scopes:
        here = conf.mountings if scope is conf.main else conf.mountings_in(scope)
        if any(conf.tunnels_to(mounting) for mounting in here):
            for placed in scope.all("proxytimeout"):
                value = _seconds(placed.directive.first)
                if value is not None:
                    yield scope, f"ProxyTimeout {placed.directive.first}", value, placed.directive


def _cannot_win(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71 over mod_proxy_http: Timeout 5 with timeout=2 idles for 5 s: the larger of the two counts.

    Seen on 2.4.48: it idles for 2 s, the smaller counts (CHANGES 2.4.53).
    """
    if conf.older_than(2, 4, 53):
        return
    for scope, told, value, at in _limits(conf):
        if conf.carrier(scope) == "proxy_http" and value < _timeout(scope):
            yield Spot(at, f"{told} is less than Timeout {_timeout(scope):g}")


def _never_idle(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71 over mod_proxy_wstunnel: Timeout, timeout= and ProxyTimeout all leave an idle tunnel open."""
    for scope, told, _, at in _limits(conf):
        if conf.carrier(scope) == "proxy_wstunnel":
            yield Spot(at, f"{told}, but mod_proxy_wstunnel carries the tunnels")


def _zero(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: with Timeout 0 every connect to a member fails at once, AH00957: 503 for everybody."""
    for scope in conf.scopes:
        for placed in scope.all("timeout"):
            if _seconds(placed.directive.first) == 0:
                yield Spot(placed.directive, "Timeout 0")


def _short(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71 over mod_proxy_http: Timeout 3 ends an idle tunnel after 3.0 s with FIN, no close frame.

    Seen on 2.4.48: so does timeout=3 of the member, beside the default of Timeout.
    """
    smaller = conf.older_than(2, 4, 53)
    limits: dict[int, list[tuple[float, Directive]]] = {}
    for scope, _, value, at in _limits(conf):
        limits.setdefault(id(scope), []).append((value, at))
    for scope in conf.scopes:
        setting = scope.setting("timeout")
        tunnels = any(conf.tunnels_to(mounting) for mounting in conf.mountings_in(scope))
        found = [*([(_timeout(scope), setting)] if setting else []), *limits.get(id(scope), ())]
        if not found or not tunnels or conf.carrier(scope) != "proxy_http" or not (setting or smaller):
            continue
        seconds, at = (
            min(found, key=lambda one: one[0]) if smaller else (max(s for s, _ in found), setting or found[0][1])
        )
        if 0 < seconds < 30:
            yield Spot(at, f"idle tunnels end after {seconds:g} s")


def _of_trunk(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``Invalid command 'ProxyWebsocketIdleTimeout'``: the directives of the next version's manual."""
    for scope in conf.scopes:
        for placed in scope.all("proxywebsocketidletimeout", "proxywebsocketasync", "proxywebsocketasyncdelay"):
            yield Spot(placed.directive, f"{placed.directive.name} is no directive of httpd 2.4")


def _fallback_unknown(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: the directive belongs to mod_proxy_wstunnel, and is an Invalid command without it.

    Seen on 2.4.46 and before: it is an Invalid command with the module too.
    """
    unknown = conf.older_than(2, 4, 48)
    if unknown or conf.modules.lacks("proxy_wstunnel"):
        why = "which httpd does not know before 2.4.48" if unknown else "but mod_proxy_wstunnel is not loaded"
        for scope in conf.scopes:
            for placed in scope.all("proxywebsocketfallbacktoproxyhttp"):
                yield Spot(placed.directive, f"{placed.directive.name}, {why}")


def _undecided(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: with both loaded, mod_proxy_http carries ws:// (AH10239), and mod_proxy_wstunnel is idle."""
    if conf.modules.ibm_i or not (conf.modules.has("proxy_http") and conf.modules.has("proxy_wstunnel")):
        return
    if any(scope.all("proxywebsocketfallbacktoproxyhttp") for scope in conf.scopes):
        return
    for _, member in conf.direct_members():
        if member.scheme in {"ws", "wss"}:
            yield Spot(member.directive, "both carriers are loaded, and none is chosen")
            return


def capacity(scope: Scope, modules: frozenset[str]) -> tuple[int, Directive | None]:
    """Requests, and so tunnels, that httpd serves at a time, and the directive that limits them.

    Seen on 2.4.71: 400 by default (16 children of 25 threads), MaxRequestWorkers cut down to ServerLimit times
    ThreadsPerChild (AH00515) and ThreadsPerChild to ThreadLimit (AH00507).
    """

    def number(name: str, default: int) -> tuple[int, Directive | None]:
        found = scope.setting(name)
        return (int(found.first), found) if found and re.fullmatch(r"\d{1,9}", found.first) else (default, None)

    prefork = "mpm_prefork" in modules
    threads, threads_at = (1, None) if prefork else number("ThreadsPerChild", 25)
    top, top_at = number("ThreadLimit", 64)
    if not prefork and threads > top:
        threads, threads_at = top, top_at or threads_at
    servers, servers_at = number("ServerLimit", 256 if prefork else 16)
    bound, bound_at = servers * threads, servers_at or threads_at
    asked, asked_at = number("MaxRequestWorkers", 0)
    if asked_at is None:
        asked, asked_at = number("MaxClients", 0)
    if asked_at is not None and 0 < asked <= bound:
        return (asked // threads * threads or threads), asked_at
    return bound, bound_at or asked_at


def _too_few(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: past the limit a client's connect succeeds, and then nothing comes, not even a 503."""
    if conf.tunnels is None:
        return
    limit, at = capacity(conf.main, conf.modules.names)
    place = at or next((m.directive for m in conf.mountings if conf.tunnels_to(m)), None)
    if limit < conf.tunnels and place and (at or conf.whole):
        yield Spot(place, f"{limit} requests at a time, for {conf.tunnels} tunnels")


def _cut_down(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: AH00515 MaxRequestWorkers of 100 … decreasing to 20, and httpd goes on."""
    limit, _ = capacity(conf.main, conf.modules.names)
    for name in ("MaxRequestWorkers", "MaxClients"):
        found = conf.main.setting(name)
        if found and re.fullmatch(r"\d{1,9}", found.first) and int(found.first) > limit:
            yield Spot(found, f"{name} {found.first} becomes {limit}")


def _prefork(conf: Configuration) -> Iterator[Spot]:
    """By the manual of prefork: one process serves one connection, and a tunnel is one."""
    if conf.modules.has("mpm_prefork"):
        for mounting in conf.mountings:
            if conf.tunnels_to(mounting):
                yield Spot(mounting.directive, "tunnels under the prefork MPM")
                return


def _children_come(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: the turns go on beside a new child. Seen on 2.4.12 to 2.4.54: they begin again with each one."""
    if conf.older_than(2, 4, 62) and not _children_stay(conf.main, conf.modules.names):
        for balancer in conf.balancers:
            if balancer.websocket and len(balancer.members) > 1:
                yield Spot(balancer.at, f"balancer://{balancer.name}, where children come and go")


def _children_stay(scope: Scope, modules: frozenset[str]) -> bool:
    """Whether all children start at once, and none is ended for having had its connections, or for idling."""

    def number(*names: str) -> int:
        found = next((setting for name in names if (setting := scope.setting(name))), None)
        return int(found.first) if found and re.fullmatch(r"\d{1,9}", found.first) else 0

    most, _ = capacity(scope, modules)
    threads = 1 if "mpm_prefork" in modules else number("ThreadsPerChild") or 25
    spare = number("MaxSpareServers") if "mpm_prefork" in modules else number("MaxSpareThreads")
    limited = number("MaxConnectionsPerChild", "MaxRequestsPerChild")
    return number("StartServers") * threads >= most and spare >= most and not limited


RULES = (
    Rule(
        id="WSLB-C090",
        severity=Severity.WARNING,
        why="mod_proxy_http ends an idle tunnel after the larger of Timeout and timeout= (or ProxyTimeout): the "
        "smaller bounds the connect and the handshake, and changes nothing for idle tunnels.",
        cure="Lower Timeout itself, or let the server's own idle limit end tunnels.",
        find=_cannot_win,
    ),
    Rule(
        id="WSLB-C091",
        severity=Severity.WARNING,
        why="It bounds the connect only: mod_proxy_wstunnel has no idle limit, a dead tunnel stays open for ever.",
        cure="Let the server or the client end idle tunnels, or let mod_proxy_http carry them.",
        older=Older(before=(2, 4, 47), cure="Let the server or the client end idle tunnels."),
        find=_never_idle,
    ),
    Rule(
        id="WSLB-C092",
        severity=Severity.ERROR,
        why="Zero is not unlimited: every connect to a member fails at once (AH00957), and all clients get 503.",
        cure="Timeout 60, the default, or what idle tunnels need",
        find=_zero,
    ),
    Rule(
        id="WSLB-C093",
        severity=Severity.NOTE,
        why="A tunnel without any bytes for that long is cut, without a close frame (1006 at the client).",
        cure="Pings more often than that, or a longer Timeout",
        find=_short,
    ),
    Rule(
        id="WSLB-C094",
        severity=Severity.ERROR,
        why="httpd 2.4 does not start: Invalid command.",
        cure="Remove it: 2.4 has no such setting.",
        find=_of_trunk,
    ),
    Rule(
        id="WSLB-C095",
        severity=Severity.ERROR,
        why="httpd does not start: Invalid command.",
        cure="LoadModule proxy_wstunnel_module, or remove the line: without that module mod_proxy_http carries anyway",
        older=Older(before=(2, 4, 48), cure="Remove the line: this httpd does not know it."),
        find=_fallback_unknown,
    ),
    Rule(
        id="WSLB-C096",
        severity=Severity.NOTE,
        why="From 2.4.47 on mod_proxy_http carries ws:// then, before it mod_proxy_wstunnel: timeouts, failonstatus "
        "and handshake errors differ.",
        cure="ProxyWebsocketFallbackToProxyHttp On or Off, so that an update changes nothing",
        older=Older(before=(2, 4, 48), cure="Nothing in this httpd; after an update, say which module shall carry."),
        find=_undecided,
    ),
    Rule(
        id="WSLB-C100",
        severity=Severity.WARNING,
        why="A tunnel holds a thread for its whole life. Past the limit clients connect and wait, and so does every "
        "other request, with no answer at all.",
        cure="ServerLimit × ThreadsPerChild and MaxRequestWorkers above the tunnels expected, with room for requests",
        find=_too_few,
    ),
    Rule(
        id="WSLB-C101",
        severity=Severity.WARNING,
        why="httpd lowers it to ServerLimit × ThreadsPerChild, with a line on the console only (AH00515).",
        cure="Raise ServerLimit, ThreadLimit and ThreadsPerChild along with it.",
        find=_cut_down,
    ),
    Rule(
        id="WSLB-C102",
        severity=Severity.NOTE,
        why="Each tunnel holds a whole process: 256 by default, several megabytes each.",
        cure="LoadModule mpm_event_module instead",
        find=_prefork,
    ),
    Rule(
        id="WSLB-C103",
        severity=Severity.WARNING,
        why="Before 2.4.62 each child that starts begins the turns anew, and bybusyness and bytraffic forget open "
        "tunnels.",
        cure="StartServers equal to ServerLimit, MaxSpareThreads equal to MaxRequestWorkers, MaxConnectionsPerChild 0; "
        "or httpd 2.4.62 and later",
        find=_children_come,
    ),
)
