"""What of a configuration of HAProxy will trouble WebSockets later: told beside the verdicts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wslb.proxies.haproxy.adoption.haproxy_places import speaks_http_here
from wslb.proxies.haproxy.adoption.sections import HaproxyLine, HaproxySection, in_force, switched_on

__all__ = ["traps"]


def traps(sections: Sequence[HaproxySection]) -> Iterator[str]:
    """One sentence for each, with its line.

    Sources: HAProxy's configuration manual (``option redispatch``, ``option httpchk``, ``timeout tunnel``); RFC 6455
    section 4.2.2, by which a WebSocket server may refuse what is no upgrade.
    """
    for section in sections:
        if section.kind not in {"backend", "listen"} or not speaks_http_here(section):
            continue
        servers = list(section.inside("server"))
        if not servers:
            continue
        place = f"{section.at.place}: {section.told}"
        if len(servers) > 1 and switched_on(section, "redispatch") is None:
            yield (
                f"{place} has no option redispatch: who meets a dead server waits for its retries "
                "and gets 503 (--ask failure)"
            )
        if in_force(section, "timeout", "tunnel") is None:
            yield f"{place} has no timeout tunnel: tunnels end with timeout client or server (--ask time)"
        asked = switched_on(section, "httpchk")
        if asked is not None and _checked(section, servers) and in_force(section, "http-check", "expect") is None:
            yield (
                f"{asked.place}: {asked}: a WebSocket server that answers 4xx to this request is taken out; "
                "let it ask for a page that answers 200, or say http-check expect"
            )


def _checked(section: HaproxySection, servers: Sequence[HaproxyLine]) -> bool:
    given = in_force(section, "default-server")
    return any("check" in (*line.words, *(given.words if given else ())) for line in servers)
