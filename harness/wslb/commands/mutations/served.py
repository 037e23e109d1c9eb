"""The proxy is given another configuration than the scenario claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from wslb.commands.mutations.mutation import HEADERS, LB, Mutation
from wslb.model.balancer import Balancer, LbMethod, Member, MemberState, Site
from wslb.model.sites import with_parameters, with_proxy_set
from wslb.scenarios.sticky import RECIPE

__all__ = ["MUTATIONS"]

Tamper = Callable[[Site], Site]

TURNS = ("alternates", "follows_model")
STATES = ("members_as_claimed", *TURNS)


def member(route: str, **changes: object) -> Tamper:
    """One member is configured differently."""

    def tamper(site: Site) -> Site:
        balancer = site.balancers[0]
        return site.with_balancer(balancer.with_member(replace(balancer.member(route), **changes)))  # type: ignore[arg-type]

    return tamper


def parameters(**more: str) -> Tamper:
    """node has these parameters as well."""
    return lambda site: site.with_balancer(
        site.balancers[0].with_member(with_parameters(site.balancers[0].member("node"), **more))
    )


def proxy_set(**more: str) -> Tamper:
    """The balancer has these parameters as well."""
    return lambda site: site.with_balancer(with_proxy_set(site.balancers[0], **more))


def balancer(change: Callable[[Balancer], Balancer]) -> Tamper:
    """The first balancer is another one."""
    return lambda site: site.with_balancer(change(site.balancers[0]))


def method(lbmethod: LbMethod) -> Tamper:
    """Another lbmethod elects."""
    return balancer(lambda before: replace(before, lbmethod=lbmethod))


def directives(*lines: str, modules: tuple[str, ...] = ("headers",)) -> Tamper:
    """The server has these directives as well."""
    return lambda site: replace(site, directives=(*site.directives, *lines), modules=(*site.modules, *modules))


def _crossed(before: Balancer) -> Balancer:
    """Each of two members leads to the other's backend."""
    first, second = before.members
    return replace(before, members=(replace(first, url=second.url), replace(second, url=first.url)))


def _unencrypted(before: Balancer) -> Balancer:
    """Every ``wss://`` member leads to the plain port of the same backend."""
    return replace(before, members=tuple(replace(m, url=m.url.replace("wss://", "ws://")) for m in before.members))


def mount_path(path: str) -> Tamper:
    """The balancer's path is another one."""
    return lambda site: replace(site, mounts=tuple(replace(mount, target_path=path) for mount in site.mounts))


def _elsewhere(site: Site) -> Site:
    node = site.balancers[0].member("node")
    assert urlsplit(node.url).hostname == "node"  # noqa: S101 - the shipped scenario names it so
    return member("node", url=node.url.replace("node", "node-2"))(site)


ROWS: tuple[tuple[str, str, str, tuple[str, ...], Tamper], ...] = (
    ("byrequests-is-bytraffic", "bytraffic elects instead of byrequests", LB, STATES, method(LbMethod.BYTRAFFIC)),
    (
        "byrequests-is-bybusyness",
        "bybusyness elects instead of byrequests; closed in turn, nobody can tell but balancer-manager",
        LB,
        ("members_as_claimed",),
        method(LbMethod.BYBUSYNESS),
    ),
    (
        "byrequests-is-heartbeat",
        "heartbeat elects, without a monitor",
        LB,
        ("answered_101", "log_is_clean", *TURNS),
        method(LbMethod.HEARTBEAT),
    ),
    (
        "bybusyness-is-byrequests",
        "byrequests elects instead of bybusyness, while tunnels of one side were closed",
        "lb-bybusyness-held",
        ("served_by", "follows_model", "members_as_claimed"),
        method(LbMethod.BYREQUESTS),
    ),
    (
        "bybusyness-is-bytraffic",
        "bytraffic elects instead of bybusyness",
        "lb-bybusyness-held",
        ("served_by", "follows_model", "members_as_claimed"),
        method(LbMethod.BYTRAFFIC),
    ),
    (
        "bytraffic-is-byrequests",
        "byrequests elects instead of bytraffic",
        "lb-bytraffic",
        ("follows_model", "members_as_claimed"),
        method(LbMethod.BYREQUESTS),
    ),
    (
        "bytraffic-is-bybusyness",
        "bybusyness elects instead of bytraffic",
        "lb-bytraffic-held",
        ("follows_model", "members_as_claimed"),
        method(LbMethod.BYBUSYNESS),
    ),
    ("weight-doubled", "liberty has loadfactor 2 where all are equal", LB, STATES, member("liberty", loadfactor=2)),
    (
        "weight-tripled-at-once",
        "node has loadfactor 3 while 50 open at once",
        "lb-byrequests-at-once",
        ("split_within", "members_as_claimed"),
        member("node", loadfactor=3),
    ),
    (
        "weight-lost",
        "the weights 3 to 1 are equal in truth",
        "weights-3-1",
        ("repeats", "follows_model", "members_as_claimed"),
        member("liberty", loadfactor=1),
    ),
    (
        "order-reversed",
        "the members are listed the other way round",
        LB,
        STATES,
        balancer(lambda before: replace(before, members=before.members[::-1])),
    ),
    ("member-disabled", "node is configured as disabled", LB, STATES, member("node", state=MemberState.DISABLED)),
    ("member-drain", "node is configured as drain", LB, STATES, member("node", state=MemberState.DRAIN)),
    ("member-stopped", "node is configured as stopped", LB, STATES, member("node", state=MemberState.STOPPED)),
    ("member-standby", "node is configured as standby", LB, STATES, member("node", state=MemberState.STANDBY)),
    ("member-spare", "node is configured as spare", LB, STATES, member("node", state=MemberState.SPARE)),
    (
        "standby-shown",
        "node is configured as standby, where it should be shown as before",
        "failover-http-error",
        ("shown_after",),
        member("node", state=MemberState.STANDBY),
    ),
    ("member-in-another-set", "node has lbset=1", LB, STATES, parameters(lbset="1")),
    (
        "member-limited",
        "node has max=1 while 50 open at once",
        "lb-byrequests-at-once",
        ("members_as_claimed",),
        parameters(max="1"),
    ),
    ("member-redirects", "node has a redirect", LB, ("members_as_claimed",), parameters(redirect="liberty")),
    ("attempts-more", "the balancer tries five times", LB, ("members_as_claimed",), proxy_set(maxattempts="5")),
    ("members-crossed", "each member leads to the other's backend", LB, STATES, balancer(_crossed)),
    ("member-elsewhere", "node's member leads to a second Node.js backend", LB, STATES, _elsewhere),
    (
        "member-hidden",
        "a third member that the scenario knows nothing of",
        LB,
        STATES,
        balancer(lambda before: replace(before, members=(*before.members, Member(route="node-2", url="ws://node-2")))),
    ),
    (
        "member-dead",
        "node's member leads to a port that refuses; the other takes its turns",
        LB,
        (*STATES, "log_is_clean"),
        member("node", url="ws://refused"),
    ),
    (
        "members-unencrypted",
        "wss:// members lead to the plain ports of the same backends",
        "lb-wss-byrequests",
        ("members_as_claimed",),
        balancer(_unencrypted),
    ),
    (
        "sticky-cookie",
        "a cookie pins every connection to node",
        LB,
        TURNS,
        lambda site: directives("RequestHeader set Cookie ROUTEID=.node early")(
            balancer(lambda before: replace(before, stickysession="ROUTEID"))(site)
        ),
    ),
    (
        "path-changed",
        "the balancer's path ends with a slash",
        "headers-query",
        ("arrived_at",),
        mount_path("/CLRunner/"),
    ),
    (
        "host-preserved",
        "ProxyPreserveHost On",
        HEADERS,
        ("forwarded_headers",),
        directives("ProxyPreserveHost On", modules=()),
    ),
    (
        "forwarded-dropped",
        "ProxyAddHeaders Off",
        HEADERS,
        ("forwarded_headers",),
        directives("ProxyAddHeaders Off", modules=()),
    ),
    (
        "origin-rewritten",
        "mod_headers sets another Origin",
        HEADERS,
        ("arrived_intact", "only_known_changes"),
        directives("RequestHeader set Origin http://elsewhere.example"),
    ),
    (
        "agent-removed",
        "mod_headers takes User-Agent off",
        HEADERS,
        ("arrived_intact", "only_known_changes"),
        directives("RequestHeader unset User-Agent"),
    ),
    (
        "field-added",
        "mod_headers adds a field",
        HEADERS,
        ("only_known_changes",),
        directives("RequestHeader set X-Stowaway 1"),
    ),
    (
        "offer-removed",
        "mod_headers takes the offered subprotocols off",
        "headers-subprotocol",
        ("subprotocol_chosen", "arrived_intact"),
        directives("RequestHeader unset Sec-WebSocket-Protocol"),
    ),
    (
        "key-removed",
        "mod_headers takes the key off",
        HEADERS,
        ("answered_101",),
        directives("RequestHeader unset Sec-WebSocket-Key"),
    ),
    (
        "route-forbidden",
        "every second connection is refused by httpd itself",
        LB,
        ("answered_101", *TURNS),
        directives(
            "RewriteEngine On",
            'RewriteCond expr "%{HTTP:X-Wslb-Conn} =~ /[02468]$/"',
            "RewriteRule ^/ws - [F]",
            modules=("rewrite",),
        ),
    ),
    (
        "cookie-set-twice",
        "the route cookie is set by Header and once more by Header always",
        "sticky-set-cookie",
        ("cookies_once",),
        directives(RECIPE.replace("add", "always add", 1), modules=()),
    ),
)
"""Name, what is broken, the scenario, the checks that must go red, and how it is broken."""

MUTATIONS = tuple(
    Mutation(name=name, what=what, scenario=scenario, checks=checks, tamper=tamper)
    for name, what, scenario, checks, tamper in ROWS
)
