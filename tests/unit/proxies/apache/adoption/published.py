"""Sound configurations in the forms that projects publish: no warning, no error, and a path that carries WebSockets."""

from __future__ import annotations

from tests.unit.proxies.apache.adoption.written import EVERY_TURN, Written

__all__ = ["PUBLISHED"]


def published(text: str, path: str, *, turns: tuple[str, ...] = ()) -> Written:
    """A configuration of a site, and a path of it that carries a WebSocket."""
    return Written(text=text, paths=(path,), turns=turns)


def host(lines: str, *, port: int = 80, name: str = "www.example.org") -> str:
    """A virtual host around these lines."""
    return f"<VirtualHost *:{port}>\n  ServerName {name}\n{lines}\n</VirtualHost>\n"


CERTIFICATE = "SSLEngine on\nSSLCertificateFile @CA@\nSSLCertificateKeyFile @CA@\n"
UPGRADE = "RewriteCond %{HTTP:Upgrade} websocket [NC]\n"
ON = "RewriteEngine On\n"

PUBLISHED: dict[str, Written] = {
    "a-rule-for-a-name-that-no-line-gives": published(
        f"Listen 80\n{ON}{UPGRADE}RewriteCond %{{HTTP_HOST}} ^ws\\.example\\.org$ [NC]\n"
        "→RewriteRule ^/(.*) ws://127.0.0.1:8080/$1 [P,L]\n",
        "/",
    ),
    "a-rule-for-a-name-over-tls": published(
        f"<VirtualHost *:443>\n{CERTIFICATE}{ON}{UPGRADE}RewriteCond %{{HTTP_HOST}} =ws.example.org\n"
        "→RewriteRule ^/(.*) ws://127.0.0.1:8080/$1 [P,L]\n</VirtualHost>\n",
        "/",
    ),
    "rules-by-the-names-of-one-host": published(
        host(
            f"ServerAlias chat.example.org *.rooms.example.org\n{ON}"
            f"{UPGRADE}RewriteCond %{{HTTP_HOST}} ^chat\\. [OR]\nRewriteCond %{{HTTP_HOST}} ^talk\\.\n"
            "→RewriteRule ^/(.*) ws://127.0.0.1:8080/$1 [P,L]\n"
            "ProxyPass / http://127.0.0.1:8081/\nProxyPassReverse / http://127.0.0.1:8081/"
        ),
        "/",
    ),
    "a-rule-for-all-but-the-first-name": published(
        host(
            f"ServerAlias *.example.org\n{ON}{UPGRADE}RewriteCond %{{HTTP_HOST}} !^www\\.\n"
            "→RewriteRule ^/(.*) ws://127.0.0.1:8080/$1 [P,L]\n"
            "ProxyPass / http://127.0.0.1:8081/\nProxyPassReverse / http://127.0.0.1:8081/"
        ),
        "/",
    ),
    "a-certificate-of-two-hosts": published(
        host(f"{CERTIFICATE}→ProxyPass /chat ws://127.0.0.1:8080/chat", port=443, name="a.example.org")
        + host(f"{CERTIFICATE}ProxyPass /chat ws://127.0.0.1:8081/chat", port=443, name="b.example.org"),
        "/chat",
    ),
    "dashboards-with-live-panels": published(
        host(
            "ProxyPreserveHost On\n→ProxyPass /api/live/ ws://localhost:3000/api/live/\n"
            "ProxyPass / http://localhost:3000/\nProxyPassReverse / http://localhost:3000/"
        ),
        "/api/live/ws",
    ),
    "dashboards-below-a-path-by-rules": published(
        host(
            f"ProxyPreserveHost On\n{ON}{UPGRADE}RewriteCond %{{HTTP:Connection}} upgrade [NC]\n"
            "→RewriteRule ^/grafana/(.*) ws://localhost:3000/grafana/$1 [P,L]\n"
            "ProxyPass /grafana/ http://localhost:3000/grafana/"
        ),
        "/grafana/api/live/ws",
    ),
    "notebooks-with-kernels": published(
        host(
            f"{CERTIFICATE}ProxyPreserveHost On\n"
            "<Location /notebooks/>\n  ProxyPass http://127.0.0.1:8888/notebooks/\n</Location>\n"
            "<Location /notebooks/api/kernels/>\n  →ProxyPass ws://127.0.0.1:8888/notebooks/api/kernels/\n</Location>\n"
            "<Location /notebooks/terminals/>\n  ProxyPass ws://127.0.0.1:8888/notebooks/terminals/\n</Location>",
            port=443,
        ),
        "/notebooks/api/kernels/1/channels",
    ),
    "many-notebooks-by-a-rule": published(
        host(
            f"{CERTIFICATE}{ON}{UPGRADE}RewriteCond %{{HTTP:Connection}} Upgrade [NC]\n"
            "→RewriteRule /hub/(.*) ws://127.0.0.1:8000/hub/$1 [P,L]\n"
            "RewriteRule /hub/(.*) http://127.0.0.1:8000/hub/$1 [P,L]\n"
            "<Location /hub/>\n  ProxyPreserveHost On\n  ProxyPass http://127.0.0.1:8000/hub/\n"
            "  RequestHeader set X-Forwarded-Proto https\n</Location>",
            port=443,
        ),
        "/hub/user/x/api/kernels/1/channels",
    ),
    "many-notebooks-by-a-rule-in-a-section": published(
        host(
            f"{CERTIFICATE}<Location /hub/>\n  ProxyPreserveHost On\n  ProxyPass http://127.0.0.1:8000/hub/\n"
            f"  {ON}  {UPGRADE}  →RewriteRule /hub/(.*) ws://127.0.0.1:8000/hub/$1 [P,L]\n</Location>",
            port=443,
        ),
        "/hub/user/x/api/kernels/1/channels",
    ),
    "home-automation": published(
        host(
            f"{CERTIFICATE}ProxyPreserveHost On\nProxyRequests Off\n"
            "→ProxyPass /api/websocket ws://192.0.2.10:8123/api/websocket\n"
            "ProxyPassReverse /api/websocket ws://192.0.2.10:8123/api/websocket\n"
            "ProxyPass / http://192.0.2.10:8123/\nProxyPassReverse / http://192.0.2.10:8123/",
            port=443,
        ),
        "/api/websocket",
    ),
    "home-automation-by-a-rule": published(
        host(
            f"ProxyPreserveHost On\nProxyPass / http://192.0.2.10:8123/\n{ON}{UPGRADE}"
            "→RewriteRule /(.*) ws://192.0.2.10:8123/$1 [P,L]"
        ),
        "/api/websocket",
    ),
    "chat-that-polls-and-upgrades": published(
        host(
            f"{ON}RewriteCond %{{REQUEST_URI}} ^/socket.io [NC]\n"
            "RewriteCond %{QUERY_STRING} transport=websocket [NC]\n"
            "→RewriteRule /(.*) ws://localhost:3000/$1 [P,L]\nProxyPass / http://localhost:3000/"
        ),
        "/socket.io/?EIO=4&transport=websocket",
    ),
    "chat-that-polls-by-upgrade": published(
        host("→ProxyPass /socket.io/ http://localhost:3000/socket.io/ upgrade=websocket"), "/socket.io/?EIO=4"
    ),
    "chat-on-three-members": published(
        "<Proxy balancer://io>\n"
        "  BalancerMember http://192.0.2.1:3000 upgrade=websocket route=one\n"
        "  BalancerMember http://192.0.2.2:3000 upgrade=websocket route=two\n"
        "  BalancerMember http://192.0.2.3:3000 upgrade=websocket route=three\n"
        "  ProxySet stickysession=SERVERID\n</Proxy>\n"
        'Header add Set-Cookie "SERVERID=sticky.%{BALANCER_WORKER_ROUTE}e; path=/" env=BALANCER_ROUTE_CHANGED\n'
        "→ProxyPass /socket.io/ balancer://io/socket.io/\nProxyPass / balancer://io/",
        "/socket.io/?EIO=4",
        turns=EVERY_TURN,
    ),
    "chat-with-two-balancers": published(
        'Header add Set-Cookie "SERVERID=.%{BALANCER_WORKER_ROUTE}e; path=/" env=BALANCER_ROUTE_CHANGED\n'
        "<Proxy balancer://polling>\n  BalancerMember http://192.0.2.1:3000 route=one\n"
        "  BalancerMember http://192.0.2.2:3000 route=two\n  ProxySet stickysession=SERVERID\n</Proxy>\n"
        "<Proxy balancer://sockets>\n  BalancerMember ws://192.0.2.1:3000 route=one\n"
        "  BalancerMember ws://192.0.2.2:3000 route=two\n  ProxySet stickysession=SERVERID\n</Proxy>\n"
        f"{ON}{UPGRADE}→RewriteRule ^/(.*) balancer://sockets/$1 [P,L]\n"
        "RewriteRule ^/(.*) balancer://polling/$1 [P,L]",
        "/socket.io/?EIO=4",
        turns=EVERY_TURN,
    ),
    "graphql-with-subscriptions": published(
        host(
            f"{ON}{UPGRADE}→RewriteRule ^/graphql$ ws://localhost:4000/graphql [P,L]\n"
            "ProxyPass /graphql http://localhost:4000/graphql\nProxyPass / http://localhost:8080/"
        ),
        "/graphql",
    ),
    "graphql-on-one-line": published("→ProxyPass /graphql http://localhost:4000/graphql upgrade=websocket", "/graphql"),
    "messages-over-stomp": published(
        "→ProxyPass /stomp ws://localhost:15674/ws\nProxyPass /mq/ http://localhost:15672/", "/stomp"
    ),
    "telemetry-over-mqtt": published(
        host(f"{CERTIFICATE}→ProxyPass /mqtt ws://localhost:9001/mqtt retry=2 connectiontimeout=5", port=443), "/mqtt"
    ),
    "remote-desktop-in-the-browser": published(
        "<Location /desktop/>\n  Require all granted\n  ProxyPass http://localhost:8080/desktop/ flushpackets=on\n"
        "</Location>\n<Location /desktop/tunnel>\n  Require all granted\n"
        "  →ProxyPass ws://localhost:8080/desktop/tunnel\n</Location>",
        "/desktop/tunnel",
    ),
    "virtual-machines-console": published(
        f"SSLProxyEngine on\nSSLProxyVerify require\nSSLProxyCACertificateFile @CA@\n{ON}"
        "RewriteCond %{HTTP:Upgrade} =websocket [NC]\n"
        "→RewriteRule /(.*) wss://node.example.org:8006/$1 [P,L]\nProxyPass / https://node.example.org:8006/",
        "/api2/json/vncwebsocket",
    ),
    "pages-that-reload-themselves": published(
        host("→ProxyPass /ws ws://localhost:5173/ws\nProxyPass / http://localhost:5173/"), "/ws"
    ),
    "editor-in-the-browser": published(
        host(
            f"ProxyPreserveHost On\n{ON}RewriteCond %{{HTTP:Upgrade}} =websocket [NC]\n"
            "→RewriteRule /(.*) ws://localhost:8443/$1 [P,L]\nRewriteCond %{HTTP:Upgrade} !=websocket [NC]\n"
            "RewriteRule /(.*) http://localhost:8443/$1 [P,L]\nProxyRequests Off"
        ),
        "/stable/socket",
    ),
    "cable-of-an-application": published(
        host(
            f'{CERTIFICATE}ProxyPreserveHost On\nRequestHeader set X-Forwarded-Proto "https"\n'
            "ProxyPass /assets/ !\n→ProxyPass /cable ws://127.0.0.1:3000/cable\nProxyPass / http://127.0.0.1:3000/",
            port=443,
        ),
        "/cable",
    ),
    "channels-with-a-slash": published(
        "→ProxyPass /ws/ ws://127.0.0.1:8001/ws/\nProxyPass / http://127.0.0.1:8000/", "/ws/chat/"
    ),
    "hub-of-an-application": published(
        host(
            f"ProxyPreserveHost On\n{ON}{UPGRADE}RewriteCond %{{HTTP:Connection}} Upgrade [NC]\n"
            "→RewriteRule /(.*) ws://127.0.0.1:5000/$1 [P]\nProxyPass / http://127.0.0.1:5000/\n"
            "ProxyPassReverse / http://127.0.0.1:5000/"
        ),
        "/signalr/hub",
    ),
    "three-members-spread-by-open-tunnels": published(
        "<Proxy balancer://app>\n  BalancerMember ws://192.0.2.1:8080 retry=5\n"
        "  BalancerMember ws://192.0.2.2:8080 retry=5\n"
        "  BalancerMember ws://192.0.2.3:8080 retry=5 status=+H\n  ProxySet lbmethod=bybusyness\n</Proxy>\n"
        "→ProxyPass /live balancer://app/live",
        "/live",
        turns=("held",),
    ),
    "members-watched-by-connects": published(
        "→ProxyPass /live balancer://app/live\n<Proxy balancer://app>\n"
        "  BalancerMember ws://192.0.2.1:8080 hcmethod=TCP hcinterval=5\n"
        "  BalancerMember ws://192.0.2.2:8080 hcmethod=TCP hcinterval=5\n</Proxy>",
        "/live",
        turns=EVERY_TURN,
    ),
    "balancer-in-a-location": published(
        "<Proxy balancer://app>\n  BalancerMember ws://192.0.2.1:8080/app\n"
        "  BalancerMember ws://192.0.2.2:8080/app\n</Proxy>\n"
        "<Location /events>\n  →ProxyPass balancer://app/events\n</Location>",
        "/events",
        turns=EVERY_TURN,
    ),
    "folder-to-members-with-a-path": published(
        "<Proxy balancer://app>\n  BalancerMember ws://192.0.2.1:8080/app\n"
        "  BalancerMember ws://192.0.2.2:8080/app\n</Proxy>\n"
        "→ProxyPass /events/ balancer://app/",
        "/events/1",
        turns=EVERY_TURN,
    ),
    "ibm-i": published(
        "→ProxyPass /ws balancer://mycluster/CLRunner\nProxyPassReverse /ws balancer://mycluster/CLRunner\n"
        "<Proxy balancer://mycluster>\n  BalancerMember ws://192.0.2.101:10000/WSConsole\n"
        "  BalancerMember ws://192.0.2.102:8888\n</Proxy>\n"
        "<Location /balancer-manager>\n  SetHandler balancer-manager\n  Require ip 192.0.2.0/24\n</Location>",
        "/ws",
        turns=EVERY_TURN,
    ),
    "pattern-of-two-endpoints": published(
        "→ProxyPassMatch ^/(ws|chat)/(.*)$ ws://192.0.2.1:8888/$1/$2\nProxyPass / http://192.0.2.9/", "/chat/1"
    ),
    "section-with-a-pattern": published(
        "<Location />\n  ProxyPass http://192.0.2.9/\n</Location>\n"
        '<LocationMatch "^/rooms/[0-9]+/socket$">\n  →ProxyPassMatch ws://192.0.2.1:8888\n</LocationMatch>',
        "/rooms/7/socket",
    ),
    "rooms-by-a-class": published(
        f"{ON}{UPGRADE}→RewriteRule ^/rooms/([[:alnum:]]+)/socket$ ws://192.0.2.1:8888/rooms/$1 [P,L]",
        "/rooms/blue/socket",
    ),
    "ports-from-a-list": published(
        f"{ON}→RewriteRule ^/worker/(8001|8002|8003)/(.*)$ ws://127.0.0.1:$1/$2 [P,L]", "/worker/8002/live"
    ),
    "host-from-a-list": published(
        host(
            f"{ON}RewriteCond %{{HTTP_HOST}} ^(one|two)\\.example\\.org$ [NC]\n"
            "→RewriteRule ^/ws$ ws://%1.internal.example:8888/ws [P,L]",
            name="one.example.org",
        ),
        "/ws",
    ),
    "room-of-the-query": published(
        f"{ON}RewriteCond %{{QUERY_STRING}} (?:^|&)room=([0-9]+)\n→RewriteRule ^/ws$ ws://192.0.2.1:8888/room/%1 [P,L]",
        "/ws?room=7",
    ),
    "certificates-told-elsewhere": published(
        host("Redirect permanent / https://www.example.org/")
        + host(f"{CERTIFICATE}Protocols h2 http/1.1\n→ProxyPass /ws ws://127.0.0.1:8888/ws", port=443),
        "/ws",
    ),
    "definitions-and-a-macro": published(
        "Define BACKEND 192.0.2.1:8888\n<Macro Live $path>\n  →ProxyPass $path ws://${BACKEND}$path\n</Macro>\n"
        "Use Live /live\nUse Live /ws",
        "/live",
    ),
    "everything-to-one-server": published(
        host("ProxyPreserveHost On\n→ProxyPass / http://127.0.0.1:8080/ upgrade=websocket\nProxyTimeout 120"), "/any"
    ),
    "another-protocol-beside": published(
        "ProxyPass /attach http://127.0.0.1:2375/attach upgrade=tcp\n→ProxyPass /ws ws://127.0.0.1:8888/ws", "/ws"
    ),
}
"""By name."""
