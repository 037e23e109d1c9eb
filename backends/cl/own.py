"""The two commands that are ours, with any runner: DSPWSCNN and DSPWSHDR tell about the connection itself."""

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
        self._own: dict[str, Callable[[Caller], str]] = {"DSPWSCNN": self._connection, "DSPWSHDR": self._headers}

    @property
    def kind(self) -> str:
        """The kind of the runner below."""
        return self._runner.kind

    async def run(self, text: str, *, caller: Caller) -> str:
        """Run a command."""
        if text.lstrip()[:5].upper() != "DSPWS":
            return await self._runner.run(text, caller=caller)
        try:
            parsed = command.parse(text)
            answer = self._own.get(parsed.name)
            if answer is None:
                return await self._runner.run(text, caller=caller)
            if parsed.positional or parsed.keywords:
                raise too_many(0)
        except CommandError as error:
            return message_listing(error)
        return answer(caller)

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
    """Return the runner with our two commands in front of it."""
    return OwnCommands(runner, host=host, backend=backend, address=address)
