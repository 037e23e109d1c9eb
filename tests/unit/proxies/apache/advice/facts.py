"""What the rules say of a request, as requests and their answers. ``@A@`` and ``@B@`` are two backends.

Each text is accused of its rule or spared by it, without httpd; and served by httpd, in a virtual host of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FACTS", "Asked", "Fact"]


@dataclass(frozen=True)
class Asked:
    """A request and what became of it.

    Attributes:
        path: of the request, an upgrade unless `plain`.
        seen: letter of the backend that saw it and the path there; empty where none did.
        status: 101 where the backend saw Upgrade: websocket, 200 where it saw anything else.
        fields: instead of those of a browser, or beside them.
    """

    path: str
    seen: str = ""
    status: int = 101
    fields: tuple[tuple[str, str], ...] = ()
    plain: bool = False


@dataclass(frozen=True)
class Fact:
    """A configuration that a rule speaks of, or one that looks like it and is sound.

    Attributes:
        spared: whether the rule must say nothing here.
        carrier: ``proxy_wstunnel`` where it shall carry.
    """

    rule: str
    text: str
    asked: tuple[Asked, ...]
    spared: bool = False
    carrier: str = "proxy_http"


ON = "RewriteEngine On\n"
UPGRADE = "RewriteCond %{HTTP:Upgrade} websocket [NC]\n"


def cluster(*members: str, name: str = "c", more: str = "") -> str:
    """A balancer with these members."""
    return f"<Proxy balancer://{name}>\n" + "".join(f"  BalancerMember {m}\n" for m in members) + f"{more}</Proxy>\n"


def to(path: str, seen: str = "", status: int = 101, **fields: str) -> Asked:
    """An upgrade, with these fields."""
    return Asked(path, seen, status, tuple((name.replace("_", "-"), value) for name, value in fields.items()))


def page(path: str, seen: str = "", status: int = 200) -> Asked:
    """A plain request."""
    return Asked(path, seen, status, plain=True)


STICKY = "  ProxySet stickysession=ROUTEID\n"
COOKIE = 'Header add Set-Cookie "ROUTEID=.%{BALANCER_WORKER_ROUTE}e; path=/" env=BALANCER_ROUTE_CHANGED\n'

FACTS: dict[str, Fact] = {
    # members
    "upgrade-of-another-protocol": Fact(
        "WSLB-C027",
        "ProxyPass /ws http://@A@/ws upgrade=tcp",
        (to("/ws", "A /ws", 200), to("/ws", "A /ws", 200, Upgrade="tcp")),
    ),
    "upgrade-none": Fact("WSLB-C027", "ProxyPass /chat ws://@A@/chat upgrade=NONE", (to("/chat", "A /chat", 200),)),
    "upgrade-none-beside": Fact(
        "WSLB-C027",
        "ProxyPass /chat balancer://c/chat\n" + cluster("http://@A@ upgrade=none", "ws://@B@"),
        (to("/chat", "A /chat", 200), to("/chat", "B /chat")),
    ),
    "upgrade-in-capitals": Fact(
        "WSLB-C027", "ProxyPass /ws http://@A@/ws upgrade=WebSocket", (to("/ws", "A /ws"),), spared=True
    ),
    "plain-path-whose-upgrades-a-rule-takes": Fact(
        "WSLB-C027",
        f"{ON}{UPGRADE}RewriteRule ^/ws(.*) ws://@A@/ws$1 [P]\nProxyPass /ws http://@B@/ws",
        (to("/ws", "A /ws"), page("/ws", "B /ws")),
        spared=True,
    ),
    "any-protocol": Fact(
        "WSLB-C028",
        "ProxyPass /any http://@A@/ upgrade=ANY",
        (to("/any", "A /"), to("/any", "A /", 200, Upgrade="tcp")),
    ),
    "one-other-protocol": Fact(
        "WSLB-C028", "ProxyPass /x http://@A@/ upgrade=tcp", (to("/x", "A /", 200, Upgrade="tcp"),), spared=True
    ),
    "only-another-protocol": Fact("WSLB-C063", "ProxyPass / http://@A@/ upgrade=h2c", (to("/ws", "A /ws", 200),)),
    # sticky
    "cookie-of-a-balancer-of-tunnels-alone": Fact(
        "WSLB-C044",
        f"{COOKIE}ProxyPass /ws balancer://c/ws\n" + cluster("ws://@A@ route=a", "ws://@B@ route=b", more=STICKY),
        (to("/ws", "A /ws"), to("/ws", "B /ws")),
    ),
    "cookie-of-a-page-of-another-balancer": Fact(
        "WSLB-C044",
        f"{COOKIE}ProxyPass /ws balancer://c/ws\nProxyPass / balancer://pages/\n"
        + cluster("ws://@A@ route=a", "ws://@B@ route=b", more=STICKY)
        + cluster("http://@A@ route=a", "http://@B@ route=b", name="pages", more=STICKY),
        (page("/", "A /"), page("/", "B /"), *(to("/ws", "B /ws", Cookie="ROUTEID=.b") for _ in "12")),
        spared=True,
    ),
    "polling-in-turns": Fact(
        "WSLB-C045",
        "ProxyPass /socket.io/ balancer://c/socket.io/\n"
        + cluster("http://@A@ upgrade=websocket", "http://@B@ upgrade=websocket"),
        (page("/socket.io/?sid=1", "A /socket.io/?sid=1"), page("/socket.io/?sid=1", "B /socket.io/?sid=1")),
    ),
    "polling-with-a-route": Fact(
        "WSLB-C045",
        "ProxyPass /socket.io/ balancer://c/socket.io/\n"
        + cluster("http://@A@ upgrade=websocket route=a", "http://@B@ upgrade=websocket route=b", more=STICKY),
        tuple(to("/socket.io/", "B /socket.io/", Cookie="ROUTEID=.b") for _ in "12"),
        spared=True,
    ),
    # which line takes it
    "shadowed-line": Fact(
        "WSLB-C050", "ProxyPass / http://@B@/\nProxyPass /ws ws://@A@/ws", (to("/ws", "B /ws", 200),)
    ),
    "shadowed-line-whose-upgrades-a-rule-takes": Fact(
        "WSLB-C050",
        f"ProxyPass / http://@B@/\nProxyPass /ws ws://@A@/ws\n{ON}{UPGRADE}RewriteRule ^/(.*) ws://@A@/$1 [P]",
        (to("/ws", "A /ws"), page("/ws", "B /ws")),
        spared=True,
    ),
    "pattern-before-a-wider-location": Fact(
        "WSLB-C051",
        '<LocationMatch "^/ws">\n  ProxyPassMatch ws://@A@\n</LocationMatch>\n'
        "<Location />\n  ProxyPass http://@B@/\n</Location>",
        (to("/ws", "B /ws", 200),),
    ),
    "tilde-before-a-wider-pattern": Fact(
        "WSLB-C051",
        '<Location ~ "^/(ws|chat)">\n  ProxyPassMatch ws://@A@\n</Location>\n'
        '<LocationMatch "^/.*">\n  ProxyPassMatch http://@B@\n</LocationMatch>',
        (to("/chat", "B /chat", 200),),
    ),
    "line-before-a-section-with-a-pattern": Fact(
        "WSLB-C051",
        'ProxyPass /ws ws://@A@/ws\n<LocationMatch "^/w">\n  ProxyPassMatch http://@B@\n</LocationMatch>',
        (to("/ws", "B /ws", 200),),
    ),
    "pattern-after-a-wider-location": Fact(
        "WSLB-C051",
        "<Location />\n  ProxyPass http://@B@/\n</Location>\n"
        '<LocationMatch "^/ws">\n  ProxyPassMatch ws://@A@\n</LocationMatch>',
        (to("/ws", "A /ws"), to("/chat", "B /chat", 200)),
        spared=True,
    ),
    "patterns-of-their-own-paths": Fact(
        "WSLB-C051",
        '<LocationMatch "^/ws$">\n  ProxyPassMatch ws://@A@\n</LocationMatch>\n'
        '<Location ~ "^/app/">\n  ProxyPassMatch http://@B@\n</Location>',
        (to("/ws", "A /ws"), to("/app/1", "B /app/1", 200)),
        spared=True,
    ),
    # slashes
    "slash-of-the-path-alone": Fact("WSLB-C052", "ProxyPass /ws/ ws://@A@/end", (to("/ws/x", "A /endx"),)),
    "slash-of-the-url-alone": Fact("WSLB-C052", "ProxyPass /ws ws://@A@/", (to("/ws/x", "A //x"), to("/ws", "A /"))),
    "slash-of-the-url-of-upgrades": Fact(
        "WSLB-C052", "ProxyPass /ws http://@A@/ upgrade=websocket", (to("/ws/x", "A //x"),)
    ),
    "root-without-slash": Fact("WSLB-C052", "ProxyPass / http://@A@", (page("/x", status=500), page("/", "A /"))),
    "root-to-a-balancer-without-slash": Fact(
        "WSLB-C052", "ProxyPass / balancer://c\n" + cluster("ws://@A@"), (to("/ws", status=500),)
    ),
    "folder-to-a-balancer-without-slash": Fact(
        "WSLB-C052", "ProxyPass /ws/ balancer://c\n" + cluster("ws://@A@"), (to("/ws/x", status=500),)
    ),
    "path-to-a-balancer-with-slash": Fact(
        "WSLB-C052", "ProxyPass /ws balancer://c/\n" + cluster("ws://@A@/end"), (to("/ws/x", "A /end//x"),)
    ),
    "no-slash-at-either-end": Fact(
        "WSLB-C052", "ProxyPass /ws ws://@A@", (to("/ws", "A /"), to("/ws/x", "A /x")), spared=True
    ),
    "balancer-without-path": Fact(
        "WSLB-C053",
        "ProxyPass /ws balancer://c\n" + cluster("ws://@A@/WSConsole/CLRunner", "ws://@B@/CLRunner"),
        (to("/ws", "A /WSConsole/CLRunner/"), to("/ws", "B /CLRunner/"), to("/ws/x", "A /WSConsole/CLRunner/x")),
    ),
    "balancer-with-the-common-end": Fact(
        "WSLB-C053",
        "ProxyPass /ws balancer://c/CLRunner\n" + cluster("ws://@A@/WSConsole", "ws://@B@"),
        (to("/ws", "A /WSConsole/CLRunner"), to("/ws", "B /CLRunner"), to("/ws/x", "A /WSConsole/CLRunner/x")),
        spared=True,
    ),
    "folder-to-a-balancer-with-slash": Fact(
        "WSLB-C053",
        "ProxyPass /ws/ balancer://c/\n" + cluster("ws://@A@/app"),
        (to("/ws/x", "A /app/x"), to("/ws/", "A /app/")),
        spared=True,
    ),
    "member-with-slash": Fact(
        "WSLB-C054", "ProxyPass / balancer://c/\n" + cluster("ws://@A@/"), (to("/ws", "A //ws"),)
    ),
    "member-with-slash-without-path": Fact(
        "WSLB-C054", "ProxyPass /ws balancer://c\n" + cluster("ws://@A@/app/"), (to("/ws", "A /app//"),)
    ),
    "plain-line-in-a-pattern": Fact(
        "WSLB-C056", '<LocationMatch "^/ws">\n  ProxyPass ws://@A@\n</LocationMatch>', (to("/ws", status=404),)
    ),
    "match-in-a-pattern": Fact(
        "WSLB-C056",
        '<LocationMatch "^/ws">\n  ProxyPassMatch ws://@A@\n</LocationMatch>',
        (to("/ws", "A /ws"),),
        spared=True,
    ),
    # rules
    "group-of-no-condition": Fact(
        "WSLB-C066", f"{ON}{UPGRADE}RewriteRule ^/ws/(.*) ws://@A@/in/%1/$1 [P]", (to("/ws/x", "A /in//x"),)
    ),
    "escape-that-is-a-group": Fact(
        "WSLB-C066", f"{ON}RewriteRule ^/ws/(.*) ws://@A@/end%3Froom=$1 [P]", (to("/ws/x", "A /endFroom=x"),)
    ),
    "group-of-a-condition": Fact(
        "WSLB-C066",
        f"{ON}RewriteCond %{{QUERY_STRING}} room=(\\d+)\nRewriteRule ^/ws$ ws://@A@/room/%1 [P]",
        (to("/ws?room=7", "A /room/7?room=7"),),
        spared=True,
    ),
    "query-in-a-match": Fact(
        "WSLB-C067",
        "ProxyPassMatch ^/ws\\?room=(.*)$ ws://@A@/end/$1",
        (to("/ws?room=1", status=404), to("/ws%3Froom=1", "A /end/1")),
    ),
    "query-in-a-rule": Fact(
        "WSLB-C067",
        f"{ON}RewriteRule ^/ws\\?room=(.*) ws://@A@/end/$1 [P]",
        (to("/ws?room=1", status=404), to("/ws%3Froom=1", "A /end/1")),
    ),
    "question-mark-that-a-rule-puts-into-the-path": Fact(
        "WSLB-C067",
        f"{ON}RewriteRule ^(/ws\\?.*) ws://@A@$1 [P]",
        (to("/ws?room=1", status=404), to("/ws%3Froom=1", status=403)),
    ),
    "question-mark-that-may-be-missing": Fact(
        "WSLB-C067",
        f"{ON}RewriteRule ^/ws(\\?.*)?$ ws://@A@/end [P]",
        (to("/ws?room=1", "A /end?room=1"),),
        spared=True,
    ),
    "double-slash-of-a-rule": Fact(
        "WSLB-C068", f"{ON}RewriteRule ^(.*) ws://@A@/$1 [P]", (to("/socket.io/?x=1", "A //socket.io/?x=1"),)
    ),
    "double-slash-of-the-whole-path": Fact(
        "WSLB-C068", f"{ON}RewriteRule .* ws://@A@/%{{REQUEST_URI}} [P]", (to("/socket.io/", "A //socket.io/"),)
    ),
    "double-slash-of-a-match": Fact("WSLB-C068", "ProxyPassMatch ^(/ws.*)$ ws://@A@/$1", (to("/ws/x", "A //ws/x"),)),
    "one-slash": Fact(
        "WSLB-C068", f"{ON}RewriteRule ^/?(.*) ws://@A@/$1 [P]", (to("/socket.io/", "A /socket.io/"),), spared=True
    ),
    "one-slash-of-the-path": Fact(
        "WSLB-C068", f"{ON}RewriteRule ^(.*) ws://@A@$1 [P]", (to("/socket.io/", "A /socket.io/"),), spared=True
    ),
    "anchored-rule-in-a-location": Fact(
        "WSLB-C131",
        "ProxyPass /ws http://@B@/ws\n"
        f"<Location /ws>\n{ON}{UPGRADE}RewriteRule ^/ws(.*) ws://@A@/end$1 [P]\n</Location>",
        (to("/ws/x", "B /ws/x", 200),),
    ),
    "url-that-a-rule-in-a-location-sees": Fact(
        "WSLB-C131",
        f"ProxyPass / http://@B@/\n<Location /ws>\n{ON}{UPGRADE}RewriteRule /(.*) ws://@A@/$1 [P]\n</Location>",
        (to("/ws/x", "A //@B@/ws/x"),),
    ),
    "rule-in-a-location": Fact(
        "WSLB-C131",
        f"ProxyPass / http://@B@/\n<Location /ws>\n{ON}{UPGRADE}RewriteRule /ws(.*) ws://@A@/end$1 [P]\n</Location>",
        (to("/ws/x", "A /end/x"),),
        spared=True,
    ),
    "plain-path-whose-upgrades-a-rule-of-its-section-takes": Fact(
        "WSLB-C027",
        f"<Location /ws>\nProxyPass http://@B@/ws\n{ON}{UPGRADE}RewriteRule /ws(.*) ws://@A@/end$1 [P]\n</Location>",
        (to("/ws/x", "A /end/x"), page("/ws/x", "B /ws/x")),
        spared=True,
    ),
    "or-on-the-last": Fact(
        "WSLB-C069",
        f"{ON}RewriteCond %{{HTTP:Upgrade}} h2c [NC,OR]\nRewriteCond %{{HTTP:Upgrade}} spdy [NC,OR]\n"
        "RewriteRule ^/ws ws://@A@/end [P]",
        (to("/ws", "A /end"), page("/ws", "A /end")),
    ),
    "neither-or-neither": Fact(
        "WSLB-C069",
        f"{ON}RewriteCond %{{HTTP:Upgrade}} !websocket [OR]\nRewriteCond %{{HTTP:Upgrade}} !WebSocket\n"
        "RewriteRule ^/(.*) http://@B@/$1 [P]\nProxyPass /ws ws://@A@/ws",
        (to("/ws", "B /ws", 200),),
    ),
    "neither-field": Fact(
        "WSLB-C069",
        f"{ON}RewriteCond %{{HTTP:Upgrade}} !websocket [NC,OR]\nRewriteCond %{{HTTP:Connection}} !upgrade [NC]\n"
        "RewriteRule ^/(.*) http://@B@/$1 [P]\nProxyPass /ws ws://@A@/ws",
        (to("/ws", "A /ws"), page("/ws", "B /ws")),
        spared=True,
    ),
    "path-or-upgrade": Fact(
        "WSLB-C069",
        f"{ON}RewriteCond %{{REQUEST_URI}} ^/socket.io [OR]\n{UPGRADE}RewriteRule ^/(.*) ws://@A@/$1 [P]\n"
        "ProxyPass / http://@B@/",
        (page("/socket.io/", "", 426), to("/socket.io/", "A /socket.io/"), page("/", "B /")),
        carrier="proxy_wstunnel",
    ),
    "transport-or-upgrade": Fact(
        "WSLB-C069",
        f"{ON}RewriteCond %{{QUERY_STRING}} transport=websocket [NC,OR]\n{UPGRADE}"
        "RewriteRule ^/(.*) ws://@A@/$1 [P]\nProxyPass / http://@B@/",
        (
            to("/socket.io/?transport=websocket", "A /socket.io/?transport=websocket"),
            page("/socket.io/", "B /socket.io/"),
        ),
        spared=True,
    ),
    # where it leads
    "host-and-port-of-the-client": Fact(
        "WSLB-C087",
        f"{ON}RewriteRule ^/p/(\\d+)/(.*) ws://%{{SERVER_NAME}}:$1/$2 [P]",
        (to("/p/@APORT@/x", "A /x", Host="127.0.0.1"),),
    ),
    "host-field": Fact(
        "WSLB-C087", f"{ON}RewriteRule ^/(.*) ws://%{{HTTP_HOST}}/$1 [P]", (to("/x", "A /x", Host="@A@"),)
    ),
    "host-of-the-path": Fact("WSLB-C087", "ProxyPassMatch ^/to/(.*)$ ws://$1", (to("/to/@A@/x", "A /x"),)),
    "host-of-the-query": Fact(
        "WSLB-C087",
        f"{ON}RewriteCond %{{QUERY_STRING}} host=([^&]+)\nRewriteRule ^/(.*) ws://%1/$1 [P]",
        (to("/x?host=@A@", "A /x?host=@A@"),),
    ),
    "user-of-a-rule": Fact(
        "WSLB-C087", f"{ON}RewriteRule ^/ws/(.*) ws://192.0.2.1:3000$1 [P]", (to("/ws/@@A@/x", "A /x"),)
    ),
    "user-of-a-match": Fact("WSLB-C087", "ProxyPassMatch ^/ws/(.*) ws://192.0.2.1:3000$1", (to("/ws/@@A@/x", "A /x"),)),
    "user-of-a-line": Fact("WSLB-C087", "ProxyPass / http://192.0.2.1:3000", (page("/@@A@/x", "A /x"),)),
    "ports-that-are-listed": Fact(
        "WSLB-C087",
        f"{ON}RewriteRule ^/p/(@APORT@|@BPORT@)/(.*) ws://127.0.0.1:$1/$2 [P]",
        (to("/p/@BPORT@/x", "B /x"), to("/p/1/x", status=404)),
        spared=True,
    ),
    "name-of-the-administrator": Fact(
        "WSLB-C087",
        f"UseCanonicalName On\n{ON}RewriteRule ^/(.*) ws://%{{SERVER_NAME}}:@APORT@/$1 [P]",
        (to("/x", "A /x", Host="192.0.2.7"),),
        spared=True,
    ),
    "path-behind-the-port": Fact(
        "WSLB-C087",
        f"{ON}RewriteRule ^(.*)$ ws://@A@$1 [P]",
        (to("/x", "A /x"), to("/@@B@/x", "A /@@B@/x")),
        spared=True,
    ),
}
"""By name. Those of one carrier share a httpd."""
