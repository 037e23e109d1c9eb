"""Which installations ``wslb matrix`` asks, and in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from wslb.config import RuntimeChoice, Settings
from wslb.errors import ConfigError, LabError
from wslb.lab.launch import discover
from wslb.proxies.registry import PROXIES, product_of

__all__ = ["NamedInstallation", "installations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedInstallation:
    """One installation to ask.

    Attributes:
        name: as it was asked for, such as ``--httpd /opt/httpd/bin/httpd``; of one that was found, its product.
        folder: of its own report, below that of the matrix.
        settings: that lead to it.
    """

    name: str
    folder: str
    settings: Settings


def installations(
    settings: Settings, *, httpds: Sequence[str], images: Sequence[str], proxies: Sequence[str]
) -> tuple[NamedInstallation, ...]:
    """The installations that were named, in this order; where none was, one of each product that is found here.

    Args:
        settings: of the command; runtime, program and product are replaced.
        httpds: programs of Apache httpd.
        images: images of Apache httpd.
        proxies: products, each as NAME or NAME=PROGRAM.

    Raises:
        ConfigError: a product that there is not, something named twice, or fewer than two.
    """
    named = [(f"--httpd {file}", replace(settings, runtime=RuntimeChoice.LOCAL, httpd=file)) for file in httpds]
    named += [(f"--image {name}", replace(settings, runtime=RuntimeChoice.DOCKER, image=name)) for name in images]
    for one in proxies:
        product, _, program = one.partition("=")
        product_of(product)
        there = replace(settings, proxy=product, runtime=RuntimeChoice.LOCAL, httpd=program or None)
        named.append((f"--proxy {one}", there))
    if not named:
        found = [replace(settings, proxy=product, runtime=RuntimeChoice.LOCAL, httpd=None) for product in PROXIES]
        named = [(PROXIES[one.proxy].title, one) for one in found if _there(one)]
    names = [name for name, _ in named]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise ConfigError(option=twice.partition(" ")[0], value=twice.partition(" ")[2], allowed="named once")
    if len(named) < 2:
        raise ConfigError(
            option="the number of installations",
            value=len(named),
            allowed="at least 2",
            hint="Name them: --httpd FILE, --image NAME, --proxy NAME[=PROGRAM]; wslb test asks one.",
        )
    return tuple(
        NamedInstallation(name=name, folder=str(number), settings=replace(there, report=settings.report / str(number)))
        for number, (name, there) in enumerate(named, 1)
    )


def _there(settings: Settings) -> bool:
    try:
        asyncio.run(discover(settings))
    except LabError:
        return False
    return True
