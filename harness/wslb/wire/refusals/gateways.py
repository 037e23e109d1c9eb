"""Causes of 5xx: members that are dead, absent, slow or full, and what a proxy cannot do."""

from __future__ import annotations

from collections.abc import Iterator

from wslb.wire.refusals.cause import Likely, RefusalRule
from wslb.wire.refusals.refusal import Refusal

__all__ = ["RULES"]

_DEAD_REMEDY = {
    "nginx": "Start them and compare address and port with server in upstream and with proxy_pass; the error log says "
    "which (connect() failed); after a failure nginx leaves a member out for fail_timeout",
    "Apache": "Start them and compare address and port with BalancerMember; the error log says which (AH00957); a "
    "failed member stays out for retry= seconds",
    "HAProxy": "Start them and compare address and port with the server lines; let another member take the turn of a "
    "dead one: option redispatch, and check",
    "Traefik": "Start them and compare the URLs of the service; let a health check leave dead ones out",
    "Caddy": "Start them and compare the addresses of reverse_proxy; let another member take the turn: "
    "lb_try_duration, fail_duration",
    "Envoy": "Start them and compare the endpoints of the cluster; let another take the turn: retry_policy with "
    "retry_on: connect-failure, and health_checks",
}  # fmt: skip

_SLOW_REMEDY = {
    "nginx": "Look what the member waits for; nginx waits for proxy_connect_timeout and proxy_read_timeout",
    "Apache": "Look what the member waits for; Apache waits for timeout= of the member, else ProxyTimeout",
    "HAProxy": "Look what the member waits for; HAProxy waits for timeout server",
    "Envoy": "Look what the member waits for; Envoy waits for timeout of the route, 15 s by itself",
}  # fmt: skip

_REMEDY = "Start the members, and compare their addresses with the proxy's configuration; its error log says which"


def _dead(it: Refusal) -> Likely:
    return Likely(
        name="members dead",
        cause=f"{it.proxy or 'The proxy'} reaches no member: this one is down, or not where the proxy looks for it",
        remedy=_DEAD_REMEDY.get(it.proxy, _REMEDY),
    )


_HUNG_UP = Likely(
    name="member hung up",
    cause="A member took the request and ended the connection without a good answer: it died, or it speaks another "
    "protocol (TLS, PROXY protocol)",
    remedy="Ask that member directly with wslb check; compare http or https, send-proxy and the path",
)


_FULL = Likely(
    name="full",
    cause="The proxy is at its limit of connections or requests",
    remedy="Raise it (nginx: limit_conn, limit_req, max_conns; HAProxy: maxconn, timeout queue; Envoy: "
    "circuit_breakers max_connections, max_requests), or end tunnels that nobody needs",
)

_CLOUDFLARE = {
    520: "an answer that it cannot read", 521: "no connection: the server refuses it", 522: "no connection in time",
    523: "no way to the server", 524: "no answer in time", 525: "no TLS with the server",
    526: "a certificate of the server that it does not trust",
}  # fmt: skip


def _cdn(it: Refusal) -> Iterator[Likely]:
    if it.status in _CLOUDFLARE and it.proxy in {"Cloudflare", ""}:
        yield Likely(
            name="CDN",
            cause=f"Cloudflare got {_CLOUDFLARE[it.status]}",
            remedy="Ask the server behind it directly, and compare its address and TLS with Cloudflare's settings",
        )


def _internal(it: Refusal) -> Iterator[Likely]:
    if it.status == 500:
        if it.page_of == "Apache":
            yield Likely(
                name="module missing",
                cause="Apache has no module for the scheme of the member",
                remedy="Load mod_proxy_wstunnel for ws://, mod_proxy_http for http://; the error log has AH01144",
            )
        yield Likely(
            name="server error",
            cause="The server failed while it took the handshake",
            remedy="Read its error log of this moment",
        )


def _bad_gateway(it: Refusal) -> Iterator[Likely]:
    if it.status != 502:
        return
    if it.page_of == "HAProxy" or (it.page_of == "Apache" and it.says("error reading from remote|invalid response")):
        yield _HUNG_UP
        yield _dead(it)
    else:
        yield _dead(it)
        yield _HUNG_UP


def _unavailable(it: Refusal) -> Iterator[Likely]:
    if it.status != 503:
        return
    if it.says(r"overflow"):
        yield _FULL
    if it.says(r"no healthy upstream"):
        yield _dead(it)
    elif it.says(
        r"reset before headers.{0,40}(connection termination|protocol error)|disconnect.{0,60}connection termination"
    ):
        yield _HUNG_UP
    if it.page_of == "nginx" or it.field("Retry-After"):
        yield _FULL
    yield _dead(it)
    yield _FULL


def _slow(it: Refusal) -> Iterator[Likely]:
    if it.status != 504:
        return
    yield Likely(
        name="member slow",
        cause=f"A member took the connection and gave no answer in time; the proxy waited {it.seconds:.1f} s",
        remedy=_SLOW_REMEDY.get(it.proxy, "Look what the member waits for, and at the proxy's timeouts"),
    )
    yield _dead(it)


def _version(it: Refusal) -> Iterator[Likely]:
    if it.status == 505:
        yield Likely(
            name="HTTP/1.0",
            cause="The server does not take the version of HTTP in which the request came",
            remedy="Let the proxy speak HTTP/1.1 to it (nginx: proxy_http_version 1.1)",
        )


RULES: tuple[RefusalRule, ...] = (_cdn, _internal, _bad_gateway, _unavailable, _slow, _version)
