"""The lines of a server in the order in which httpd asks them: one model for what is traced, asked for and told.

mod_rewrite's rules come first, those of the server before those of its sections; then ProxyPass in ``<Location>``, of
several that cover a path the last; then the ProxyPass lines of the main server, and at the end a virtual host's own,
with ProxyPassInherit Off as well (merge_proxy_config and proxy_trans; seen on 2.4.71).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.mounting import Mounting, Way
from wslb.proxies.apache.conf.rewriting import location_fits, rules_of
from wslb.proxies.apache.conf.scope import Scope

__all__ = ["asked_for", "lines_of"]


def lines_of(conf: Configuration, scope: Scope) -> tuple[Mounting, ...]:
    """Every line that may take a request of a server, in order; inherited ones as lines of this server."""
    written = [*(conf.mountings_in(conf.main) if scope.main is not None else ()), *conf.mountings_in(scope)]
    rules = {id(m.directive): m for m in written if m.way is Way.REWRITE}
    passes = [m for m in written if m.way is not Way.REWRITE]
    lines = [rules[id(rule)] for rule in rules_of(scope) if id(rule) in rules]
    lines += [m for m in passes if m.location]
    lines += [m for m in passes if not m.location]
    return tuple(m if m.scope is scope else replace(m, scope=scope) for m in lines)


def asked_for(conf: Configuration, scope: Scope, path: str) -> Iterator[Mounting]:
    """ProxyPass lines that a path is compared with, in order."""
    passes = [m for m in lines_of(conf, scope) if m.way is not Way.REWRITE]
    covering = [m for m in passes if m.location and all(location_fits(s, path) is not False for s in m.around)]
    yield from covering[-1:]
    yield from (m for m in passes if not m.location)
