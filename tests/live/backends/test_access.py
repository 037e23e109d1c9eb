"""Nobody but the run drives a backend: its control port and its CL endpoint, asked as a web page could ask them."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from tests.live.backends.program import TOKEN, Backend, handshake, running, status

LET_IN = {"Authorization": f"Bearer {TOKEN}"}
FORM = "application/x-www-form-urlencoded"
REQUESTS = [("GET", "/journal"), ("DELETE", "/journal"), ("GET", "/fault"), ("POST", "/fault"), ("DELETE", "/fault")]


@pytest.mark.parametrize(("method", "path"), REQUESTS)
@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, 401),
        ({"Authorization": "Bearer guessed"}, 401),
        ({**LET_IN, "Origin": "http://foreign.example"}, 403),
        ({**LET_IN, "Origin": "null"}, 403),
        ({**LET_IN, "Host": "foreign.example"}, 403),
    ],
    ids=["no token", "wrong token", "foreign page", "page without origin", "rebound name"],
)
async def test_control_port_is_for_the_run_alone(
    backend: Backend, method: str, path: str, headers: dict[str, str], refused: int
) -> None:
    async with (
        aiohttp.ClientSession() as http,
        http.request(method, backend.control + path, json={"kind": "mute"}, headers=headers) as answer,
    ):
        assert answer.status == refused
        assert TOKEN not in await answer.text()
    assert await backend.read("/fault") == {"faults": []}, "nothing was done"


@pytest.mark.parametrize("kind", ["text/plain", FORM, "multipart/form-data", "application/jsonp"])
async def test_control_port_takes_json_alone(backend: Backend, kind: str) -> None:
    headers = {"Content-Type": kind}
    async with backend.http.post(backend.control + "/fault", data=b'{"kind": "mute"}', headers=headers) as answer:
        assert answer.status == 415
    assert await backend.read("/fault") == {"faults": []}


async def test_without_a_token_only_health_is_told(program: str, tmp_path: Path) -> None:
    async with running(program, tmp_path, token="") as backend:
        assert (await backend.read("/healthz"))["pid"] == backend.process.pid
        for path in ("/journal", "/fault"):
            async with backend.http.get(backend.control + path) as answer:
                assert answer.status == 403
                assert "WSLB_CONTROL_TOKEN" in await answer.text()


async def test_token_is_read_once_and_told_nowhere(backend: Backend) -> None:
    assert TOKEN not in Path(f"/proc/{backend.process.pid}/cmdline").read_text()
    assert TOKEN not in backend.log.read_text()
    assert TOKEN not in str(backend.health)


@pytest.mark.parametrize(
    ("origin", "answered"),
    [
        ("http://{own}", 101),
        ("http://foreign.example", 403),
        ("http://127.0.0.9:9", 403),
        ("null", 403),
        (None, 101),
    ],
)
async def test_commands_are_for_own_pages(backend: Backend, origin: str | None, answered: int) -> None:
    own = f"{backend.health['address']}:{backend.health['ws']}"
    given = () if origin is None else (f"Origin: {origin.format(own=own)}",)
    request = handshake(backend, *given, drop="Host:").replace(b"\r\n", f"\r\nHost: {own}\r\n".encode(), 1)
    async with backend.connected() as (reader, writer):
        writer.write(request)
        assert status(await reader.readline()) == answered
    [entry] = await backend.journal()
    assert entry["status"] == answered


async def test_rebound_name_is_no_own_page(backend: Backend) -> None:
    named = handshake(backend, "Host: foreign.example", "Origin: http://foreign.example", drop="Host:")
    assert status(await backend.exchange(named)) == 403
    forwarded = handshake(backend, "Origin: http://foreign.example", "X-Forwarded-Host: foreign.example")
    assert status(await backend.exchange(forwarded)) == 403
