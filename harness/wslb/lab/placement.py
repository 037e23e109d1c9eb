"""Which place the proxy runs in: the one asked for, else the first that can be used, and why."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from wslb.config import RuntimeChoice, Settings
from wslb.errors import LabError, RuntimeUnavailable
from wslb.interfaces import Installation, Progress, Runtime
from wslb.model.sites import wide
from wslb.proxies.product import Product
from wslb.proxies.registry import product_of
from wslb.runtimes import RUNTIMES

__all__ = ["Placement", "enter", "silent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A runtime that is up, the proxy's program in it, and why it was taken."""

    product: Product
    runtime: Runtime
    installation: Installation
    why: str


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody wants to see."""


async def enter(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    folder: Path,
    *,
    progress: Progress = silent,
    say: Callable[[str], None] | None = None,
) -> Placement:
    """Bring the runtime of these settings up; the stack takes it down.

    ``auto`` takes a container where an engine answers and the image is there or can be pulled, else the httpd of this
    machine, which is installed first where that needs no password. A program asked for (``--httpd``) is one of this
    machine; an image asked for (``--image``) is not traded for anything else.

    Args:
        stack: what leaves the runtime again.
        folder: of the run, on this machine.
        say: told of each command that installs; None installs nothing.

    Raises:
        LabError: there is no place; the hint says what to do.
    """
    product = product_of(settings.proxy)
    if settings.runtime is not RuntimeChoice.AUTO:
        return await _enter(stack, settings, folder, settings.runtime.value, "asked for", progress)
    if settings.image:
        return await _enter(stack, settings, folder, "docker", "auto: an image was named", progress)
    if settings.httpd:
        return await _enter(stack, settings, folder, "local", "auto: a program was named", progress)
    try:
        return await _enter(stack, settings, folder, "docker", "auto: a Docker engine answers", progress)
    except LabError as exc:
        no_docker = _reason(exc)
    why = f"auto: {no_docker}"
    try:
        return await _enter(stack, settings, folder, "local", why, progress)
    except RuntimeUnavailable as exc:
        way, unattended = product.way()
        if say is None or not unattended:
            raise RuntimeUnavailable(
                runtime="auto",
                reason=f"{no_docker}, and {exc.reason}",
                hint=f"Start a Docker engine, or install {product.dialect.title}: {way or 'see wslb doctor'}",
            ) from exc
    product.install(say=say)
    return await _enter(stack, settings, folder, "local", f"{why}; {product.dialect.title} was installed", progress)


def _reason(error: LabError) -> str:
    return error.reason if isinstance(error, RuntimeUnavailable) else str(error).rstrip(".")


async def _enter(
    stack: contextlib.AsyncExitStack, settings: Settings, folder: Path, name: str, why: str, progress: Progress
) -> Placement:
    product = product_of(settings.proxy)
    settings = replace(settings, image=settings.image or product.image)
    async with contextlib.AsyncExitStack() as own:
        runtime = await own.enter_async_context(RUNTIMES[name](settings, folder, progress))
        installation = await product.find(runtime, settings)
        _refuse_without_core(product, runtime, installation)
        stack.push_async_exit(own.pop_all())
        return Placement(product=product, runtime=runtime, installation=installation, why=why)
    raise AssertionError("an exit stack swallows nothing")  # pragma: no cover


def _refuse_without_core(product: Product, runtime: Runtime, installation: Installation) -> None:
    """Raise RuntimeUnavailable when the program lacks a module without which there is nothing to ask."""
    missing = product.dialect.missing(wide(tls=False), installation)
    if missing:
        raise RuntimeUnavailable(
            runtime=runtime.name,
            reason=f"{installation.binary} has no {', '.join(missing)}; looked in {installation.modules_folder}",
            hint="Install the missing modules, name their folder (--modules DIR) or another httpd (--httpd FILE).",
        )
