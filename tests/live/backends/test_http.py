"""What is no handshake, or a malformed one (backends/README.md), for every program."""

from __future__ import annotations

import contextlib

import pytest

from tests.live.backends.program import KEY, Backend, field_of, handshake, opened_raw, status


async def test_page_is_served_with_the_endpoint_filled_in(backend: Backend) -> None:
    base = f"http://{backend.health['address']}:{backend.health['ws']}"
    async with backend.http.get(base + backend.health["page_path"] + "?x=1") as answer:
        page = await answer.text()
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert f'<meta name="wslb-uri" content="{backend.health["cl_path"]}">' in page
    async with backend.http.head(base + backend.health["page_path"]) as answer:
        assert (answer.status, await answer.read()) == (200, b"")
        assert int(answer.headers["Content-Length"]) == len(page.encode())
    async with backend.http.post(base + backend.health["page_path"], data=b"x" * 10_000) as answer:
        assert answer.status == 405


@pytest.mark.parametrize(
    "path",
    [
        "/", "/favicon.ico", "/WSConsole", "/WSConsole/", "{page}/", "{page}x", "/WSConsole/../../etc/passwd",
        "/../../../../etc/passwd", "/WSConsole/..%2f..%2fetc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
        "/WSConsole/%2e%2e/README.md", "{page}%00", "/./{page}", "//{page}", "{cl}%2f", "/wsconsole/CLRUNNER",
    ],
)  # fmt: skip
async def test_every_other_path_is_not_found(backend: Backend, path: str) -> None:
    path = path.format(page=backend.health["page_path"].lstrip("/"), cl=backend.health["cl_path"])
    path = path if path.startswith("/") else "/" + path
    answer = await backend.exchange(f"GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode())
    assert status(answer) == 404
    assert b"404 Not Found\r\n0\r\n\r\n" in answer if backend.plays == "node" else b"Not Found" in answer
    assert await backend.journal() == []


@pytest.mark.parametrize("endpoint", ["cl", "echo"])
async def test_get_without_upgrade_finds_no_page(backend: Backend, endpoint: str) -> None:
    path = backend.health[endpoint + "_path"]
    answer = await backend.exchange(f"GET {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n".encode())
    assert status(answer) == 404
    [entry] = await backend.journal()
    assert (entry["upgrade"], entry["accepted"], entry["status"]) == (False, False, 404)


async def test_what_comes_behind_a_404_of_node_is_answered_on_the_same_connection(backend: Backend) -> None:
    path = backend.health["cl_path"]
    plain = f"POST {path} HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc".encode()
    answer = await backend.exchange(plain + plain + handshake(backend, drop="Host"))
    kept = backend.plays == "node"
    assert (answer.count(b" 404 Not Found\r\n"), answer.count(b" 400 Bad Request\r\n")) == ((2, 1) if kept else (1, 0))
    assert len(await backend.journal()) == (3 if kept else 1)


REFUSED = {
    "POST": ("", (), "POST {path} HTTP/1.1", 404, 101),
    "POST with a body": ("", ("Content-Length: 3", "", "abc"), "POST {path} HTTP/1.1", 404, 101),
    "HEAD": ("", (), "HEAD {path} HTTP/1.1", 404, 101),
    "unknown method": ("", (), "BREW {path} HTTP/1.1", 404, 400),
    "HTTP/1.0": ("", (), "GET {path} HTTP/1.0", 400, 101),
    "no Connection": ("Connection", (), "", 400, 404),
    "no Host": ("Host", (), "", 400, 400),
    "header line without a colon": ("", ("nonsense",), "", 400, 400),
    "no key": ("Sec-WebSocket-Key", (), "", 400, 400),
    "two keys": ("", (f"Sec-WebSocket-Key: {KEY}",), "", 101, 101),
    "short key": ("Sec-WebSocket-Key", ("Sec-WebSocket-Key: c2hvcnQ=",), "", 400, 101),
    "key that is no base64": ("Sec-WebSocket-Key", ("Sec-WebSocket-Key: " + "?" * 24,), "", 400, 101),
    "no version": ("Sec-WebSocket-Version", (), "", 400, 400),
    "version 7": ("Sec-WebSocket-Version", ("Sec-WebSocket-Version: 7",), "", 400, 426),
    "version 8": ("Sec-WebSocket-Version", ("Sec-WebSocket-Version: 8",), "", 400, 101),
    "other upgrade": ("Upgrade", ("Upgrade: h2c",), "", 404, 101),
}
"""Less, more, another first line, and what Liberty and Node.js answer."""


@pytest.mark.parametrize("case", REFUSED)
async def test_malformed_handshake_is_answered_as_by_the_original_and_journaled(backend: Backend, case: str) -> None:
    drop, extra, start, by_liberty, by_node = REFUSED[case]
    expected = by_node if backend.plays == "node" else by_liberty
    start = start.format(path=backend.health["cl_path"])
    async with opened_raw(backend, handshake(backend, *extra, drop=drop, start=start)) as (_, answer):
        assert status(answer) == expected
        assert field_of(answer, "X-Backend") == backend.health["name"]
        [entry] = await backend.journal()
    assert (entry["accepted"], entry["status"]) == (expected == 101, expected)
    assert expected == 101 or entry["closed"] is None
    assert dict(entry["response_headers"])["X-Backend"] == backend.health["name"]
    assert entry["upgrade"] is (expected == 101 or case != "other upgrade")


async def test_a_thousand_requests_at_once_are_as_many_answers_where_the_connection_goes_on(backend: Backend) -> None:
    many = b"GET /nowhere HTTP/1.1\r\nHost: t\r\n\r\n" * 999
    answer = await backend.exchange(many + b"GET /nowhere HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 404 Not Found") == (1000 if backend.plays == "node" else 1)
    assert "ERROR" not in backend.log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "garbage", [b"\0\1\2\3\r\n\r\n", b"\x16\x03\x01\x02\0\1\0\1\xfc\x03\x03\r\n\r\n", b"HELO\r\n\r\n", b"GET /\r\n\r\n"]
)
async def test_garbage_before_the_handshake_does_no_harm(backend: Backend, garbage: bytes) -> None:
    assert status(await backend.exchange(garbage)) in (0, 400, 404)
    assert await backend.journal() == []
    async with backend.connect() as connection:
        assert await connection.recv() == backend.health["greeting"]


async def test_half_open_sockets_do_no_harm(backend: Backend) -> None:
    async with contextlib.AsyncExitStack() as stack:
        idle = [await stack.enter_async_context(backend.connected()) for _ in range(50)]
        for _, writer in idle[:25]:
            writer.write(b"GET /WSConsole/CLRunner HTT")
        async with backend.connect() as connection:
            assert await connection.recv() == backend.health["greeting"]


async def test_absolute_form_is_understood(backend: Backend) -> None:
    start = f"GET http://test{backend.health['cl_path']}?a=b HTTP/1.1"
    async with opened_raw(backend, handshake(backend, start=start)) as (_, head):
        assert status(head) == 101
