"""The other module carries the tunnels."""

from __future__ import annotations

from dataclasses import replace

from wslb.commands.mutations.mutation import LB, Mutation
from wslb.model.balancer import Carrier, Site

__all__ = ["MUTATIONS"]


def _through_http(site: Site) -> Site:
    return replace(site, carrier=Carrier.HTTP)


def _through_wstunnel(site: Site) -> Site:
    return replace(site, carrier=Carrier.WSTUNNEL)


MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        name="carrier-is-http",
        what="mod_proxy_http carries instead of mod_proxy_wstunnel",
        scenario=LB,
        checks=("carried_as_asked",),
        tamper=_through_http,
        carrier=Carrier.WSTUNNEL,
    ),
    Mutation(
        name="carrier-is-wstunnel",
        what="mod_proxy_wstunnel carries instead of mod_proxy_http",
        scenario=LB,
        checks=("carried_as_asked",),
        tamper=_through_wstunnel,
        carrier=Carrier.HTTP,
    ),
)
