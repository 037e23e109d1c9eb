"""Composition root: the only place that names concrete classes."""

from __future__ import annotations

import contextlib
import platform
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import aiohttp
import psutil

from wslb.certificates import Authority
from wslb.config import Settings
from wslb.connectors import CONNECTORS, StreamConnector
from wslb.errors import ConfigError, HarnessError, RuntimeUnavailable
from wslb.fleet.fleet import Fleet
from wslb.fleet.managed import unprivileged
from wslb.interfaces import Capability, Progress, Runtime
from wslb.lab.lab import Lab
from wslb.lab.placement import Placement, enter, silent
from wslb.model.balancer import Site
from wslb.model.sites import wide
from wslb.runtimes.local.local_runtime import LocalRuntime
from wslb.runtimes.local.openfiles import raise_limit
from wslb.runtimes.runfolder import RunFolder, sweep

__all__ = ["accepted", "clean", "discover", "environment_of", "open_lab", "placed", "refuse_without_way"]


async def discover(settings: Settings, *, progress: Progress = silent) -> Placement:
    """Where these settings would run which httpd; nothing stays up.

    Raises:
        LabError: nowhere.
    """
    async with placed(settings, progress=progress) as place:
        return place
    raise AssertionError("nothing is swallowed")  # pragma: no cover


@contextlib.asynccontextmanager
async def placed(settings: Settings, *, progress: Progress = silent) -> AsyncIterator[Placement]:
    """The place of these settings while the block lasts, with nothing that runs in it.

    Raises:
        LabError: there is none.
    """
    async with contextlib.AsyncExitStack() as stack:
        folder = RunFolder()
        stack.callback(folder.remove)
        yield await enter(stack, settings, folder.path, progress=progress)


async def accepted(place: Placement, settings: Settings, site: Site) -> None:
    """Let the proxy's program of a place check what a lab would give it for this site, without serving it.

    Raises:
        LabError: it does not accept it.
    """
    await _write_secrets(place.runtime, Authority())
    await place.product.accepts(
        site,
        runtime=place.runtime,
        installation=place.installation,
        settings=settings,
        user=unprivileged() if place.runtime.as_root else None,
    )


async def clean() -> tuple[str, ...]:
    """Remove what dead runs of this user left, processes, folders and containers, and say what it was."""
    from wslb.runtimes.docker.leftovers import sweep_quietly  # noqa: PLC0415 - the SDK takes 0.15 s to import

    return tuple(str(leftover) for leftover in (*sweep(), *await sweep_quietly()))


@contextlib.asynccontextmanager
async def open_lab(
    settings: Settings, *, progress: Progress = silent, say: Callable[[str], None] | None = None
) -> AsyncIterator[Lab]:
    """A running lab; everything it started has ended when the block is left, whichever way.

    Args:
        settings: what was asked for.
        progress: told of what takes long, such as the pull of an image.
        say: told of each command that installs httpd under ``--runtime auto``, and of who does not answer any more;
            None installs nothing, and stderr is told the rest.

    Raises:
        LabError: it could not be brought up. What had been started is stopped.
    """
    begin = time.monotonic()
    open_files = raise_limit()
    leftovers = tuple(map(str, sweep()))
    async with contextlib.AsyncExitStack() as stack:
        folder = RunFolder()
        stack.callback(folder.remove)
        place = await enter(stack, settings, folder.path, progress=progress, say=say)
        runtime, installation = place.runtime, place.installation
        leftovers += tuple(map(str, runtime.leftovers))
        local = runtime if isinstance(runtime, LocalRuntime) else LocalRuntime(folder.path)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30), trust_env=False)
        )
        tls = installation.has("ssl")
        authority = Authority()
        trust = authority.client_context() if tls else None
        await local.write("tls/ca.pem", authority.pem)
        await _write_secrets(runtime, authority)
        proxy = place.product.managed(
            runtime=runtime,
            installation=installation,
            session=session,
            settings=settings,
            user=unprivileged() if runtime.as_root else None,
            trust=trust,
        )
        stack.push_async_callback(proxy.stop)
        one_path = Capability.MEMBER_PATHS not in place.product.dialect.capabilities.can
        if one_path and settings.backends:
            raise ConfigError(
                option="--backend",
                value=", ".join(f"{name}={url}" for name, url in settings.backends.items()),
                allowed=f"left out: {place.product.title} asks all members on one path, and yours have their own",
            )
        fleet = Fleet(
            settings=settings,
            runtime=local,
            proxy_runtime=runtime,
            session=session,
            authority=authority,
            one_path=one_path,
        )
        stack.push_async_callback(fleet.stop)
        await fleet.start()
        await refuse_without_way(runtime, fleet)
        await proxy.prepare({})
        site = wide(tls=tls)
        site = site.at_root() if one_path else site
        await proxy.apply(site.resolved(fleet.addresses))
        lab = Lab(
            settings=settings,
            proxy=proxy,
            fleet=fleet,
            connectors={name: connector() for name, connector in CONNECTORS.items()},
            raw_connector=StreamConnector(),
            trust=trust,
            environment={
                **environment_of(settings, place, fleet, leftovers, time.monotonic() - begin),
                "open_files": open_files,
            },
            open_files=open_files,
            tell=say or _say,
        )
        stack.push_async_callback(_close_quietly, lab)
        yield lab


async def refuse_without_way(runtime: Runtime, fleet: Fleet) -> None:
    """Raise RuntimeUnavailable when the proxy cannot reach a backend: every answer would be about the network."""
    for address in fleet.addresses.values():
        host, _, port = address.rpartition(":")
        if not await runtime.connects(host, int(port)):
            raise RuntimeUnavailable(
                runtime=runtime.name,
                reason=f"its programs cannot reach the backends at {address}",
                hint="A firewall may stand between, or the engine is another machine. Use --runtime local.",
            )


async def _close_quietly(lab: Lab) -> None:
    """Close tunnels before anything is stopped: with one open, httpd takes ten seconds to end."""
    with contextlib.suppress(HarnessError, OSError):
        await lab.close_all()


def _say(line: str) -> None:
    """On stderr, at once."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


async def _write_secrets(runtime: Runtime, authority: Authority) -> None:
    """Certificates of the run; keys are readable by us alone and go with the folder."""
    await runtime.write("tls/ca.pem", authority.pem)
    leaf = authority.leaf("localhost", names=("127.0.0.1", "::1", socket.gethostname()))
    await runtime.write("tls/proxy.pem", leaf.certificate)
    await runtime.write("tls/proxy.key", leaf.key, secret=True)


def environment_of(
    settings: Settings, place: Placement, fleet: Fleet, leftovers: tuple[str, ...], seconds: float
) -> dict[str, object]:
    """Facts for the report's environment section."""
    installation = place.installation
    return {
        "wslb": _version("wslb"),
        **place.product.facts(installation),
        "proxy_version": installation.version,
        "proxy_binary": installation.binary,
        "carrier": place.product.dialect.capabilities.carrier(settings.carrier).module,
        **place.runtime.facts(),
        "runtime_reason": place.why,
        "backends": {
            name: {
                "title": backend.title,
                "program": backend.info.program,
                "address": backend.info.address,
                "host_name": backend.info.host_name,
                "ws": backend.info.ws,
                "wss": backend.info.wss,
                "uid": backend.info.uid,
                "greeting": backend.info.greeting,
            }
            for name, backend in fleet.items()
        },
        "log_level": "warn",
        "tls": ssl.OPENSSL_VERSION if installation.has("ssl") else "",
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": psutil.cpu_count() or 0,
        "memory_bytes": psutil.virtual_memory().total,
        "packages": {name: _version(name) for name in ("aiohttp", "websockets", "pytest")},
        "executable": Path(sys.executable).name,
        "ready_seconds": round(seconds, 3),
        "leftovers": list(leftovers),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
