"""HAProxy's configurations of users, made runnable in a lab (`wslb.proxies.adopting.Adoption`)."""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path

import aiohttp

from wslb.config import Settings
from wslb.errors import EvidenceError
from wslb.interfaces import Installation, Runtime
from wslb.model.topics import Topic
from wslb.proxies.adopting import AdoptedConfiguration
from wslb.proxies.haproxy.adoption.adopted_haproxy import AdoptedHaproxy, adopted_haproxy
from wslb.proxies.haproxy.adoption.adopted_haproxy_proxy import AdoptedHaproxyProxy
from wslb.proxies.haproxy.adoption.haproxy_traps import traps
from wslb.proxies.haproxy.adoption.sections import read_sections
from wslb.proxies.haproxy.haproxy_dialect import HaproxyDialect

__all__ = ["HaproxyAdoption"]


class _TriedHaproxy(HaproxyDialect):
    """Its configuration is the user's: nothing of a site is asked of it."""

    capabilities = replace(HaproxyDialect.capabilities, measured=None)

    def missing(self, site: object, installation: Installation) -> tuple[str, ...]:  # noqa: ARG002 - as its base
        """Nothing: what it lacks, the configuration tells."""
        return ()


class HaproxyAdoption:
    """HAProxy (`wslb.proxies.adopting.Adoption`)."""

    proxy = "haproxy"
    topics = frozenset({Topic.TURNS, Topic.FAILURE, Topic.TIME})

    def read(self, file: Path) -> AdoptedHaproxy:
        """Read and adopt a configuration.

        Raises:
            EvidenceError: it cannot be read, or nothing in it listens.
            ProxyConfigRejected: a quote is not closed, or a line stands in no section.
            ConfigError: there is more than is read.
        """
        sections, told = read_sections(file)
        adopted = adopted_haproxy(sections, (*told, *traps(sections)))
        if not adopted.doors:
            hint = "Name a file with a frontend or a listen that has a bind line."
            raise EvidenceError(path=file, detail="nothing in it listens, so nothing could be asked", hint=hint)
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
    ) -> AdoptedHaproxyProxy:
        """A proxy that is not started yet."""
        if not isinstance(adopted, AdoptedHaproxy):
            raise TypeError(adopted)
        return AdoptedHaproxyProxy(
            adopted=replace(adopted, version=installation.numbers),
            dialect=_TriedHaproxy(),
            runtime=runtime,
            installation=installation,
            session=session,
            user=user,
            trust=trust,
            ports=(0, 0),
            start_seconds=settings.timeouts.start,
            stop_seconds=settings.timeouts.stop,
        )
