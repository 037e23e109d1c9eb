"""The control port: health, journal and faults, on a listener of its own that never passes the balancer.

It has threads of its own, so that it answers whatever clients flood the tunnels with: a library takes all frames of a
piece of 256 KiB in one callback, tens of thousands of empty ones, and one message may fill a core for seconds. What is
asked is done between two callbacks of the tunnels, in the order of what they saw; only where they leave no room for
`PATIENCE_SECONDS` it is done beside them.
"""

import asyncio
import concurrent.futures
import contextlib
import json
import re
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import ClassVar, TypeVar

from backends.contract import access, faults
from backends.contract.stand_in import StandIn

BODY_LIMIT = 64 * 1024

PATIENCE_SECONDS = 0.2
"""How long the control port waits for its turn among the tunnels."""

IDLE_SECONDS = 75
"""How long a connection may say nothing."""

RETRY_SECONDS = 0.1
"""After how long somebody is accepted again where there was no open file left."""

LINGER_SECONDS = 1.0
"""How long somebody is listened to whose body was not read."""

STOP_SECONDS = 0.5
"""How long the end of the program waits for who accepts."""

_Done = TypeVar("_Done")

Answer = tuple[int, object]
"""Status and document; None has no body."""


class Control:
    """The control server of one backend."""

    def __init__(self, backend: StandIn, *, token: str | None) -> None:
        self.backend = backend
        self.token = token
        self.routes: dict[str, dict[str, Callable[[bytes], Answer]]] = {
            "/healthz": {"GET": self._health},
            "/journal": {"GET": self._read_journal, "DELETE": self._clear_journal},
            "/fault": {"GET": self._read_faults, "POST": self._add_fault, "DELETE": self._clear_faults},
        }
        self._tunnels: asyncio.AbstractEventLoop
        self._listener: socket.socket
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="control", daemon=True)

    async def start(self, listener: socket.socket) -> None:
        """Serve on a bound socket; call it on the loop of the tunnels."""
        self._tunnels = asyncio.get_running_loop()
        self._listener = listener
        listener.setblocking(True)
        self._thread.start()

    async def stop(self) -> None:
        """Accept nobody any more."""
        self._ended.set()
        with contextlib.suppress(OSError), socket.create_connection(self._listener.getsockname()[:2], STOP_SECONDS):
            pass  # it wakes who accepts
        await asyncio.to_thread(self._thread.join, STOP_SECONDS)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, peer = self._listener.accept()
            except OSError:
                self._ended.wait(RETRY_SECONDS)
                continue
            try:
                threading.Thread(target=self._converse, args=(connection, peer), name="control", daemon=True).start()
            except RuntimeError:  # there is no thread left
                connection.close()

    def _converse(self, connection: socket.socket, peer: object) -> None:
        with connection, contextlib.suppress(OSError):
            _Conversation(connection, peer, self)  # type: ignore[arg-type]  # a server of its own kind
            # What was not read would reset the connection, and the answer with it (RFC 9112 section 9.6).
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(LINGER_SECONDS)
            until = time.monotonic() + LINGER_SECONDS
            while connection.recv(BODY_LIMIT) and time.monotonic() < until:
                pass

    def _in_turn(self, call: Callable[[], _Done]) -> _Done:
        """Return what a call returns, made once: by the loop of the tunnels, or here when it does not get to it."""
        made: concurrent.futures.Future[_Done] = concurrent.futures.Future()

        def make() -> None:
            if made.set_running_or_notify_cancel():
                made.set_result(call())

        with contextlib.suppress(RuntimeError):  # that loop has ended
            self._tunnels.call_soon_threadsafe(make)
        concurrent.futures.wait({made}, timeout=PATIENCE_SECONDS)
        return call() if made.cancel() else made.result()

    def _health(self, _: bytes) -> Answer:
        return 200, self._in_turn(self.backend.health)

    def _read_journal(self, _: bytes) -> Answer:
        entries = self._in_turn(self.backend.journal.entries)
        return 200, {"backend": self.backend.name, "entries": [entry.as_json() for entry in entries]}

    def _clear_journal(self, _: bytes) -> Answer:
        return 204, self._in_turn(self.backend.journal.clear)

    def _read_faults(self, _: bytes) -> Answer:
        return 200, {"faults": self._in_turn(self.backend.faults.as_json)}

    def _add_fault(self, body: bytes) -> Answer:
        try:
            fault = faults.parse(json.loads(body), self.backend.profile.faults)
        except faults.FaultError as error:
            return 400, {"error": str(error)}
        except (ValueError, RecursionError) as error:
            return 400, {"error": f"The body is not JSON: {error}."}
        understood = fault.as_json()
        self._in_turn(lambda: self.backend.faults.add(fault))
        self._tunnels.call_soon_threadsafe(self.backend.log.info, "fault %s", json.dumps(understood))
        return 201, understood

    def _clear_faults(self, _: bytes) -> Answer:
        return 204, self._in_turn(self.backend.faults.clear)


class _Conversation(BaseHTTPRequestHandler):
    """Requests of one connection and their answers."""

    server: Control  # type: ignore[assignment]
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float | None] = IDLE_SECONDS
    wbufsize = -1  # head and body leave as one
    disable_nagle_algorithm = True

    def parse_request(self) -> bool:
        """Let every method be answered by us: refused are strangers before what they ask for is looked at."""
        understood = super().parse_request()
        if understood:
            setattr(self, f"do_{self.command}", self._answer)
        return understood

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing of requests."""

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not re.fullmatch("[0-9]{1,18}", length):
            self._send(411, {"error": "A body needs Content-Length."}, end=True)
        elif int(length) > BODY_LIMIT:
            self._send(413, {"error": f"The body has more than {BODY_LIMIT} bytes."}, end=True)
        else:
            body = self.rfile.read(int(length))
            self._send(*(self._refused() or self._routed(body)))

    def _refused(self) -> Answer | None:
        """Refuse whoever is not the run that started this program, before a route is looked at."""
        refused = access.control_refusal(
            host=self.headers.get("Host"),
            origins=self.headers.get_all("Origin", ()),
            authorization=self.headers.get("Authorization", ""),
            token=self.server.token,
            open_to_all=self._path == "/healthz",
            names=self.server.backend.own_names,
        )
        if refused is None and self.command == "POST" and self.headers.get_content_type() != "application/json":
            # A page may send text/plain anywhere without asking first (Fetch, "CORS-safelisted request-header").
            refused = 415, "The body must be application/json."
        return None if refused is None else (refused[0], {"error": refused[1]})

    def _routed(self, body: bytes) -> Answer:
        methods = self.server.routes.get(self._path)
        if methods is None:
            return 404, {"error": f"There are {', '.join(self.server.routes)}."}
        route = methods.get(self.command)
        return route(body) if route else (405, {"error": f"It knows {', '.join(methods)}."})

    @property
    def _path(self) -> str:
        return self.path.partition("?")[0]

    def _send(self, status: int, document: object, *, end: bool = False) -> None:
        body = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        if document is not None:
            self.send_header("Content-Type", "application/json")
        if status != 204:  # RFC 9110 section 8.6
            self.send_header("Content-Length", str(len(body)))
        if status == 401:
            self.send_header("WWW-Authenticate", "Bearer")  # RFC 9110 section 15.5.2
        if status == 405:
            self.send_header("Allow", ", ".join(self.server.routes[self._path]))  # section 15.5.6
        if end:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)
