"""The proxy is given another configuration than the scenario claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from wslb.commands.mutations.mutation import Mutation
from wslb.model.balancer import Balancer, LbMethod, Member, MemberState, Site
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


def _state(state: MemberState, word: str) -> Mutation:
    return Mutation(
        name=f"member-{word}",
        what=f"node is configured as {word}",
        scenario="lb-byrequests",
        checks=STATES,
        tamper=member("node", state=state),
    )


def _elsewhere(site: Site) -> Site:
    node = site.balancers[0].member("node")
    assert urlsplit(node.url).hostname == "node"  # noqa: S101 - the shipped scenario names it so
    return member("node", url=node.url.replace("node", "node-2"))(site)


MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        name="byrequests-is-bytraffic",
        what="bytraffic elects instead of byrequests",
        scenario="lb-byrequests",
        checks=("members_as_claimed", *TURNS),
        tamper=method(LbMethod.BYTRAFFIC),
        needs=("lbmethod_bytraffic",),
    ),
    Mutation(
        name="byrequests-is-bybusyness",
        what="bybusyness elects instead of byrequests; closed in turn, nobody can tell but balancer-manager",
        scenario="lb-byrequests",
        checks=("members_as_claimed",),
        tamper=method(LbMethod.BYBUSYNESS),
        needs=("lbmethod_bybusyness",),
    ),
    Mutation(
        name="byrequests-is-heartbeat",
        what="heartbeat elects, without a monitor",
        scenario="lb-byrequests",
        checks=("answered_101", "log_is_clean", *TURNS),
        tamper=method(LbMethod.HEARTBEAT),
        needs=("lbmethod_heartbeat",),
    ),
    Mutation(
        name="bybusyness-is-byrequests",
        what="byrequests elects instead of bybusyness, while tunnels of one side were closed",
        scenario="lb-bybusyness-held",
        checks=("served_by", "follows_model", "members_as_claimed"),
        tamper=method(LbMethod.BYREQUESTS),
    ),
    Mutation(
        name="bybusyness-is-bytraffic",
        what="bytraffic elects instead of bybusyness",
        scenario="lb-bybusyness-held",
        checks=("served_by", "follows_model", "members_as_claimed"),
        tamper=method(LbMethod.BYTRAFFIC),
        needs=("lbmethod_bytraffic",),
    ),
    Mutation(
        name="bytraffic-is-byrequests",
        what="byrequests elects instead of bytraffic",
        scenario="lb-bytraffic",
        checks=("follows_model", "members_as_claimed"),
        tamper=method(LbMethod.BYREQUESTS),
    ),
    Mutation(
        name="bytraffic-is-bybusyness",
        what="bybusyness elects instead of bytraffic",
        scenario="lb-bytraffic-held",
        checks=("follows_model", "members_as_claimed"),
        tamper=method(LbMethod.BYBUSYNESS),
        needs=("lbmethod_bybusyness",),
    ),
    Mutation(
        name="weight-doubled",
        what="liberty has loadfactor 2 where all are equal",
        scenario="lb-byrequests",
        checks=STATES,
        tamper=member("liberty", loadfactor=2),
    ),
    Mutation(
        name="weight-tripled-at-once",
        what="node has loadfactor 3 while 50 open at once",
        scenario="lb-byrequests-at-once",
        checks=("split_within", "members_as_claimed"),
        tamper=member("node", loadfactor=3),
    ),
    Mutation(
        name="weight-lost",
        what="the weights 3 to 1 are equal in truth",
        scenario="weights-3-1",
        checks=("repeats", "follows_model", "members_as_claimed"),
        tamper=member("liberty", loadfactor=1),
    ),
    Mutation(
        name="order-reversed",
        what="the members are listed the other way round",
        scenario="lb-byrequests",
        checks=STATES,
        tamper=balancer(lambda before: replace(before, members=before.members[::-1])),
    ),
    _state(MemberState.DISABLED, "disabled"),
    _state(MemberState.DRAIN, "drain"),
    _state(MemberState.STOPPED, "stopped"),
    _state(MemberState.STANDBY, "standby"),
    _state(MemberState.SPARE, "spare"),
    Mutation(
        name="members-crossed",
        what="each member leads to the other's backend",
        scenario="lb-byrequests",
        checks=STATES,
        tamper=balancer(_crossed),
    ),
    Mutation(
        name="member-elsewhere",
        what="node's member leads to a second Node.js backend",
        scenario="lb-byrequests",
        checks=STATES,
        tamper=_elsewhere,
    ),
    Mutation(
        name="member-hidden",
        what="a third member that the scenario knows nothing of",
        scenario="lb-byrequests",
        checks=STATES,
        tamper=balancer(
            lambda before: replace(before, members=(*before.members, Member(route="node-2", url="ws://node-2")))
        ),
    ),
    Mutation(
        name="member-dead",
        what="node's member leads to a port that refuses; the other takes its turns",
        scenario="lb-byrequests",
        checks=(*STATES, "log_is_clean"),
        tamper=member("node", url="ws://refused"),
    ),
    Mutation(
        name="members-unencrypted",
        what="wss:// members lead to the plain ports of the same backends",
        scenario="lb-wss-byrequests",
        checks=("members_as_claimed",),
        tamper=balancer(_unencrypted),
    ),
    Mutation(
        name="sticky-cookie",
        what="a cookie pins every connection to node",
        scenario="lb-byrequests",
        checks=TURNS,
        tamper=lambda site: directives("RequestHeader set Cookie ROUTEID=.node early")(
            balancer(lambda before: replace(before, stickysession="ROUTEID"))(site)
        ),
        needs=("headers",),
    ),
    Mutation(
        name="path-changed",
        what="the balancer's path ends with a slash",
        scenario="headers-query",
        checks=("arrived_at", "answered_101"),
        tamper=mount_path("/CLRunner/"),
    ),
    Mutation(
        name="host-preserved",
        what="ProxyPreserveHost On",
        scenario="headers-handshake",
        checks=("forwarded_headers",),
        tamper=directives("ProxyPreserveHost On", modules=()),
    ),
    Mutation(
        name="forwarded-dropped",
        what="ProxyAddHeaders Off",
        scenario="headers-handshake",
        checks=("forwarded_headers",),
        tamper=directives("ProxyAddHeaders Off", modules=()),
    ),
    Mutation(
        name="origin-rewritten",
        what="mod_headers sets another Origin",
        scenario="headers-handshake",
        checks=("arrived_intact", "only_known_changes"),
        tamper=directives("RequestHeader set Origin http://elsewhere.example"),
        needs=("headers",),
    ),
    Mutation(
        name="agent-removed",
        what="mod_headers takes User-Agent off",
        scenario="headers-handshake",
        checks=("arrived_intact", "only_known_changes"),
        tamper=directives("RequestHeader unset User-Agent"),
        needs=("headers",),
    ),
    Mutation(
        name="field-added",
        what="mod_headers adds a field",
        scenario="headers-handshake",
        checks=("only_known_changes",),
        tamper=directives("RequestHeader set X-Stowaway 1"),
        needs=("headers",),
    ),
    Mutation(
        name="offer-removed",
        what="mod_headers takes the offered subprotocols off",
        scenario="headers-subprotocol",
        checks=("subprotocol_chosen", "arrived_intact"),
        tamper=directives("RequestHeader unset Sec-WebSocket-Protocol"),
        needs=("headers",),
    ),
    Mutation(
        name="key-removed",
        what="mod_headers takes the key off",
        scenario="headers-handshake",
        checks=("answered_101",),
        tamper=directives("RequestHeader unset Sec-WebSocket-Key"),
        needs=("headers",),
    ),
    Mutation(
        name="route-forbidden",
        what="every second connection is refused by httpd itself",
        scenario="lb-byrequests",
        checks=("answered_101", *TURNS),
        tamper=directives(
            "RewriteEngine On",
            'RewriteCond expr "%{HTTP:X-Wslb-Conn} =~ /[02468]$/"',
            "RewriteRule ^/ws - [F]",
            modules=("rewrite",),
        ),
        needs=("rewrite",),
    ),
    Mutation(
        name="cookie-set-twice",
        what="the route cookie is set by Header and once more by Header always",
        scenario="sticky-set-cookie",
        checks=("cookies_once",),
        tamper=directives(RECIPE.replace("add", "always add", 1), modules=()),
        needs=("headers",),
    ),
)
