"""Modules that the configuration needs and does not load. A fragment loads none: then nothing is said."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wslb.proxies.apache.advice.rule import Older, Rule, Severity, Spot
from wslb.proxies.apache.conf.balancers import MemberLine
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.mounting import Way
from wslb.proxies.apache.conf.urls import is_open, scheme_of
from wslb.proxies.apache.conf.vocabulary import LBMETHODS, SCHEMES

__all__ = ["RULES"]


def _first_balancer(conf: Configuration) -> Directive | None:
    """First place that needs a balancer."""
    places = [balancer.at for balancer in conf.balancers]
    places += [mounting.directive for mounting in conf.mountings if mounting.balancer]
    return places[0] if places else None


def _needed_by_balancers(conf: Configuration, module: str) -> Iterator[Spot]:
    place = _first_balancer(conf)
    if place and conf.modules.lacks(module):
        yield Spot(place, f"a balancer, but mod_{module} is not loaded")


def _byrequests(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``httpd -t`` says Syntax OK, the start ends with AH02432 and AH01183.

    Also seen there: a balancer that names another lbmethod starts and serves without it; 2.4.40 did not (PR 62372).
    """
    if not conf.modules.lacks("lbmethod_byrequests"):
        return
    defined = {balancer.name for balancer in conf.balancers}
    needed = [balancer.at for balancer in conf.balancers if balancer.setting("lbmethod") in {None, "byrequests"}]
    needed += [
        mounting.directive for mounting in conf.mountings if mounting.balancer and mounting.balancer not in defined
    ]
    if needed:
        yield Spot(needed[0], "a balancer by requests, but mod_lbmethod_byrequests is not loaded")


def _slotmem(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``httpd -t`` says Syntax OK, the start ends with AH01177."""
    yield from _needed_by_balancers(conf, "slotmem_shm")


def _balancer(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: it starts, and every request is answered 500 with AH01144."""
    yield from _needed_by_balancers(conf, "proxy_balancer")


def _authz_core(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``httpd -t`` says Syntax OK, every request is answered 500 with AH00025."""
    # A fragment that loads the proxy's modules leaves the others to the file that includes it.
    if conf.whole and conf.mountings and conf.modules.lacks("authz_core"):
        yield Spot(conf.mountings[0].directive, "requests are served, but mod_authz_core is not loaded")


def _proxy(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``httpd -t`` answers Invalid command 'ProxyPass'."""
    if conf.mountings and conf.modules.lacks("proxy"):
        yield Spot(conf.mountings[0].directive, f"{conf.mountings[0].way} is used, but mod_proxy is not loaded")


def _members(conf: Configuration, *schemes: str) -> Iterator[MemberLine]:
    return (member for _, member in conf.direct_members() if member.scheme in schemes)


def _carrier(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``httpd -t`` says Syntax OK, every request is answered 503 with AH00934."""
    member = next(_members(conf, "ws", "wss"), None)
    if member and conf.modules.lacks("proxy_wstunnel") and conf.modules.lacks("proxy_http"):
        yield Spot(member.directive, f"{member.url}, but neither mod_proxy_wstunnel nor mod_proxy_http is loaded")


def _http(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: every request is answered 500 with AH01144, no protocol handler was valid for the URL."""
    member = next(_members(conf, "http", "https"), None)
    if member and conf.modules.lacks("proxy_http"):
        yield Spot(member.directive, f"{member.url}, but mod_proxy_http is not loaded")


def _lbmethod(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``httpd -t`` stops with ``unknown lbmethod``."""
    for balancer in conf.balancers:
        method = (balancer.setting("lbmethod") or "").lower()
        if method in LBMETHODS and method != "byrequests" and conf.modules.lacks(f"lbmethod_{method}"):
            yield Spot(
                balancer.set_at("lbmethod"),
                f"lbmethod={method}, but mod_lbmethod_{method} is not loaded",
                cure=f"LoadModule lbmethod_{method}_module modules/mod_lbmethod_{method}.so",
            )


def _no_such_method(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``ProxySet: unknown lbmethod lbmethod=bytrafic``; by request to balancer-manager, ignored."""
    for balancer in conf.balancers:
        method = balancer.setting("lbmethod")
        if method and "$" not in method and method not in LBMETHODS and not conf.modules.has(f"lbmethod_{method}"):
            yield Spot(balancer.set_at("lbmethod"), f"lbmethod={method} is none of {', '.join(LBMETHODS)}")


def _ssl(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: every request gets 500, with AH00961 over mod_proxy_wstunnel, AH01144 over mod_proxy_http."""
    member = next(_members(conf, "wss", "https"), None)
    if member and conf.modules.lacks("ssl"):
        yield Spot(member.directive, f"{member.url}, but mod_ssl is not loaded")


def _hcheck(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: ``httpd -t`` stops with ``BalancerMember unknown Worker parameter``."""
    for _, member in conf.direct_members():
        used = next((key for key in member.parameters if key.startswith("hc")), None)
        if used and conf.modules.lacks("proxy_hcheck"):
            yield Spot(member.directive, f"{used}= is used, but mod_proxy_hcheck is not loaded")


def _heartbeat(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: every request is answered 503 with AH01213 and AH01170 while no monitor delivers data."""
    fed = any(scope.all("heartbeatlisten", "heartbeatstorage") for scope in conf.scopes)
    for balancer in conf.balancers:
        if (balancer.setting("lbmethod") or "").lower() == "heartbeat" and not fed:
            yield Spot(balancer.set_at("lbmethod"), "lbmethod=heartbeat without HeartbeatListen or HeartbeatStorage")


def _schemes(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: a foreign scheme gets 500 with AH01144; ``ws:/host`` stops ``httpd -t``: URL must be absolute.

    Also seen there: so do ``host:8888``, ``/path``, ``ws://:8888`` and a port that is no number; in a RewriteRule with
    [P] they are answered 500 (AH00898, DNS lookup failure) or 400.
    """
    for _, member in conf.direct_members():
        if member.url.startswith(("unix:", "$", "%", "!")) or "${" in member.url or is_open(member.directive):
            continue
        if member.scheme not in SCHEMES or not _ADDRESS.match(member.url.partition("://")[2]):
            yield Spot(member.directive, f"{member.url} is no URL that mod_proxy can lead to")
    for mounting in conf.mountings:
        proxied = mounting.way is not Way.REWRITE or mounting.flags & {"P", "PROXY"}
        told = mounting.url.startswith(("unix:", "$", "%", "!")) or mounting.url == "-" or is_open(mounting.directive)
        if proxied and not told and not scheme_of(mounting.url):
            yield Spot(mounting.directive, f"{mounting.url} is no URL that mod_proxy can lead to")


_ADDRESS = re.compile(r"(?:[^/?#@]*@)?(?:\[[^\]/]*\]|[^:/?#\s]+|(?=\$|%))(?::(?:\d|[$%]|$|[/?#])|$|[/?#])")
"""A host, and a number where a port is named; or what only the request tells."""


RULES = (
    Rule(
        id="WSLB-C001",
        severity=Severity.ERROR,
        why="A balancer that names no other lbmethod uses byrequests: httpd -t says Syntax OK, but the start ends with "
        "AH01183.",
        cure="LoadModule lbmethod_byrequests_module modules/mod_lbmethod_byrequests.so",
        find=_byrequests,
    ),
    Rule(
        id="WSLB-C002",
        severity=Severity.ERROR,
        why="Balancers keep their counters in shared memory: httpd -t says Syntax OK, but the start ends with AH01177.",
        cure="LoadModule slotmem_shm_module modules/mod_slotmem_shm.so",
        find=_slotmem,
    ),
    Rule(
        id="WSLB-C003",
        severity=Severity.ERROR,
        why="Nothing handles balancer:// then: every request is answered 500 (AH01144).",
        cure="LoadModule proxy_balancer_module modules/mod_proxy_balancer.so",
        find=_balancer,
    ),
    Rule(
        id="WSLB-C004",
        severity=Severity.ERROR,
        why="httpd asks it about every request: httpd -t says Syntax OK, but every request is answered 500 (AH00025).",
        cure="LoadModule authz_core_module modules/mod_authz_core.so",
        find=_authz_core,
    ),
    Rule(
        id="WSLB-C005",
        severity=Severity.ERROR,
        why="httpd -t says Syntax OK, but every request is answered 503 (AH00934).",
        cure="LoadModule proxy_http_module modules/mod_proxy_http.so (2.4.47 and later), or proxy_wstunnel_module",
        older=Older(before=(2, 4, 47), cure="LoadModule proxy_wstunnel_module modules/mod_proxy_wstunnel.so"),
        find=_carrier,
    ),
    Rule(
        id="WSLB-C006",
        severity=Severity.ERROR,
        why="httpd does not start: unknown lbmethod.",
        cure="Load the module of the lbmethod.",
        find=_lbmethod,
    ),
    Rule(
        id="WSLB-C007",
        severity=Severity.ERROR,
        why="httpd does not start: unknown lbmethod.",
        cure="lbmethod=byrequests, or bybusyness to spread the tunnels that are open",
        find=_no_such_method,
    ),
    Rule(
        id="WSLB-C008",
        severity=Severity.ERROR,
        why="A member over TLS needs mod_ssl on this side: every request is answered 500 (AH00961 or AH01144).",
        cure="LoadModule ssl_module modules/mod_ssl.so, and SSLProxyEngine on",
        find=_ssl,
    ),
    Rule(
        id="WSLB-C009",
        severity=Severity.ERROR,
        why="Without the module its parameters are unknown, and httpd does not start.",
        cure="LoadModule proxy_hcheck_module modules/mod_proxy_hcheck.so (watchdog_module too, if not built in)",
        older=Older(before=(2, 4, 21), cure="Remove it: this httpd has no health checks, retry= is all that watches."),
        find=_hcheck,
    ),
    Rule(
        id="WSLB-C010",
        severity=Severity.ERROR,
        why="mod_lbmethod_heartbeat elects only members that mod_heartmonitor hears of: until then every request is "
        "answered 503 (AH01213, AH01170).",
        cure="lbmethod=bybusyness, or HeartbeatListen here and mod_heartbeat on every backend's host",
        find=_heartbeat,
    ),
    Rule(
        id="WSLB-C011",
        severity=Severity.ERROR,
        why="httpd does not start: its directives are unknown.",
        cure="LoadModule proxy_module modules/mod_proxy.so",
        find=_proxy,
    ),
    Rule(
        id="WSLB-C012",
        severity=Severity.ERROR,
        why="No handler takes the URL: every request is answered 500 (AH01144).",
        cure="LoadModule proxy_http_module modules/mod_proxy_http.so",
        find=_http,
    ),
    Rule(
        id="WSLB-C013",
        severity=Severity.ERROR,
        why="An unknown scheme is answered 500 (AH01144); a URL without :// and a host stops the start.",
        cure="ws://host:port/path, wss:// over TLS, or http:// with upgrade=websocket",
        older=Older(before=(2, 4, 47), cure="ws://host:port/path, or wss:// over TLS"),
        find=_schemes,
    ),
)
