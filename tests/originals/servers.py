"""The real Open Liberty and the real Node.js `websocket` on free loopback ports, and the stand-ins beside them.

    async with real_node(folder) as node, real_liberty(folder) as liberty:
        ...  # f"ws://{node.host}:{node.port}{node.cl_path}"

Each yields once it answers, and at the end of the block its process has ended. `provide` fetches what is missing.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from tests.live.backends.program import arguments
from tests.originals import provide
from wslb.runtimes.local.local_runtime import LocalProcess, LocalRuntime
from wslb.waiting import until

__all__ = ["ORIGINALS", "Server", "real_liberty", "real_node", "stand_in"]

HOST = "127.0.0.1"
START_SECONDS = 90.0
"""Until a server listens: a Java machine beside five other suites takes its time."""
GRACE_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server.

    Attributes:
        plays: ``liberty`` or ``node``.
        cl_path, echo_path: its two endpoints; the first greets and answers commands, the second returns what it gets.
    """

    plays: str
    host: str
    port: int
    cl_path: str
    echo_path: str
    process: LocalProcess


PATHS = {"liberty": ("/WSConsole/CLRunner", "/WSConsole/echo"), "node": ("/CLRunner", "/echo")}


@contextlib.asynccontextmanager
async def _serving(
    plays: str, process: LocalProcess, port: Callable[[], int | None], grace: float = GRACE_SECONDS
) -> AsyncIterator[Server]:
    """Wait until it tells its port, and see to its end."""

    async def told() -> int | None:
        assert not await process.ended(), f"{process.name} ended: {process.output()}"
        return port()

    try:
        found = await until(told, seconds=START_SECONDS, what=f"{process.name} to listen")
        cl_path, echo_path = PATHS[plays]
        yield Server(plays=plays, host=HOST, port=found, cl_path=cl_path, echo_path=echo_path, process=process)
    finally:
        await process.stop(grace_seconds=grace)


@contextlib.asynccontextmanager
async def real_node(folder: Path) -> AsyncIterator[Server]:
    """The Node.js project of `nodejs/`.

    Raises:
        provide.Missing: Node.js or its packages cannot be had here.
    """
    project = provide.node()
    process = await LocalRuntime(folder).start(
        ["node", str(project / "index.js")], name="real-node", environ={"HOST": HOST}
    )

    def port() -> int | None:
        first = process.output().partition("\n")
        return int(first[0]) if first[1] else None

    async with _serving("node", process, port) as server:
        yield server


@contextlib.asynccontextmanager
async def real_liberty(folder: Path, *, idle_seconds: float = 300) -> AsyncIterator[Server]:
    """Open Liberty with the endpoints of `liberty/`, in a folder of its own.

    Raises:
        provide.Missing: Java, Maven or the runtime cannot be had here.
    """
    made = provide.liberty()
    user = folder / "liberty-user"
    server = user / "servers" / "original"
    (server / "apps").mkdir(parents=True)
    shutil.copy(provide.HERE / "liberty" / "server.xml", server)
    (server / "apps" / "WSConsole.war").symlink_to(made / "WSConsole.war", target_is_directory=True)
    environ = {
        "WLP_USER_DIR": str(user),
        "HOST": HOST,
        "HTTP_PORT": "0",
        "IDLE_MILLISECONDS": str(round(idle_seconds * 1000)),
    }
    process = await LocalRuntime(folder).start(
        [
            "java",
            "-Xshare:auto",
            "-XX:TieredStopAtLevel=1",
            "-jar",
            str(made / "wlp/bin/tools/ws-server.jar"),
            "original",
        ],
        name="real-liberty",
        environ=environ,
    )

    def port() -> int | None:
        log = server / "logs" / "messages.log"
        lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
        ready = any("CWWKF0011I" in line for line in lines) and any("CWWKZ0001I" in line for line in lines)
        listening = next((line for line in lines if "CWWKO0219I" in line), "")
        return int(listening.rpartition("port ")[2].rstrip(".")) if ready and listening else None

    async with _serving("liberty", process, port) as running:
        yield running


@contextlib.asynccontextmanager
async def stand_in(plays: str, folder: Path, *options: str) -> AsyncIterator[Server]:
    """The stand-in for one of them, as the lab starts it but for the field that names it."""
    announced = folder / f"{plays}.json"
    argv = arguments(plays, "--host", HOST, "--announce", str(announced), "--exit-with-parent", *options)
    process = await LocalRuntime(folder).start(argv, name=f"stand-in-{plays}", pipe=True)

    def port() -> int | None:
        return int(json.loads(announced.read_text())["ws"]) if announced.is_file() else None

    async with _serving(plays, process, port) as server:
        yield server


ORIGINALS: dict[str, Callable[[Path], AbstractAsyncContextManager[Server]]] = {
    "liberty": real_liberty,
    "node": real_node,
}
"""How each original is started, by the part it plays."""
