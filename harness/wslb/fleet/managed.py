"""Starts a backend as a program of its own and talks to its control port (backends/README.md)."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from wslb.errors import ContractError, ProcessLost, StartError, exhausted, how_ended, plain
from wslb.interfaces import BackendInfo, Fault
from wslb.model.handshake import Arrival, Close, fields
from wslb.resources import programs
from wslb.runtimes.local.local_runtime import LocalProcess, LocalRuntime
from wslb.waiting import until

__all__ = ["BACKENDS", "ManagedBackend", "Program", "lean", "unprivileged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A backend that the harness can start.

    Attributes:
        module: started as ``python -m module``.
        title: as people call it.
        address: its own loopback address, used where the system has it.
        port, tls_port: the article's ports.
        cl_path: path of its CL endpoint; the part before ``/CLRunner`` is the member's path.
        options: further options of the program (backends/README.md, Options).
        arguments: further ones, before the others.
    """

    module: str
    title: str
    address: str
    port: int
    tls_port: int
    cl_path: str
    options: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


BACKENDS: dict[str, Program] = {
    "liberty": Program(
        module="backends.liberty",
        title="WebSphere Liberty stand-in",
        address="127.0.0.101",
        port=10000,
        tls_port=10443,
        cl_path="/WSConsole/CLRunner",
    ),
    "node": Program(
        module="backends.node",
        title="Node.js stand-in",
        address="127.0.0.102",
        port=8888,
        tls_port=8889,
        cl_path="/CLRunner",
    ),
}
"""Every backend that the lab starts, in the order of the article."""


def lean(name: str, program: Program) -> Program:
    """The program that plays this backend's part at little cost (``python -m backends.lean``)."""
    part = name.partition("-")[0]
    return replace(program, module="backends.lean", title=f"lean {part}", arguments=("--play", part))


def unprivileged() -> tuple[str, str] | None:
    """User and group that servers become when we are root, as ``#uid`` and ``#gid``; None for an ordinary user."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return f"#{entry.pw_uid}", f"#{entry.pw_gid}"


class ManagedBackend:
    """A backend that we started (`wslb.interfaces.Backend`)."""

    def __init__(
        self, name: str, program: Program, process: LocalProcess, *, session: aiohttp.ClientSession, token: str
    ) -> None:
        self.name = name
        self.program = program
        self.info: BackendInfo
        self._process = process
        self._session = session
        self._token = token
        self._fixed = False

    @classmethod
    async def start(
        cls,
        name: str,
        program: Program,
        *,
        runtime: LocalRuntime,
        session: aiohttp.ClientSession,
        certificate: tuple[str, str] | None,
        ports: tuple[int, int],
        address: str,
        seconds: float,
    ) -> ManagedBackend:
        """Start it and wait until it has announced itself and answers on its control port.

        Args:
            certificate: files of certificate and key for the TLS listener; None offers none.
            ports: plain and TLS port; 0 takes a free one.
            address: of this machine, to listen on.

        Raises:
            StartError: it ended early or was not ready in time.
        """
        announce = Path(runtime.folder) / f"{name}.json"
        argv = [sys.executable, "-P", "-m", program.module, *program.arguments, "--name", name, "--host", address]
        argv += ["--port", str(ports[0]), "--control-port", "0"]
        # A lab's commands are simulated, whatever the system: no test runs a real one.
        argv += ["--cl", "emulator", "--announce", str(announce), "--exit-with-parent", *program.options]
        if certificate:
            argv += ["--tls-port", str(ports[1])]
            argv += ["--tls-cert", certificate[0], "--tls-key", certificate[1]]
        user = unprivileged()
        if user:
            argv += ["--user", user[0].removeprefix("#")]
        begin = time.monotonic()
        # Only the environment: a command line, a URL and a log can be read by others.
        token = secrets.token_urlsafe(32)
        environ = {"PYTHONPATH": str(programs()), "WSLB_CONTROL_TOKEN": token}
        process = await runtime.start(argv, name=name, pipe=True, environ=environ)
        backend = cls(name, program, process, session=session, token=token)
        backend._fixed = any(ports)
        try:
            backend.info = await until(
                lambda: backend._announced(announce), seconds=seconds, what=f"readiness of {program.title}"
            )
        except TimeoutError:
            await process.stop(grace_seconds=1)
            raise StartError(
                name=program.title,
                reason="it was not ready",
                waited=time.monotonic() - begin,
                log_tail=backend.log_tail(),
                hint="Start it by hand to see why: "
                f"PYTHONPATH={programs()} {sys.executable} -m {program.module} --help",
            ) from None
        except BaseException:
            await process.stop(grace_seconds=1)
            raise
        return backend

    async def _announced(self, announce: Path) -> BackendInfo | None:
        if self._process.returncode is not None:
            raise StartError(
                name=self.program.title,
                reason=f"it {how_ended(self._process.returncode)}",
                log_tail=self.log_tail(),
                hint="The last lines of its log say why."
                + (" Other ports: wslb up --backend-ports free" if self._fixed else ""),
            )
        if not announce.is_file():
            return None
        self.info = _info(self.name, json.loads(announce.read_text(encoding="utf-8")))
        return await self.health()

    @property
    def title(self) -> str:
        """As people call it."""
        return self.program.title

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send a signal to the program; ProcessLookupError when it has ended."""
        os.kill(self.pid, number)

    @property
    def running(self) -> bool:
        """Whether the program still runs."""
        return self._process.returncode is None

    async def lost(self) -> ProcessLost | None:
        """How it ended, if it has; None while it runs."""
        if not await self._process.ended():
            return None
        how = f"{how_ended(self._process.returncode)} in mid-run"
        return ProcessLost(name=self.title, pid=self.pid, how=how, log_tail=self.log_tail())

    def log_tail(self, lines: int = 15) -> tuple[str, ...]:
        """Last lines of what it logged."""
        return tuple(self._process.output().splitlines()[-lines:])

    def address(self, scheme: str) -> str | None:
        """``host:port`` of the listener of this scheme (ws, wss), None when it has none."""
        port = self.info.ws if scheme == "ws" else self.info.wss
        return f"{self.info.address}:{port}" if port else None

    async def health(self) -> BackendInfo:
        """What it says of itself now."""
        return _info(self.name, await self._call("GET", "/healthz"))

    async def journal(self) -> tuple[Arrival, ...]:
        """Every request that reached it since the journal was cleared, in order."""
        document = await self._call("GET", "/journal")
        try:
            return tuple(_arrival(self.name, entry) for entry in document["entries"])
        except (KeyError, TypeError, ValueError) as exc:
            raise ContractError(backend=self.name, detail=f"its journal lacks or mistypes {exc}") from exc

    async def clear(self) -> None:
        """Empty the journal and end every fault."""
        await self._call("DELETE", "/fault")
        await self._call("DELETE", "/journal")

    async def fault(self, fault: Fault) -> None:
        """Misbehave from the next handshake on."""
        body: dict[str, Any] = {"kind": fault.kind, **fault.parameters}
        if fault.times is not None:
            body["times"] = fault.times
        await self._call("POST", "/fault", body)

    async def stop(self, *, grace_seconds: float) -> None:
        """End the program; twice is once."""
        await self._process.stop(grace_seconds=grace_seconds)

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        url = f"http://127.0.0.1:{self.info.control}{path}"
        let_in = {"Authorization": f"Bearer {self._token}"}
        try:
            async with self._session.request(method, url, json=body, headers=let_in) as response:
                text = await response.text()
                if response.status >= 400:
                    raise ContractError(backend=self.name, detail=f"{method} {path} answered {response.status}: {text}")
                return json.loads(text) if text else None
        except (aiohttp.ClientError, TimeoutError, ValueError) as exc:
            if lacking := exhausted(exc):
                raise lacking from exc
            ended = "" if self.running else f" (the program {how_ended(self._process.returncode)})"
            raise ContractError(backend=self.name, detail=f"{method} {path} failed: {plain(exc)}{ended}") from exc


def own_address(address: str) -> str:
    """This loopback address where the system has it, else 127.0.0.1 (macOS has only that one)."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return "127.0.0.1"
    return address


def _info(name: str, document: Mapping[str, Any]) -> BackendInfo:
    try:
        return BackendInfo(**{key: document[key] for key in BackendInfo.__dataclass_fields__})
    except (KeyError, TypeError) as exc:
        raise ContractError(backend=name, detail=f"its health lacks {exc}") from exc


def _arrival(backend: str, entry: Mapping[str, Any]) -> Arrival:
    closed = entry.get("closed")
    return Arrival(
        backend=backend,
        seq=entry["seq"],
        at=entry["at"],
        listener=entry["listener"],
        method=entry["method"],
        target=entry["target"],
        http_version=entry["http_version"],
        upgrade=entry["upgrade"],
        headers=fields(entry["headers"]),
        accepted=entry["accepted"],
        status=entry["status"],
        response=fields(entry["response_headers"]),
        conn_id=entry["conn_id"],
        peer=entry["peer"],
        subprotocol=entry["subprotocol"],
        closed=Close(code=closed["code"], reason=closed["reason"], by=closed["by"]) if closed else None,
    )
