"""How an original answers frames: what it refuses, with which code and sentence, and what it says to a Close frame.

As a real Open Liberty 24.0.0.12 and a real Node.js `websocket` 1.0.35 were seen to do: tests/originals compares.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Rule = Literal["opcode", "mask", "long", "split", "reserved", "orphan", "within", "utf8", "big", "many", "deflate"]

CODES: Mapping[Rule, int] = {"utf8": 1007, "deflate": 1007, "big": 1009, "many": 1009}
"""The close codes of broken rules; of all others, 1002."""

NEVER_SENT = 1015
"""A code that Node.js takes, and which no endpoint may send (RFC 6455 section 7.4.1): answered with 1000, as there."""


class Broken(ValueError):
    """Bytes that a client must not send; `code` is the close code that answers them."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Parting(NamedTuple):
    """The end of a connection: the payload of the Close frame that answers, and how it ended, for the journal.

    Where the server `waits`, it leaves the end of the TCP connection to the client.
    """

    payload: bytes
    code: int
    reason: str
    by: Literal["client", "server"]
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """One original's.

    Attributes:
        sentences: by rule, the reason of the Close frame, with the fields `{opcode}` and `{size}`.
        obeys_unmasked: whether a client's frame without a mask is taken like any other.
        codes: those that a client's Close frame may carry.
        close_sentences: the reasons given to a Close frame of one byte, with a forbidden `{code}`, with a bad reason.
        deaf_from: a Close frame with this code or a higher one gets no answer, and nothing behind it is heard.
        waits_after: rules after whose breach the server leaves the end of the TCP connection to the client.
    """

    sentences: Mapping[Rule, str]
    obeys_unmasked: bool
    codes: frozenset[int]
    close_sentences: tuple[str, str, str]
    deaf_from: int = 65_536
    waits_after: frozenset[Rule] = frozenset()

    def broken(self, rule: Rule, *, opcode: int = 0, size: int = 0) -> Broken:
        """Return the error for a broken rule."""
        return Broken(CODES.get(rule, 1002), self.sentences[rule].format(opcode=opcode, size=size))

    def parting(self, broken: Broken) -> Parting:
        """Return what is said to who broke a rule."""
        text = str(broken)
        waits = any(text == self.sentences[rule] for rule in self.waits_after)
        return Parting(broken.code.to_bytes(2, "big") + text.encode(), broken.code, text, "server", waits)

    def farewell(self, payload: bytes) -> Parting | None:
        """Return the answer to a client's Close frame; None where there is none."""
        short, forbidden, unreadable = self.close_sentences
        if not payload:
            return Parting((1000).to_bytes(2, "big"), 1005, "", "client")
        if len(payload) == 1:
            return self.parting(Broken(1002, short))
        code = int.from_bytes(payload[:2], "big")
        if code >= self.deaf_from:
            return None
        try:
            reason = payload[2:].decode()
        except UnicodeDecodeError:
            return self.parting(Broken(1007, unreadable))
        if code not in self.codes:
            return self.parting(Broken(1002, forbidden.format(code=code)))
        return Parting((1000).to_bytes(2, "big") if code == NEVER_SENT else payload, code, reason, "client")


_READING = (
    "CWWKH00{}E: Exception occurred while reading an incoming WebSocket message in ServerEndpoint class "
    "com.ibm.ws.wsoc.Annot"
)
"""A message of Liberty's, cut where a Close frame ends."""

LIBERTY_MANNERS = Manners(
    sentences={
        "opcode": _READING.format(30),
        "mask": _READING.format(32),
        "orphan": _READING.format(31),
        "within": _READING.format(35),
        "long": "Control frame must have payload length less than 126 bytes",
        "split": "Control frames must have FIN bit set to 1.",
        "reserved": "Reserved frame must be 0.",
        "utf8": "Invalid UTF-8 data received.",
        "big": "messages of {size} bytes are too long",
        "many": "messages of more frames are too long",
        "deflate": "compressed data is broken",
    },
    obeys_unmasked=False,
    codes=frozenset({*range(1000, 1004), *range(1007, 1012), *range(3000, 5000)}),
    close_sentences=(
        "Close frame must either zero bytes or 2 or more bytes.",
        "Invalid close code {code} provided, closing with protocol error.",
        "Invalid utf-8 data received in  close frame.",
    ),
    deaf_from=5000,
    waits_after=frozenset({"utf8"}),
)

NODE_MANNERS = Manners(
    sentences={
        "opcode": "Unrecognized Opcode: 0x{opcode:x}",
        "mask": "",
        "orphan": "Unexpected Continuation Frame",
        "within": "Illegal frame opcode 0x{opcode:x} received in middle of fragmented message.",
        "long": "Illegal control frame longer than 125 bytes.",
        "split": "Control frames must not be fragmented.",
        "reserved": "Unsupported usage of rsv bits without negotiated extension.",
        "utf8": "Invalid UTF-8 Data Received",
        "big": "Frame size of {size} bytes exceeds maximum accepted frame size",
        "many": "Maximum message size exceeded.",
        "deflate": "compressed data is broken",
    },
    obeys_unmasked=True,
    codes=frozenset({*range(1000, 1004), *range(1007, 1016), *range(3000, 5000)}),
    close_sentences=("", "", "Invalid UTF-8 Data Received"),
)
