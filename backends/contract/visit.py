"""One request to a WebSocket endpoint, from its arrival to its answer."""

from dataclasses import dataclass

from backends.cl import Caller
from backends.contract.faults import FaultPlan
from backends.contract.journal import Ending, Entry, Journal, RawHeaders, pairs
from backends.contract.profile import Endpoint
from backends.contract.request import PlainResponse, RequestHead


@dataclass(slots=True, kw_only=True)
class Visit:
    """What the backend decided about one request; the program carries it out and calls `answered` or `unanswered`.

    `refusal` is None for a handshake to accept; `number` counts the accepted ones since start.
    """

    journal: Journal
    backend: str
    endpoint: Endpoint
    head: RequestHead
    entry: Entry
    plan: FaultPlan
    refusal: PlainResponse | None
    subprotocol: str | None
    number: int = 0
    _written: bool = False

    @property
    def keeps_silent(self) -> bool:
        """Whether the request stays without an answer while the TCP connection stays open."""
        return "silent" in self.plan

    @property
    def hangs_up(self) -> bool:
        """Whether the TCP connection closes without an answer."""
        return "hangup" in self.plan

    @property
    def name(self) -> str:
        """The value of X-Backend."""
        return str(self.plan["impersonate"]["name"]) if "impersonate" in self.plan else self.backend

    @property
    def accept_value(self) -> str | None:
        """The Sec-WebSocket-Accept to send instead of the right one, or None."""
        return str(self.plan["accept"]["value"]) if "accept" in self.plan else None

    @property
    def upgrade_value(self) -> str | None:
        """The Upgrade to send with 101 instead of the right one, empty for no such field; None for the right one."""
        return str(self.plan["upgrade"]["value"]) if "upgrade" in self.plan else None

    def answered(self, status: int, headers: RawHeaders) -> None:
        """Journal the answer, exactly as it will be sent; call this before it leaves."""
        entry = self.entry
        entry.status = status
        entry.response_headers = headers
        if status == 101:
            entry.accepted = True
            entry.subprotocol = self.subprotocol
            self.journal.accepted += 1
            self.number = self.journal.accepted
        self._write()

    def unanswered(self) -> None:
        """Journal that no answer will be sent."""
        self._write()

    def lost(self) -> None:
        """Journal that the connection was gone before the accepted handshake's answer could be sent."""
        self.entry.closed = Ending(code=1006, reason="", by="lost")

    def caller(self, *, age_seconds: float) -> Caller:
        """Return what a command may know of the connection that it came on."""
        entry = self.entry
        return Caller(
            number=self.number,
            listener=entry.listener,
            peer=entry.peer,
            target=entry.target,
            age_seconds=age_seconds,
            messages_received=entry.messages_received,
            messages_sent=entry.messages_sent,
            subprotocol=entry.subprotocol,
            headers=lambda: pairs(entry.headers),
        )

    def _write(self) -> None:
        if "forget" not in self.plan and not self._written:
            self._written = True
            self.journal.add(self.entry)
