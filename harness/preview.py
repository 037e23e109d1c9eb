"""The configuration that a lab would serve, without starting one."""

from __future__ import annotations

from dataclasses import replace

from harness.backend import BACKENDS, own_address
from harness.balancer import Listener
from harness.config import RuntimeChoice, Settings
from harness.dialects.apache import ApacheDialect
from harness.errors import RuntimeUnavailable
from harness.interfaces import Front, Installation
from harness.launch import discover
from harness.scenario import Scenario
from harness.scenarios.sites import wide

__all__ = ["article_addresses", "configuration"]

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
