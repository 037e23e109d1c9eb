"""Apache httpd as a product: what a lab asks before it has a proxy (`wslb.proxies.product.Product`)."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping

import aiohttp

from wslb.config import Settings
from wslb.interfaces import Front, Installation, Runtime
from wslb.model.balancer import Site
from wslb.proxies.apache import provision
from wslb.proxies.apache.dialect import ApacheDialect
from wslb.proxies.apache.discovery import find_httpd
from wslb.proxies.apache.httpd import checked
from wslb.proxies.managed_proxy import ManagedProxy
from wslb.proxies.own_mutations import OwnMutations
from wslb.resources import console_page

__all__ = ["ApacheProduct"]

_ANEW = (
    "Before httpd 2.4.62 each new child sets the turns back, and bybusyness and bytraffic forget open tunnels: what "
    "holds here holds while no child is added, replaced or killed (restart-child-*)."
)
"""For readers of a report of such a version: the lab waits for all children, a server at work does not."""


class ApacheProduct:
    """Apache httpd 2.4."""

    title = "Apache httpd"
    image = "httpd:2.4"
    mutations = OwnMutations()

    def __init__(self) -> None:
        self.dialect = ApacheDialect()

    async def find(self, runtime: Runtime, settings: Settings) -> Installation:
        """The httpd of these settings, or the first that can be used (`find_httpd`)."""
        return await find_httpd(
            runtime, self.dialect, binary=settings.httpd, modules=settings.modules, mpm=settings.mpm
        )

    def way(self) -> tuple[str, bool]:
        """The package manager's command, and whether it asks for no password."""
        found = provision.install_commands()
        return (found.text, found.unattended) if found else ("", False)

    def install(self, *, say: Callable[[str], None]) -> None:
        """Install httpd (`provision.install`)."""
        provision.install(say=say)

    def managed(
        self,
        *,
        runtime: Runtime,
        installation: Installation,
        session: aiohttp.ClientSession,
        settings: Settings,
        user: tuple[str, str] | None,
        trust: ssl.SSLContext | None,
    ) -> ManagedProxy:
        """A proxy that is not started yet."""
        return ManagedProxy(
            dialect=self.dialect,
            runtime=runtime,
            installation=installation,
            session=session,
            carrier=settings.carrier,
            user=user,
            trust=trust,
            ports=(settings.port, settings.tls_port),
            start_seconds=settings.timeouts.start,
            stop_seconds=settings.timeouts.stop,
        )

    async def accepts(
        self,
        site: Site,
        *,
        runtime: Runtime,
        installation: Installation,
        settings: Settings,
        user: tuple[str, str] | None,
    ) -> None:
        """Let ``httpd -t`` check what a lab would give it for a site.

        Raises:
            LabError: it does not accept it.
        """
        await runtime.write("htdocs/WSConsole.html", console_page())
        config = self.dialect.render(
            site,
            front=Front(plain=8080, tls=8443 if installation.has("ssl") else None),
            generation="checked",
            carrier=settings.carrier,
            installation=installation,
            user=user,
        )
        await checked(self.dialect, runtime, installation, config)

    def facts(self, installation: Installation) -> Mapping[str, object]:
        """Version, MPM, build date and folder of modules."""
        return {
            "proxy": f"Apache/{installation.facts.get('version', installation.version)}",
            "mpm": installation.mpm,
            "proxy_built": installation.facts.get("built", ""),
            **({"new_children": _ANEW} if self.dialect.children_reset_turns(installation) else {}),
            "modules_folder": installation.modules_folder,
        }
