"""One TCP connection through the recorder: the client's side, the server's side, and the journal between them.

Bytes go on as they came, as soon as they came; only a request's head waits until it is whole, because a fault may keep
it, and an answer's head, because it is journaled before it leaves. What is no HTTP/1.1 passes unread.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from backends.contract import request
from backends.contract.journal import Ending, Entry
from backends.contract.request import HEAD_LIMIT, RequestHead, read_head, serialise_head
from backends.contract.sockets import endpoint_name, reset
from backends.contract.stand_in import StandIn
from backends.contract.visit import Visit
from backends.recorder.passing import CLOSE, NO_CONTENT, Body, FrameWatch, answer_end, answer_head

CONNECT_SECONDS = 10.0
"""How long the server may take to accept a connection."""

_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class RealServer:
    """The server behind a recorder; `context` is None for one without TLS."""

    host: str
    port: int
    path: str
    context: ssl.SSLContext | None


class Carrying(Protocol):
    """The listener that a connection came through, as the connection sees it."""

    backend: StandIn
    listener: Literal["ws", "wss"]
    destination: RealServer
    everyone: "set[Transit]"


class Side(asyncio.Protocol):
    """One of the two TCP connections."""

    def __init__(self, transit: "Transit", take: Callable[[bytes], None]) -> None:
        self.transport: asyncio.Transport | None = None
        self.finished = False
        self._transit = transit
        self._take = take

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the connection."""
        self.transport = transport  # type: ignore[assignment]  # TCP connections have stream transports
        self._transit.made(self)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def finish(self) -> None:
        """Tell that no more bytes come, or end the connection where TLS cannot tell that."""
        if self.transport is None or self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Take in bytes."""
        self._take(data)

    def eof_received(self) -> bool:
        """Pass on that no more bytes come."""
        self.finished = True
        self._transit.finished(self)
        return self.transport is not None and self.transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that the connection has ended, and how."""
        self.finished = True
        self._transit.lost(self, exc)

    def pause_writing(self) -> None:
        """Read no more from the other side than this one takes."""
        self._transit.other(self).pause_reading()

    def resume_writing(self) -> None:
        """Read on from the other side."""
        self._transit.other(self).resume_reading()

    def pause_reading(self) -> None:
        """Let bytes wait in the kernel."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Take in bytes again."""
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()


class Transit:
    """A connection of a client and the one to the server that belongs to it."""

    def __init__(self, service: Carrying) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.client = Side(self, self._up)
        self.server = Side(self, self._down)
        self._service = service
        self._peer = "unknown"
        self._connecting: asyncio.Task[None] | None = None
        self._early = b""
        self._unread = False
        self._deaf = False
        self._request, self._request_body = b"", Body(0)
        self._answer, self._answer_body = b"", Body(0)
        self._asked: deque[tuple[Visit, str]] = deque()
        self._behind: bytes | None = None
        self._tunnel: Visit | None = None
        self._frames_up, self._frames_down = FrameWatch(), FrameWatch()
        self._delay, self._due = 0.0, 0.0
        self._late: deque[bytes | None] = deque()

    def made(self, side: Side) -> None:
        """Connect to the server once a client has connected, and hear the client once the server has."""
        if side is self.server or side.transport is None:
            self.client.resume_reading()
            early, self._early = self._early, b""
            self._up(early)
            if self.client.finished:
                self.finished(self.client)
            return
        side.pause_reading()  # what a dead server cannot get has not reached it
        self._peer = endpoint_name(side.transport.get_extra_info("peername"))
        self._service.everyone.add(self)
        self._connecting = asyncio.ensure_future(self._connect())

    async def _connect(self) -> None:
        to = self._service.destination
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await asyncio.get_running_loop().create_connection(
                    lambda: self.server,
                    to.host,
                    to.port,
                    ssl=to.context,
                    server_hostname=to.host if to.context else None,
                )
        except (OSError, TimeoutError) as error:
            why = getattr(error, "strerror", "") or str(error) or f"no answer in {CONNECT_SECONDS:g} s"
            self._service.backend.log.warning("cannot reach %s port %d: %s", to.host, to.port, why)
            self.reset()

    def other(self, side: Side) -> Side:
        """The other one of the two."""
        return self.server if side is self.client else self.client

    # -- from the client to the server -------------------------------------------------------------------------------

    def _up(self, data: bytes) -> None:
        if self._deaf:
            return
        if self.server.transport is None:
            self._early += data
        elif self._tunnel is not None:
            self._frame_up(data)
        elif self._unread:
            self.server.send(data)
        elif self._behind is not None:
            self._behind += data
            self.server.send(data)
        else:
            self._requests(data)

    def _requests(self, data: bytes, *, sent: bool = False) -> None:
        """Read requests, and pass them on unless they were `sent` before."""
        at = 0
        while at < len(data) and not self._unread:
            if not self._request_body.done:
                end = self._request_body.take(data, at)
                self._on(data[at:end], sent=sent)
                at = end
                continue
            # The lines before a request may be empty (RFC 9112 section 2.2); they belong to it here.
            held = self._request + data[at:]
            cut = held.find(_END)
            head = read_head(held[: cut + 4].lstrip(b"\r\n")) if cut >= 0 else None
            if head is None:
                if cut < 0 and len(held) <= HEAD_LIMIT:
                    self._request = held
                    return
                self._unread = True
                self._request = b""
                self._on(held, sent=sent)
                return
            at = len(data) - (len(held) - cut - 4)
            self._request = b""
            if self._arrived(head):
                self._on(held[: cut + 4], sent=sent)
            if self._deaf:
                return
            if self._behind is not None:
                self._behind = data[at:]
                self._on(data[at:], sent=sent)
                return

    def _on(self, data: bytes, *, sent: bool) -> None:
        if data and not sent:
            self.server.send(data)

    def _arrived(self, head: RequestHead) -> bool:
        """Journal a request; whether the server shall see it."""
        service, backend = self._service, self._service.backend
        plan = backend.faults.take() if request.asks_upgrade(head) else {}
        visit = Visit(
            journal=backend.journal,
            backend=backend.name,
            endpoint="cl",
            head=head,
            entry=Entry(
                listener=service.listener,
                peer=self._peer,
                method=head.method,
                target=head.target,
                http_version=head.http_version,
                upgrade=request.asks_upgrade(head),
                headers=head.headers,
            ),
            plan=plan,
            refusal=backend.faulty(plan),
            subprotocol=None,
        )
        visit.unanswered()
        if visit.hangs_up or visit.keeps_silent or visit.refusal is not None:
            self._deaf = True
            self._keep(visit)
            return False
        self._request_body = Body.of_request(head)
        self._asked.append((visit, head.method))
        if head.values("Upgrade"):
            self._behind = b""
        return True

    def _keep(self, visit: Visit) -> None:
        """Do what a fault wants with a request that the server does not see."""
        self.server.finish()
        self._slowed(visit)
        refusal = visit.refusal
        if not visit.hangs_up and refusal is not None and not visit.keeps_silent:
            fields = refusal.fields(())  # a server that knows nothing of us signs nothing
            visit.answered(refusal.status, fields)
            bare = visit.head.method == "HEAD" or refusal.status in NO_CONTENT
            self._to_client(serialise_head(refusal.status, refusal.phrase(), fields) + (b"" if bare else refusal.body))
            self._to_client(None)
        elif visit.hangs_up:
            self._to_client(None)

    def _frame_up(self, data: bytes) -> None:
        visit = self._tunnel
        assert visit is not None  # noqa: S101 - said once for the type checker
        self._frames_up.feed(data[self._request_body.take(data, 0) :])
        visit.entry.messages_received = self._frames_up.messages
        self._closed(self._frames_up, "client")
        self.server.send(data)
        if "cut" in visit.plan and self._frames_up.messages >= int(visit.plan["cut"]["after_messages"]):
            self.reset()

    # -- from the server to the client -------------------------------------------------------------------------------

    def _down(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._tunnel is not None:
            self._frame_down(data)
        elif self._unread:
            self._to_client(data)
        else:
            self._answers(data)

    def _answers(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            if not self._answer_body.done:
                end = self._answer_body.take(data, at)
                self._to_client(data[at:end])
                at = end
                continue
            held = self._answer + data[at:]
            end = answer_end(held)
            told = answer_head(held[:end]) if end else None
            if told is None or not self._asked:
                if end == 0 and len(held) <= HEAD_LIMIT and self._asked:
                    self._answer = held
                    return
                self._unread = True
                self._answer = b""
                self._to_client(held)
                return
            at = len(data) - (len(held) - end)
            self._answer = b""
            self._answered(*told, held[:end])
            if self._tunnel is not None:
                if at < len(data):
                    self._frame_down(data[at:])
                return

    def _answered(self, status: int, head: RequestHead, octets: bytes) -> None:
        self._slowed(self._asked[0][0])
        if 100 <= status < 200 and status != 101:
            self._to_client(octets)
            return
        visit, method = self._asked.popleft()
        fields = head.headers
        if status == 101:
            octets, fields = _changed(octets, head, visit)
            visit.subprotocol = next(iter(head.values("Sec-WebSocket-Protocol")), None)
        visit.answered(status, fields)
        self._to_client(octets)
        if status == 101:
            self._opened(visit)
            return
        self._answer_body = Body.of_answer(head, status, method=method)
        if self._behind is not None:
            behind, self._behind = self._behind, None
            self._requests(behind, sent=True)

    def _opened(self, visit: Visit) -> None:
        backend, entry = self._service.backend, visit.entry
        self._tunnel = visit
        backend.live.add(self)
        backend.log.info("open #%d %s from %s", visit.number, entry.listener, entry.peer)
        if "cut" in visit.plan and not visit.plan["cut"]["after_messages"]:
            self.reset()
        elif self._behind:
            self._frames_up.feed(self._behind[self._request_body.take(self._behind, 0) :])
            entry.messages_received = self._frames_up.messages
            self._closed(self._frames_up, "client")

    def _frame_down(self, data: bytes) -> None:
        visit = self._tunnel
        assert visit is not None  # noqa: S101 - said once for the type checker
        pieces = self._frames_down.feed(data)
        self._closed(self._frames_down, "server")
        if "mute" in visit.plan:
            data = b"".join(piece for opcode, piece in pieces if opcode >= CLOSE)
        else:
            visit.entry.messages_sent = self._frames_down.messages
        self._to_client(data)

    def _slowed(self, visit: Visit) -> None:
        """From here on the server's bytes are those for this request, as late as a fault wants them."""
        self._delay = float(visit.plan["delay"]["seconds"]) if "delay" in visit.plan else 0.0

    def _to_client(self, data: bytes | None) -> None:
        """Pass bytes on, or None for their end; later where a fault wants it, and then always in order."""
        if not self._delay and not self._late:
            self._release(data)
            return
        loop = asyncio.get_running_loop()
        self._due = max(self._due, loop.time() + self._delay)
        self._late.append(data)
        loop.call_at(self._due, lambda: self._release(self._late.popleft()))

    def _release(self, data: bytes | None) -> None:
        if data is None:
            self.client.finish()
            if self.client.finished and self.server.finished and not self._late:
                self.stop()
        elif data:
            self.client.send(data)

    # -- the end -----------------------------------------------------------------------------------------------------

    def _closed(self, frames: FrameWatch, by: Literal["client", "server"]) -> None:
        if frames.close is not None:
            self._end(Ending(code=frames.close[0], reason=frames.close[1], by=by))

    def _end(self, ending: Ending) -> None:
        """Journal how the tunnel ended, as far as nobody has told that before."""
        visit = self._tunnel
        if visit is not None and visit.entry.closed is None:
            visit.entry.closed = ending
            self._service.backend.log.info(
                "closed #%d by %s, code %d %s", visit.number, ending.by, ending.code, ascii(ending.reason)
            )

    def finished(self, side: Side) -> None:
        """Pass on that one side sends no more."""
        if self.server.transport is None:
            return
        if not self._deaf:
            self._end(Ending(code=1006, reason="", by="lost"))
            if side is self.client:
                self._on(self._request, sent=False)
                self.server.finish()
            else:
                self._to_client(self._answer or b"")
                self._to_client(None)
        if self.client.finished and (self.server.finished or self._deaf) and not self._late:
            self.stop()

    def lost(self, side: Side, exc: Exception | None) -> None:
        """Pass on that one side has gone."""
        self._end(Ending(code=1006, reason="", by="lost"))
        other = self.other(side)
        if self._deaf and side is self.server and not self.client.finished:
            return  # the client's side stays as the fault wants it
        if self._connecting is not None and not self._connecting.done():
            self._connecting.cancel()
        if exc is not None:
            reset(other.transport)
        elif side is self.server:
            self._to_client(None)
        elif other.transport is not None:
            other.transport.close()  # nobody is there any more to whom the server could say anything
        if self.client.finished and (self.server.finished or self.server.transport is None):
            self._gone()

    def _gone(self) -> None:
        for side in (self.client, self.server):
            if side.transport is not None:
                side.transport.close()
        self._service.everyone.discard(self)
        self._service.backend.live.discard(self)
        if not self.ended.done():
            self.ended.set_result(None)

    def stop(self) -> None:
        """End both connections as a server does that is stopped: without a close frame."""
        for side in (self.client, self.server):
            if side.transport is not None:
                side.transport.close()

    def reset(self) -> None:
        """Reset both connections, now."""
        self._end(Ending(code=1006, reason="", by="lost"))
        for side in (self.client, self.server):
            reset(side.transport)


def _changed(octets: bytes, head: RequestHead, visit: Visit) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    """The head of a 101 as a fault wants it; without one, as it came."""
    wanted = {b"sec-websocket-accept": visit.accept_value, b"upgrade": visit.upgrade_value}
    if not any(value is not None for value in wanted.values()):
        return octets, head.headers
    fields = []
    for name, value in head.headers:
        new = wanted.get(name.lower())
        if new != "":
            fields.append((name, value if new is None else new.encode("latin-1", "replace")))
    first = octets.partition(b"\r\n")[0]
    return b"\r\n".join([first, *(name + b": " + value for name, value in fields), b"\r\n"]), tuple(fields)
