"""One connection of a scenario that a client wrote byte by byte, and the evidence of what came back."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from wslb.interfaces import RawConnection
from wslb.lab.conversation import exchange
from wslb.model.handshake import Close, Exchange, Handshake, WireView, one_header
from wslb.wire.frames import Frame, FrameError, FrameReader, Opcode, close_frame
from wslb.wire.http1 import AnswerHead, RawRequest, body_is_complete, parse_head, speaks_http

__all__ = ["RawConversation"]

_KEEP = 2000
_GREETING = "[From Server] Connected"
_MOST_FRAMES = 20_000
"""Frames that are read of one connection; a server that never ends would fill memory with them."""

_GOODBYE_SECONDS = 2.0
"""How long the other side may take to end the connection once Close frames went both ways (RFC 6455 section 7.1.1)."""


class RawConversation:
    """What was sent and what came back, read as HTTP and frames as far as it is any.

    Like a `Conversation` it never raises for what the other side does.
    """

    def __init__(
        self,
        handshake: Handshake,
        connection: RawConnection | None,
        *,
        request: RawRequest,
        clock: Callable[[], float],
        whose_greeting: Callable[[str], tuple[str, ...]],
        signers: Callable[[Handshake], tuple[str, ...]],
        seconds: float,
    ) -> None:
        self._handshake = handshake
        self._connection = connection
        self._request = request
        self._clock = clock
        self._whose_greeting = whose_greeting
        self._signers = signers
        self._seconds = seconds
        self._head: AnswerHead | None = None
        self._answered_at: float | None = None
        self._nudged_at: float | None = None
        self._ended_at: float | None = None
        self._closed_at: float | None = None
        self._frames: list[Frame] = []
        self._reader = FrameReader(None)
        self._read = 0
        self._sent = 0
        self._fault = ""
        self._exchanges: list[Exchange] = []
        self._greeting: str | None = None
        self._greeters: tuple[str, ...] = ()
        self._parts: dict[bool, list[Frame]] = {True: [], False: []}
        self._close_sent: Frame | None = None

    # -- evidence ----------------------------------------------------------------------------------------------------

    @property
    def seq(self) -> int:
        """Number in its scenario, in the order of opening."""
        return self._handshake.seq

    @property
    def handshake(self) -> Handshake:
        """The evidence so far."""
        head = self._head
        told = replace(
            self._handshake,
            status=head.status if head else None,
            reason=head.reason if head else "",
            response=head.headers if head else (),
            elapsed_seconds=(self._answered_at or self._closed_at or self._clock()) - self._handshake.opened_at,
            error=self._handshake.error or self._error(),
            greeting=self._greeting,
            greeters=self._greeters,
            subprotocol=one_header(head.headers, "Sec-WebSocket-Protocol") if head else None,
            exchanges=tuple(self._exchanges),
            closed=self._close(),
            closed_at=self._closed_at,
            wire=self._wire(),
        )
        return replace(told, signers=self._signers(told))

    @property
    def accepted(self) -> bool:
        """Whether 101 came."""
        return self._head is not None and self._head.status == 101

    @property
    def backend(self) -> str | None:
        """Backend that answered, None when none did."""
        return self.handshake.backend

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Frames received so far."""
        return tuple(self._frames)

    @property
    def _close_received(self) -> Frame | None:
        return next((frame for frame in self._frames if frame.opcode is Opcode.CLOSE), None)

    def _wire(self) -> WireView:
        connection = self._connection
        if connection is None:
            return WireView(ended="closed")
        behind = connection.received[self._head.size if self._head else 0 :]
        framed = self.accepted or bool(self._frames)
        return WireView(
            sent=self._sent,
            received=len(connection.received),
            head=self._head is not None,
            body="" if framed else bytes(behind[:_KEEP]).decode("utf-8", "replace"),
            frames=tuple(frame.told for frame in self._frames),
            fault=self._fault if framed else "",
            ended=connection.ended if connection.ended in {"closed", "reset"} else "open",
            ended_at=self._ended_at,
            answered_at=self._answered_at,
            nudged_at=self._nudged_at,
        )

    def _error(self) -> str | None:
        if self._head is not None or self._connection is None:
            return None
        if not self._connection.received:
            ended = self._connection.ended in {"closed", "reset"}
            return "the connection ended without an answer" if ended else "no answer came"
        return "the answer has no status line"

    def _close(self) -> Close | None:
        received = self._close_received
        if received is not None:
            first = self._close_sent or received
            return Close(code=first.code, reason=first.text, by="client" if self._close_sent else "server")
        if self._head is not None and self.accepted and self._closed_at is not None:
            return Close(code=1006, by="lost")
        return None

    # -- what a scenario does ----------------------------------------------------------------------------------------

    async def begin(self, behind: Sequence[Frame] = (), *, piece_bytes: int | None = None) -> None:
        """Send the request with frames right behind it, in one piece or in several."""
        for frame in behind:
            self._note(frame, sent=True)
        data = self._request.encoded() + b"".join(_encoded(frame) for frame in behind)
        step = piece_bytes or len(data)
        for at in range(0, len(data), step):
            await self.send(data[at : at + step])

    async def send(self, data: bytes) -> bool:
        """Send these bytes; False when the other side has gone."""
        if self._connection is None:
            return False
        try:
            await self._connection.send(data)
        except ConnectionError:
            return False
        self._sent += len(data)
        return True

    async def say(self, *frames: Frame) -> bool:
        """Send frames, masked and in one piece; whole messages become part of the evidence."""
        for frame in frames:
            if frame.opcode is Opcode.CLOSE:
                self._close_sent = self._close_sent or (None if self._close_received else frame)
            else:
                self._note(frame, sent=True)
        return await self.send(b"".join(_encoded(frame) for frame in frames))

    async def nudge(self) -> bool:
        """Send a ping to wake a proxy that keeps the answer, and note when."""
        self._nudged_at = self._clock()
        return await self.say(Frame(opcode=Opcode.PING, payload=b"nudge"))

    async def answer(self, *, seconds: float | None = None) -> bool:
        """Wait for an answer: a head, with its body unless it is 101, or bytes that are no HTTP at all."""
        if not await self._until(_answered, seconds=seconds):
            return False
        if not self.accepted and self._head is not None:
            await self._until(self._body_came, seconds=seconds)
        return True

    async def receive(self, count: int, *, seconds: float | None = None) -> tuple[Frame, ...]:
        """Wait until this many frames have come in all; those that came. An answer that can have none has ended."""
        if self._answered_at is not None and self._head is not None and not self.accepted:
            return ()

        def enough(_: bytearray) -> bool:
            self._look()
            return len(self._frames) >= count or bool(self._fault)

        await self._until(enough, seconds=seconds)
        return self.frames

    async def end(self, *, seconds: float | None = None) -> bool:
        """Wait until the other side has ended the connection."""
        await self._until(lambda _: False, seconds=seconds)
        return self._connection is None or bool(self._connection.ended)

    async def half_close(self) -> None:
        """End our direction only (FIN)."""
        if self._connection is not None:
            await self._connection.half_close()

    async def reset(self) -> None:
        """End the connection with a TCP reset."""
        if self._connection is not None:
            await self._connection.reset()
            self._closed_at = self._closed_at or self._clock()

    async def close(self) -> None:
        """Say goodbye on an open tunnel, then close the connection; twice is once."""
        connection = self._connection
        if connection is None or self._closed_at is not None:
            return
        if not connection.ended and (self.accepted or self._frames):
            with contextlib.suppress(ConnectionError):
                if self._close_sent is None:
                    await self.say(self._close_received or close_frame(1000))
                await self._until(self._said_goodbye, seconds=None)  # a late one was not lost: the machine may be busy
                await self.end(seconds=_GOODBYE_SECONDS)
        self._look()
        self._closed_at = self._clock()
        await connection.close()

    # -- reading -----------------------------------------------------------------------------------------------------

    async def _until(self, condition: Callable[[bytearray], bool], *, seconds: float | None) -> bool:
        if self._connection is None:
            return False
        reached = await self._connection.until(condition, seconds=self._seconds if seconds is None else seconds)
        self._look()
        if self._connection.ended and self._ended_at is None:
            self._ended_at = self._clock()
        return reached

    def _said_goodbye(self, _: bytearray) -> bool:
        self._look()
        return self._close_received is not None or bool(self._fault)

    def _body_came(self, received: bytearray) -> bool:
        head = self._head
        return head is not None and body_is_complete(head.headers, bytes(received[head.size :]))

    def _look(self) -> None:
        """Read what came since the last look."""
        if self._connection is None:
            return
        received = self._connection.received
        if self._answered_at is None and _answered(received):
            self._head = parse_head(bytes(received))
            self._answered_at = self._clock()
            self._read = self._head.size if self._head else 0
        if self._answered_at is None or self._fault or (self._head is not None and not self.accepted):
            return
        self._reader.feed(bytes(received[self._read :]))
        self._read = len(received)
        try:
            while (frame := self._reader.next()) is not None:
                self._frames.append(frame)
                self._note(frame, sent=False)
                if len(self._frames) >= _MOST_FRAMES and self._reader.waiting:
                    self._fault = f"there are more than {_MOST_FRAMES} frames"
                    return
        except FrameError as exc:
            self._fault = str(exc)

    def _note(self, frame: Frame, *, sent: bool) -> None:
        """Note a message once its last frame is there; compressed ones are not messages we could read."""
        if frame.opcode not in {Opcode.TEXT, Opcode.BINARY, Opcode.CONTINUATION} or frame.compressed:
            return
        parts = self._parts[sent]
        parts.append(frame)
        if not frame.fin:
            return
        payload = b"".join(part.payload for part in parts)
        message = payload if parts[0].opcode is Opcode.BINARY else payload.decode("utf-8", "replace")
        parts.clear()
        self._exchanges.append(exchange(message, sent=sent, at=self._clock()))
        if isinstance(message, str) and not sent and self._greeting is None:
            self._greeters = self._whose_greeting(message)
            # A stand-in's, of whatever address, or one that a real server is known by.
            if self._greeters or message.startswith(_GREETING):
                self._greeting = self._exchanges[-1].text


def _encoded(frame: Frame) -> bytes:
    """As a client sends it: masked with a fresh key (RFC 6455 section 5.3)."""
    return frame.encoded(secrets.token_bytes(4))


def _answered(received: bytearray) -> bool:
    """Whether a head is complete, or what came can become none."""
    return bool(received) and (b"\r\n\r\n" in received or not speaks_http(bytes(received[:16])))
