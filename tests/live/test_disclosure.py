"""A server that sends orders and repeats secrets, and a command line full of them: neither reaches what is printed."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

SECRET = "Hu5h-4711-Hu5h"
ORDERS = "\x1b[2J\x9b31m\u202e::error::taken over\n::set-output name=a::b\n##[error]c"
RAW = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|^\\s*::[a-z]|##\\[", re.MULTILINE)


@pytest_asyncio.fixture(loop_scope="session")
async def hostile() -> AsyncIterator[str]:
    async def talk(connection: ServerConnection) -> None:
        await connection.send(f"{ORDERS} Authorization: Bearer {SECRET}")
        async for message in connection:
            await connection.send(message)

    def more(_: ServerConnection, __: Request, response: Response) -> None:
        response.headers["Set-Cookie"] = f"ROUTE={SECRET}"
        response.headers["Server"] = f"Bearer {SECRET}"

    async with serve(talk, "127.0.0.1", 0, process_response=more) as server:
        yield f"127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"


async def told(*arguments: str, folder: Path) -> str:
    """Everything that a command printed and wrote, with redaction as it is."""
    command = "import sys; from wslb.cli.main import main; sys.argv[0] = 'wslb'; main()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", command, *arguments,
        cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output.decode()


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "json"])
async def test_check(hostile: str, tmp_path: Path, options: tuple[str, ...]) -> None:
    given = ("--user", f"user:{SECRET}", "--cookie", f"a={SECRET}", "--header", f"X-Api-Key: {SECRET}")
    printed = await told("check", f"ws://{hostile}/ws?t={SECRET}", "--count", "2", *given, *options, folder=tmp_path)
    assert "Upgrade" in printed, "it was asked"
    assert SECRET not in printed
    assert not RAW.search(printed), printed


async def test_check_of_a_url_that_is_refused(hostile: str, tmp_path: Path) -> None:
    printed = await told("check", f"ws://user:{SECRET}@{hostile}/ws?t={SECRET}", folder=tmp_path)
    assert "It names a user: leave that out, and give --user NAME:PASSWORD." in printed
    assert SECRET not in printed


async def test_load(hostile: str, tmp_path: Path) -> None:
    printed = await told(
        "load", f"ws://{hostile}/ws?t={SECRET}", "--connections", "3", "--yes", "--report", "out",
        "--header", f"Authorization: Bearer {SECRET}", "--header", f"Cookie: a={SECRET}", folder=tmp_path,
    )  # fmt: skip
    files = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir()}
    assert {"load.json", "load.html"} <= files.keys()
    assert [name for name, text in {**files, "printed": printed}.items() if SECRET in text] == []
    assert not RAW.search(printed), printed


async def test_doctor_and_errors(tmp_path: Path) -> None:
    file = tmp_path / "httpd.conf"
    file.write_text(
        f"ProxyPass / ws://user:{SECRET}@192.0.2.1/\nProxyPass /ws ws://user:{SECRET}@192.0.2.1/\n"
        f'RequestHeader set Authorization "Bearer {SECRET}"\n'
    )
    for arguments in (
        ("doctor", "--conf", str(file)),
        ("doctor", "--conf", str(file), "--json"),
        ("check", f"http://user:{SECRET}@example.org/?token={SECRET}"),
    ):
        printed = await told(*arguments, folder=tmp_path)
        assert printed
        assert SECRET not in printed, arguments
