"""Frames of any kind and strange handshakes: a stand-in answers as its original, but for the accepted differences."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest
import pytest_asyncio

from tests.originals.frames import ACCEPTED, COMMANDS, FRAMES, REFUSALS, converse, excused
from tests.originals.probes import exchange, handshake, settled
from tests.originals.servers import Server, stand_in

MOST_ROWS = 10
AT_ONCE = 8


@pytest_asyncio.fixture(loop_scope="session")
async def double(original: Server, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """The stand-in of the original."""
    async with stand_in(original.plays, tmp_path_factory.mktemp("double"), "--plain-headers") as server:
        yield server


async def answers(
    asked: Mapping[str, object], servers: tuple[Server, ...], ask: Callable[[Server, str], Awaitable[object]]
) -> dict[str, list[object]]:
    """What each server answered, by what was asked; a few at once."""
    few = asyncio.Semaphore(AT_ONCE)

    async def one(what: str) -> list[object]:
        async with few:
            return list(await asyncio.gather(*(ask(server, what) for server in servers)))

    return dict(zip(asked, await asyncio.gather(*map(one, asked)), strict=True))


def agreed(plays: str, found: Mapping[str, list[object]]) -> None:
    """Fail unless exactly the accepted differences are there."""
    differing = {what: both for what, both in found.items() if both[0] != both[1]}
    accepted = excused(plays) & found.keys()
    assert {what: both for what, both in differing.items() if what not in accepted} == {}
    assert accepted <= differing.keys(), "these no longer differ"


@pytest.mark.live
async def test_frames_are_answered_as_by_the_original(original: Server, double: Server) -> None:
    async def ask(server: Server, what: str) -> object:
        return await converse(server.host, server.port, handshake(server.echo_path), FRAMES[what])

    agreed(original.plays, await answers(FRAMES, (original, double), ask))


@pytest.mark.live
async def test_frames_on_the_cl_endpoint_are_answered_as_by_the_original(original: Server, double: Server) -> None:
    async def ask(server: Server, what: str) -> object:
        request = handshake(server.cl_path)
        return await converse(server.host, server.port, request, COMMANDS[what], greets=True)

    agreed(original.plays, await answers(COMMANDS, (original, double), ask))


@pytest.mark.live
async def test_strange_handshakes_are_answered_as_by_the_original(original: Server, double: Server) -> None:
    async def ask(server: Server, what: str) -> object:
        how, body = REFUSALS[what]
        answer = await exchange(server.host, server.port, handshake(server.cl_path, **how) + body)
        accepted = " 101 " in answer.head[0]  # what follows is the greeting, which tells who the server is
        rest = [] if accepted else answer.rest.decode("latin-1").split("\r\n")
        return [*map(settled, answer.head)], [*map(settled, rest)], answer.ended

    agreed(original.plays, await answers(REFUSALS, (original, double), ask))


def test_the_accepted_differences_are_few_and_of_things_that_are_asked() -> None:
    assert len(ACCEPTED) <= MOST_ROWS
    for row in ACCEPTED:
        assert row.asked
        assert row.asked <= FRAMES.keys() | COMMANDS.keys() | REFUSALS.keys()
        assert row.because
