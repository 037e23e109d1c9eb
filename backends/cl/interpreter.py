"""What runs a command, and what it may know of who asks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


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


class Interpreter(Protocol):
    """Runs CL commands; `kind` is `emulator` or `system`, for the log."""

    @property
    def kind(self) -> str:
        """Which interpreter this is."""

    @property
    def names(self) -> tuple[str, ...]:
        """The commands that it knows, for HELP; empty where the system has more than can be listed."""

    async def run(self, command: str, *, caller: Caller) -> str:
        """Return the output of a command; errors are output too, never exceptions."""
