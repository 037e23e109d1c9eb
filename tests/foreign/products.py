"""Foreign proxies as text: for each product, the configuration that balances some routes, and how it is started."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["PRODUCTS", "Route"]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One path and its members.

    Attributes:
        path: balanced, and asked for at the members too.
        ports: of the members, on the loopback address.
        lines: what else stands at this route, in the product's own language; JSON products take a dict.
        member: what else stands at each member, as text.
        upgrades: whether it has what lets a WebSocket through, where the product needs something.
    """

    path: str
    ports: Sequence[int] = ()
    lines: Any = ""
    member: str = ""
    upgrades: bool = True

    @property
    def name(self) -> str:
        """Of the group of members."""
        return self.path.strip("/").replace("/", "-")


@dataclass(frozen=True, kw_only=True)
class Written:
    """A configuration: what to put into which files, and the command; ``{run}`` and ``{port}`` are filled in."""

    argv: tuple[str, ...]
    files: dict[str, str] = field(default_factory=dict)


NGINX_UPGRADES = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'


def nginx(program: Path, run: Path, port: int, routes: Sequence[Route]) -> Written:
    groups = "\n".join(
        f"upstream {one.name} {{ zone {one.name} 64k; "
        + " ".join(f"server 127.0.0.1:{number} {one.member};" for number in one.ports)
        + " }"
        for one in routes
        if one.ports
    )
    places = "\n".join(
        f"location = {one.path} {{ {f'proxy_pass http://{one.name};' if one.ports else ''} proxy_http_version 1.1; "
        f"proxy_set_header Host $http_host; {NGINX_UPGRADES if one.upgrades else ''} {one.lines} }}"
        for one in routes
    )
    temporary = " ".join(
        f"{what}_temp_path {run}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    text = f"""daemon off; worker_processes 1; pid {run}/pid; error_log {run}/error.log;
events {{ worker_connections 1024; }}
http {{
access_log off; {temporary}
limit_req_zone $server_port zone=slow:64k rate=1r/m;
{groups}
server {{ listen 127.0.0.1:{port}; large_client_header_buffers 4 8k;
{places}
}} }}
"""
    argv = (str(program), "-p", str(run), "-c", str(run / "nginx.conf"), "-e", str(run / "error.log"))
    return Written(argv=argv, files={"nginx.conf": text})


def haproxy(program: Path, run: Path, port: int, routes: Sequence[Route]) -> Written:
    uses = "\n".join(f"  use_backend {one.name} if {{ path {one.path} }}" for one in routes)
    groups = "\n".join(
        f"backend {one.name}\n  balance roundrobin\n  {one.lines}\n"
        + "\n".join(f"  server s{at} 127.0.0.1:{number} {one.member}" for at, number in enumerate(one.ports))
        for one in routes
    )
    text = f"""global
  noreuseport
defaults
  mode http
  retries 0
  timeout connect 1s
  timeout client 30s
  timeout server 1s
  timeout tunnel 1h
frontend fe
  bind 127.0.0.1:{port}
{uses}
{groups}
"""
    return Written(argv=(str(program), "-db", "-f", str(run / "haproxy.cfg")), files={"haproxy.cfg": text})


def caddy(program: Path, run: Path, port: int, routes: Sequence[Route]) -> Written:
    def place(one: Route) -> str:
        if not one.ports:
            return f"handle {one.path} {{\n{one.lines}\n}}"
        members = " ".join(f"127.0.0.1:{number}" for number in one.ports)
        policy = "" if "lb_policy" in one.lines else "lb_policy round_robin"
        return f"handle {one.path} {{\nreverse_proxy {members} {{\n{policy}\n{one.lines}\n}}\n}}"

    text = f"""{{
admin off
auto_https off
persist_config off
}}
http://127.0.0.1:{port} {{
bind 127.0.0.1
{"".join(f"{place(one)}{chr(10)}" for one in routes)}}}
"""
    argv = (
        "env",
        f"XDG_DATA_HOME={run}",
        str(program),
        "run",
        "--adapter",
        "caddyfile",
        "--config",
        str(run / "Caddyfile"),
    )
    return Written(argv=argv, files={"Caddyfile": text})


def traefik(program: Path, run: Path, port: int, routes: Sequence[Route]) -> Written:
    routers: dict[str, Any] = {}
    services: dict[str, Any] = {}
    middlewares: dict[str, Any] = {}
    for one in routes:
        more = dict(one.lines or {})
        between = more.pop("middleware", None)
        if between is not None:
            middlewares[one.name] = between
        routers[one.name] = {
            "rule": f"Path(`{one.path}`)", "service": one.name, "entryPoints": ["web"],
            "middlewares": [one.name] if between is not None else [],
        }  # fmt: skip
        servers = [{"url": f"http://127.0.0.1:{number}"} for number in one.ports]
        services[one.name] = {"loadBalancer": {"servers": servers, **more}}
    http: dict[str, Any] = {"routers": routers, "services": services}
    if middlewares:
        http["middlewares"] = middlewares
    argv = (
        str(program), f"--entrypoints.web.address=127.0.0.1:{port}", f"--providers.file.filename={run}/dynamic.yml",
        "--global.checknewversion=false", "--global.sendanonymoususage=false",
    )  # fmt: skip
    return Written(argv=argv, files={"dynamic.yml": json.dumps({"http": http})})


def envoy(program: Path, run: Path, port: int, routes: Sequence[Route]) -> Written:
    def address(number: int) -> dict[str, Any]:
        return {"socket_address": {"address": "127.0.0.1", "port_value": number}}

    def place(one: Route) -> dict[str, Any]:
        more = dict(one.lines or {})
        action = {} if "direct_response" in more or "redirect" in more else {"route": {"cluster": one.name}}
        if not one.upgrades:
            action["route"]["upgrade_configs"] = [{"upgrade_type": "websocket", "enabled": False}]  # type: ignore[assignment]
        if "route" in more and "route" in action:
            action["route"].update(more.pop("route"))
        return {"match": {"path": one.path}, **action, **more}

    kind = "type.googleapis.com/envoy.extensions.filters"
    everything = {"name": "all", "domains": ["*"], "routes": [place(one) for one in routes]}
    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "web",
        "delayed_close_timeout": "0.02s",  # by itself it ends each tunnel a second after its Close
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http_filters": [
            {"name": "router", "typed_config": {"@type": f"{kind}.http.router.v3.Router"}},
        ],
        "route_config": {"virtual_hosts": [everything]},
    }
    web = {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
    clusters = [
        {
            "name": one.name, "type": "STATIC", "connect_timeout": "1s", "lb_policy": "ROUND_ROBIN",
            "load_assignment": {
                "cluster_name": one.name,
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(number)}} for number in one.ports]}],
            },
        }
        for one in routes
    ]  # fmt: skip
    config = {
        "static_resources": {
            "listeners": [
                {"name": "web", "address": address(port), "filter_chains": [{"filters": [web]}]},
            ],
            "clusters": clusters,
        }
    }  # fmt: skip
    argv = (str(program), "-c", str(run / "envoy.json"), "--concurrency", "1", "--disable-hot-restart", "-l", "error")
    return Written(argv=argv, files={"envoy.json": json.dumps(config)})


Write = Callable[[Path, Path, int, Sequence[Route]], Written]
PRODUCTS: dict[str, Write] = {"nginx": nginx, "haproxy": haproxy, "caddy": caddy, "traefik": traefik, "envoy": envoy}
