"""Configurations, a path, and what becomes of an upgrade of it. ``»`` marks the line that takes it.

Each is traced from its text and asked of httpd: ``@A@`` and ``@B@`` are two backends.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TRACES", "Traced"]


@dataclass(frozen=True)
class Traced:
    """One path of a configuration.

    Attributes:
        text: the configuration; no mark where no line takes the path.
        seen: what each backend that may be elected sees: its letter, the target, and whether Upgrade arrives.
        status: that the client gets where no backend is asked.
        host: the Host field that a backend sees, ``@A@`` for the member's own.
    """

    text: str
    path: str
    seen: tuple[tuple[str, str, bool], ...] = ()
    status: int = 101
    host: str = ""


CLUSTER = "<Proxy balancer://c>\n  BalancerMember ws://@A@/one\n  BalancerMember ws://@B@\n</Proxy>\n"
ENGINE = "RewriteEngine On\n"
MAIN = "<Proxy balancer://c>\n  BalancerMember ws://@A@/main\n</Proxy>\n"
OWN = "<Proxy balancer://c>\n  BalancerMember ws://@B@/own\n</Proxy>\n"
ALONE = "ProxyPassInherit Off\n  BalancerInherit Off"
UPGRADE = "RewriteCond %{HTTP:Upgrade} websocket [NC]\n"


def a(target: str, *, upgrade: bool = True) -> tuple[tuple[str, str, bool], ...]:
    """Seen by the first backend alone."""
    return (("A", target, upgrade),)


def b(target: str, *, upgrade: bool = True) -> tuple[tuple[str, str, bool], ...]:
    """Seen by the second backend alone."""
    return (("B", target, upgrade),)


TRACES: dict[str, Traced] = {
    "plain-http": Traced("» ProxyPass / http://@A@/", "/ws", a("/ws", upgrade=False)),
    "plain-ws": Traced("» ProxyPass /ws ws://@A@/end", "/ws?room=1", a("/end?room=1"), host="@A@"),
    "http-with-upgrade": Traced("» ProxyPass /ws http://@A@/ws upgrade=websocket", "/ws/x", a("/ws/x")),
    "upgrade-of-another-protocol": Traced("» ProxyPass / http://@A@/ upgrade=h2c", "/ws", a("/ws", upgrade=False)),
    "upgrade-none-behind-ws": Traced("» ProxyPass /ws ws://@A@/ws upgrade=NONE", "/ws", a("/ws", upgrade=False)),
    "upgrade-of-another-protocol-behind-ws": Traced(
        "» ProxyPass /ws ws://@A@/ws upgrade=tcp", "/ws", a("/ws", upgrade=False)
    ),
    "name-of-the-balancer-and-path-run-together": Traced(f"» ProxyPass / balancer://c\n{CLUSTER}", "/ws", status=500),
    "preserved-host": Traced(
        "ProxyPreserveHost On\n» ProxyPass /ws ws://@A@/end", "/ws", a("/end"), host="www.example.org"
    ),
    "first-that-fits": Traced("» ProxyPass / http://@A@/\nProxyPass /ws ws://@B@/ws", "/ws", a("/ws", upgrade=False)),
    "longest-first": Traced("» ProxyPass /ws ws://@B@/ws\nProxyPass / http://@A@/", "/ws/1", b("/ws/1")),
    "half-a-name-is-no-prefix": Traced(
        "ProxyPass /w ws://@B@/ws\n» ProxyPass / http://@A@/", "/ws", a("/ws", upgrade=False)
    ),
    "excluded": Traced("» ProxyPass /ws !\nProxyPass / ws://@A@/", "/ws", status=404),
    "dots-are-taken-out-first": Traced(
        "ProxyPass /static http://@B@/\n» ProxyPass /ws ws://@A@/end", "/static/../ws/./x", a("/end/x")
    ),
    "dots-at-the-end-leave-a-slash": Traced(
        "ProxyPass /ws/b ws://@B@/\n» ProxyPass /ws ws://@A@/end", "/ws/b/..", a("/end/")
    ),
    "dots-in-percent-signs": Traced(
        "ProxyPass /a ws://@B@/\n» ProxyPass /ws ws://@A@/end", "/a/%2E%2e/%77s", a("/end")
    ),
    "slashes-are-merged": Traced("» ProxyPass /ws ws://@A@/end", "//ws///x", a("/end/x")),
    "slashes-are-not-merged": Traced("MergeSlashes Off\n» ProxyPass /ws ws://@A@/end", "/ws//x", a("/end//x")),
    "slashes-in-front-fit-one": Traced("MergeSlashes Off\n» ProxyPass /ws ws://@A@/end", "//ws", a("/end")),
    "slashes-at-the-end-fit-one": Traced("MergeSlashes Off\n» ProxyPass /ws/ ws://@A@/end/", "/ws//x", a("/end/x")),
    "dots-before-a-rule": Traced(f"{ENGINE}» RewriteRule ^/ws(.*) ws://@A@/end$1 [P]", "/a/../ws/x", a("/end/x")),
    "nobody": Traced("ProxyPass /ws/ ws://@A@/", "/ws", status=404),
    "slash-against-none": Traced("» ProxyPass /ws ws://@A@/end/", "/ws/x", a("/end//x")),
    "location-before-all": Traced(
        "ProxyPass /ws ws://@A@/ws\n<Location /ws>\n»   ProxyPass ws://@B@/in\n</Location>", "/ws/1", b("/in/1")
    ),
    "last-location": Traced(
        "<Location /ws>\n  ProxyPass ws://@A@/ws\n</Location>\n<Location />\n»   ProxyPass http://@B@/\n</Location>",
        "/ws",
        b("/ws", upgrade=False),
    ),
    "location-pattern-before-a-wider-location": Traced(
        '<LocationMatch "^/ws">\n  ProxyPassMatch ws://@A@/m\n</LocationMatch>\n'
        "<Location />\n»   ProxyPass http://@B@/\n</Location>",
        "/ws",
        b("/ws", upgrade=False),
    ),
    "location-pattern-after-a-wider-location": Traced(
        "<Location />\n  ProxyPass http://@B@/\n</Location>\n"
        '<LocationMatch "^/ws(.*)$">\n»   ProxyPassMatch ws://@A@/m$1\n</LocationMatch>',
        "/ws/x",
        a("/m/x"),
    ),
    "tilde-is-a-pattern": Traced(
        "<Location />\n  ProxyPass http://@B@/\n</Location>\n<Location ~ ^/(ws|chat)$>\n"
        "»   ProxyPassMatch ws://@A@/$1\n</Location>",
        "/chat",
        a("/chat"),
    ),
    "match-without-group-appends": Traced("» ProxyPassMatch ^/ws ws://@A@/end", "/ws", a("/end/ws")),
    "match-with-group": Traced("» ProxyPassMatch ^/ws(.*)$ ws://@A@/end$1", "/ws/1?q=2", a("/end/1?q=2")),
    "dollar-in-a-plain-line": Traced("» ProxyPass /ws ws://@A@/end$1", "/ws", a("/end$1")),
    "balancer": Traced(
        f"» ProxyPass /ws balancer://c/end\n{CLUSTER}", "/ws", (("A", "/one/end", True), ("B", "/end", True))
    ),
    "balancer-without-a-path": Traced(
        f"» ProxyPass /ws balancer://c\n{CLUSTER}", "/ws", (("A", "/one/", True), ("B", "/", True))
    ),
    "rule-wins-over-earlier-proxypass": Traced(
        f"ProxyPass / http://@B@/\n{ENGINE}{UPGRADE}» RewriteRule ^/(.*) ws://@A@/$1 [P,L]", "/ws?x=1", a("/ws?x=1")
    ),
    "rule-for-others": Traced(
        f"» ProxyPass / http://@B@/\n{ENGINE}RewriteCond %{{HTTP:Upgrade}} !=websocket [NC]\n"
        "RewriteRule ^/(.*) http://@A@/$1 [P,L]",
        "/ws",
        b("/ws", upgrade=False),
    ),
    "dollar-for-percent": Traced(
        f"» ProxyPass / http://@B@/\n{ENGINE}RewriteCond ${{HTTP:Upgrade}} websocket [NC]\n"
        "RewriteRule ^/(.*) ws://@A@/$1 [P,L]",
        "/ws",
        b("/ws", upgrade=False),
    ),
    "earlier-rule-without-conditions": Traced(
        f"{ENGINE}» RewriteRule ^/(.*) http://@B@/$1 [P,L]\n{UPGRADE}RewriteRule ^/(.*) ws://@A@/$1 [P,L]",
        "/ws",
        b("/ws", upgrade=False),
    ),
    "no-such-group": Traced(f"{ENGINE}{UPGRADE}» RewriteRule ^/ws/ ws://@A@/end/$1 [P]", "/ws/x", a("/end/")),
    "unanchored-pattern-swallows-the-prefix": Traced(
        f"{ENGINE}{UPGRADE}» RewriteRule /ws(.*) ws://@A@/ws$1 [P]", "/app/ws/x", a("/ws/x")
    ),
    "either-condition": Traced(
        f"{ENGINE}RewriteCond %{{HTTP:Upgrade}} h2c [NC,OR]\nRewriteCond %{{HTTP:Connection}} upgrade [NC]\n"
        "» RewriteRule ^/ws$ ws://@A@/or [P]",
        "/ws",
        a("/or"),
    ),
    "rule-in-a-location": Traced(
        "<Location /ws>\n  ProxyPass http://@B@/ws\n"
        f"{ENGINE}{UPGRADE}» RewriteRule /ws(.*) ws://@A@/end$1 [P]\n</Location>",
        "/ws/x",
        a("/end/x"),
    ),
    "anchored-rule-in-a-location": Traced(
        "<Location /ws>\n»   ProxyPass http://@B@/ws\n"
        f"{ENGINE}{UPGRADE}RewriteRule ^/ws(.*) ws://@A@/end$1 [P]\n</Location>",
        "/ws/x",
        b("/ws/x", upgrade=False),
    ),
    "path-of-the-request-in-a-location": Traced(
        f"<Location /ws>\n{ENGINE}{UPGRADE}» RewriteRule .* ws://@A@%{{REQUEST_URI}} [P]\n</Location>",
        "/ws/x",
        a("/ws/x"),
    ),
    "classes-and-names-of-groups": Traced(
        f"{ENGINE}RewriteCond %{{QUERY_STRING}} room=(?<room>[[:alnum:]]+)\n"
        "» RewriteRule ^/([[:alpha:]]+)/ws$ ws://@A@/$1/%1 [P]",
        "/app/ws?room=r7",
        a("/app/r7?room=r7"),
    ),
    "group-of-a-condition": Traced(
        f"{ENGINE}RewriteCond %{{QUERY_STRING}} room=(\\d+)\n» RewriteRule ^/ws$ ws://@A@/room/%1 [P]",
        "/ws?room=7",
        a("/room/7?room=7"),
    ),
    "engine-off": Traced(
        f"» ProxyPass / http://@B@/\n{UPGRADE}RewriteRule ^/(.*) ws://@A@/$1 [P,L]", "/ws", b("/ws", upgrade=False)
    ),
    "dash-goes-on": Traced(f"{ENGINE}RewriteRule ^/ws - [L]\n» ProxyPass /ws ws://@A@/on", "/ws", a("/on")),
    "rewritten-to-a-file": Traced(
        f"{ENGINE}RewriteRule ^/old(.*) /ws$1 [L]\nProxyPass /ws ws://@A@/on", "/old", status=404
    ),
    "passed-through": Traced(
        f"{ENGINE}RewriteRule ^/old(.*) /ws$1 [PT]\n» ProxyPass /ws ws://@A@/on", "/old/1", a("/on/1")
    ),
    "redirected": Traced(f"{ENGINE}» RewriteRule ^/ws ws://@A@/ [L]", "/ws", status=302),
    "refused": Traced(f"{ENGINE}» RewriteRule ^/ws - [F]\nProxyPass /ws ws://@A@/", "/ws", status=403),
    "chain-that-breaks": Traced(
        f"{ENGINE}RewriteRule ^/other - [C]\nRewriteRule ^/ws ws://@A@/chained [P]\n» ProxyPass /ws ws://@B@/on",
        "/ws",
        b("/on"),
    ),
    "skipped-rule": Traced(
        f"{ENGINE}RewriteRule ^/ws - [S=1]\nRewriteRule ^/ws ws://@A@/skipped [P]\n» ProxyPass /ws ws://@B@/on",
        "/ws",
        b("/on"),
    ),
    "rule-to-a-balancer": Traced(
        f"{CLUSTER}{ENGINE}{UPGRADE}» RewriteRule ^/ws$ balancer://c/end [P]",
        "/ws",
        (("A", "/one/end", True), ("B", "/end", True)),
    ),
    "virtual-host-of-its-own": Traced(
        "<VirtualHost *>\n»   ProxyPass /ws ws://@A@/own\n</VirtualHost>", "/ws", a("/own")
    ),
    "main-server-before-the-virtual-host": Traced(
        "» ProxyPass / http://@B@/main/\n<VirtualHost *>\n  ProxyPass /ws ws://@A@/own\n</VirtualHost>",
        "/ws",
        b("/main/ws", upgrade=False),
    ),
    "inherit-off-leaves-proxypass-inherited": Traced(
        "» ProxyPass / http://@B@/main/\n<VirtualHost *>\n  ProxyPassInherit Off\n  ProxyPass /ws ws://@A@/own\n"
        "</VirtualHost>",
        "/chat",
        b("/main/chat", upgrade=False),
    ),
    "location-of-the-main-server-behind-that-of-the-virtual-host": Traced(
        "<Location /ws>\n  ProxyPass ws://@B@/main\n</Location>\n<VirtualHost *>\n  <Location />\n"
        "»     ProxyPass http://@A@/own/\n  </Location>\n</VirtualHost>",
        "/ws",
        a("/own/ws", upgrade=False),
    ),
    "inherited-by-a-virtual-host": Traced(
        "» ProxyPass /ws ws://@B@/main\n<VirtualHost *>\n  ProxyPass /chat ws://@A@/own\n</VirtualHost>",
        "/ws",
        b("/main"),
    ),
    "rules-are-not-inherited": Traced(
        f"{ENGINE}RewriteRule ^/ws ws://@B@/main [P]\n<VirtualHost *>\n  RewriteEngine On\n"
        "  ProxyPass /chat ws://@A@/own\n</VirtualHost>",
        "/ws",
        status=404,
    ),
    "balancer-of-the-main-server-before-one-of-the-same-name": Traced(
        f"{MAIN}<VirtualHost *>\n»   ProxyPass /ws balancer://c\n{OWN}</VirtualHost>", "/ws", a("/main/")
    ),
    "inherit-off-leaves-the-balancer-inherited": Traced(
        f"{MAIN}<VirtualHost *>\n  ProxyPassInherit Off\n»   ProxyPass /ws balancer://c\n{OWN}</VirtualHost>",
        "/ws",
        a("/main/"),
    ),
    "own-balancer-where-nothing-is-inherited": Traced(
        f"{MAIN}<VirtualHost *>\n  {ALONE}\n»   ProxyPass /ws balancer://c\n{OWN}</VirtualHost>", "/ws", b("/own/")
    ),
    "inherited-line-to-an-own-balancer": Traced(
        f"» ProxyPass /main balancer://c/m\n{MAIN}<VirtualHost *>\n  {ALONE}\n  ProxyPass /ws balancer://c\n{OWN}"
        "</VirtualHost>",
        "/main",
        b("/own/m"),
    ),
    "inherited-line-to-a-balancer-that-is-not-here": Traced(
        f"» ProxyPass /main balancer://c\n{MAIN}<VirtualHost *>\n  {ALONE}\n  ProxyPass /ws ws://@B@/\n</VirtualHost>",
        "/main",
        status=500,
    ),
    "inherited-rule": Traced(
        f"{ENGINE}» RewriteRule ^/ws ws://@A@/main [P]\n<VirtualHost *>\n  RewriteEngine On\n"
        "  RewriteOptions Inherit\n  ProxyPass /ws ws://@B@/own\n</VirtualHost>",
        "/ws",
        a("/main"),
    ),
}
