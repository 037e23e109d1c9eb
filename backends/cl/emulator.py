"""The emulator: answers CL commands in the system's layout, with values of its own host."""

import logging

from backends.cl import command, messages
from backends.cl.catalogue import Definition
from backends.cl.display import Display
from backends.cl.host import Host
from backends.cl.interpreter import Caller
from backends.cl.messages import CommandError
from backends.cl.work import Work

LIBRARIES = ("*LIBL", "QSYS")


class Emulator:
    """Runs CL commands without an IBM i below."""

    kind = "emulator"

    def __init__(self, host: Host) -> None:
        self._commands: dict[str, Definition] = {**Work(host).commands, **Display(host).commands}

    @property
    def names(self) -> tuple[str, ...]:
        """The commands that the emulator knows."""
        return tuple(sorted(self._commands))

    async def run(self, text: str, *, caller: Caller) -> str:  # noqa: ARG002  (part of the interface of Interpreter)
        """Return the output of a command."""
        return self.answer(text)

    def answer(self, text: str) -> str:
        """Return the output of a command; whatever the text is, there is an answer."""
        try:
            parsed = command.parse(text)
            definition = self._commands.get(parsed.name) if parsed.library in LIBRARIES else None
            if definition is None:
                raise messages.not_found(parsed.name, parsed.library)
            return definition.run(definition.bind(parsed))
        except CommandError as error:
            return messages.listing(error)
        except Exception as error:
            logging.getLogger(__name__).exception("command failed")
            return f"CPF9999: Function check. {type(error).__name__} in the emulator."
