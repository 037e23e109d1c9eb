"""What a server of the package `websocket` of Node.js answers."""

import re

from backends.contract.answers.answering import chunked, date, upgraded
from backends.contract.request import Fields, PlainResponse, RequestHead, body_size, tokens

_METHODS = re.compile(
    "ACL|BIND|CHECKOUT|COPY|DELETE|GET|HEAD|LINK|LOCK|MERGE|MKACTIVITY|MKCALENDAR|MKCOL|MOVE|NOTIFY|OPTIONS|PATCH|POST|"
    "PROPFIND|PROPPATCH|PURGE|PUT|REBIND|REPORT|SEARCH|SOURCE|SUBSCRIBE|TRACE|UNBIND|UNLINK|UNLOCK|UNSUBSCRIBE"
)
"""Those that its parser knows, but for CONNECT and M-SEARCH."""

_NUMBER = re.compile(r"[+-]?\d+")


class NodeAnswers:
    """Node.js's: whatever asks for some upgrade gets 101, and all else 404 from the HTTP server before it."""

    longest_head = 16_384
    versions = (8, 13)

    def key(self, head: RequestHead) -> str:
        """Return all there are, joined as Node.js joins fields."""
        return head.joined("Sec-WebSocket-Key")

    def switching(self, head: RequestHead, accept: str, subprotocol: str | None) -> Fields:
        """Return the fields of the article's Listing 7, with the client's own Origin."""
        name = "Sec-WebSocket-Origin" if self._version(head) == 8 else "Origin"
        origin = head.joined(name)
        return [*upgraded(accept, subprotocol), *([(name, origin)] if origin else [])]

    def refusal(self, head: RequestHead, path: str) -> PlainResponse | None:
        """Return 404 for what asks for no upgrade, whichever."""
        if head.malformed or _METHODS.fullmatch(head.method) is None:
            return self.unreadable()
        if len(head.target) + sum(len(name) + len(value) for name, value in head.headers) > self.longest_head:
            return self.unreadable(too_long=True)
        if not head.joined("Upgrade") or "upgrade" not in tokens(head.values("Connection")):
            return self.absent(head, path)
        return self._rejection(head)

    def _rejection(self, head: RequestHead) -> PlainResponse | None:
        """Return what the package `websocket` says to what it cannot do without."""
        if not head.first("Host"):
            return self._rejected("Client must provide a Host header.")
        if not self.key(head):
            return self._rejected("Client must provide a value for Sec-WebSocket-Key.")
        version = self._version(head)
        if not version:
            return self._rejected("Client must provide a value for Sec-WebSocket-Version.")
        if version in self.versions:
            return None
        why = f"Unsupported websocket client version: {version}Only versions 8 and 13 are supported."
        return self._rejected(why, ("Sec-WebSocket-Version", "13"), status=426)

    @staticmethod
    def _version(head: RequestHead) -> int:
        """Return what parseInt makes of it; 0 where that is nothing."""
        number = _NUMBER.match(head.joined("Sec-WebSocket-Version"))
        return int(number[0][:9]) if number else 0

    @staticmethod
    def _rejected(why: str, *more: tuple[str, str], status: int = 400) -> PlainResponse:
        fields = (("Connection", "close"), ("X-WebSocket-Reject-Reason", why), *more)
        return PlainResponse(status=status, own=fields)

    def absent(self, head: RequestHead, path: str) -> PlainResponse:  # noqa: ARG002
        """Return 404 on a connection that goes on, if the client leaves it."""
        old = head.http_version == "1.0"
        if not old and not head.first("Host"):
            fields = (("Connection", "close"), date(), ("Transfer-Encoding", "chunked"))
            return PlainResponse(status=400, body=chunked(b""), own=fields)
        keeps = not old and "close" not in tokens(head.values("Connection")) and body_size(head) is not None
        kept = (("Connection", "keep-alive"), ("Keep-Alive", "timeout=5")) if keeps else (("Connection", "close"),)
        coding = (("Transfer-Encoding", "chunked"),) if not old and head.method != "HEAD" else ()
        body = b"404 Not Found"
        return PlainResponse(
            status=404,
            body=body if old else chunked(body),
            own=(("Content-Type", "text/plain"), date(), *kept, *coding),
            keeps=keeps,
        )

    def unreadable(self, *, too_long: bool = False) -> PlainResponse:
        """Return 431 for a head that is too long, else 400."""
        return PlainResponse(status=431 if too_long else 400, own=(("Connection", "close"),))
