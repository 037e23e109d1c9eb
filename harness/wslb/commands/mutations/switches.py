"""The proxy is configured otherwise than a scenario beyond the main job claims: one directive or parameter each."""

from __future__ import annotations

from dataclasses import replace

from wslb.commands.mutations.mutation import Mutation
from wslb.commands.mutations.served import Tamper, balancer, directives, member, method
from wslb.model.balancer import Balancer, LbMethod, Site
from wslb.model.sites import with_parameters

__all__ = ["MUTATIONS"]


def parameters(*pairs: tuple[str, str]) -> Tamper:
    """Every member of the first balancer has these parameters and no other."""

    def change(before: Balancer) -> Balancer:
        return replace(before, members=tuple(replace(member, parameters=pairs) for member in before.members))

    return balancer(change)


def parameters_more(**more: str) -> Tamper:
    """Every member of the first balancer has these parameters as well; the last of one name counts."""

    def change(before: Balancer) -> Balancer:
        return replace(before, members=tuple(with_parameters(member, **more) for member in before.members))

    return balancer(change)


def threads(count: int) -> Tamper:
    """The only child has so many threads."""
    return lambda site: replace(site, process_model=replace(site.process_model, threads=count))


def to_members(*lines: str) -> Tamper:
    """These directives rule TLS to the members, and no other."""
    return lambda site: replace(site, tls_directives=lines)


def _children_stay(site: Site) -> Site:
    return replace(site, process_model=replace(site.process_model, connections_per_child=0))


ROWS: tuple[tuple[str, str, str, tuple[str, ...], Tamper], ...] = (
    (
        "crowd-weighted",
        "node has loadfactor 3 while 50 open at once in one process",
        "concurrency-50-one-child",
        ("balanced", "members_as_claimed"),
        member("node", loadfactor=3),
    ),
    (
        "referer-made-up",
        "mod_headers writes a Referer that balancer-manager believes",
        "manager-lock-referer-missing",
        ("changed_nothing", "log_tells"),
        directives('RequestHeader setifempty Referer "expr=http://%{HTTP_HOST}/balancer-manager"'),
    ),
    (
        "retry-long",
        "a dead member is left alone for 60 s instead of not at all",
        "failover-retry-zero",
        ("elected_between",),
        member("dead", parameters=(("retry", "60"),)),
    ),
    (
        "log-silenced",
        "httpd logs nothing below crit",
        "failover-refused",
        ("log_tells",),
        directives("LogLevel crit", modules=()),
    ),
    (
        "log-elsewhere",
        "httpd's log leads elsewhere",
        "restart-graceful",
        ("restarted",),
        directives("ErrorLog /dev/null", modules=()),
    ),
    (
        "wildcard-lost",
        "the members lack upgrade=ANY",
        "carrier-upgrade-any-wstunnel",
        ("matrix",),
        parameters(),
    ),
    (
        "upgrade-named",
        "http:// members have upgrade=websocket",
        "carrier-upgrade-missing",
        ("upgrade_dropped",),
        parameters(("upgrade", "websocket")),
    ),
    (
        "heartbeat-is-byrequests",
        "byrequests elects instead of heartbeat",
        "methods-heartbeat",
        ("never_elected", "answers"),
        method(LbMethod.BYREQUESTS),
    ),
    (
        "stall-not-cured",
        "TLS 1.3 is spoken to the members instead of 1.2",
        "tls-stall-cured",
        ("never_stalled",),
        to_members("SSLProxyProtocol TLSv1.3"),
    ),
    (
        "stall-cured",
        "TLS 1.2 is spoken to the members instead of 1.3",
        "tls-stall",
        ("stalled",),
        to_members("SSLProxyProtocol TLSv1.2"),
    ),
    (
        "peer-unverified",
        "SSLProxyVerify none",
        "tls-untrusted",
        ("answered", "shown_after"),
        to_members("SSLProxyVerify none"),
    ),
    (
        "child-stays",
        "MaxConnectionsPerChild 0: no child is replaced",
        "restart-child-limit",
        ("new_child",),
        _children_stay,
    ),
    (
        "states-persist",
        "BalancerPersist On: what was set at run time outlives a restart",
        "restart-graceful-forgets",
        ("shown_at", "served_by"),
        directives("BalancerPersist On", modules=()),
    ),
    (
        "h2-offered",
        "H2WebSockets is on",
        "carrier-h2-off",
        ("not_offered",),
        directives("H2WebSockets on", modules=()),
    ),
    (
        "probes-rare",
        "health probes come every 30 s",
        "failover-hcheck-expression",
        ("probed",),
        parameters_more(hcinterval="30"),
    ),
    (
        "recipe-lost",
        "Header add Set-Cookie is missing",
        "sticky-set-cookie",
        ("requests_carry",),
        lambda site: replace(site, directives=()),
    ),
    ("threads-to-spare", "httpd has 16 threads instead of 4", "limits-full", ("served_slot_by_slot",), threads(16)),
    (
        "threads-for-pages",
        "httpd has 16 threads instead of 4 when a page is asked for",
        "limits-plain-starves",
        ("requests_waited",),
        threads(16),
    ),
    (
        "status-forgiven",
        "failonstatus is not set",
        "failover-failonstatus-http",
        ("answers", "shown_after"),
        balancer(lambda before: replace(before, parameters=())),
    ),
    (
        "connect-hasty",
        "a connect that nobody answers is given up after 100 ms",
        "failover-blackhole",
        ("waited",),
        member("dead", parameters=(("connectiontimeout", "100ms"),)),
    ),
)
"""Name, what is broken, the scenario, the checks that must go red, and how it is broken."""

MUTATIONS = tuple(
    Mutation(name=name, what=what, scenario=scenario, checks=checks, tamper=tamper)
    for name, what, scenario, checks, tamper in ROWS
)
