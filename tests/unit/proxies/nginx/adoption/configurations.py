"""Configurations of nginx, sound and broken: what becomes of an upgrade, by which line and why.

Each is read by `test_adoption.py`, and asked of the real nginx by `tests/live/test_try_nginx.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

WEBSOCKET = """
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";"""
"""Three lines that an upgrade needs."""

PAIR = "upstream app { server 10.0.3.1:8080; server 10.0.3.2:8080; }"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """One file, and what must become of it.

    Attributes:
        text: of the file.
        paths: asked by what the text says.
        green: whether every question that is asked is answered as foreseen.
        taken: line that takes the path, as the report names it.
        words: further words of the report.
        skipped: questions that cannot be asked.
    """

    text: str
    paths: tuple[str, ...]
    green: bool
    taken: str
    words: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


def server(body: str, *, before: str = "", listen: str = "80") -> str:
    return f"{before}\nserver {{\n    listen {listen};\n    server_name site.example.org;\n{body}\n}}\n"


def location(match: str, target: str, lines: str = WEBSOCKET) -> str:
    return f"    location {match} {{\n        proxy_pass {target};{lines}\n    }}"


CONFIGURATIONS: dict[str, Configuration] = {
    "balanced": Configuration(
        text=server(location("/ws", "http://app"), before=PAIR),
        paths=("/ws",),
        green=True,
        taken="site.conf:5: location /ws took it; site.conf:6: proxy_pass http://app",
        words=("Host: app;",),
    ),
    "weights": Configuration(
        text=server(
            location("/ws", "http://app"),
            before="upstream app { server a.example.org weight=3; server b.example.org; }",
        ),
        paths=("/ws",),
        green=True,
        taken="site.conf:5: location /ws took it",
        words=("m1 38 of 37.5", "a.example.org:80 saw GET /ws"),
    ),
    "single": Configuration(
        text=server(location("/ws/", "http://app.example.org:3000/")),
        paths=("/ws/",),
        green=True,
        taken="site.conf:5: location /ws/ took it",
        words=("app.example.org:3000 saw GET / HTTP/1.1; Host: app.example.org:3000;",),
    ),
    "no-upgrade-lines": Configuration(
        text=server(location("/ws", "http://app", ""), before=PAIR),
        paths=("/ws",),
        green=False,
        taken="site.conf:5: location /ws takes it as plain HTTP",
        words=(
            "the Upgrade field does not reach",
            "add to the block of site.conf:6: ",
            "proxy_set_header Upgrade $http_upgrade;",
        ),
        skipped=("turns", "held", "at-once"),
    ),
    "no-connection": Configuration(
        text=server(
            location("/ws", "http://app", "\nproxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;"),
            before=PAIR,
        ),
        paths=("/ws",),
        green=False,
        taken="site.conf:5: location /ws takes it as plain HTTP",
        words=('add to the block of site.conf:6: proxy_set_header Connection "upgrade";',),
        skipped=("turns", "held", "at-once"),
    ),
    "connection-emptied": Configuration(
        text=server(
            location(
                "/ws",
                "http://app",
                '\nproxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection "";',
            ),
            before=PAIR,
        ),
        paths=("/ws",),
        green=False,
        taken="site.conf:5: location /ws takes it as plain HTTP",
        words=('site.conf:9: proxy_set_header Connection "": the backend is told no upgrade',),
        skipped=("turns", "held", "at-once"),
    ),
    "inherited-lost": Configuration(
        text=server(
            f"{WEBSOCKET}\n" + location("/ws", "http://app.example.org", "\nproxy_set_header X-Real-IP $remote_addr;")
        ),
        paths=("/ws",),
        green=False,
        taken="site.conf:9: location /ws takes it as plain HTTP",
        words=("site.conf:7, site.conf:8 do not count there", "(site.conf:11) inherits none"),
    ),
    "inherited": Configuration(
        text=server(f"{WEBSOCKET}\n" + location("/ws", "http://app.example.org:81", "")),
        paths=("/ws",),
        green=True,
        taken="site.conf:9: location /ws took it",
        words=("Host: app.example.org:81;",),
    ),
    "map": Configuration(
        text=server(
            location(
                "/ws",
                "http://app",
                "\nproxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;\n"
                "proxy_set_header Connection $connection_upgrade;\nproxy_set_header Host $host;",
            ),
            before=f"map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }} {PAIR}",
        ),
        paths=("/ws",),
        green=True,
        taken="site.conf:5: location /ws took it",
        words=("Host: site.example.org;",),
    ),
    "tls": Configuration(
        text=server(
            "    ssl_certificate /etc/ssl/site.pem;\n    ssl_certificate_key /etc/ssl/site.key;\n"
            + location("/ws", "https://app.example.org:8443"),
            listen="443 ssl",
        ),
        paths=("/ws",),
        green=True,
        taken="site.conf:7: location /ws took it",
        words=("wss://site.example.org/ws", "certificates are those of the run"),
    ),
    "redirect": Configuration(
        text=server("    return 301 https://$host$request_uri;\n" + location("/ws", "http://app"), before=PAIR),
        paths=("/ws",),
        green=False,
        taken="site.conf:2: server takes it, and nginx itself answers 301",
        words=("site.conf:5: return 301", "a WebSocket client follows no redirect"),
        skipped=("turns", "held", "at-once"),
    ),
    "regex-first": Configuration(
        text=server(location("/ws", "http://app") + "\n    location ~ ^/w {\n        return 404;\n    }", before=PAIR),
        paths=("/ws",),
        green=False,
        taken="site.conf:11: location ~ ^/w takes it, and nginx itself answers 404",
        words=("site.conf:12: return 404", "meant for it: site.conf:6: proxy_pass http://app"),
        skipped=("turns", "held", "at-once"),
    ),
    "regex-beaten": Configuration(
        text=server(
            location("^~ /ws", "http://app") + "\n    location ~ ^/w {\n        return 404;\n    }", before=PAIR
        ),
        paths=("/ws",),
        green=True,
        taken="site.conf:5: location ^~ /ws took it",
    ),
    "workers-without-zone": Configuration(
        text="worker_processes 4;\nevents { }\nhttp {\n" + server(location("/ws", "http://app"), before=PAIR) + "}\n",
        paths=("/ws",),
        green=True,
        taken="site.conf:8: location /ws took it",
        words=("worker_processes 4 (site.conf:1) without zone: each worker counts for itself",),
        skipped=("turns", "held"),
    ),
    "workers-with-zone": Configuration(
        text="worker_processes 4;\nevents { }\nhttp {\n"
        + server(location("/ws", "http://app"), before=PAIR.replace("{ ", "{ zone app 64k; ", 1))
        + "}\n",
        paths=("/ws",),
        green=True,
        taken="site.conf:8: location /ws took it",
    ),
    "least-conn": Configuration(
        text=server(location("/ws", "http://app"), before=PAIR.replace("{ ", "{ least_conn; ", 1)),
        paths=("/ws",),
        green=True,
        taken="site.conf:5: location /ws took it",
        words=("least_conn (site.conf:1) elects by another rule than turns",),
        skipped=("turns",),
    ),
    "try-files": Configuration(
        text=server(
            "    location /ws {\n        try_files /nowhere @app;\n    }\n" + location("@app", "http://app"),
            before=PAIR,
        ),
        paths=("/ws",),
        green=True,
        taken="site.conf:8: location @app took it",
    ),
    "variable": Configuration(
        text=server(
            "    resolver 192.0.2.53;\n    set $up app.example.org:3000;\n" + location("~ ^/(ws|live)/", "http://$up")
        ),
        paths=("/ws/",),
        green=True,
        taken="site.conf:7: location ~ ^/(ws|live)/ took it",
        words=("app.example.org:3000 saw GET /ws/", "no server outside is asked"),
    ),
    "by-the-request": Configuration(
        text=server(location("/ws", "http://$arg_to")),
        paths=("/ws",),
        green=True,
        taken="",
        words=("only a request would tell where it leads",),
        skipped=("upgrade",),
    ),
    "add-header": Configuration(
        text=server("    add_header X-Frame-Options DENY;\n" + location("/ws", "http://app"), before=PAIR),
        paths=("/ws",),
        green=True,
        taken="site.conf:6: location /ws took it",
        words=("site.conf:5: add_header X-Frame-Options DENY does not reach the 101, for want of always",),
    ),
    "down-and-backup": Configuration(
        text=server(
            location("/ws", "http://app"),
            before="upstream app { server 10.0.3.1 down; server 10.0.3.2; server 10.0.3.3; server 10.0.3.4 backup; }",
        ),
        paths=("/ws",),
        green=True,
        taken="site.conf:5: location /ws took it",
        words=("10.0.3.2:80 saw GET /ws",),
    ),
    "forbidden": Configuration(
        text=server(location("/ws", "http://app", f"{WEBSOCKET}\ndeny all;"), before=PAIR),
        paths=("/ws",),
        green=False,
        taken="site.conf:5: location /ws takes it, and 403 comes back",
        words=("access forbidden by rule",),
        skipped=("turns", "held", "at-once"),
    ),
}
