"""Commands that are ours, with any runner: DSPWSCNN and DSPWSHDR tell about the connection, HELP what there is."""

from collections.abc import Callable

from backends.cl import command, listing
from backends.cl.host import Host
from backends.cl.interpreter import Caller, Interpreter
from backends.cl.listing import Column
from backends.cl.messages import CommandError, too_many
from backends.cl.messages import listing as message_listing


class OwnCommands:
    """Answers our own commands and hands the others on."""

    def __init__(self, runner: Interpreter, *, host: Host, backend: str, address: str) -> None:
        self._runner = runner
        self._host = host
        self._backend = backend
        self._address = address
        self._own: dict[str, Callable[[Caller], str]] = {
            "DSPWSCNN": self._connection,
            "DSPWSHDR": self._headers,
            "HELP": self._help,
        }

    @property
    def kind(self) -> str:
        """The kind of the runner below."""
        return self._runner.kind

    @property
    def names(self) -> tuple[str, ...]:
        """Ours, and those of the runner below."""
        return tuple(sorted({*self._own, *self._runner.names}))

    async def run(self, text: str, *, caller: Caller) -> str:
        """Run a command."""
        if not text.lstrip().upper().startswith(("DSPWS", "HELP")):
            return await self._other(text, caller)
        try:
            parsed = command.parse(text)
            answer = self._own.get(parsed.name)
            if answer is None:
                return await self._other(text, caller)
            if parsed.positional or parsed.keywords:
                raise too_many(0)
        except CommandError as error:
            return message_listing(error)
        return answer(caller)

    async def _other(self, text: str, caller: Caller) -> str:
        """What the runner below says; where it knows no such command, also how to find out what there is."""
        said = await self._runner.run(text, caller=caller)
        return f"{said}\nHELP lists the commands that there are." if said.startswith("CPD0030") else said

    def _help(self, caller: Caller) -> str:  # noqa: ARG002  (as the other answers)
        more = [] if self._runner.names else [["and every command of this system"]]
        return listing.table(
            "Commands", (Column(heading="Command", width=60),), [*([name] for name in self.names), *more]
        )

    def _connection(self, caller: Caller) -> str:
        facts = [
            ("Backend", self._backend),
            ("Host", f"{self._host.name} [{self._address}]"),
            ("Connection number", caller.number),
            ("Connection age in seconds", f"{caller.age_seconds:.3f}"),
            ("Listener", caller.listener),
            ("Peer as this backend sees it", caller.peer),
            ("Request target", caller.target),
            ("Subprotocol", caller.subprotocol or "*NONE"),
            ("Messages received", caller.messages_received),
            ("Messages sent", caller.messages_sent),
        ]
        return listing.details("Display WebSocket Connection", facts)

    def _headers(self, caller: Caller) -> str:
        columns = (Column(heading="Field", width=28), Column(heading="Value as received", width=200))
        return listing.table("Display WebSocket Request Headers", columns, caller.headers())


def with_own_commands(runner: Interpreter, *, host: Host, backend: str, address: str) -> Interpreter:
    """Return the runner with our commands in front of it."""
    return OwnCommands(runner, host=host, backend=backend, address=address)
