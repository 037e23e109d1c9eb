"""Who asks: the connection that a command came from."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The connection of a command, as DSPWSCNN and DSPWSHDR tell it.

    `headers` is a function, because nearly no command asks for them.
    """

    number: int
    listener: str
    peer: str
    target: str
    age_seconds: float
    messages_received: int
    messages_sent: int
    subprotocol: str | None
    headers: Callable[[], list[list[str]]]
