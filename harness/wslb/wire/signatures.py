"""The line of a proxy's configuration that tells a client which backend answered, for each proxy that says who it is.

Only lines that reach the client on a 101: what is added to other answers alone would tell nothing of a tunnel.
"""

from __future__ import annotations

from dataclasses import dataclass

from wslb.model.handshake import Headers, one_header

__all__ = ["line_for", "proxy_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What to write, and how it is then asked for; no line where none reaches a 101."""

    product: str
    line: str
    identify: str


_SIGNATURES = (
    Signature(
        product="nginx", line="add_header X-Served-By $upstream_addr always;", identify="header:X-Served-By"
    ),
    Signature(
        product="haproxy", line="http-response set-header X-Served-By %s", identify="header:X-Served-By"
    ),
    Signature(product="apache", line="", identify="header:X-Served-By"),
    Signature(
        product="envoy",
        line='response_headers_to_add: [{header: {key: X-Served-By, value: "%UPSTREAM_HOST%"}}]',
        identify="header:X-Served-By",
    ),
    Signature(
        product="traefik", line="loadBalancer: {sticky: {cookie: {name: served}}}", identify="cookie:served"
    ),
    Signature(product="caddy", line="lb_policy cookie served", identify="cookie:served"),
)  # fmt: skip


def proxy_of(response: Headers) -> str:
    """What the fields of an answer say of who sent it."""
    server, via = (one_header(response, name) or "" for name in ("Server", "Via"))
    return f"{server}, Via {via}" if server and via else server or (f"Via {via}" if via else "")


def line_for(server: str) -> str:
    """What to add, as a sentence, where the field Server or Via names a proxy of the table; else what any can do."""
    for one in _SIGNATURES:
        if one.product in server.lower() and not one.line:
            return (
                f"no line of {one.product} reaches a 101: let each server send a field X-Served-By of its own with it, "
                f"then --identify {one.identify}"
            )
        if one.product in server.lower():
            return f"for {one.product} add {one.line}, then --identify {one.identify}"
    lines = " or ".join(f"{one.product}: {one.line}" for one in _SIGNATURES if one.product in {"nginx", "haproxy"})
    return f"let the proxy or the server say it ({lines}), or name what does: --identify json:FIELD, message:REGEX"
