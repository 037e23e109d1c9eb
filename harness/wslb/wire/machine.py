"""One connection of a client as a state machine: bytes in, events out, and bytes to send.

The driver that owns a socket feeds what it receives, sends what `Machine.take` gives, and tells the end of the stream.
It need not know how bytes were cut on their way: any cut gives the same events.

Theory
------
A WebSocket has two directions that end one by one, and below them a TCP connection that ends as a whole. So there are
three questions, and each is answered in one place:

``state``    What may we send? It only moves forward, OPENING, OPEN, CLOSING, ENDED, and may leave any of them out.
``_reader``  How are the next bytes to be read: as the head of the answer, or as frames? It changes once, in the middle
             of whatever the server sent in one piece: a greeting often comes right behind the head.
``ended``    How did it end, for good? Until this is set bytes are read; after it they are thrown away, because nothing
             behind a close frame means anything (RFC 6455 section 1.4). Only the first answer counts.

               the answer opens             close() is called, or
               the connection               the server's close came
    OPENING ------------------> OPEN -----------------------------> CLOSING ---------> ENDED
        |                         |                                    ^      eof()      ^
        |   it is refused         |   a rule is broken                 |                 |
        +-------------------------+------------------------------------+                 |
        |   eof()                 |   eof(): lost                                        |
        +-------------------------+------------------------------------------------------+

*Who began* is told by the order of close frames alone: `_sent` is set when we wrote one first. When the server's comes
with `_sent` empty, the server began, we echo its payload (section 5.5.1) and both are done. With `_sent` filled, we
began and this is the answer. A stream that ends without the server's close frame is *lost*, 1006, whatever we sent.

*A broken rule* fails the connection (section 7.1.7): the close frame with the error's code goes out unless one went out
before, and `ended` is set to lost at once, for from here on we believe nothing. Events of the same piece that were
complete before the fault are still given: they were said.

*A message* is the one thing that needs memory, `_parts`. It is bounded three times: the reader is told how many bytes
the message may still grow by, so that an announced giant is refused before it comes; the frames of a message are
counted; and control frames, which may stand between its frames, are at most 125 bytes and never join it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from wslb.wire.frames import Frame, FrameError, FrameReader, Opcode, close_payload, parse_close, serialise
from wslb.wire.http1 import AnswerHead, HeadReader, WireError
from wslb.wire.upgrade import Known, refusal

__all__ = ["Accepted", "Ended", "Failed", "Goodbye", "Machine", "Received", "State", "WireEvent"]

MESSAGE_LIMIT = 128 * 1024 * 1024
"""Longest message taken, in bytes."""

MOST_FRAGMENTS = 65_536
"""Most frames that one message may come in: empty ones would cost memory without ever reaching the limit of bytes."""


class State(IntEnum):
    """Where a connection stands; it only moves forward."""

    OPENING = 0
    OPEN = 1
    CLOSING = 2
    """A close frame was sent or received, or the connection failed: nothing but the end of the stream is awaited."""
    ENDED = 3


class Accepted(NamedTuple):
    """The server accepted."""

    head: AnswerHead


class Failed(NamedTuple):
    """The server broke the protocol, or refused the handshake: ``kind`` for counters, ``sentence`` for people."""

    kind: str
    sentence: str
    head: AnswerHead | None = None


class Received(NamedTuple):
    """A complete message."""

    data: str | bytes


class Goodbye(NamedTuple):
    """The server's close frame."""

    code: int
    reason: str


WireEvent = Accepted | Failed | Received | Goodbye


class Ended(NamedTuple):
    """How a connection ended: close code, reason, and who began: client, server or lost."""

    code: int
    reason: str
    by: str


_LOST = Ended(1006, "", "lost")


class Machine:
    """One connection; small, because there may be tens of thousands."""

    __slots__ = ("_accept", "_entropy", "_known", "_limit", "_offered", "_opcode", "_out", "_parts", "_reader", "_sent",
                 "_size", "ended", "state")  # fmt: skip

    def __init__(
        self,
        *,
        accept: str,
        entropy: Callable[[int], bytes],
        limit: int = MESSAGE_LIMIT,
        known: Known | None = None,
        offered: tuple[str, ...] = (),
    ) -> None:
        """Expect the answer to a handshake.

        Args:
            accept: the ``Sec-WebSocket-Accept`` that belongs to the key sent.
            entropy: gives that many random bytes, for masks.
            limit: longest message taken, in bytes.
            known: answers that the same request had before; new ones are added.
            offered: subprotocols that the request offers.
        """
        self._known = known
        self.state = State.OPENING
        self.ended: Ended | None = None
        self._accept: str = accept
        self._entropy = entropy
        self._limit = limit
        self._offered = offered
        self._reader: HeadReader | FrameReader = HeadReader()
        self._parts: list[bytes] | None = None
        self._opcode = Opcode.CONTINUATION
        self._size = 0
        self._sent: Ended | None = None
        self._out: bytes | bytearray = b""

    def take(self) -> bytes:
        """Bytes to send now; they are given once."""
        out, self._out = self._out, b""
        return bytes(out)

    def feed(self, data: bytes) -> list[WireEvent]:
        """Events that these bytes complete."""
        events: list[WireEvent] = []
        reader = self._reader
        if isinstance(reader, HeadReader):
            rest = self._head(reader, data, events)
            if rest is None:
                return events
            data, reader = rest, self._reader
        if self.ended is not None or not isinstance(reader, FrameReader):
            return events  # what follows a close frame is discarded (RFC 6455 section 1.4)
        reader.feed(data)
        try:
            while self.ended is None:
                frame = reader.next(self._limit - self._size)
                if frame is None:
                    break
                event = self._frame(frame)
                if event is not None:
                    events.append(event)
        except FrameError as exc:
            events.append(self._fail(exc))
        return events

    def eof(self) -> Failed | None:
        """The stream has ended; a failure when that cut the handshake."""
        failed: Failed | None = None
        if isinstance(self._reader, HeadReader) and self.state is State.OPENING:
            error = self._reader.ended()
            failed = Failed(error.kind, str(error))
        self.ended = self.ended or _LOST
        self.state = State.ENDED
        return failed

    def send(self, message: str | bytes) -> bytes:
        """Bytes of a message.

        Raises:
            ConnectionError: the connection is not open.
        """
        if self.state is not State.OPEN:
            raise ConnectionError(f"the connection is {self.state.name.lower()}")
        if isinstance(message, str):
            return serialise(Opcode.TEXT, message.encode(), mask=self._entropy(4))
        return serialise(Opcode.BINARY, message, mask=self._entropy(4))

    def close(self, code: int = 1000, reason: str = "") -> bytes:
        """Bytes of our close frame; none when one was sent or the connection is not open."""
        if self.state is not State.OPEN:
            return b""
        self._sent = Ended(code, reason, "client")
        self.state = State.CLOSING
        return serialise(Opcode.CLOSE, close_payload(code, reason), mask=self._entropy(4))

    def _head(self, reader: HeadReader, data: bytes, events: list[WireEvent]) -> bytes | None:
        """Read the answer; the bytes behind it once the connection is open."""
        if self.state is not State.OPENING:
            return None
        known = self._known
        matched = known.match(data, self._accept) if known is not None and not reader.waiting else None
        if matched is not None:
            return self._accepted(*matched, events)
        whole = known is not None and not reader.waiting
        try:
            complete = reader.feed(data)
        except WireError as exc:
            self.state = State.CLOSING
            self.ended = _LOST
            events.append(Failed(exc.kind, str(exc)))
            return None
        if complete is None:
            return None
        head, rest = complete
        problem = refusal(head, accept=self._accept, offered=self._offered)
        if problem is not None:
            self.state = State.CLOSING
            self.ended = _LOST
            events.append(Failed(problem.kind, str(problem), head))
            return None
        if known is not None and whole:
            known.learn(data[: len(data) - len(rest)], self._accept, head)
        return self._accepted(head, rest, events)

    def _accepted(self, head: AnswerHead, rest: bytes, events: list[WireEvent]) -> bytes:
        self.state = State.OPEN
        self._known = None
        self._accept = ""
        self._reader = FrameReader(self._limit)
        events.append(Accepted(head))
        return rest

    def _frame(self, frame: Frame) -> WireEvent | None:
        """Take in one frame; the event that it completes, if any."""
        opcode, data, fin, _ = frame
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            if self._parts is not None:
                raise FrameError(1002, "a new message begins within a fragmented one")
            if fin:
                return Received(_text(data) if opcode is Opcode.TEXT else data)
            self._parts, self._opcode, self._size = [data], opcode, len(data)
            return None
        if opcode is Opcode.CONTINUATION:
            return self._continue(data, fin=fin)
        if opcode is Opcode.PING:
            if self.state is State.OPEN:
                if not isinstance(self._out, bytearray):  # grows in place: many pings may come in one piece
                    self._out = bytearray(self._out)
                self._out += serialise(Opcode.PONG, data, mask=self._entropy(4))
            return None
        if opcode is Opcode.PONG:  # also one that nobody asked for (RFC 6455 section 5.5.3)
            return None
        return self._close(data)

    def _continue(self, data: bytes, *, fin: bool) -> Received | None:
        parts = self._parts
        if parts is None:
            raise FrameError(1002, "a continuation without a beginning")
        if len(parts) >= MOST_FRAGMENTS:
            raise FrameError(1009, f"a message of more than {MOST_FRAGMENTS} frames")
        parts.append(data)
        self._size += len(data)
        if not fin:
            return None
        whole = b"".join(parts)
        self._parts, self._size = None, 0
        return Received(_text(whole) if self._opcode is Opcode.TEXT else whole)

    def _close(self, data: bytes) -> Goodbye:
        code, reason = parse_close(data)
        if self._parts is not None:
            raise FrameError(1002, "a close frame within a fragmented message")
        if self._sent is None:
            self._out += serialise(Opcode.CLOSE, data, mask=self._entropy(4))
            self.ended = Ended(code, reason, "server")
        else:
            self.ended = Ended(code, reason, "client")
        self.state = State.CLOSING
        return Goodbye(code, reason)

    def _fail(self, error: FrameError) -> Failed:
        """Answer a broken rule with its close code (RFC 6455 section 7.1.7)."""
        if self._sent is None:
            self._out += serialise(Opcode.CLOSE, close_payload(error.code), mask=self._entropy(4))
        self.state = State.CLOSING
        self.ended = _LOST
        self._parts = None
        return Failed(f"protocol error {error.code}", str(error))


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise FrameError(1007, "a text message is no UTF-8") from exc
