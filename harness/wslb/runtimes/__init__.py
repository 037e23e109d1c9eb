"""Places where a proxy can run. `RUNTIMES` names every one, and ``auto`` tries them in this order."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from wslb.config import Settings
from wslb.interfaces import Progress, Runtime
from wslb.runtimes.local.local_runtime import LocalRuntime

__all__ = ["RUNTIMES", "Opener"]

Opener = Callable[[Settings, Path, Progress], AbstractAsyncContextManager[Runtime]]
"""Brings a runtime up for one run, whose folder on this machine is given, and takes it down again."""


@contextlib.asynccontextmanager
async def _docker(settings: Settings, folder: Path, progress: Progress) -> AsyncIterator[Runtime]:
    from wslb.runtimes.docker import open_docker  # noqa: PLC0415 - the SDK takes 0.15 s to import

    async with open_docker(settings, folder=folder, progress=progress) as runtime:
        yield runtime


@contextlib.asynccontextmanager
async def _local(settings: Settings, folder: Path, progress: Progress) -> AsyncIterator[Runtime]:  # noqa: ARG001
    yield LocalRuntime(folder)


RUNTIMES: dict[str, Opener] = {"docker": _docker, "local": _local}
