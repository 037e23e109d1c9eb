"""A backend that costs little for each connection, for load: it plays Liberty or Node.js, on an asyncio protocol.

`python -m backends.lean --play liberty|node` takes the options of the backend that it plays; README.md is the contract.
What behaves well is answered within the callback that brought the bytes, without a task or a timer of its own; a
connection that shall suffer a fault has the same conversation as in the stand-ins.
"""

import argparse
import asyncio
import base64
import dataclasses
import hashlib
import http.client
import socket
import ssl
import sys
from email.utils import formatdate
from typing import Literal

from backends.contract import frames, program
from backends.contract.backend import Backend
from backends.contract.conversation import Conversation
from backends.contract.handshake import Refusal
from backends.contract.head import read as read_head
from backends.contract.listeners import BACKLOG
from backends.contract.page import CONTENT_TYPE
from backends.contract.profile import CL_MESSAGE_LIMIT, ECHO_MESSAGE_LIMIT, LIBERTY, NODE
from backends.contract.visit import Visit, endpoint_name
from backends.lean.lines import Lines
from backends.lean.open import Open
from backends.lean.queue import Queue
from backends.lean.sweep import Swept

PLAYS = {"liberty": LIBERTY, "node": NODE}
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
HEAD_LIMIT = 64 * 1024
REQUEST_SECONDS = 30.0
LINGER_SECONDS = 1.0
SERVER = "wslb-lean"


class Service:
    """One listening socket and its connections."""

    def __init__(self, backend: Backend, listener: Literal["ws", "wss"], lines: Lines) -> None:
        self.backend = backend
        self.listener: Literal["ws", "wss"] = listener
        self.lines = lines
        self.greeting = frames.serialise(frames.TEXT, backend.greeting.encode())
        self.everyone: set[Connection] = set()
        self.idle = Swept(backend.options.idle_seconds)
        self.patience = Swept(REQUEST_SECONDS)
        self.server: asyncio.Server | None = None

    async def stop_listening(self) -> None:
        """Accept nobody any more."""
        if self.server is not None:
            self.server.close()

    async def stop(self) -> None:
        """End what is left: requests without an answer."""
        self.idle.stop()
        self.patience.stop()
        for connection in list(self.everyone):
            if connection.transport is not None:
                connection.transport.abort()


class Connection(asyncio.Protocol):
    """One TCP connection, from its first byte to its last."""

    __slots__ = ("_buffer", "_refused", "open", "peer", "service", "touched", "transport")

    def __init__(self, service: Service) -> None:
        self.service = service
        self.transport: asyncio.Transport | None = None
        self.open: Open | Queue | None = None
        self.peer = ""
        self.touched = 0.0
        self._buffer = b""
        self._refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request."""
        self.transport = transport  # type: ignore[assignment]  # create_server makes stream transports
        self.peer = endpoint_name(transport.get_extra_info("peername"))
        self.service.everyone.add(self)
        self.service.patience.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it was lost makes no difference
        """Note the end."""
        self.service.everyone.discard(self)
        self.service.patience.discard(self)
        if self.open is not None:
            self.open.lost()

    def expired(self) -> None:
        """Give up a client that sends no request."""
        if self.transport is not None:
            self.transport.abort()

    def pause_writing(self) -> None:
        """Read no more from a client that does not read."""
        if self.open is not None:
            self.open.pause_writing()

    def resume_writing(self) -> None:
        """Read on."""
        if self.open is not None:
            self.open.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Take in bytes: of the request, then of frames."""
        if self.open is not None:
            self.open.received(data)
            return
        if self._refused:
            return
        buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            self._buffer = buffer
            if len(buffer) > HEAD_LIMIT:
                self._refuse(
                    Refusal(status=400, text="400 Bad Request: the head is too long\n"), self.service.backend.name
                )
            return
        self._buffer = b""
        self.service.patience.discard(self)
        self._request(buffer[: end + 4], buffer[end + 4 :])

    def _request(self, octets: bytes, rest: bytes) -> None:
        backend = self.service.backend
        head = read_head(octets)
        if head is None:
            bad = Refusal(status=400, text="400 Bad Request: this is no HTTP/1.1 request\n")
            self._refuse(bad, backend.name)
            return
        table: dict[str, list[str]] = {}
        malformed = False
        for name, value in head.headers:
            malformed = malformed or not name or b" " in name or (not value and name + b":" not in octets)
            table.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        visit = backend.arrive(
            listener=self.service.listener,
            peer=self.peer,
            method=head.method,
            target=head.target,
            http_version=head.http_version,
            headers=head.headers,
            values=lambda name: table.get(name.lower(), []),
        )
        body = "content-length" in table or "transfer-encoding" in table
        if visit is None:
            answer = backend.plain(method=head.method, target=head.target)
            page = backend.page if answer.status == 200 else None
            self._refuse(answer, backend.name, page=page, without_body=head.method == "HEAD", linger=body)
            return
        if visit.hangs_up or visit.keeps_silent:
            visit.unanswered()
            self._refused = True
            if visit.hangs_up and self.transport is not None:
                self.transport.close()
            return
        refusal = visit.refusal
        if refusal is None and malformed:
            refusal = Refusal(status=400, text="400 Bad Request: a header line is malformed\n")
        if refusal is None and (self.service.server is None or not self.service.server.is_serving()):
            refusal = Refusal(status=503, text="503 Service Unavailable: the server is going away\n")
        if refusal is not None:
            self._refuse(refusal, visit.name, visit=visit, without_body=head.method == "HEAD", linger=body)
            return
        self._accept(visit, table, rest)

    def _refuse(
        self,
        refusal: Refusal,
        name: str,
        *,
        visit: Visit | None = None,
        page: bytes | None = None,
        without_body: bool = False,
        linger: bool = False,
    ) -> None:
        """Answer in full and end the connection."""
        content = refusal.text.encode() if page is None else page
        headers = [
            ("X-Backend", name),
            *refusal.headers,
            ("Content-Type", "text/plain; charset=utf-8" if page is None else CONTENT_TYPE),
            ("Date", formatdate(usegmt=True)),
            ("Connection", "close"),
        ]
        if refusal.status in (204, 304):
            content = b""
            headers = [field for field in headers if field[0] != "Content-Type"]
        else:
            headers.append(("Content-Length", str(len(content))))
        if visit is not None:
            visit.answered(refusal.status, tuple(headers))
        self._refused = True
        reason = refusal.reason if refusal.reason is not None else http.client.responses.get(refusal.status, "")
        if self.transport is not None:
            self.transport.write(_head(refusal.status, reason, headers) + (b"" if without_body else content))
            if linger:  # closing with unread bytes would reset the connection, and the answer with it
                asyncio.get_running_loop().call_later(LINGER_SECONDS, self.transport.close)
                if self.transport.can_write_eof():
                    self.transport.write_eof()
            else:
                self.transport.close()

    def _accept(self, visit: Visit, table: dict[str, list[str]], rest: bytes) -> None:
        service, transport = self.service, self.transport
        if transport is None:
            return
        key = table["sec-websocket-key"][0].strip()
        digest = base64.b64encode(hashlib.sha1((key + GUID).encode(), usedforsecurity=False).digest()).decode()
        upgrade = "websocket" if visit.upgrade_value is None else visit.upgrade_value
        headers = [
            *([("Upgrade", upgrade)] if upgrade else []),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Accept", visit.accept_value if visit.accept_value is not None else digest),
        ]
        echo = visit.endpoint == "echo"
        deflate = echo and frames.chosen_deflate(table.get("sec-websocket-extensions", []))
        if deflate:
            headers.append(("Sec-WebSocket-Extensions", frames.DEFLATE))
        if visit.subprotocol is not None:
            headers.append(("Sec-WebSocket-Protocol", visit.subprotocol))
        headers += [("Server", SERVER), ("X-Backend", visit.name)]
        visit.answered(101, headers)
        answer = _head(101, "Switching Protocols", headers)
        reader = frames.Reader(limit=ECHO_MESSAGE_LIMIT if echo else CL_MESSAGE_LIMIT, deflate=deflate)
        if visit.plan:
            transport.write(answer)
            queue = self.open = Queue(transport, reader, deflate=deflate)
            task = asyncio.ensure_future(Conversation(visit=visit, channel=queue).run())
            queue.keep(task)
        else:
            greets = b"" if echo else service.greeting
            transport.write(answer + greets)
            visit.entry.messages_sent = int(not echo)
            self.open = Open(visit, transport, reader, deflate=deflate, lines=service.lines, idle=service.idle)
        if rest:
            self.open.received(rest)


def _head(status: int, reason: str, headers: list[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status} {reason}", *[f"{name}: {value}" for name, value in headers]]
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1", "replace")


async def serve(
    backend: Backend, listener: Literal["ws", "wss"], sock: socket.socket, context: ssl.SSLContext | None
) -> Service:
    """Serve on a bound socket."""
    lines = Lines(backend.name)
    lines.take_over()
    service = Service(backend, listener, lines)
    service.server = await asyncio.get_running_loop().create_server(
        lambda: Connection(service), sock=sock, ssl=context, backlog=BACKLOG
    )
    return service


def main() -> int:
    """Run the lean backend."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--play", choices=tuple(PLAYS), default="node")
    play, arguments = parser.parse_known_args(sys.argv[1:])
    profile = dataclasses.replace(
        PLAYS[play.play],
        program="lean",
        summary="Lean backend for load; --play liberty|node chooses whose part it takes.",
    )
    return program.main(["--name", play.play, *arguments], profile=profile, serve=serve, fast=True)


if __name__ == "__main__":
    raise SystemExit(main())
