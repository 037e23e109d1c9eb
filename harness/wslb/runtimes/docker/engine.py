"""The Docker engine: a connection, what it says of itself, and its errors in sentences with a way out.

The SDK blocks, so each call runs in a thread. A call that is under way when the harness is interrupted is waited for:
what the engine was asked to create is then known, and can be removed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import docker
import docker.errors
import requests
import urllib3.exceptions

from wslb.errors import RuntimeUnavailable, plain

__all__ = ["ERRORS", "Engine", "EngineFacts", "explained"]

P = ParamSpec("P")
T = TypeVar("T")

ERRORS = (docker.errors.DockerException, requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError)
"""What the SDK lets through: its own errors, and those of the two libraries below it when an engine goes away."""

_CALL_SECONDS = 30
_NO_ENGINE = (PermissionError, FileNotFoundError, ConnectionRefusedError)
_START_HINTS = {
    "darwin": "Start Docker Desktop (open -a Docker) or colima (colima start), or use --runtime local.",
    "linux": (
        "Start it (sudo systemctl start docker), install it (Debian: sudo apt-get install docker.io), "
        "or use --runtime local."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """What an engine says of itself.

    Attributes:
        system: operating system that its containers run on, ``Docker Desktop`` for that product.
        transport: ``unix``, ``tcp`` or ``ssh``.
        rootless: started by an ordinary user.
        podman: podman's service, which speaks the protocol of Docker.
    """

    version: str
    api: str
    architecture: str
    system: str
    product: str
    transport: str
    rootless: bool
    podman: bool = False

    @property
    def text(self) -> str:
        """For people, and for the report."""
        what = "podman" if self.podman else self.product or "Docker"
        what += ", rootless," if self.rootless else ""
        return f"{what} {self.version} (API {self.api}, {self.architecture}) on {self.system}"


class Engine:
    """A connection to a Docker engine, or to what speaks its protocol, such as podman's socket."""

    def __init__(self, client: docker.DockerClient, facts: EngineFacts) -> None:
        self.client = client
        self.api = client.api
        self.facts = facts

    @classmethod
    async def connect(cls) -> Engine:
        """Connect by ``DOCKER_HOST``, else by the current Docker context.

        Raises:
            RuntimeUnavailable: no engine answers; the hint says what to do on this platform.
        """
        connecting = asyncio.ensure_future(asyncio.to_thread(cls._connect))
        try:
            return await asyncio.shield(connecting)
        except asyncio.CancelledError:
            with contextlib.suppress(RuntimeUnavailable):
                (await connecting).close()
            raise

    @classmethod
    def _connect(cls) -> Engine:
        try:
            client = docker.from_env(timeout=_CALL_SECONDS)
        except (*ERRORS, ValueError) as exc:
            error = explained(exc)
            _let_go(exc)
            raise error from exc
        try:
            return cls(client, _facts(client))
        except ERRORS as exc:
            client.close()
            raise explained(exc) from exc

    def close(self) -> None:
        """Close the connection; twice is once."""
        with contextlib.suppress(*ERRORS):
            self.client.close()

    async def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call of the SDK in a thread; its errors come as they are (`ERRORS`)."""

        def in_thread() -> T:
            try:
                return function(*args, **kwargs)
            except ERRORS as exc:
                _let_go(exc)
                raise

        call = asyncio.ensure_future(asyncio.to_thread(in_thread))
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            with contextlib.suppress(*ERRORS):
                await call
            raise

    async def answers(self) -> bool:
        """Whether it is still there: the end of a stream does not tell a stopped container from a stopped engine."""
        try:
            return bool(await self.call(self.client.ping))
        except ERRORS:
            return False


def _facts(client: docker.DockerClient) -> EngineFacts:
    version: Mapping[str, Any] = client.version()
    info: Mapping[str, Any] = client.info()
    base = client.api.base_url
    parts = [str(part.get("Name")) for part in version.get("Components") or ()]
    return EngineFacts(
        version=version.get("Version", "?"),
        api=version.get("ApiVersion", "?"),
        architecture=version.get("Arch", "?"),
        system=info.get("OperatingSystem") or "?",
        product=str((version.get("Platform") or {}).get("Name") or ""),
        transport="ssh" if "ssh" in base else "unix" if base.startswith("http+docker") else "tcp",
        # Docker says it among its security options, podman in a field of its own.
        rootless=bool(info.get("Rootless")) or any("rootless" in str(o) for o in info.get("SecurityOptions") or ()),
        podman="Podman Engine" in parts,
    )


def explained(exc: BaseException) -> RuntimeUnavailable:
    """Why no engine can be used, and the way out, by what really went wrong underneath."""
    start = _START_HINTS.get(sys.platform, "Start the Docker engine, or use --runtime local.")
    causes = list(_chain(exc))
    named = os.environ.get("DOCKER_HOST", "")
    if named and any(isinstance(cause, _NO_ENGINE) for cause in causes):
        why = next(cause for cause in causes if isinstance(cause, _NO_ENGINE))
        reason = f"no engine that this user may use answers at DOCKER_HOST={named} ({why.strerror or why})"
        hint = "Start that engine, correct or unset DOCKER_HOST, or use --runtime local."
    elif any(isinstance(cause, PermissionError) for cause in causes):
        reason = "this user may not use the Docker engine's socket"
        hint = "Add the user to the group docker (sudo usermod -aG docker $USER) and log in again."
    elif any(isinstance(cause, FileNotFoundError) for cause in causes):
        reason, hint = "no Docker engine runs here: its socket does not exist", start
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        reason, hint = "no Docker engine answers: the connection is refused", start
    elif isinstance(exc, docker.errors.APIError):
        reason, hint = f"the Docker engine said: {exc.explanation or exc}", "docker info shows the engine's state."
    else:
        reason = f"no Docker engine answers ({_last_sentence(causes)})"
        hint = f"Look at docker context ls and DOCKER_HOST: they name another engine than one that runs. {start}"
    return RuntimeUnavailable(runtime="docker", reason=reason, hint=hint)


def _let_go(exc: BaseException) -> None:
    """Close the socket that the SDK forgets in the frames of a connection that failed (its `UnixHTTPConnection`)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for cause in _chain(exc):
            traceback.clear_frames(cause.__traceback__)


def _chain(exc: object, seen: set[int] | None = None) -> Iterator[BaseException]:
    """An exception and all below it: causes, and what urllib3 and requests keep among their arguments."""
    seen = set() if seen is None else seen
    if isinstance(exc, tuple):
        for item in exc:
            yield from _chain(item, seen)
    if not isinstance(exc, BaseException) or id(exc) in seen:
        return
    seen.add(id(exc))
    yield exc
    for inner in (exc.args, getattr(exc, "reason", None), exc.__cause__, exc.__context__):
        yield from _chain(inner, seen)


def _last_sentence(causes: list[BaseException]) -> str:
    return str(causes[-1]).strip().rstrip(".") or plain(causes[-1])
