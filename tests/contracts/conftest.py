"""The parts of a lab, once as fakes and once as they are: every contract here holds for both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from tests.fakes.lab import fake_lab
from wslb.config import Timeouts
from wslb.lab.lab import Lab

PATIENT = Timeouts(start=1, handshake=5, message=5, settle=0.3, stop=0.5)
"""No contract here is about these deadlines, and a busy machine opens no tunnel in half a second."""

KINDS = ["fake", "fake behind a socket", pytest.param("real", marks=pytest.mark.live)]


@pytest_asyncio.fixture(loop_scope="session")
async def _fake(kind: str) -> AsyncIterator[Lab | None]:
    async with AsyncExitStack() as stack:
        if kind == "real":
            yield None
        else:
            fakes = await stack.enter_async_context(fake_lab(sockets="socket" in kind, timeouts=PATIENT))
            yield fakes.lab


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def parts(kind: str, _fake: Lab | None, request: pytest.FixtureRequest) -> Lab:
    """A lab that serves the article's balancer on ``/ws``, with fresh counters."""
    return _fake if _fake is not None else request.getfixturevalue("lab")
