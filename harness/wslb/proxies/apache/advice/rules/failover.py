"""What becomes of a member that fails: whether it is tried again, watched, or any is left to elect."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wslb.proxies.apache.advice.rule import Older, Rule, Severity, Spot
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.vocabulary import HC_METHODS

__all__ = ["RULES"]

_OFF = re.compile(r"(?:^|\+|[^-\w])[DSI]|^[DS]", re.IGNORECASE)
"""A ``status=`` that disables or stops its member."""


def _none_usable(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: with ``status=+D`` on both members every request is answered 503 with AH01170."""
    for balancer in conf.balancers:
        off = [m for m in balancer.members if _OFF.search(m.parameters.get("status", ""))]
        if off and len(off) == len(balancer.members):
            yield Spot(off[0].directive, f"every member of balancer://{balancer.name} is disabled or stopped")


def _retry_zero(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: the dead member is tried at every turn, and elected 5 times of 6."""
    for _, member in conf.direct_members():
        if re.fullmatch(r"0+(?:s|ms)?", member.parameters.get("retry", "")) and member.websocket:
            yield Spot(member.directive, f"retry=0 on {member.url}")


def _no_recovery(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: with every member in error and forcerecovery=Off, 503 until the retry time of one is over."""
    for balancer in conf.balancers:
        if (balancer.setting("forcerecovery") or "").lower() == "off" and balancer.websocket:
            yield Spot(balancer.set_at("forcerecovery"), f"forcerecovery=Off on balancer://{balancer.name}")


def _not_over_wstunnel(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: mod_proxy_wstunnel ignores both; over mod_proxy_http both work."""
    for balancer in conf.balancers:
        if balancer.websocket and conf.carrier(balancer.scope) == "proxy_wstunnel":
            for key in ("failonstatus", "failontimeout"):
                if balancer.setting(key) is not None:
                    yield Spot(
                        balancer.set_at(key),
                        f"{key}={balancer.setting(key)}, but mod_proxy_wstunnel carries the tunnels",
                    )


def _hcheck_by_http(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: a GET, HEAD or OPTIONS on an endpoint is answered 404; both members HcFl, every open 503.

    Also seen there: CPING stops ``httpd -t`` (not yet implemented), but not where mod_proxy_ajp is loaded.
    """
    for balancer in conf.balancers if conf.knows("hcmethod") else ():
        for member in balancer.members:
            method = member.parameters.get("hcmethod", "").lower()
            over_http = method in HC_METHODS - {"tcp", "none"} and member.scheme in {"ws", "wss"}
            if over_http and not {"hcexpr", "hctemplate"} & member.parameters.keys():
                yield Spot(member.directive, f"hcmethod={method.upper()} asks {member.url} over HTTP")
            elif method == "cping" and member.scheme != "ajp":
                yield Spot(member.directive, f"hcmethod=CPING asks {member.url} in AJP", severity=Severity.ERROR)


RULES = (
    Rule(
        id="WSLB-C032",
        severity=Severity.ERROR,
        why="No member may be elected: every request is answered 503 (AH01170).",
        cure="Take status=+D or +S off at least one member.",
        find=_none_usable,
    ),
    Rule(
        id="WSLB-C033",
        severity=Severity.WARNING,
        why="A dead member is tried again at every turn: each such client waits for the connect before it fails over.",
        cure="retry=5 or more, or mod_proxy_hcheck with hcmethod=TCP",
        older=Older(before=(2, 4, 21), cure="retry=5 or more"),
        find=_retry_zero,
    ),
    Rule(
        id="WSLB-C034",
        severity=Severity.WARNING,
        why="When every member is in error, all clients get 503 until a retry time is over, even if a backend is back.",
        cure="Leave it at its default, On, or make retry= short.",
        find=_no_recovery,
    ),
    Rule(
        id="WSLB-C035",
        severity=Severity.WARNING,
        why="mod_proxy_wstunnel passes the backend's bytes on unread: it never sees the status, and it waits for ever.",
        cure="Let mod_proxy_http carry: remove ProxyWebsocketFallbackToProxyHttp Off and load proxy_http_module.",
        older=Older(before=(2, 4, 48), cure="Remove it: mod_proxy_wstunnel cannot do that."),
        find=_not_over_wstunnel,
    ),
    Rule(
        id="WSLB-C037",
        severity=Severity.WARNING,
        why="The check is no opening handshake: a server that knows WebSockets only answers 404, 405 or 426, "
        "every member is in error (HcFl), every open gets 503.",
        cure="hcmethod=TCP, or GET11 with hcuri= of a page that answers 200, or hcexpr= that takes that answer",
        older=Older(
            before=(2, 4, 55),
            cure="hcmethod=TCP, or GET with hcuri= of a page that answers 200, or hcexpr= that takes that answer",
        ),
        find=_hcheck_by_http,
    ),
)
