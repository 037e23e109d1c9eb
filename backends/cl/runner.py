"""What every runner of CL commands offers."""

from typing import Protocol

from backends.cl.caller import Caller


class Runner(Protocol):
    """Runs one CL command; `kind` is `emulator` or `system`."""

    @property
    def kind(self) -> str:
        """Which runner this is, for the log."""

    async def run(self, command: str, *, caller: Caller) -> str:
        """Return the output of a command; errors are output too, never exceptions."""
