"""Where messages end in bytes that pass by: bodies of HTTP/1.1 and frames of WebSockets. Nothing is kept or changed."""

import re

from backends.contract.request import RequestHead, tokens

MOST_LINE = 16_384
"""Longest line of a chunked body that is read, in bytes; a longer one is no line."""

NO_CONTENT = (204, 304)
"""Statuses of answers without content, whatever their fields say (RFC 9110 section 15)."""

CLOSE = 8
_CONTROL = 8
"""Opcodes from here on are those of control frames (RFC 6455 section 5.5)."""


class Body:
    """The content behind a head, by RFC 9112 section 6.3.

    Attributes:
        done: whether all of it has passed.
    """

    def __init__(self, size: int | None, *, chunked: bool = False) -> None:
        """Content of so many bytes; of chunks; or, with neither, of all that comes until the connection ends."""
        self._left = size if size is not None and not chunked else 0
        self._endless = size is None and not chunked
        self._chunked = chunked
        self._trailer = False
        self._line = bytearray()
        self.done = not chunked and size == 0

    @classmethod
    def of_request(cls, head: RequestHead) -> "Body":
        """The content of a request: none unless a field says so."""
        return _told(head) or cls(0)

    @classmethod
    def of_answer(cls, head: RequestHead, status: int, *, method: str) -> "Body":
        """The content of the answer to a request of this method."""
        if method == "HEAD" or status in NO_CONTENT:
            return cls(0)
        return _told(head) or cls(None)

    def take(self, data: bytes, at: int) -> int:
        """Return where in these bytes the content ends, or their length while it goes on."""
        if self._endless:
            return len(data)
        while at < len(data) and not self.done:
            if self._left:
                step = min(self._left, len(data) - at)
                self._left -= step
                at += step
                self.done = not self._chunked and not self._left
                continue
            end = data.find(b"\n", at) + 1
            self._line += data[at : end or None]
            at = end or len(data)
            if end:
                self._read(bytes(self._line).strip())
                self._line.clear()
            elif len(self._line) > MOST_LINE:
                self._endless = True
        return len(data) if self._endless else at

    def _read(self, line: bytes) -> None:
        if self._trailer:
            self.done = not line
            return
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            self._endless = True
            return
        self._trailer = size == 0
        self._left = size + 2 if size else 0


def _told(head: RequestHead) -> Body | None:
    if "chunked" in tokens(head.values("Transfer-Encoding")):
        return Body(0, chunked=True)
    sizes = head.values("Content-Length")
    return Body(int(sizes[0])) if sizes and sizes[0].isascii() and sizes[0].isdigit() else None


class FrameWatch:
    """The frames of one direction (RFC 6455 section 5.2), of whatever they are made.

    Attributes:
        messages: how many text and binary messages have passed whole.
        close: code and reason of the first close frame; 1005 for one without a code.
    """

    def __init__(self) -> None:
        self.messages = 0
        self.close: tuple[int, str] | None = None
        self._head = bytearray()
        self._left = -1
        self._said = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the bytes of each frame, or part of one, with its opcode."""
        pieces = []
        at = 0
        while at < len(data):
            begin = at
            while self._left < 0 and at < len(data):
                self._head.append(data[at])
                at += 1
                if len(self._head) == _size(self._head):
                    self._left = _payload(self._head)
            opcode = self._head[0] & 0x0F
            if self._left > 0:
                step = min(self._left, len(data) - at)
                if opcode == CLOSE and len(self._said) < 125:
                    self._said += data[at : at + step]
                self._left -= step
                at += step
            pieces.append((opcode, data[begin:at]))
            if self._left == 0:
                self._end(opcode)
        return pieces

    def _end(self, opcode: int) -> None:
        if opcode == CLOSE and self.close is None:
            self.close = _told_close(self._head, self._said)
        if opcode < _CONTROL and self._head[0] & 0x80:
            self.messages += 1
        self._head.clear()
        self._said.clear()
        self._left = -1


def _size(head: bytearray) -> int:
    """Length of the head that begins so."""
    if len(head) < 2:
        return 2
    return 2 + {126: 2, 127: 8}.get(head[1] & 0x7F, 0) + (4 if head[1] & 0x80 else 0)


def _payload(head: bytearray) -> int:
    """Length of the payload behind a head."""
    size = head[1] & 0x7F
    return size if size < 126 else int.from_bytes(head[2 : 4 if size == 126 else 10], "big")


def _told_close(head: bytearray, said: bytearray) -> tuple[int, str]:
    mask = head[-4:] if head[1] & 0x80 else bytes(4)
    plain = bytes(octet ^ mask[at % 4] for at, octet in enumerate(said))
    if len(plain) < 2:
        return 1005, ""
    return int.from_bytes(plain[:2], "big"), plain[2:].decode(errors="replace")


_EMPTY_LINE = re.compile(rb"\n\r?\n")


def answer_end(octets: bytes) -> int:
    """Return where the head of an answer ends; 0 while more of it must come, -1 where it will be none.

    Lines may end with a bare LF (RFC 9112 section 2.2).
    """
    if octets[:7] != b"HTTP/1."[: len(octets)]:
        return -1
    found = _EMPTY_LINE.search(octets)
    return found.end() if found else 0


def answer_head(octets: bytes) -> tuple[int, RequestHead] | None:
    """Return status and fields of the head of an HTTP/1.1 answer, or None where it is none."""
    first, *lines = [line.rstrip(b"\r") for line in octets.rstrip(b"\r\n").split(b"\n")]
    version, _, rest = first.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        return None
    fields = tuple((name, value.strip(b" \t")) for name, _, value in (line.partition(b":") for line in lines))
    return int(rest[:3]), RequestHead(method="", target="", http_version=version[5:].decode("latin-1"), headers=fields)
