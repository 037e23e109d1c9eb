"""What the backends use of aiohttp and websockets beyond their documentation; what changed there, and who needs it."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import __version__ as aiohttp_version
from aiohttp import web
from websockets.asyncio.server import ServerConnection
from websockets.server import ServerProtocol
from websockets.version import version as websockets_version

from backends.contract.profile import CL_MESSAGE_LIMIT
from backends.node.__main__ import limit_messages

VERSIONS = f"aiohttp {aiohttp_version}, websockets {websockets_version}"

PARTS: list[tuple[type, str, tuple[str, ...], str]] = [
    (web.BaseRequest, "_prepare_hook", ("response",), "LibertyRequest journals an answer there"),
    (web.WebSocketResponse, "_close_transport", (), "LibertySocket lets a client read why it failed there"),
    (web.RequestHandler, "connection_made", ("transport",), "LibertyConnection hands its connection over there"),
    (web.RequestHandler, "data_received", ("data",), "LibertyConnection hands over the handshake there"),
    (web.RequestHandler, "connection_lost", ("exc",), "LibertyProtocol notes the end there"),
    (ServerConnection, "data_received", ("data",), "NodeConnection hands on bytes there"),
    (ServerConnection, "resume_writing", (), "NodeConnection reads on there"),
    (ServerConnection, "connection_made", ("transport",), "HttpConnection stands before it"),
    (ServerConnection, "connection_lost", ("exc",), "HttpConnection stands before it"),
]


@pytest.mark.parametrize(("owner", "name", "takes", "use"), PARTS, ids=[f"{o.__name__}.{n}" for o, n, *_ in PARTS])
def test_a_method_that_we_override_is_there(owner: type, name: str, takes: tuple[str, ...], use: str) -> None:
    method: Callable[..., Any] | None = getattr(owner, name, None)
    assert method is not None, f"{owner.__name__}.{name} is gone ({VERSIONS}): {use}"
    found = tuple(inspect.signature(method).parameters)[1:]
    assert found == takes, f"{owner.__name__}.{name} takes {found}, not {takes} ({VERSIONS}): {use}"


CALLS: list[tuple[object, str, str]] = [
    (web.StreamResponse, "await request._prepare_hook(self)", "LibertyRequest journals an answer before it leaves"),
    (web.WebSocketResponse, "self._close_transport()", "LibertySocket lets a client read why it failed"),
    (web.Server, "request_factory", "LibertyService makes its own requests"),
]


@pytest.mark.parametrize(("owner", "code", "use"), CALLS, ids=[call for _, call, _ in CALLS])
def test_the_library_still_calls_it(owner: type, code: str, use: str) -> None:
    text = " ".join(inspect.getsource(owner).split())
    assert code in text, f"{owner.__name__} no longer says `{code}` ({VERSIONS}): {use}"


def test_headers_are_complete_when_the_hook_is_called() -> None:
    text = inspect.getsource(web.StreamResponse._start)
    order = [text.find(f"self.{name}()") for name in ("_prepare_headers", "_write_headers")]
    assert -1 < order[0] < text.find("_prepare_hook") < order[1], (
        f"aiohttp {aiohttp_version} calls BaseRequest._prepare_hook at another moment than between making and writing "
        "the header fields: the Liberty stand-in would journal an answer that it does not send"
    )


def test_the_longest_message_can_be_set_once_the_endpoint_is_known() -> None:
    protocol = ServerProtocol(max_size=None)
    before = dict(vars(protocol))
    limit_messages(protocol, CL_MESSAGE_LIMIT)
    changed = {name for name in vars(protocol) if vars(protocol)[name] != before.get(name)}
    assert changed <= before.keys(), (
        f"websockets {websockets_version} keeps the longest message under another name than {sorted(changed)}: "
        "see limit_messages of the Node.js stand-in"
    )
    assert changed
