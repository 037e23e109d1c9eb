"""Originals, each started once for all tests; skipped with the reason where they cannot be had.

With WSLB_REQUIRE_ORIGINALS=1 that fails.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.originals import provide
from tests.originals.servers import ORIGINALS, Server


def lacking(why: provide.Missing) -> None:
    """Skip, or fail where the originals are required."""
    if os.environ.get("WSLB_REQUIRE_ORIGINALS") == "1":
        pytest.fail(f"WSLB_REQUIRE_ORIGINALS=1, but {why}")
    pytest.skip(str(why))


async def started(name: str, factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One original for the whole session."""
    async with contextlib.AsyncExitStack() as stack:
        try:
            yield await stack.enter_async_context(ORIGINALS[name](factory.mktemp(name)))
        except provide.Missing as why:
            lacking(why)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def liberty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async for server in started("liberty", tmp_path_factory):
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def node(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async for server in started("node", tmp_path_factory):
        yield server


@pytest.fixture(params=sorted(ORIGINALS))
def original(request: pytest.FixtureRequest) -> Server:
    server = request.getfixturevalue(request.param)
    assert isinstance(server, Server)
    return server
