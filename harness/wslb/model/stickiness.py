"""Which member a request asks for: the rule of ``stickysession`` (mod_proxy_balancer, Stickyness). Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from wslb.model.balancer import Balancer, Stickiness
from wslb.model.cookies import cookie_sent
from wslb.model.handshake import Handshake

__all__ = ["route_asked", "route_in_url"]


def route_asked(balancer: Balancer, handshake: Handshake) -> str | None:
    """Route in the request's cookie or URL, whether or not a member has it; None where the request names none.

    The route is what follows the first dot of the value (``sess123.node``), or first ``stickysessionsep``. The URL goes
    before the cookie, names compare with case, and a value in quotes is not understood. `Stickiness` says who hears
    less.
    """
    if not balancer.stickysession:
        return None
    sent = cookie_sent(handshake.request, balancer.stickysession.partition("|")[0])
    if balancer.stickiness is Stickiness.COOKIE:
        return sent.removeprefix(".") if sent and sent.startswith(".") else None
    value = _in_url(balancer, handshake.url)
    return _route(balancer, sent if value is None else value)


def route_in_url(balancer: Balancer, url: str) -> str | None:
    """Route that a URL names, whether or not a member has it."""
    return _route(balancer, _in_url(balancer, url)) if balancer.stickiness is Stickiness.ROUTE else None


def _in_url(balancer: Balancer, url: str) -> str | None:
    cookie, _, parameter = (balancer.stickysession or "").partition("|")
    parts = urlsplit(url)
    heard = f"{parts.path}?{parts.query}" if balancer.hears_query else parts.path
    found = re.search(rf"(?:^|[?&;]){re.escape(parameter or cookie)}=([^&;?]*)", heard)
    return found[1] if balancer.stickysession and found else None


def _route(balancer: Balancer, value: str | None) -> str | None:
    separator = dict(balancer.parameters).get("stickysessionsep", ".")
    return (value or "").partition(separator)[2] or None
