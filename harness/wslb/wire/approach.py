"""How a server that is not ours is opened and talked to: one value for whatever does so (``check`` and ``load``)."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import msgspec

from wslb.errors import ConfigError
from wslb.model.handshake import Headers
from wslb.wire.clients import SHAPES, manners
from wslb.wire.naming import NameRule
from wslb.wire.upgrade import Address, address_of

__all__ = ["SILENT", "SPEAK", "Approach", "Speech"]

MOST_FIRST_MESSAGE = 1024 * 1024
MOST_SEARCHED = 65_536
"""Characters of a message in which an expression is looked for."""


class Speech(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is said on a fresh tunnel before anything else, and what must be answered.

    Attributes:
        says: sent at once, unless empty; ``{host}`` stands for the URL's host in a preset.
        binary: send it as a binary message; its characters are then bytes (Latin-1).
        expects: expression that a message in answer must fit, unless empty; binary is read as Latin-1.
        answers: messages of the server, each with what is sent back: the heartbeats of the protocol.
    """

    says: str = ""
    binary: bool = False
    expects: str = ""
    answers: tuple[tuple[str, str], ...] = ()

    @property
    def message(self) -> str | bytes:
        """What is sent first; empty where nothing is."""
        return self.says.encode("latin-1") if self.binary else self.says

    @property
    def listens(self) -> bool:
        """Whether a message must come."""
        return bool(self.expects)

    def satisfied(self, message: str | bytes) -> bool:
        """Whether this is the answer that is expected."""
        text = message if isinstance(message, str) else message.decode("latin-1")
        return re.search(self.expects, text[:MOST_SEARCHED]) is not None


SILENT = Speech()
AUTO = NameRule()


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A protocol above WebSocket: what a client of it offers, says and hears."""

    speech: Speech
    subprotocols: tuple[str, ...] = ()
    path: str = ""
    query: str = ""


_MQTT_CONNECT = "\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00"

SPEAK: dict[str, Preset] = {
    "socketio": Preset(
        speech=Speech(says="40", expects=r"\A40", answers=(("2", "3"),)),
        path="/socket.io/",
        query="EIO=4&transport=websocket",
    ),
    "graphql-ws": Preset(
        speech=Speech(
            says='{"type":"connection_init"}',
            expects=r'"type"\s*:\s*"connection_ack"',
            answers=(('{"type":"ping"}', '{"type":"pong"}'),),
        ),
        subprotocols=("graphql-transport-ws",),
    ),
    "stomp": Preset(
        speech=Speech(
            says="CONNECT\naccept-version:1.2,1.1,1.0\nhost:{host}\nheart-beat:0,0\n\n\0", expects=r"\ACONNECTED\r?\n"
        ),
        subprotocols=("v12.stomp", "v11.stomp", "v10.stomp"),
    ),
    "mqtt": Preset(
        speech=Speech(says=_MQTT_CONNECT, binary=True, expects="\\A\\x20\\x02[\\x00\\x01]\\x00"), subprotocols=("mqtt",)
    ),
}
"""Socket.IO 5 over Engine.IO 4; graphql-transport-ws; STOMP 1.2 section CONNECT; MQTT 3.1.1 section 3.1, which is
answered by a CONNACK with return code 0."""

_NOT_GIVEN = {
    "sec-websocket-key": "left out: it is made anew for each handshake",
    "sec-websocket-protocol": "given as --subprotocol NAME, so that the answer is judged by it",
    "sec-websocket-extensions": "left out: this client could not keep the promise",
    "sec-websocket-accept": "left out: it is the server's",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Approach:
    """How to open a server's WebSocket and what to say on it.

    Attributes:
        url: of the WebSocket.
        headers: further fields of each handshake; one of a name that a handshake has anyway takes its place.
        origin: of the page that a browser would open it from; empty is the URL's own, None sends none.
        subprotocols: offered, the best first.
        speech: what is said first.
        shape: whose fields and order the handshake has (`wslb.wire.clients.SHAPES`).
        trust: PEM certificates to trust for ``wss://``; empty takes the system's.
        insecure: take any certificate.
        http2: open by extended CONNECT (RFC 8441).
        sources: local addresses to connect from, in turn.
        timeout_seconds: longest wait for the answer to a handshake; None leaves it to who asks.
        identify: what tells who answered.

    Raises:
        ConfigError: the URL, a field, the shape or the expression cannot be.
    """

    url: str
    headers: Headers = ()
    origin: str | None = ""
    subprotocols: tuple[str, ...] = ()
    speech: Speech = SILENT
    shape: str = ""
    trust: str = ""
    insecure: bool = False
    http2: bool = False
    sources: tuple[str, ...] = ()
    timeout_seconds: float | None = None
    identify: NameRule = AUTO

    def __post_init__(self) -> None:
        address_of(self.url)
        if self.shape not in SHAPES:
            raise ConfigError(option="--shape", value=self.shape, allowed=" or ".join(name for name in SHAPES if name))
        for name, value in self.headers:
            if allowed := _NOT_GIVEN.get(name.lower()):
                raise ConfigError(option="--header", value=name, allowed=allowed)
            if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or re.search(r"[\r\n\0]", value):
                raise ConfigError(option="--header", value=f"{name}: …", allowed="'NAME: VALUE' in one line")
        for name in self.subprotocols:
            if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
                raise ConfigError(option="--subprotocol", value=name, allowed="one token, without spaces and commas")
        if self.speech.expects:
            try:
                re.compile(self.speech.expects)
            except (re.error, OverflowError, RecursionError) as exc:
                raise ConfigError(
                    option="--expect", value=self.speech.expects, allowed=f"a regular expression ({exc})"
                ) from None
        if len(self.speech.says) > MOST_FIRST_MESSAGE:
            raise ConfigError(option="--first-message", value=f"{len(self.speech.says)} characters", allowed="1 MiB")

    @property
    def address(self) -> Address:
        """Where the URL leads."""
        return address_of(self.url)

    @property
    def own_origin(self) -> str:
        """Origin of the pages that the server itself would serve (RFC 6454 section 6.2)."""
        return f"{'https' if self.address.secure else 'http'}://{self.address.authority}"

    @property
    def listens(self) -> bool:
        """Whether a message of the server is needed: for the protocol, or to know who answered."""
        return self.speech.listens or self.identify.listens

    def fields(self) -> Headers:
        """Fields of each handshake beside those of RFC 6455, subprotocols apart."""
        origin = self.own_origin if self.origin == "" else self.origin
        return (*manners(self.shape), *((("Origin", origin),) if origin else ()), *self.headers)

    def having(self, **changes: object) -> Approach:
        """Copy with other values."""
        return replace(self, **changes)  # type: ignore[arg-type]  # as `replace` itself: names and values fit

    def speaking(self, name: str) -> Approach:
        """Copy that speaks a protocol of `SPEAK`: what it offers, says and hears, and where its path is fixed, that."""
        preset = SPEAK[name]
        parts = urlsplit(self.url)
        asked = {key for key, _ in parse_qsl(parts.query, keep_blank_values=True)}
        more = "&".join(one for one in preset.query.split("&") if one and one.partition("=")[0] not in asked)
        url = urlunsplit(
            (
                parts.scheme,
                parts.netloc,
                preset.path if preset.path and parts.path in {"", "/"} else parts.path,
                "&".join(filter(None, (parts.query, more))),
                "",
            )
        )
        given = self.speech
        says = given.says or preset.speech.says.replace("{host}", self.address.host)
        speech = Speech(
            says=says,
            binary=preset.speech.binary and not given.says,
            expects=given.expects or preset.speech.expects,
            answers=preset.speech.answers,
        )
        return replace(self, url=url, speech=speech, subprotocols=self.subprotocols or preset.subprotocols)


def basic(user: str) -> str:
    """Value of ``Authorization`` for ``NAME:PASSWORD`` (RFC 7617 section 2)."""
    return f"Basic {base64.b64encode(user.encode()).decode()}"
