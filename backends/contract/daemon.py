"""The life of a backend process: start, announce, drop privileges, serve, say goodbye."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

from backends import cl
from backends.contract import access, options, privileges, sockets
from backends.contract.control import Control
from backends.contract.profile import Profile
from backends.contract.stand_in import StandIn, own_host_name

GOODBYE_SECONDS = 1.0
"""How long clients may take to answer the close frame at the end; the contract allows 2 s for everything."""

EXIT_START_FAILURE = 3


class Running(Protocol):
    """A listener that serves."""

    async def stop_listening(self) -> None:
        """Accept nobody any more."""

    async def stop(self) -> None:
        """End everything that is left."""


Serve = Callable[[StandIn, Literal["ws", "wss"], socket.socket, ssl.SSLContext | None], Awaitable[Running]]
"""Starts to serve WebSockets on a bound socket."""


class OneLine(logging.Formatter):
    """Log lines of one line each, also for exceptions."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(name)s %(levelname)s %(message)s")

    def formatException(self, ei: object) -> str:  # noqa: N802  (the name of logging)
        """Return the type and the text of an exception, without the traceback."""
        return repr(ei[1]) if isinstance(ei, tuple) else ""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        return super().format(record).replace("\n", " ")


def _start_log() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Two lines per connection: do not look up what the format never shows (logging HOWTO, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    # The libraries would add lines of their own to each connection.
    logging.getLogger("websockets").setLevel(logging.CRITICAL)  # until version 16 each refused request is an ERROR
    logging.getLogger("aiohttp").setLevel(logging.ERROR)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def announce(file: Path, document: object) -> None:
    """Write the announcement so that a reader sees all of it or nothing.

    Raises:
        options.StartFailure: The file cannot be written.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(document) + "\n", encoding="utf-8")
        temporary.chmod(0o644)
        temporary.replace(file)
    except OSError as error:
        raise options.StartFailure(
            what=f"cannot write {file}",
            why=(error.strerror or str(error)).lower(),
            hint="give --announce a file in a folder that the starting user may write",
        ) from error


def _watch_parent(stop: Callable[[], object]) -> None:
    """Call `stop` once standard input reaches its end; a thread, because input may be a file, a pipe or a terminal."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        with contextlib.suppress(RuntimeError):  # the loop has ended before
            loop.call_soon_threadsafe(stop)

    threading.Thread(target=read, name="parent", daemon=True).start()


async def _live(*, profile: Profile, chosen: options.Options, serve: Serve) -> None:
    account = privileges.find(chosen.user)
    host_name = chosen.host_name or own_host_name()
    sockets.raise_file_limit()
    bound = sockets.open_listeners(chosen, profile=profile, host_name=host_name)
    with contextlib.closing(bound):
        await _serve(bound, account=account, host_name=host_name, profile=profile, chosen=chosen, serve=serve)


async def _serve(
    bound: sockets.Listeners,
    *,
    account: privileges.Account | None,
    host_name: str,
    profile: Profile,
    chosen: options.Options,
    serve: Serve,
) -> None:
    runner = cl.choose(
        chosen.cl, program=chosen.cl_program, host_name=host_name, name=chosen.name, address=bound.address
    )
    # Commands that the system runs see neither the variable nor its value.
    token = os.environ.pop(access.CONTROL_TOKEN, None) or None
    backend = StandIn(profile=profile, options=chosen, listeners=bound, host_name=host_name, cl=runner)

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if chosen.exit_with_parent:
        _watch_parent(stop.set)

    # The sockets listen already, so whoever connects from now on waits a moment in their queue: announce now,
    # because the folder may belong to root, and serve nobody before root is given up.
    health = backend.health(uid=None if account is None else account.uid)
    if chosen.announce is not None:
        announce(chosen.announce, health)
    privileges.become(account)
    backend.log.info(
        "start %s pid %d user %d address %s ws %s wss %s control %s cl %s",
        *(health[key] for key in ("program", "pid", "uid", "address", "ws", "wss", "control")),
        runner.kind,
    )

    running: list[Running] = []
    if bound.plain is not None:
        running.append(await serve(backend, "ws", bound.plain, None))
    if bound.tls is not None:
        running.append(await serve(backend, "wss", bound.tls, bound.tls_context))
    control = Control(backend, token=token)
    await control.start(bound.control)

    await stop.wait()
    backend.log.info("stop with %d open connections", len(backend.live))
    for each in running:
        await each.stop_listening()
    await backend.say_goodbye(limit_seconds=GOODBYE_SECONDS)
    for each in running:
        await each.stop()
    await control.stop()


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return what makes a uvloop loop, or None where there is no uvloop."""
    try:
        import uvloop  # noqa: PLC0415 - only one of the programs wants it
    except ImportError:
        return None
    return uvloop.new_event_loop


def main(arguments: Sequence[str] | None, *, profile: Profile, serve: Serve, fast: bool = False) -> int:
    """Run a backend until it is told to stop; returns the exit code."""
    try:
        chosen = options.parse(sys.argv[1:] if arguments is None else arguments, profile=profile)
        _start_log()
        with asyncio.Runner(loop_factory=_fast_loop() if fast else None) as runner:
            runner.run(_live(profile=profile, chosen=chosen, serve=serve))
    except options.StartFailure as failure:
        sys.stderr.write(f"{profile.program}: {failure}\n")
        return EXIT_START_FAILURE
    return 0
