"""What a lab asks of a product: to be found, installed, checked, started and described. `PROXIES` names every one."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import Protocol

import aiohttp

from wslb.config import Settings
from wslb.interfaces import Dialect, Installation, Proxy, Runtime
from wslb.model.balancer import Site
from wslb.proxies.own_mutations import OwnMutations

__all__ = ["Product"]


class Product(Protocol):
    """One product that a lab can put in front of its backends."""

    @property
    def title(self) -> str:
        """As people call it, such as ``Apache httpd``."""
        ...

    @property
    def dialect(self) -> Dialect:
        """Its language."""
        ...

    @property
    def mutations(self) -> OwnMutations:
        """How the self-test breaks it beside what the catalogue of mutations does to every product."""
        ...

    @property
    def image(self) -> str:
        """Its official image, for a container where no other is asked for."""
        ...

    async def find(self, runtime: Runtime, settings: Settings) -> Installation:
        """What is installed there.

        Raises:
            RuntimeUnavailable: nothing that can be used.
        """
        ...

    def way(self) -> tuple[str, bool]:
        """What a person would type to install it, and whether that asks for no password; empty where nobody knows."""
        ...

    def install(self, *, say: Callable[[str], None]) -> None:
        """Install it.

        Raises:
            RuntimeUnavailable: that needs a person; the hint is the command to type.
        """
        ...

    def managed(
        self,
        *,
        runtime: Runtime,
        installation: Installation,
        session: aiohttp.ClientSession,
        settings: Settings,
        user: tuple[str, str] | None,
        trust: ssl.SSLContext | None,
    ) -> Proxy:
        """A proxy that is not started yet.

        Args:
            user: who its processes become, as ``#uid`` and ``#gid``; None for an ordinary user.
            trust: what its clients trust; None offers no TLS.
        """
        ...

    async def accepts(
        self,
        site: Site,
        *,
        runtime: Runtime,
        installation: Installation,
        settings: Settings,
        user: tuple[str, str] | None,
    ) -> None:
        """Let the program check what a lab would give it for a site, without serving it.

        Raises:
            LabError: it does not accept it.
        """
        ...

    def facts(self, installation: Installation) -> Mapping[str, object]:
        """Its part of the report's environment section; ``proxy`` is name and version."""
        ...
