"""Which member a request asks for: the rule of ``stickysession`` (mod_proxy_balancer, Stickyness). Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from wslb.model.balancer import Balancer
from wslb.model.cookies import cookie_sent
from wslb.model.handshake import Handshake

__all__ = ["route_asked"]


def route_asked(balancer: Balancer, handshake: Handshake) -> str | None:
    """Route in the request's cookie or URL, whether or not a member has it; None where the request names none.

    The route is what follows the first dot of the value (``sess123.node``), or first ``stickysessionsep``. The URL goes
    before the cookie, names compare with case, and a value in quotes is not understood.
    """
    if not balancer.stickysession:
        return None
    cookie, _, parameter = balancer.stickysession.partition("|")
    url = urlsplit(handshake.url)
    found = re.search(rf"(?:^|[?&;]){re.escape(parameter or cookie)}=([^&;?]*)", f"{url.path}?{url.query}")
    value = found[1] if found else cookie_sent(handshake.request, cookie)
    separator = dict(balancer.parameters).get("stickysessionsep", ".")
    return (value or "").partition(separator)[2] or None
