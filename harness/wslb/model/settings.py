"""What of a balancer's configuration its manager shows besides states and loadfactors, held against what is claimed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wslb.model.balancer import Balancer
from wslb.model.results import MemberStatus

__all__ = ["OF_BALANCER", "OF_MEMBER", "SIZES", "deviations"]

OF_MEMBER: Mapping[str, str] = {"lbset": "0", "min": "0", "ttl": "0", "redirect": ""}
"""Parameters of BalancerMember that balancer-manager shows, and their defaults (mod_proxy, ProxyPass)."""

OF_BALANCER = ("maxattempts",)
"""Parameters of ProxySet that it shows; maxattempts is one less than there are members where it is not set."""

SIZES = ("max", "smax")
"""Parameters whose default, the threads of a process, is one for all members."""


def deviations(balancer: Balancer, shown: Sequence[MemberStatus], *, threads: int | None = None) -> list[str]:
    """Each setting that is shown otherwise than it is claimed, as a clause; what is not shown cannot deviate.

    Args:
        balancer: as it is claimed.
        shown: its members on the page.
        threads: of a process; one with a single thread keeps one connection and shows 0 for `SIZES`, whatever is
            set (ap_proxy_initialize_worker in proxy_util.c), and versions such as 2.4.12 show no more than it has;
            None where that is not known.
    """
    found: list[str] = []
    by_route = {status.route: dict(status.settings) for status in shown}
    usual = {name: _usual(balancer, by_route, name) for name in SIZES}
    shared = dict(balancer.parameters)
    defaults = {**OF_MEMBER, **usual, "maxattempts": shared.get("maxattempts", str(max(len(balancer.members) - 1, 0)))}
    for member in balancer.members:
        own = dict(member.parameters)
        for name, value in by_route.get(member.route, {}).items():
            want = own.get(name, defaults.get(name, value))
            if name in SIZES and threads == 1:
                want = "0"
            elif name in SIZES and name in own and threads and int(value) == threads < int(want):
                continue
            if value != want and (name in own or not (name in SIZES and set(own) & {*SIZES})):
                found.append(f"{member.route} has {name}={value or 'none'}, not {want or 'none'}")
    return found


def _usual(balancer: Balancer, shown: Mapping[str, Mapping[str, str]], name: str) -> str:
    """The largest value among members that do not set it: a smaller one was set behind the scenario's back."""
    free = [m.route for m in balancer.members if not {*SIZES} & set(dict(m.parameters))]
    values = [int(value) for route in free if (value := shown.get(route, {}).get(name, "")).isdecimal()]
    return str(max(values, default=0))
