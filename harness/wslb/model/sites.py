"""Sites that several scenarios share: the article's balancer in front of both backends, plain and TLS."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from wslb.identity import Identity
from wslb.model.balancer import Balancer, LbMethod, Listener, Member, Mount, Site

__all__ = [
    "CLUSTER",
    "LIBERTY",
    "NODE",
    "STRANGER",
    "TLS_CLUSTER",
    "TLS_LIBERTY",
    "TLS_NODE",
    "balanced",
    "cluster",
    "wide",
    "with_parameters",
    "with_proxy_set",
    "with_stranger",
]

LIBERTY = Member(route="liberty", url="ws://liberty/WSConsole")
NODE = Member(route="node", url="ws://node")
TLS_LIBERTY = Member(route="liberty", url="wss://liberty/WSConsole")
TLS_NODE = Member(route="node", url="wss://node")


def cluster(*members: Member, lbmethod: LbMethod = LbMethod.BYREQUESTS) -> Balancer:
    """The article's balancer ``mycluster`` over these members."""
    return Balancer(name="mycluster", members=members, lbmethod=lbmethod)


STRANGER = "/stranger"
"""Path of a backend that nobody has vouched for (`with_stranger`)."""

CLUSTER = cluster(LIBERTY, NODE)
TLS_CLUSTER = cluster(TLS_LIBERTY, TLS_NODE)


def balanced(balancer: Balancer, *, echo: bool = False) -> Site:
    """A site with one balancer: on ``/ws``, or on ``/wss`` of the TLS side when its members are ``wss://``.

    Args:
        balancer: what to mount.
        echo: lead to the echo endpoints instead of the CL endpoints.
    """
    listener = Listener.TLS if balancer.members[0].url.startswith("wss") else Listener.PLAIN
    target_path = "/echo" if echo else "/CLRunner"
    return Site(mounts=(Mount(path=f"/{listener.value}", target=balancer, target_path=target_path, listener=listener),))


def wide(lbmethod: LbMethod | None = None, *, tls: bool = True, backends: Collection[str] | None = None) -> Site:
    """Both balancers of Listing 8, plain and TLS, as ``wslb up`` serves them; of these backends, or of both."""
    method = lbmethod or LbMethod.BYREQUESTS
    further = [name for name in backends or () if name not in {LIBERTY.backend, NODE.backend}]

    def over(*members: Member) -> Site:
        kept = [member for member in members if backends is None or member.backend in backends]
        return balanced(cluster(*kept, lbmethod=method).widened(further))

    plain, secure = over(LIBERTY, NODE), over(TLS_LIBERTY, TLS_NODE)
    return Site(mounts=(*plain.mounts, *(secure.mounts if tls else ())))


def with_parameters(member: Member, **parameters: str) -> Member:
    """A member with BalancerMember parameters, such as ``retry="2"``."""
    return replace(member, parameters=(*member.parameters, *parameters.items()))


def with_proxy_set(balancer: Balancer, **parameters: str) -> Balancer:
    """A balancer with ``ProxySet`` parameters, such as ``maxattempts="0"``."""
    return replace(balancer, parameters=tuple(parameters.items()))


def with_stranger(site: Site) -> Site:
    """Copy with a backend beside the members, on the same side, whose certificate no known authority has signed."""
    stranger = Mount(path=STRANGER, target="wss://node-8/CLRunner", listener=site.mounts[0].listener)
    identities = {**site.identities, "node-8": Identity(trusted=False)}
    return replace(site, mounts=(*site.mounts, stranger), identities=identities)
