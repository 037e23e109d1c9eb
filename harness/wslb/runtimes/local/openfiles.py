"""How many files, sockets included, a process may hold open; every tunnel is one here and two in httpd."""

from __future__ import annotations

import resource

__all__ = ["raise_limit"]

ENOUGH = 65_536
"""More than any scenario needs; some systems have no limit at all, and programs that close every number suffer."""


def raise_limit() -> int:
    """Raise this process's soft limit to the hard one, so that programs it starts inherit it; returns what holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):  # macOS refuses more than kern.maxfilesperproc
            return soft
        return wanted
    return wanted if soft == resource.RLIM_INFINITY else soft
