"""Which claims of the catalogue were measured on nginx (1.22.1), and what explains them there."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["MEASURED"]

_RULE = (
    "Each election adds every server's weight to its current weight, elects the largest (first listed on a tie) and "
    "takes the sum of all from it: a smooth cycle, not blocks (ngx_http_upstream_round_robin)."
)

_SHARED = "One worker, and a zone: without a zone each worker of nginx counts its own turns (ngx_http_upstream_module)."

_LEAST = (
    "least_conn elects the server with the fewest tunnels per weight; several such take turns among themselves, by the "
    "rule of round robin (ngx_http_upstream_least_conn)."
)

_TLS = (
    "Both hops are verified: clients trust the run's authority alone, nginx asks members under the name localhost "
    "(proxy_ssl_verify, proxy_ssl_trusted_certificate, proxy_ssl_name), since it compares no address."
)

_ONE_PATH = "nginx asks all members of an upstream on one path, so a member's own path is not part of the question."

_CONNECTIONS = "One worker serves all of them: each tunnel takes two of its worker_connections."

_TURN = "A server is elected for every request to the upstream, before anybody knows whether a tunnel comes of it."

_UNBALANCED = "Only a request that is passed to the upstream takes a turn."

_SEGMENTS = "The locations are the path itself and what is below it; location /ws alone would take /wsx too."

_BUFFER = (
    "A line of the head must fit into one of large_client_header_buffers (4 of 8 kB), or nginx itself answers 400, of "
    "the request line 414."
)

_APART = "Each upstream has turns of its own."

_DEAD = (
    "A refused connect makes nginx try the next server (proxy_next_upstream), and leaves the first alone for "
    "fail_timeout, 10 s by default, after max_fails, 1 by default."
)

_CONNECTION = "The map of the template writes Connection: upgrade whenever the client sends Upgrade."

_FORWARDED = "nginx judges no handshake: it passes it on, and the backend's answer comes back."

_STRICT = "nginx answers 400 itself to a head that is no HTTP, before it elects (ngx_http_process_request_headers)."

_BODY = "nginx reads the body, and sends it to the member with its Content-Length, as of any request."

_REDIRECT = "proxy_redirect rewrites a Location that begins with the name of the upstream, not with a member's address."

_ANSWER = "An answer is an answer: proxy_next_upstream is for errors and timeouts unless it names statuses."

_BYTES = "After the 101 nginx copies bytes and knows no frames."

_HALF = "nginx closes both ways at once when the client half-closes."

_STICKY = (
    "sticky route (1.29.6 and later) is told the route of the URL, else that of the cookie, by maps on what follows "
    "the first dot."
)

_RELOAD = "nginx reloads by HUP: the old worker serves its tunnels to the end, and the turns begin anew in the new one."

_STOP = "nginx stops so by QUIT: the port is closed, and the master ends with the last tunnel."

MEASURED: Mapping[str, str] = {
    "lb-byrequests": _SHARED,
    "lb-byrequests-held": _SHARED,
    "lb-byrequests-long": _SHARED,
    "lb-byrequests-long-held": _SHARED,
    "lb-byrequests-reversed": _SHARED,
    "lb-byrequests-at-once": _SHARED,
    "lb-bybusyness": _LEAST,
    "methods-bybusyness-closed": _LEAST,
    "concurrency-500-bybusyness": _LEAST,
    "thieves-bybusyness": _LEAST,
    "lb-wss-byrequests": _TLS,
    "lb-wss-byrequests-held": _TLS,
    "headers-query": "",
    "article-listing5-liberty": _ONE_PATH,
    "article-listing5-node": _ONE_PATH,
    "article-listing5-liberty-wss": _TLS,
    "article-listing5-node-wss": _TLS,
    "article-listing8": _TLS,
    "article-listing8-first": _ONE_PATH,
    "article-listing8-late": _ONE_PATH,
    "article-listing8-wss": _TLS,
    "article-figure20": _TLS,
    "article-commands": _TLS,
    "weights-3-1": _RULE,
    "weights-3-1-held": _RULE,
    "weights-1-3": _RULE,
    "weights-three-members": _SHARED,
    "weights-2-1-1": _RULE,
    "weights-70-30": _RULE,
    "methods-byrequests-refill": _SHARED,
    "concurrency-1": _CONNECTIONS,
    "concurrency-in-turn-many-children": _CONNECTIONS,
    "concurrency-50-one-child": _CONNECTIONS,
    "concurrency-50": _CONNECTIONS,
    "concurrency-500": _CONNECTIONS,
    "concurrency-waves": _CONNECTIONS,
    "concurrency-500-one-child": _CONNECTIONS,
    "concurrency-5000": _CONNECTIONS,
    "thieves-get": _TURN,
    "thieves-get-twice": _TURN,
    "thieves-head": _TURN,
    "thieves-options": _TURN,
    "thieves-subpath": _TURN,
    "thieves-malformed": _TURN,
    "thieves-refused": _TURN,
    "thieves-failover": _DEAD,
    "thieves-favicon": _UNBALANCED,
    "thieves-page": _UNBALANCED,
    "thieves-neighbour": _SEGMENTS,
    "thieves-tcp": _UNBALANCED,
    "thieves-other-balancer": _APART,
    "thieves-too-long": _BUFFER,
    "handshake-smallest": "",
    "handshake-in-pieces": "",
    "handshake-no-connection": _CONNECTION,
    "handshake-connection-keep-alive": _CONNECTION,
    "handshake-spelling": "",
    "handshake-absolute-form": "",
    "handshake-no-upgrade": _FORWARDED,
    "handshake-connection-only": _FORWARDED,
    "handshake-h2c": _FORWARDED,
    "handshake-two-protocols": _FORWARDED,
    "handshake-no-key": _FORWARDED,
    "handshake-bad-key": _FORWARDED,
    "handshake-two-keys": _FORWARDED,
    "handshake-wrong-version": _FORWARDED,
    "handshake-no-version": _FORWARDED,
    "handshake-post": _FORWARDED,
    "handshake-body": _BODY,
    "handshake-frame-behind": _BYTES,
    "handshake-no-host": _STRICT,
    "handshake-two-hosts": _STRICT,
    "handshake-blank-before-colon": _STRICT,
    "handshake-field-size": _BUFFER,
    "handshake-line-size": _BUFFER,
    "handshake-backend-200": _ANSWER,
    "handshake-backend-302": _REDIRECT,
    "handshake-backend-302-ws": _REDIRECT,
    "handshake-backend-403": _ANSWER,
    "handshake-backend-426": _ANSWER,
    "handshake-backend-503": _ANSWER,
    "handshake-backend-wrong-accept": _ANSWER,
    "payload-text": _BYTES,
    "payload-binary": _BYTES,
    "payload-empty": _BYTES,
    "payload-boundaries": _BYTES,
    "payload-1mib": _BYTES,
    "payload-16mib": _BYTES,
    "payload-64mib": _BYTES,
    "payload-stream": _BYTES,
    "payload-side-by-side": _BYTES,
    "payload-fragments-in": _BYTES,
    "payload-fragments-out": _BYTES,
    "payload-pings": _BYTES,
    "payload-subprotocol": _BYTES,
    "payload-deflate": _BYTES,
    "payload-push": _BYTES,
    "payload-full-duplex": _BYTES,
    "payload-close-by-client": _BYTES,
    "payload-close-by-backend": _BYTES,
    "payload-close-too-long": _BYTES,
    "payload-close-binary": _BYTES,
    "payload-half-close": _HALF,
    "payload-reset": _BYTES,
    "payload-close-after-goodbye": _BYTES,
    "tls-client-only": "",
    "tls-payload": _BYTES,
    "failover-stop": _BYTES,
    "failover-standby": _DEAD,
    "failover-standby-beside": _DEAD,
    "failover-frozen-tunnels": _BYTES,
    "failover-http-error": _ANSWER,
    "sticky-cookie": _STICKY,
    "sticky-suffix": _STICKY,
    "sticky-query": _STICKY,
    "sticky-url-first": _STICKY,
    "sticky-unknown-route": _STICKY,
    "sticky-no-dot": _STICKY,
    "sticky-two-dots": _STICKY,
    "sticky-quoted": _STICKY,
    "sticky-turns": _STICKY,
    "sticky-path-parameter": _STICKY,
    "sticky-disabled": _STICKY,
    "sticky-standby": _STICKY,
    "timeouts-backend-idle": _BYTES,
    "restart-graceful": _RELOAD,
    "restart-graceful-busy": _RELOAD,
    "restart-graceful-arriving": _RELOAD,
    "restart-hup-idle": _RELOAD,
    "restart-winch": _STOP,
    "restart-term": "",
    "restart-term-idle": "",
}
"""Explanation by name of a scenario. One that is not here is skipped on nginx, never green."""
