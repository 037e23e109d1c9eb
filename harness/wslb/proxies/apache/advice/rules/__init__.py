"""Every rule, theme by theme. A rule is one function and one entry in its module's ``RULES``."""

from __future__ import annotations

from wslb.proxies.apache.advice.rule import Rule
from wslb.proxies.apache.advice.rules import (
    access,
    conditions,
    failover,
    headers,
    members,
    modules,
    parameters,
    paths,
    reading,
    rewriting,
    server,
    sticky,
    timing,
    tls,
)

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *modules.RULES,
    *parameters.RULES,
    *members.RULES,
    *failover.RULES,
    *sticky.RULES,
    *paths.RULES,
    *rewriting.RULES,
    *conditions.RULES,
    *tls.RULES,
    *access.RULES,
    *timing.RULES,
    *headers.RULES,
    *server.RULES,
    *reading.RULES,
)
