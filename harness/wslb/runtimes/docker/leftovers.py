"""Containers of runs that died: found by label, removed; those of a live run, or of another machine, never.

A run that dies takes its container's processes with it (see `agent`); what stays is the record of an ended container.
"""

from __future__ import annotations

import datetime
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker.errors
import psutil

from wslb.runtimes.docker.engine import ERRORS, Engine
from wslb.runtimes.runfolder import dead

__all__ = ["ContainerLeftover", "labels", "sweep_containers"]

RUN = "wslb.run"
_PID = "wslb.owner.pid"
_FOLDER = "wslb.owner.folder"
_USER = "wslb.owner.uid"
_HOST = "wslb.owner.host"
_CREATED = "wslb.created"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerLeftover:
    """A container of a run that did not end by itself, now removed."""

    run_id: str
    owner_pid: int
    container: str
    status: str

    def __str__(self) -> str:
        return (
            f"Run {self.run_id} (pid {self.owner_pid}) had ended without cleaning up: "
            f"its container {self.container} ({self.status}) is removed."
        )


def labels(folder: Path) -> dict[str, str]:
    """Labels of the containers of the run whose folder this is."""
    return {
        RUN: folder.name.removeprefix("wslb-"),
        _PID: str(os.getpid()),
        _FOLDER: str(folder),
        _USER: str(os.geteuid()),
        _HOST: socket.gethostname(),
        _CREATED: datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


async def sweep_containers(engine: Engine) -> tuple[ContainerLeftover, ...]:
    """Remove the containers that dead runs of this machine left."""
    found: list[ContainerLeftover] = []
    for row in await engine.call(engine.api.containers, all=True, filters={"label": RUN}):
        if not _ours_and_dead(row.get("Labels") or {}):
            continue
        try:
            await engine.call(engine.api.remove_container, row["Id"], v=True, force=True)
        except docker.errors.APIError:
            continue  # another run found it at the same time
        found.append(_leftover(row))
    return tuple(found)


def _ours_and_dead(found: Mapping[str, str]) -> bool:
    """Whether a run of this machine and user had it and has ended: neither its folder nor its process is there."""
    if found.get(_HOST) != socket.gethostname() or found.get(_USER) != str(os.geteuid()):
        return False
    folder, pid = Path(found.get(_FOLDER, "")), found.get(_PID, "")
    # Another mount namespace may hide the folder of a live run; then its process still says so.
    hidden = not folder.exists() and pid.isdigit() and psutil.pid_exists(int(pid))
    return folder.is_absolute() and not hidden and dead(folder)


def _leftover(row: Mapping[str, Any]) -> ContainerLeftover:
    return ContainerLeftover(
        run_id=row["Labels"][RUN],
        owner_pid=int(row["Labels"].get(_PID, 0)),
        container=row["Names"][0].lstrip("/") if row.get("Names") else row["Id"][:12],
        status=str(row.get("Status", "?")).lower(),
    )


async def sweep_quietly() -> tuple[ContainerLeftover, ...]:
    """`sweep_containers` where an engine answers; nothing where none does."""
    from wslb.errors import RuntimeUnavailable  # noqa: PLC0415 - beside its only use

    try:
        engine = await Engine.connect()
    except RuntimeUnavailable:
        return ()
    try:
        return await sweep_containers(engine)
    except ERRORS:
        return ()
    finally:
        engine.close()
