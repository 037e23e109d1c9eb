"""A TCP connection as long as it speaks HTTP: it reads requests and refuses them, or hands the handshake on.

No library stands before it: what an original answers to a request that is no good handshake is neither's.
"""

import asyncio
from typing import Literal

from backends.contract.channel import IdleLimit
from backends.contract.request import HEAD_LIMIT, PlainResponse, RequestHead, body_size, read_head, serialise_head
from backends.contract.sockets import endpoint_name
from backends.contract.stand_in import StandIn
from backends.contract.visit import Visit

REQUEST_SECONDS = 30.0
"""How long a client may take to send its request."""

KEPT_SECONDS = 5.0
"""How long a connection that is left to the next request waits for it, as Node.js says in Keep-Alive."""

LINGER_SECONDS = 1.0
"""How long a connection whose request was refused stays half-open: closing it with bytes unread would reset it, and the
client might lose the answer (RFC 9112, section 9.6)."""


LIBRARY_KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
"""A key that any library takes; the answer has what belongs to the client's own."""


def library_handshake(visit: Visit, head: RequestHead) -> bytes:
    """Return an accepted handshake as a library of WebSockets takes it: what it need not know, it cannot refuse."""
    lines = [
        "GET / HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {LIBRARY_KEY}",
    ]
    if visit.subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {visit.subprotocol}")
    offers = head.values("Sec-WebSocket-Extensions") if visit.endpoint == "echo" else []
    lines += [f"Sec-WebSocket-Extensions: {offer}" for offer in offers]
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1")


class Service:
    """One listening socket and the TCP connections on it."""

    def __init__(self, backend: StandIn, listener: Literal["ws", "wss"]) -> None:
        self.backend = backend
        self.listener: Literal["ws", "wss"] = listener
        self.serving = True
        self.everyone: set[HttpConnection] = set()
        self.patience = IdleLimit(REQUEST_SECONDS)
        self.kept = IdleLimit(KEPT_SECONDS)

    async def stop_listening(self) -> None:
        """Accept nobody any more."""
        self.serving = False

    async def stop(self) -> None:
        """End what is left, such as requests without an answer."""
        self.patience.stop()
        self.kept.stop()
        for connection in list(self.everyone):
            connection.transport.abort()


class HttpConnection(asyncio.Protocol):
    """One TCP connection; a program says in `accept` what becomes of a good handshake."""

    __slots__ = ("_buffer", "_read", "_skip", "peer", "service", "touched", "transport")

    service: Service
    transport: asyncio.Transport
    peer: str
    touched: float
    _buffer: bytes
    _read: bool
    _skip: int

    def serve(self, service: Service) -> None:
        """Belong to a service; call this before anything else."""
        self.service = service
        self._buffer = b""
        self._read = False
        self._skip = 0

    def accept(self, visit: Visit, head: RequestHead, rest: bytes) -> None:
        """Accept a handshake; `rest` came after it already."""
        raise NotImplementedError

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request."""
        super().connection_made(transport)
        self.transport = transport  # type: ignore[assignment]  # servers make stream transports
        self.peer = endpoint_name(transport.get_extra_info("peername"))
        self.service.everyone.add(self)
        self.service.patience.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        self.service.everyone.discard(self)
        self.service.patience.discard(self)
        self.service.kept.discard(self)
        super().connection_lost(exc)

    def expired(self) -> None:
        """Give up a client that sends no request."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take in bytes of requests; those that follow one that ended the connection are dropped."""
        while data:
            data = self._next(data)

    def _next(self, data: bytes) -> bytes:
        """Answer one request, if it is whole, and return what stands behind it for another."""
        if self._read:
            return b""
        if self._skip:
            self._skip, data = max(0, self._skip - len(data)), data[self._skip :]
        buffer = self._buffer + data if self._buffer else data
        if not buffer:
            return b""
        end = buffer.find(b"\r\n\r\n")
        if end < 0 and len(buffer) <= HEAD_LIMIT:
            self._buffer = buffer
            return b""
        head = read_head(buffer[: end + 4])
        body = 0 if head is None or not head.values("Upgrade") else body_size(head) or 0
        if body and len(buffer) < end + 4 + body:
            self._buffer = buffer
            return b""
        self._buffer = b""
        self._read = True
        self.service.patience.discard(self)
        self.service.kept.discard(self)
        if head is None:
            backend = self.service.backend
            return self._refuse(backend.profile.answers.unreadable(too_long=end < 0), backend.name)
        return self._decide(head, buffer[end + 4 + body :])

    def _decide(self, head: RequestHead, rest: bytes) -> bytes:
        service = self.service
        visit = service.backend.arrive(head, listener=service.listener, peer=self.peer)
        if visit is None:
            return self._refuse(service.backend.plain(head), service.backend.name, head=head, rest=rest)
        if visit.hangs_up or visit.keeps_silent:
            visit.unanswered()
            if visit.hangs_up:
                self.transport.close()
            return b""
        refusal = visit.refusal
        if refusal is None and not service.serving:
            refusal = PlainResponse(status=503, body=b"503 Service Unavailable: the server is going away\n")
        if refusal is not None:
            return self._refuse(refusal, visit.name, head=head, visit=visit, rest=rest)
        self.accept(visit, head, rest)
        return b""

    def _refuse(
        self,
        response: PlainResponse,
        name: str,
        *,
        head: RequestHead | None = None,
        visit: Visit | None = None,
        rest: bytes = b"",
    ) -> bytes:
        """Answer in full, and end the connection, or return what came behind the request, which is another's."""
        fields = response.fields(self.service.backend.signature(name))
        if visit is not None:
            visit.answered(response.status, fields)
        transport = self.transport
        transport.write(serialise_head(response.status, response.phrase(), fields, version=response.http_version))
        if response.status not in (204, 304) and (head is None or head.method != "HEAD"):
            transport.write(response.body)
        if response.keeps and head is not None and self.service.serving:
            self._read, self._skip = False, 0 if head.values("Upgrade") else body_size(head) or 0
            self.service.kept.add(self)
            return rest
        self._end(head)
        return b""

    def _end(self, head: RequestHead | None) -> None:
        """End our side; the client ends its own, or loses it a moment later.

        TLS knows no half-open connection: there it is closed, at once unless a body may still come.
        """
        transport = self.transport
        if transport.can_write_eof():
            transport.write_eof()
        elif head is None or not (head.values("Content-Length") or head.values("Transfer-Encoding")):
            transport.close()
            return
        asyncio.get_running_loop().call_later(LINGER_SECONDS, transport.close)
