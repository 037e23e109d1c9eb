"""The image that the proxy runs from: present, pulled, or an error that says what to do."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import docker.errors
from docker.utils import parse_repository_tag

from wslb.config import PullPolicy
from wslb.errors import RuntimeUnavailable
from wslb.interfaces import Progress
from wslb.runtimes.docker.engine import ERRORS, Engine

__all__ = ["Image", "obtain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image in the engine.

    Attributes:
        name: as asked for.
        digest: its registry digest, or its id when it was built here.
        architecture: such as ``amd64``.
    """

    name: str
    digest: str
    architecture: str


async def obtain(engine: Engine, name: str, *, pull: PullPolicy, progress: Progress) -> Image:
    """The image of this name, pulled first where the policy says so.

    Raises:
        RuntimeUnavailable: it is not here and may not, or cannot, be pulled.
    """
    found = None if pull is PullPolicy.ALWAYS else await _look(engine, name)
    if found is None and pull is PullPolicy.NEVER:
        raise RuntimeUnavailable(
            runtime="docker",
            reason=f"the image {name} is not in the engine, and --pull never forbids to pull it",
            hint=f"docker pull {name}, or name another image: --image NAME",
        )
    if found is None:
        await _pull(engine, name, progress)
        found = await _look(engine, name)
    if found is None:
        raise RuntimeUnavailable(
            runtime="docker", reason=f"the image {name} was pulled, but is not there", hint="docker images lists them."
        )
    digests = found.get("RepoDigests") or [found["Id"]]
    return Image(
        name=name, digest=digests[0].rpartition("@")[2] or found["Id"], architecture=found.get("Architecture", "?")
    )


async def _look(engine: Engine, name: str) -> Mapping[str, Any] | None:
    try:
        return dict(await engine.call(engine.api.inspect_image, name))
    except docker.errors.NotFound:
        return None


async def _pull(engine: Engine, name: str, progress: Progress) -> None:
    stop = threading.Event()
    pulling = asyncio.ensure_future(engine.call(_pull_in_thread, engine, name, progress, stop))
    try:
        await asyncio.shield(pulling)
    except asyncio.CancelledError:
        stop.set()  # the thread ends at the engine's next word
        with contextlib.suppress(*ERRORS):
            await pulling
        raise
    except ERRORS as exc:
        words = str(getattr(exc, "explanation", None) or exc).rpartition(": ")[2]
        raise RuntimeUnavailable(
            runtime="docker",
            reason=f"the image {name} is not in the engine and cannot be pulled ({words.strip().rstrip('.')})",
            hint="Name an image that is here (docker images): --image NAME --pull never",
        ) from exc


def _pull_in_thread(engine: Engine, name: str, progress: Progress, stop: threading.Event) -> None:
    repository, tag = parse_repository_tag(name)
    layers: dict[str, tuple[int, int]] = {}
    progress(f"pulling {name}", 0, 0)
    for event in engine.api.pull(repository, tag=tag or "latest", stream=True, decode=True):
        if stop.is_set():
            return
        if "error" in event:
            raise docker.errors.APIError(str(event["error"]), explanation=str(event["error"]))
        detail = event.get("progressDetail") or {}
        if event.get("status") == "Downloading" and detail.get("total"):
            layers[event["id"]] = (detail.get("current", 0), detail["total"])
        elif event.get("status") in {"Download complete", "Pull complete"} and event.get("id") in layers:
            total = layers[event["id"]][1]
            layers[event["id"]] = (total, total)
        progress(
            f"pulling {name}", sum(done for done, _ in layers.values()), sum(total for _, total in layers.values())
        )
