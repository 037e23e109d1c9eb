"""What Open Liberty answers."""

import html
import re
import secrets
import uuid
from urllib.parse import unquote

from backends.contract.answers.answering import chunked, date, upgraded
from backends.contract.request import Fields, PlainResponse, RequestHead, tokens

CLONE_ID = str(uuid.uuid4())
"""What Liberty tells the members of a cluster apart by, anew for each process; behind a colon in its cookie."""

_POWERED_BY = ("X-Powered-By", "Servlet/4.0")
_LANGUAGE = ("Content-Language", "en")
_SHUT = ("Connection", "Close")
_EMPTY = ("Content-Length", "0")
_SIXTEEN_BYTES = re.compile(r"[A-Za-z0-9+/]{22}==")


def _session() -> tuple[Fields, Fields]:
    """Return the fields with which Liberty gives a client a session: those before Date, and those after it."""
    cookie = f"JSESSIONID=0000{secrets.token_urlsafe(17)}:{CLONE_ID}; Path=/; HttpOnly"
    return (
        [_LANGUAGE, _EMPTY, ("Set-Cookie", cookie)],
        [("Expires", "Thu, 01 Dec 1994 16:00:00 GMT"), ("Cache-Control", 'no-cache="set-cookie, set-cookie2"')],
    )


class LibertyAnswers:
    """Liberty's: it reads the first of several fields of a name, and gives a session to all that asks for a WebSocket.

    Args:
        root: the path of the application, without which its own 404 tells a path.
    """

    longest_field = 32_768

    def __init__(self, root: str) -> None:
        self._root = root

    def key(self, head: RequestHead) -> str:
        """Return the first."""
        return head.first("Sec-WebSocket-Key")

    def switching(self, head: RequestHead, accept: str, subprotocol: str | None) -> Fields:  # noqa: ARG002
        """Return a new session for each handshake, and a Content-Length of 0."""
        before, after = _session()
        return [_POWERED_BY, *upgraded(accept, subprotocol), *before, date(), *after]

    def refusal(self, head: RequestHead, path: str) -> PlainResponse | None:
        """Return 404 for what asks for no WebSocket, and else 400."""
        if head.malformed or any(len(value) > self.longest_field for _, value in head.headers):
            return self.unreadable()
        if head.method != "GET" or head.first("Upgrade").lower() != "websocket":
            return self.absent(head, path)
        asks = "upgrade" in tokens([head.first("Connection")])
        if not asks or head.http_version == "1.0" or not head.first("Host"):
            return self._bad(head)
        if head.first("Sec-WebSocket-Version") != "13":
            return self._bad(head, ("Sec-WebSocket-Version", "13"))
        return None if _SIXTEEN_BYTES.fullmatch(self.key(head)) else self._bad(head)

    @staticmethod
    def _bad(head: RequestHead, *more: tuple[str, str]) -> PlainResponse:
        before, after = _session()
        shut = [] if head.http_version == "1.0" else [_SHUT]
        fields = [_POWERED_BY, *more, *before, *shut, date(), *after]
        return PlainResponse(status=400, own=tuple(fields), http_version=head.http_version)

    def absent(self, head: RequestHead, path: str) -> PlainResponse:
        """Return the application's 404, or outside of it the server's, whose page is not ours to copy."""
        if not path.startswith(f"{self._root}/"):
            page = b"404 Not Found"
            kind = ("Content-Type", "text/html; charset=UTF-8")
            whole = (_SHUT, kind, ("Content-Length", str(len(page))), date())
            return PlainResponse(status=404, body=page, own=whole)
        told = html.escape(unquote(path.removeprefix(self._root).partition(";")[0]), quote=False)
        text = f"Error 404: java.io.FileNotFoundException: SRVE0190E: File not found: {told}\n"
        old = head.http_version == "1.0"
        fields = [_POWERED_BY, ("Content-Type", "text/html;charset=ISO-8859-1"), ("$WSEP", ""), _LANGUAGE]
        fields += [("Transfer-Encoding", "chunked")] if not old and head.method != "HEAD" else []
        fields += [date()] if old else [_SHUT, date()]
        body = text.encode("latin-1", "replace")
        return PlainResponse(
            status=404, body=body if old else chunked(body), own=tuple(fields), http_version=head.http_version
        )

    def unreadable(self, *, too_long: bool = False) -> PlainResponse:  # noqa: ARG002
        """Return 400, whatever is wrong."""
        return PlainResponse(status=400, own=(_EMPTY, _SHUT, date()))
