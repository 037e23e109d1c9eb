"""Sticky sessions, and what of them reaches an upgrade."""

from __future__ import annotations

from collections.abc import Iterator

from wslb.proxies.apache.advice.rule import Rule, Severity, Spot
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive

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
            route = member.parameters.get("route", "")
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
    """Seen on 2.4.71, both carriers: neither ``Header add`` nor ``Header always set`` puts a field on a 101."""
    for scope in conf.scopes:
        for placed in scope.all("header"):
            words = placed.directive.words
            changed = any("BALANCER_ROUTE" in word.upper() for word in words)
            if changed and any(word.lower().rstrip(":") == "set-cookie" for word in words) and _sticky_tunnels(conf):
                yield Spot(placed.directive, "the cookie of the route is set by mod_headers")


def _sticky_tunnels(conf: Configuration) -> bool:
    return any(balancer.websocket for balancer in conf.balancers)


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
        cure="Let the backend set the cookie in its handshake answer, or an earlier page of the same balancer.",
        find=_cookie_on_101,
    ),
)
