"""Sticky sessions, and what of them reaches an upgrade."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wslb.proxies.apache.advice.rule import Rule, Severity, Spot
from wslb.proxies.apache.conf.balancers import BalancerLines
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.mounting import Mounting, Way
from wslb.proxies.apache.conf.scope import Scope
from wslb.proxies.apache.conf.urls import is_open

__all__ = ["RULES"]


def _no_routes(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: with stickysession= and no route=, every cookie is balanced like no cookie, ABAB."""
    for balancer in conf.balancers:
        if balancer.setting("stickysession") is None or not balancer.members:
            continue
        lacking = [member for member in balancer.members if not member.parameters.get("route")]
        if len(lacking) == len(balancer.members):
            yield Spot(balancer.set_at("stickysession"), f"no member of balancer://{balancer.name} has a route=")
        else:
            for member in lacking:
                yield Spot(member.directive, f"{member.url} has no route=, unlike other members")


def _no_stickiness(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: without stickysession=, the cookies S=.a and S=.b are balanced ABAB."""
    for balancer in conf.balancers:
        routed = [member for member in balancer.members if member.parameters.get("route")]
        if routed and balancer.setting("stickysession") is None:
            yield Spot(routed[0].directive, f"route={routed[0].parameters['route']}, but no stickysession=")


def _same_route(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: with route=a on both members the cookie S=.a always leads to the first listed."""
    for balancer in conf.balancers:
        seen: dict[str, Directive] = {}
        for member in balancer.members:
            route = "" if is_open(member.directive) else member.parameters.get("route", "")
            if route and seen.setdefault(route, member.directive) is not member.directive:
                yield Spot(member.directive, f"route={route} is that of line {seen[route].line} too")


def _dotted(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: route=a.2 is found by S=.a.2 and by S=x.a.2, but not by S=sess.x.a.2: the first dot divides."""
    for balancer in conf.balancers:
        for member in balancer.members:
            route = member.parameters.get("route", "")
            if "." in route and balancer.setting("stickysession") is not None and "$" not in route:
                yield Spot(member.directive, f"route={route} has a dot")


def _cookie_on_101(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71, both carriers: neither ``Header add`` nor ``Header always set`` puts a field on a 101.

    Also seen there: the cookie that a page of another balancer got leads to the member of the same route.
    """
    for scope in conf.scopes:
        for placed in scope.all("header"):
            words = placed.directive.words
            changed = any("BALANCER_ROUTE" in word.upper() for word in words)
            if not changed or not any(word.lower().rstrip(":") == "set-cookie" for word in words):
                continue
            for balancer in conf.balancers:
                if balancer.websocket and not any(_gives_cookie(conf, scope, b, balancer) for b in conf.balancers):
                    yield Spot(placed.directive, "the cookie of the route is set by mod_headers")


def _gives_cookie(conf: Configuration, scope: Scope, giving: BalancerLines, taking: BalancerLines) -> bool:
    """Whether pages of one balancer, served where the cookie is set, name the routes of the other one."""
    if giving.setting("stickysession") != taking.setting("stickysession") or _routes(giving) != _routes(taking):
        return False
    return any(member.scheme in {"http", "https"} for member in giving.members) and any(
        mounting.scope in {id(scope): scope, id(conf.main): conf.main}.values() and not _says_websocket(mounting)
        for mounting in conf.mountings_of(giving)
    )


def _routes(balancer: BalancerLines) -> set[str]:
    return {member.parameters.get("route", "") for member in balancer.members}


def _says_websocket(mounting: Mounting) -> bool:
    return bool(re.search(r"(?:^|[/^_-])(?:wss?|websockets?)(?:$|[/?*$(])", mounting.path, re.IGNORECASE))


def _polling(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: of two requests with one ``sid`` the first goes to A, the second to B.

    From the manuals of socket.io, SockJS and SignalR: the requests of one connection must reach one server.
    """
    for mounting in conf.mountings:
        balancer = conf.balancer_of(mounting)
        named = _POLLS.search(mounting.path) or _POLLS.search(mounting.url_path)
        if balancer is None or named is None or balancer.setting("stickysession") is not None:
            continue
        if mounting.way is Way.REWRITE and any("websocket" in str(c).lower() for c in mounting.conditions):
            continue
        taking = [m for m in balancer.members if not re.search(r"[DSH]", m.parameters.get("status", ""), re.IGNORECASE)]
        if len(taking) > 1:
            yield Spot(
                mounting.directive,
                f"{mounting.path} leads to {len(taking)} members of balancer://{balancer.name} in turns",
            )


_POLLS = re.compile(r"socket\\?\.io|engine\\?\.io|sockjs|signalr|_blazor|cometd|faye|primus|/negotiate", re.IGNORECASE)
"""Paths of transports that begin with plain requests, or fall back to them."""


RULES = (
    Rule(
        id="WSLB-C040",
        severity=Severity.WARNING,
        why="A cookie names a route: a member without one can never be named, and its clients are balanced anew.",
        cure="BalancerMember … route=name, a different name for each member, no dot in it",
        find=_no_routes,
    ),
    Rule(
        id="WSLB-C041",
        severity=Severity.NOTE,
        why="Routes are looked for only in the cookie or parameter that stickysession= names: nobody sticks.",
        cure="ProxySet stickysession=ROUTEID, or no route=",
        find=_no_stickiness,
    ),
    Rule(
        id="WSLB-C042",
        severity=Severity.WARNING,
        why="The first member of a route takes all its clients.",
        cure="Give every member a route of its own.",
        find=_same_route,
    ),
    Rule(
        id="WSLB-C043",
        severity=Severity.NOTE,
        why="httpd takes everything behind the first dot of the cookie's value for the route: whatever else puts a dot "
        "into the value, or reads its last part, disagrees.",
        cure="A route of letters, digits and hyphens.",
        find=_dotted,
    ),
    Rule(
        id="WSLB-C044",
        severity=Severity.WARNING,
        why="Output filters, mod_headers among them, do not run for 101 Switching Protocols: a client that opens only "
        "WebSockets never gets the cookie.",
        cure="Let the backend set the cookie in its handshake answer, or an earlier page of this balancer, or of one "
        "with the same stickysession= and routes.",
        find=_cookie_on_101,
    ),
    Rule(
        id="WSLB-C045",
        severity=Severity.WARNING,
        why="socket.io, SockJS and SignalR open with plain requests, or poll: each of one connection must reach the "
        "same member, another one answers 400 or 404 to an unknown id.",
        cure="route= on each member and ProxySet stickysession= with the cookie of the backends; or clients that use "
        "the WebSocket transport alone",
        find=_polling,
    ),
)
