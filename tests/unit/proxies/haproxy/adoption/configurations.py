"""Configurations of HAProxy, sound and broken: what becomes of an upgrade, by which line and why.

Each is read by `test_haproxy_adoption.py`, and asked of the real HAProxy by `tests/live/test_try_haproxy.py`.
"""

from __future__ import annotations

from tests.unit.proxies.nginx.adoption.configurations import Configuration

DEFAULTS = """defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout tunnel 1h
"""
"""Six lines."""

FRONT = "frontend web\n    bind :80\n"
"""Lines 7 and 8."""

PAIR = "    server a 10.0.3.1:8080\n    server b 10.0.3.2:8080\n"


def site(rules: str, behind: str = f"backend ws\n{PAIR}", *, defaults: str = DEFAULTS, front: str = FRONT) -> str:
    return f"{defaults}{front}{rules}{behind}"


DEFAULT = "    default_backend ws\n"
UNOPENED = ("turns", "held", "at-once")

HAPROXY_CONFIGURATIONS: dict[str, Configuration] = {
    "balanced": Configuration(
        text=site(DEFAULT),
        paths=("/",),
        green=True,
        taken="site.cfg:9: default_backend ws took it; site.cfg:10: backend ws",
        words=("10.0.3.1:8080 saw GET / HTTP/1.1; Host: localhost;", "a free port of loopback is in its place"),
    ),
    "listen": Configuration(
        text=site(PAIR, "", front="listen ws\n    bind 192.0.2.7:80\n"),
        paths=("/",),
        green=True,
        taken="site.cfg:7: listen ws took it",
    ),
    "by-path": Configuration(
        text=site(f"    acl chat path_beg /chat/\n    use_backend ws if chat\n{DEFAULT}"),
        paths=("/chat/", "/"),
        green=True,
        taken="site.cfg:10: use_backend ws if chat took it",
    ),
    "by-name-and-path": Configuration(
        text=site(
            "    use_backend ws if { hdr(host),lower -i chat.example.org } { path_dir socket }\n"
            "    default_backend pages\n",
            f"backend ws\n{PAIR}backend pages\n    server p 10.0.3.3:3000\n",
        ),
        paths=("/socket",),
        green=True,
        taken="site.cfg:9: use_backend ws if { hdr(host),lower -i chat.example.org } { path_dir socket } took it",
        words=("ws://chat.example.org/socket", "Host: chat.example.org"),
    ),
    "by-upgrade": Configuration(
        text=site(
            "    acl is_ws hdr(Upgrade) -i WebSocket\n    use_backend ws if is_ws\n    default_backend pages\n",
            f"backend ws\n{PAIR}backend pages\n    server p 10.0.3.3:3000\n",
        ),
        paths=("/",),
        green=True,
        taken="site.cfg:10: use_backend ws if is_ws took it",
    ),
    "first-of-two": Configuration(
        text=site(
            "    use_backend pages if { path_beg / }\n    use_backend ws if { path_beg /ws }\n",
            f"backend ws\n{PAIR}backend pages\n    server p 10.0.3.3:3000\n",
        ),
        paths=("/ws",),
        green=True,
        taken="",
        words=("no request was found that use_backend ws if { path_beg /ws } (site.cfg:10) takes",),
        skipped=("upgrade",),
    ),
    "alternatives": Configuration(
        text=site("    use_backend ws if { path /live } or { path_reg ^/cable/[0-9]+$ }\n"),
        paths=("/live", "/cable/1"),
        green=True,
        taken="site.cfg:9: use_backend ws if { path /live } or { path_reg ^/cable/[0-9]+$ } took it",
    ),
    "unless": Configuration(
        text=site(f"    http-request deny unless {{ path_beg /ws }}\n{DEFAULT}"),
        paths=("/",),
        green=False,
        taken="site.cfg:9: http-request deny unless { path_beg /ws } ends it with 403",
        words=("meant for it: site.cfg:10: default_backend ws",),
        skipped=UNOPENED,
    ),
    "weights": Configuration(
        text=site(DEFAULT, "backend ws\n    server a 10.0.3.1:80 weight 3\n    server b 10.0.3.2:80\n"),
        paths=("/",),
        green=True,
        taken="site.cfg:9: default_backend ws took it",
        words=("m1 38 of 37.5",),
    ),
    "leastconn": Configuration(
        text=site(DEFAULT, f"backend ws\n    balance leastconn\n{PAIR}"),
        paths=("/",),
        green=True,
        taken="site.cfg:9: default_backend ws took it",
    ),
    "source": Configuration(
        text=site(DEFAULT, f"backend ws\n    balance source\n{PAIR}"),
        paths=("/",),
        green=True,
        taken="site.cfg:9: default_backend ws took it",
        words=("balance source (site.cfg:11) elects by another rule than turns",),
        skipped=("turns",),
    ),
    "stick": Configuration(
        text=site(DEFAULT, f"backend ws\n    stick-table type ip size 1k peers mine\n    stick on src\n{PAIR}"),
        paths=("/",),
        green=True,
        taken="site.cfg:9: default_backend ws took it",
        words=("stick on src (site.cfg:12) leads to a server by another rule than turns",),
        skipped=("turns",),
    ),
    "backup-and-disabled": Configuration(
        text=site(
            DEFAULT,
            "backend ws\n    server a 10.0.3.1:80 disabled\n    server b 10.0.3.2:80\n    server c 10.0.3.3:80\n"
            "    server d 10.0.3.4:80 backup\n",
        ),
        paths=("/",),
        green=True,
        taken="site.cfg:9: default_backend ws took it",
        words=("10.0.3.2:80 saw GET /",),
    ),
    "all-disabled": Configuration(
        text=site(
            DEFAULT, "backend ws\n    default-server disabled\n    server a 10.0.3.1:80\n    server b 10.0.3.2:80\n"
        ),
        paths=("/",),
        green=False,
        taken="site.cfg:9: default_backend ws takes it, and 503 comes back",
        words=("every server of backend ws is disabled: site.cfg:12, site.cfg:13",),
        skipped=("turns", "held"),
    ),
    "tls": Configuration(
        text=site(
            "    bind :443 ssl crt /etc/ssl/site.pem\n"
            f"    http-request redirect scheme https unless {{ ssl_fc }}\n{DEFAULT}",
            "backend ws\n    server a app.example.org:8443 ssl verify required ca-file /etc/ssl/ca.pem check\n",
        ),
        paths=("/",),
        green=True,
        taken="site.cfg:11: default_backend ws took it",
        words=("wss://localhost/", "app.example.org:8443 saw GET /"),
    ),
    "redirect-alone": Configuration(
        text=site(f"    redirect scheme https code 301 if !{{ ssl_fc }}\n{DEFAULT}"),
        paths=("/",),
        green=False,
        taken="site.cfg:9: redirect scheme https code 301 if !{ ssl_fc } ends it with 301",
        words=("a WebSocket client follows no redirect",),
        skipped=UNOPENED,
    ),
    "upgrade-deleted": Configuration(
        text=site(DEFAULT, f"backend ws\n    http-request del-header Upgrade\n{PAIR}"),
        paths=("/",),
        green=False,
        taken="site.cfg:9: default_backend ws takes it as plain HTTP: the Upgrade field does not reach the backend",
        words=("site.cfg:11: http-request del-header Upgrade takes it away",),
        skipped=UNOPENED,
    ),
    "rewritten": Configuration(
        text=site(DEFAULT, f"backend ws\n    http-request replace-path /(.*) /app/\\1\n{PAIR}"),
        paths=("/",),
        green=True,
        taken="site.cfg:9: default_backend ws took it",
        words=("saw GET /app/ HTTP/1.1",),
    ),
    "httpchk": Configuration(
        text=site(
            DEFAULT,
            "backend ws\n    option httpchk GET /health\n    default-server check\n"
            "    server a 10.0.3.1:8080\n    server b 10.0.3.2:8080\n",
        ),
        paths=("/",),
        green=True,
        taken="site.cfg:9: default_backend ws took it",
        words=(
            "option httpchk GET /health -> left out (a stand-in is checked by a connect",
            "site.cfg:11: option httpchk GET /health: a WebSocket server that answers 4xx to this request is taken out",
            "site.cfg:10: backend ws has no option redispatch: who meets a dead server waits",
        ),
    ),
    "no-backend": Configuration(
        text=site("    use_backend ws if { path_beg /ws }\n"),
        paths=("/ws",),
        green=True,
        taken="site.cfg:9: use_backend ws if { path_beg /ws } took it",
    ),
    "dynamic": Configuration(
        text=site("    use_backend %[req.hdr(x-to)]\n"),
        paths=("/",),
        green=True,
        taken="",
        words=("only a request would tell where it leads",),
        skipped=("upgrade",),
    ),
    "by-the-user-agent": Configuration(
        text=site(
            f"    use_backend pages if {{ hdr_sub(user-agent) bot }}\n{DEFAULT}",
            f"backend ws\n{PAIR}backend pages\n    server p 10.0.3.3:3000\n",
        ),
        paths=("/",),
        green=True,
        taken="site.cfg:10: default_backend ws took it",
        words=("takes it first hangs on more than the text tells",),
        skipped=("turns",),
    ),
    "tcp": Configuration(
        text=site(DEFAULT, defaults=DEFAULTS.replace("mode http", "mode tcp")),
        paths=("/",),
        green=True,
        taken="",
        words=("frontend web (site.cfg:7) is of mode tcp: it carries bytes, not requests",),
        skipped=("upgrade",),
    ),
    "of-the-machine": Configuration(
        text="global\n    chroot /var/lib/haproxy\n    user haproxy\n    log /dev/log local0\n    daemon\n"
        + site(f"    option forwardfor\n    log global\n{DEFAULT}")
        + "resolvers dns\n    nameserver a 192.0.2.53:53\n",
        paths=("/",),
        green=True,
        taken="site.cfg:16: default_backend ws took it",
        words=("chroot /var/lib/haproxy -> left out", "X-Forwarded-For: 127.0.0.1", "resolvers dns -> left out"),
    ),
    "password": Configuration(
        text=site(
            f"    http-request auth realm site unless {{ http_auth(people) }}\n{DEFAULT}",
            f"backend ws\n{PAIR}userlist people\n    user ann insecure-password horsebattery\n",
        ),
        paths=("/",),
        green=False,
        taken="site.cfg:9: http-request auth realm site unless { http_auth(people) } ends it with 401",
        words=("the lab asks from 127.0.0.1, without a name or password",),
        skipped=UNOPENED,
    ),
    "as-many-have-it": Configuration(
        text="""global
    log /dev/log local0
    stats socket /run/haproxy/admin.sock mode 660 level admin
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    log global
    mode http
    option httplog
    option forwardfor
    timeout connect 5000
    timeout client 50000
    timeout server 50000
    errorfile 400 /nowhere/400.http
frontend https
    bind *:443 ssl crt /etc/ssl/sites/ alpn h2,http/1.1
    bind *:80
    http-request redirect scheme https code 301 unless { ssl_fc }
    acl app hdr(host) -i app.example.org
    acl ws hdr(Upgrade) -i WebSocket
    acl ws hdr_beg(Host) -i ws.
    use_backend app_ws if app ws
    default_backend app
backend app_ws
    balance leastconn
    cookie SRV insert indirect nocache
    option redispatch
    server s1 10.0.3.10:3000 check cookie s1
    server s2 10.0.3.11:3000 check cookie s2 weight 2
backend app
    server s1 10.0.3.20:8080 check
listen stats
    bind *:8404
    stats enable
""",
        paths=("/",),
        green=True,
        taken="site.cfg:21: use_backend app_ws if app ws took it; site.cfg:23: backend app_ws",
        words=(
            "wss://app.example.org/",
            "m2 33 of 33.3333",
            "site.cfg:23: backend app_ws has no timeout tunnel",
            "errorfile 400 /nowhere/400.http -> left out (that file is not here)",
        ),
    ),
}
