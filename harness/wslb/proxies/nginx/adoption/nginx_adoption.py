"""nginx's configurations of users, made runnable in a lab (`wslb.proxies.adopting.Adoption`)."""

from __future__ import annotations

import re
import ssl
from dataclasses import replace
from pathlib import Path

import aiohttp

from wslb.config import Settings
from wslb.errors import EvidenceError
from wslb.interfaces import Installation, Runtime
from wslb.model.topics import Topic
from wslb.proxies.adopting import AdoptedConfiguration
from wslb.proxies.nginx.adoption.adopt_nginx import whole
from wslb.proxies.nginx.adoption.adopted_nginx import AdoptedNginx, adopted_nginx
from wslb.proxies.nginx.adoption.adopted_nginx_proxy import AdoptedNginxProxy
from wslb.proxies.nginx.adoption.grammar import every, read_tree
from wslb.proxies.nginx.nginx_dialect import NginxDialect

__all__ = ["NginxAdoption"]


class _TriedNginx(NginxDialect):
    """Its configuration is the user's: nothing of a site is asked of it."""

    capabilities = replace(NginxDialect.capabilities, measured=None)

    def missing(self, site: object, installation: Installation) -> tuple[str, ...]:  # noqa: ARG002 - as its base
        """Nothing: what it lacks, the configuration tells."""
        return ()


class NginxAdoption:
    """nginx (`wslb.proxies.adopting.Adoption`)."""

    proxy = "nginx"
    topics = frozenset({Topic.TURNS, Topic.FAILURE, Topic.TIME})

    def read(self, file: Path) -> AdoptedNginx:
        """Read and adopt a configuration.

        Raises:
            EvidenceError: it cannot be read, or has no server.
            ProxyConfigRejected: a block or a quote is not closed.
            ConfigError: there is more than is read.
        """
        lines, told = read_tree(file)
        tree = whole(lines)
        other = (line for line in every(tree) if re.search(r"\$\{?server_(?:port|addr)\b", str(line)))
        told += tuple(f"{line.place}: {line}: the lab's port and address are others" for line in other)
        adopted = adopted_nginx(tree, told)
        if not adopted.doors:
            hint = "Name the whole nginx.conf."
            raise EvidenceError(path=file, detail="it has no server that could be asked", hint=hint)
        return adopted

    def program(
        self,
        adopted: AdoptedConfiguration,
        *,
        runtime: Runtime,
        installation: Installation,
        session: aiohttp.ClientSession,
        settings: Settings,
        user: tuple[str, str] | None,
        trust: ssl.SSLContext,
    ) -> AdoptedNginxProxy:
        """A proxy that is not started yet."""
        if not isinstance(adopted, AdoptedNginx):
            raise TypeError(adopted)
        return AdoptedNginxProxy(
            adopted=adopted,
            dialect=_TriedNginx(),
            runtime=runtime,
            installation=installation,
            session=session,
            user=user,
            trust=trust,
            ports=(0, 0),
            start_seconds=settings.timeouts.start,
            stop_seconds=settings.timeouts.stop,
        )
