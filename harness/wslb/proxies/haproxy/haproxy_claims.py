"""Which claims of the catalogue were measured on HAProxy (2.6.12, 2.8.25), and what explains them there."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["MEASURED"]

_EQUAL = "With equal weights HAProxy's roundrobin and byrequests elect in the same order."

_LEASTCONN = (
    "leastconn elects the least (tunnels + 1) / weight, 0 where nothing is open, and on a tie whoever waits longest "
    "since its number of tunnels last changed (lb_fwlc; 3.4 settles ties at random)."
)

_THREADS = (
    "One thread serves all of them (nbthread 1): of two threads that write to the log at once, HAProxy drops a line "
    "rather than wait, and the access log is a witness here (fd_write_frag_line)."
)

_TLS = (
    "Both hops are verified: clients trust the run's authority alone, HAProxy asks servers under the name localhost "
    "(verify required, ca-file, verifyhost, sni), since not every version of it compares an address."
)

_ONE_PATH = "HAProxy asks all servers of a backend on one path, so a member's own path is not part of the question."

_TURN = "A server is elected for every request to the backend, before anybody knows whether a tunnel comes of it."

_UNBALANCED = "Only a request that a backend takes gets a turn."

_APART = "Each backend has turns of its own."

_FORWARDED = "HAProxy judges of a handshake little more than its key: it passes it on, and the answer comes back."

_STRICT = "HAProxy answers 400 itself to a head that is no HTTP, unless option accept-invalid-http-request is on."

_COUNT = "tune.http.maxhdr is 101 by default: the 101st field is refused with 400 (seen on 2.6.12 and 2.8.25)."

_BODY = "The body goes to the server as the body that Content-Length says it is."

_HANGUP = "Without retry-on a request that has reached a server is not sent again: 502, SH in the log."

_ANSWER = "An answer is an answer: without retry-on, HAProxy asks another server only where a connect failed."

_BYTES = "After the 101 HAProxy copies bytes and knows no frames."

_SOCKET = "The statistics socket changes servers (set server … state maint, ready): open tunnels live on."

_HALF = "HAProxy passes a half-close on and delivers what comes later from the other side."

_COOKIE = "cookie … insert: the whole value names a server, here by a dot and its route."

_RELOAD = "The master reloads by USR2: the old worker serves its tunnels to the end, and the new one counts from 0."

_STOP = "HAProxy stops so by USR1: the port is closed, and the master ends with the last tunnel."

_FULL = (
    "maxconn stands for httpd's threads here: a frontend that has so many connections accepts no more, and the next "
    "lie in the listen backlog."
)

MEASURED: Mapping[str, str] = {
    "lb-byrequests": _EQUAL,
    "lb-byrequests-held": _EQUAL,
    "lb-byrequests-long": _EQUAL,
    "lb-byrequests-long-held": _EQUAL,
    "lb-byrequests-reversed": _EQUAL,
    "lb-byrequests-at-once": _EQUAL,
    "lb-bybusyness": _LEASTCONN,
    "lb-bybusyness-held": _LEASTCONN,
    "lb-wss-bybusyness": _LEASTCONN,
    "methods-bybusyness-refill": _LEASTCONN,
    "methods-bybusyness-closed": _LEASTCONN,
    "concurrency-500-bybusyness": _LEASTCONN,
    "thieves-bybusyness": _LEASTCONN,
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
    "weights-three-members": _EQUAL,
    "methods-byrequests-refill": _EQUAL,
    "concurrency-1": _THREADS,
    "concurrency-in-turn-many-children": _THREADS,
    "concurrency-50-one-child": _THREADS,
    "concurrency-50": _THREADS,
    "concurrency-500-one-child": _THREADS,
    "concurrency-500": _THREADS,
    "concurrency-5000": _THREADS,
    "concurrency-waves": _THREADS,
    "thieves-get": _TURN,
    "thieves-get-twice": _TURN,
    "thieves-head": _TURN,
    "thieves-options": _TURN,
    "thieves-subpath": _TURN,
    "thieves-refused": _TURN,
    "thieves-favicon": _UNBALANCED,
    "thieves-neighbour": _UNBALANCED,
    "thieves-tcp": _UNBALANCED,
    "thieves-manager": _UNBALANCED,
    "thieves-other-balancer": _APART,
    "handshake-smallest": "",
    "handshake-in-pieces": "",
    "handshake-spelling": "",
    "handshake-absolute-form": "",
    "handshake-no-upgrade": _FORWARDED,
    "handshake-connection-only": _FORWARDED,
    "handshake-h2c": _FORWARDED,
    "handshake-two-keys": _FORWARDED,
    "handshake-wrong-version": _FORWARDED,
    "handshake-no-version": _FORWARDED,
    "handshake-post": _FORWARDED,
    "handshake-body": _BODY,
    "handshake-frame-behind": _BYTES,
    "handshake-blank-before-colon": _STRICT,
    "handshake-field-count": _COUNT,
    "handshake-backend-200": _ANSWER,
    "handshake-backend-302": _ANSWER,
    "handshake-backend-302-ws": _ANSWER,
    "handshake-backend-403": _ANSWER,
    "handshake-backend-426": _ANSWER,
    "handshake-backend-503": _ANSWER,
    "handshake-backend-hangup": _HANGUP,
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
    "tls-payload": _TLS,
    "failover-stop": _BYTES,
    "failover-frozen-tunnels": _BYTES,
    "failover-http-error": _ANSWER,
    "manager-all-disabled": _SOCKET,
    "sticky-cookie": _COOKIE,
    "sticky-suffix": _COOKIE,
    "sticky-query": _COOKIE,
    "sticky-url-first": _COOKIE,
    "sticky-unknown-route": _COOKIE,
    "sticky-no-dot": _COOKIE,
    "sticky-two-dots": _COOKIE,
    "sticky-quoted": _COOKIE,
    "sticky-turns": _COOKIE,
    "sticky-path-parameter": _COOKIE,
    "sticky-drain": _COOKIE,
    "sticky-disabled": _COOKIE,
    "sticky-standby": _COOKIE,
    "timeouts-backend-idle": _BYTES,
    "limits-full": _FULL,
    "limits-queue": _FULL,
    "limits-plain-starves": _FULL,
    "limits-abandoned": _FULL,
    "limits-talk-while-full": _FULL,
    "restart-graceful": _RELOAD,
    "restart-graceful-busy": _RELOAD,
    "restart-graceful-forgets": _RELOAD,
    "restart-graceful-arriving": _RELOAD,
    "restart-hup-idle": _RELOAD,
    "restart-winch": _STOP,
    "restart-term": "",
    "restart-term-idle": "",
}
"""Explanation by name of a scenario. One that is not here is skipped on HAProxy, never green."""
