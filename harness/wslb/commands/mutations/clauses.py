"""What a scenario says beside its main claim is broken: TLS, certificates, requests of others, tunnels side by side."""

from __future__ import annotations

from dataclasses import replace

from wslb.commands.mutations.behaviour import fault
from wslb.commands.mutations.mutation import Mutation, at
from wslb.commands.mutations.served import directives
from wslb.lab.edits import double
from wslb.lab.relay import FRONT
from wslb.model.balancer import Balancer, Site

__all__ = ["MUTATIONS"]


def _unverified(site: Site) -> Site:
    """httpd asks its members for no certificate that anybody has vouched for."""
    return replace(site, tls_directives=(*site.tls_directives, "SSLProxyVerify none"))


def _straight(url: str) -> str:
    return url.replace("wss://", "ws://")


def _unencrypted(site: Site) -> Site:
    """Whatever is mounted is reached on its plain port."""
    mounts = []
    for mount in site.mounts:
        target = mount.target
        if isinstance(target, Balancer):
            plain = replace(target, members=tuple(replace(m, url=_straight(m.url)) for m in target.members))
            mounts.append(replace(mount, target=plain))
        else:
            mounts.append(replace(mount, target=_straight(target)))
    return replace(site, mounts=tuple(mounts))


def _endpoint_probed(site: Site) -> Site:
    """liberty is probed where its endpoint is."""
    balancer = site.balancers[0]
    liberty = balancer.member("liberty")
    probed = {**dict(liberty.parameters), "hcuri": "CLRunner"}
    return site.with_balancer(balancer.with_member(replace(liberty, parameters=tuple(probed.items()))))


MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        name="members-unverified",
        what="httpd believes any certificate of a member",
        scenario="lb-wss-byrequests",
        checks=("stranger_refused",),
        tamper=_unverified,
    ),
    Mutation(
        name="backend-unencrypted",
        what="the only backend of /wss is reached on its plain port",
        scenario="article-listing5-liberty-wss",
        checks=("encrypted",),
        tamper=_unencrypted,
    ),
    Mutation(
        name="held-closed-early",
        what="node closes every tunnel that should be held",
        scenario="lb-byrequests-held",
        checks=("open_together", "ended_orderly"),
        before=fault("node", "close", code=1001, reason="early"),
    ),
    Mutation(
        name="page-forbidden",
        what="the page that takes no turn is not served either",
        scenario="thieves-page",
        checks=("requests_answered",),
        tamper=directives("RewriteEngine On", "RewriteRule ^/WSConsole.html - [F]", modules=("rewrite",)),
    ),
    Mutation(
        name="listing-twice",
        what="one listing comes twice, so that later commands meet the listing before",
        scenario="article-commands",
        checks=("in_order",),
        wire=at(FRONT, double, number=2, connections=(1,)),
    ),
    Mutation(
        name="endpoint-probed",
        what="health probes reach the endpoint that they should miss",
        scenario="failover-hcheck-path",
        checks=("probe_answers",),
        tamper=_endpoint_probed,
    ),
)
