"""Composition root: the only place that names concrete classes."""

from __future__ import annotations

import contextlib
import platform
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import aiohttp
import psutil

from harness.backend import unprivileged
from harness.certificates import Authority
from harness.config import RuntimeChoice, Settings
from harness.connectors import CONNECTORS, RawConnector
from harness.dialects.apache import ApacheDialect
from harness.errors import HarnessError, RuntimeUnavailable
from harness.fleet import Fleet
from harness.interfaces import Installation
from harness.lab import Lab
from harness.openfiles import raise_limit
from harness.proxy import ManagedProxy
from harness.runfolder import Leftover, RunFolder, sweep
from harness.runtimes import RUNTIMES
from harness.runtimes.local import LocalRuntime
from harness.scenarios.sites import wide

__all__ = ["choose", "discover", "open_lab"]


def choose(settings: Settings) -> tuple[str, str]:
    """Runtime for these settings, and why."""
    if settings.runtime is RuntimeChoice.AUTO:
        return next(iter(RUNTIMES)), "auto: the local httpd"
    return settings.runtime.value, "asked for"


async def discover(settings: Settings) -> Installation:
    """The httpd that these settings would use, without starting anything.

    Raises:
        RuntimeUnavailable: there is none.
    """
    return await ManagedProxy.discover(LocalRuntime(Path()), ApacheDialect(), binary=settings.httpd)


@contextlib.asynccontextmanager
async def open_lab(settings: Settings) -> AsyncIterator[Lab]:
    """A running lab; everything it started has ended when the block is left, whichever way.

    Raises:
        LabError: it could not be brought up. What had been started is stopped.
    """
    begin = time.monotonic()
    open_files = raise_limit()
    leftovers = sweep()
    runtime_name, why = choose(settings)
    async with contextlib.AsyncExitStack() as stack:
        folder = RunFolder()
        stack.callback(folder.remove)
        runtime = RUNTIMES[runtime_name](folder.path)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30), trust_env=False)
        )
        dialect = ApacheDialect()
        installation = await ManagedProxy.discover(runtime, dialect, binary=settings.httpd)
        _refuse_without_core(dialect, installation)
        tls = installation.has("ssl")
        authority = Authority()
        trust = authority.client_context() if tls else None
        await _write_secrets(runtime, authority)
        proxy = ManagedProxy(
            dialect=dialect,
            runtime=runtime,
            installation=installation,
            session=session,
            carrier=settings.carrier,
            user=unprivileged(),
            trust=trust,
            ports=(settings.port, settings.tls_port),
            start_seconds=settings.timeouts.start,
            stop_seconds=settings.timeouts.stop,
        )
        stack.push_async_callback(proxy.stop)
        fleet = Fleet(settings=settings, runtime=runtime, session=session, authority=authority)
        stack.push_async_callback(fleet.stop)
        await fleet.start()
        await proxy.prepare({})
        site = wide(tls=tls)
        await proxy.apply(site.resolved(fleet.addresses))
        lab = Lab(
            settings=settings,
            proxy=proxy,
            fleet=fleet,
            connectors={name: connector() for name, connector in CONNECTORS.items()},
            raw_connector=RawConnector(),
            trust=trust,
            environment={
                **_environment(settings, installation, fleet, why, leftovers, time.monotonic() - begin),
                "open_files": open_files,
            },
            open_files=open_files,
        )
        stack.push_async_callback(_close_quietly, lab)
        yield lab


def _refuse_without_core(dialect: ApacheDialect, installation: Installation) -> None:
    """Raise RuntimeUnavailable when httpd lacks a module without which there is nothing to ask."""
    missing = dialect.missing(wide(tls=False), installation)
    if missing:
        raise RuntimeUnavailable(
            runtime="local",
            reason=f"{installation.binary} has no {', '.join(missing)}; looked in {installation.modules_folder}",
            hint="Install the missing modules, or name another httpd: --httpd FILE",
        )


async def _close_quietly(lab: Lab) -> None:
    """Close tunnels before anything is stopped: with one open, httpd takes ten seconds to end."""
    with contextlib.suppress(HarnessError, OSError):
        await lab.close_all()


async def _write_secrets(runtime: LocalRuntime, authority: Authority) -> None:
    """Certificates of the run; keys are readable by us alone and go with the folder."""
    await runtime.write("tls/ca.pem", authority.pem)
    leaf = authority.leaf("localhost", names=("127.0.0.1", "::1", socket.gethostname()))
    await runtime.write("tls/proxy.pem", leaf.certificate)
    await runtime.write("tls/proxy.key", leaf.key, secret=True)


def _environment(
    settings: Settings,
    installation: Installation,
    fleet: Fleet,
    why: str,
    leftovers: tuple[Leftover, ...],
    seconds: float,
) -> dict[str, object]:
    """Facts for the report's environment section."""
    return {
        "wslb": _version("wslb"),
        "proxy": f"Apache/{installation.facts.get('version', installation.version)}",
        "proxy_version": installation.version,
        "mpm": installation.facts.get("mpm", ""),
        "proxy_built": installation.facts.get("built", ""),
        "proxy_binary": installation.binary,
        "modules_folder": installation.modules_folder,
        "carrier": settings.carrier.module,
        "runtime": settings.runtime.value if settings.runtime is not RuntimeChoice.AUTO else "local",
        "runtime_reason": why,
        "backends": {
            name: {
                "title": backend.program.title,
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
        "leftovers": [str(leftover) for leftover in leftovers],
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
