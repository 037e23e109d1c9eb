"""The configuration that a lab would serve, without starting one."""

from __future__ import annotations

from dataclasses import replace

from wslb.config import RuntimeChoice, Settings
from wslb.errors import RuntimeUnavailable
from wslb.fleet.managed import BACKENDS, own_address
from wslb.interfaces import PRIVATE, Front, Installation
from wslb.lab.launch import discover
from wslb.model.balancer import Carrier, LbMethod, Listener
from wslb.model.sites import wide
from wslb.proxies.apache.dialect import ApacheDialect, Paths
from wslb.proxies.haproxy.haproxy_dialect import HaproxyDialect
from wslb.proxies.nginx.nginx_dialect import NginxDialect
from wslb.scenarios.scenario import Scenario

__all__ = ["article_addresses", "compose_configuration", "configuration"]

_UNKNOWN = Installation(
    binary="httpd",
    modules_folder="/usr/local/apache2/modules",
    version="2.4.65",
    built_in=frozenset(),
    loadable=frozenset(),
)
"""Stands in where no httpd is installed: the official image's layout."""


def article_addresses() -> dict[str, str]:
    """Addresses of the backends on the article's ports."""
    return {
        f"{scheme}://{name}": f"{own_address(program.address)}:{port}"
        for name, program in BACKENDS.items()
        for scheme, port in (("ws", program.port), ("wss", program.tls_port))
    }


def compose_configuration(lbmethod: LbMethod | None = None, *, proxy: str = "apache") -> str:
    """What ``compose.yaml`` mounts for one of its proxies: services by name, logs on the container's own streams.

    nginx and HAProxy have one writable folder, in which their services link the certificates and nginx's files.
    """
    hosts = {
        f"{scheme}://{name}": f"{name}:{port}"
        for name, program in BACKENDS.items()
        for scheme, port in (("ws", program.port), ("wss", program.tls_port))
    }
    site = wide(lbmethod).resolved(hosts)
    front = Front(listen="0.0.0.0", plain=8080, tls=8443, trusted=PRIVATE)  # noqa: S104 - of a container
    if proxy == "nginx":
        return NginxDialect().render(site, front=front, generation="compose", folder="/run/wslb", user="")
    if proxy == "haproxy":
        return HaproxyDialect().render(site, front=front, generation="compose", folder="/run/wslb", user=None)
    return ApacheDialect().render(
        site,
        front=front,
        generation="compose",
        carrier=Carrier.WSTUNNEL,
        installation=_UNKNOWN,
        user=None,
        paths=Paths(
            tls="/dev/shm/tls",  # noqa: S108 - the memory that compose.yaml lets its services share
            document_root="/etc/wslb/htdocs",
            error_log="/proc/self/fd/2",
            access_log="/proc/self/fd/1",
        ),
    )


async def configuration(settings: Settings, scenario: Scenario | None) -> str:
    """Text of httpd.conf for a scenario, or for ``wslb up``, on the article's ports."""
    if settings.runtime is RuntimeChoice.AUTO:
        settings = replace(settings, runtime=RuntimeChoice.LOCAL)  # a text to read is not worth a container
    try:
        installation = (await discover(settings)).installation
    except RuntimeUnavailable:
        if settings.httpd:
            raise
        installation = _UNKNOWN
    site = scenario.site if scenario else wide(settings.lbmethod)
    tls = any(mount.listener is Listener.TLS for mount in site.mounts)
    return ApacheDialect().render(
        site.resolved(article_addresses()),
        front=Front(plain=settings.port or 8080, tls=(settings.tls_port or 8443) if tls else None),
        generation=scenario.name if scenario else "up",
        carrier=settings.carrier,
        installation=installation,
        user=None,
    )
