"""Header fields and request variables that break a handshake or its protection."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wslb.proxies.apache.advice.rule import Rule, Severity, Spot
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.urls import host_of

__all__ = ["RULES"]

_NEEDED = frozenset({"upgrade", "sec-websocket-key", "sec-websocket-version"})


def _tunnels(conf: Configuration) -> bool:
    return any(conf.tunnels_to(mounting) for mounting in conf.mountings)


def _request_headers(conf: Configuration) -> Iterator[tuple[str, str, Spot]]:
    """Action, field and place of every RequestHeader line of a server that has tunnels."""
    if not _tunnels(conf):
        return
    for scope in conf.scopes:
        for placed in scope.all("requestheader"):
            words = placed.directive.words
            if len(words) >= 2:
                yield words[0].lower(), words[1].lower().rstrip(":"), Spot(placed.directive, str(placed.directive))


def _unset(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71, both carriers: without Upgrade 404, without the key 400; unsetting Connection does no harm."""
    for action, name, spot in _request_headers(conf):
        if action == "unset" and name in _NEEDED:
            yield spot


def _origin(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: the backend receives the changed Origin, or none, and cannot tell a foreign page from its own."""
    for action, name, spot in _request_headers(conf):
        if name == "origin" and action in {"unset", "set", "edit", "edit*"}:
            yield spot


def _old_protocol(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: the backend gets HTTP/1.0, and over mod_proxy_http no Upgrade: both servers refuse that with 404.

    Also seen there: over mod_proxy_wstunnel Liberty refuses with 400; Node.js opens a tunnel.
    """
    if not _tunnels(conf):
        return
    for scope in conf.scopes:
        for placed in scope.all("setenv", "setenvif", "setenvifnocase", "browsermatch", "browsermatchnocase"):
            if any(word.partition("=")[0] == "force-proxy-request-1.0" for word in placed.directive.words):
                wide = placed.directive.key == "setenv"
                yield Spot(placed.directive, str(placed.directive), severity=None if wide else Severity.WARNING)


def _another_host(conf: Configuration) -> Iterator[Spot]:
    """Seen on 2.4.71: the backend gets the member's name as Host, and Origin as the browser sent it.

    From the manuals of Jupyter Server, Grafana, Rails, Streamlit and code-server: by default they compare the two.
    """
    for scope in conf.scopes:
        preserved = {p.directive.first.lower() for p in scope.all("proxypreservehost")}
        if "on" in (preserved or {scope.value("ProxyPreserveHost")}):
            continue
        if any(_field(p.directive) in {"host", "origin"} for p in scope.all("requestheader")):
            continue
        for mounting in conf.mountings_in(scope):
            if conf.tunnels_to(mounting) and (_COMPARES.search(mounting.path) or _COMPARES.search(mounting.url)):
                told = host_of(mounting.url) if mounting.balancer is None else "of the member"
                yield Spot(mounting.directive, f"{mounting.path}: the backend is told Host {told}, not the client's")


_COMPARES = re.compile(
    r"\b(?:jupyter|kernels|terminals|grafana|api/live|cable|_stcore|streamlit|code-server)\b", re.IGNORECASE
)
"""Paths and names of servers that compare Origin with Host before they take a WebSocket."""


def _field(directive: Directive) -> str:
    return directive.words[1].lower().rstrip(":") if len(directive.words) > 1 else ""


RULES = (
    Rule(
        id="WSLB-C110",
        severity=Severity.ERROR,
        why="The backend needs it: without Upgrade it answers 404 or 426, without key or version 400.",
        cure="Remove the line, or limit it to other paths with <Location>.",
        find=_unset,
    ),
    Rule(
        id="WSLB-C111",
        severity=Severity.WARNING,
        why="The backend compares Origin with its own host to refuse foreign pages: this takes the comparison away.",
        cure="ProxyPreserveHost On, so that Host is what Origin names; or allow the origin at the backend",
        find=_origin,
    ),
    Rule(
        id="WSLB-C112",
        severity=Severity.ERROR,
        why="An upgrade needs HTTP/1.1: most backends refuse the handshake.",
        cure="Remove force-proxy-request-1.0, or limit it to other paths.",
        find=_old_protocol,
    ),
    Rule(
        id="WSLB-C113",
        severity=Severity.NOTE,
        why="Servers of that name compare it with Origin to refuse foreign pages: every browser then gets 403, and a "
        "program without Origin 101.",
        cure="ProxyPreserveHost On, or the public name among the origins that the backend allows",
        find=_another_host,
    ),
)
