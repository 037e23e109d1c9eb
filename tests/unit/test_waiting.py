from __future__ import annotations

import asyncio
import socket

import pytest

from wslb.waiting import disconnect, until


async def test_it_ends_as_soon_as_the_condition_answers() -> None:
    answers = iter([None, "", "ready"])

    async def condition() -> str | None:
        return next(answers)

    assert await until(condition, seconds=5, what="it") == "ready"


async def test_a_lambda_serves_as_condition() -> None:
    async def yes() -> bool:
        return True

    assert await until(lambda: yes(), seconds=1, what="it") is True  # noqa: PLW0108 - the lambda is what is tested


async def test_the_deadline_says_what_was_awaited() -> None:
    async def never() -> bool:
        return False

    with pytest.raises(TimeoutError, match=r"the moon did not happen within 0\.02 s"):
        await until(never, seconds=0.02, what="the moon")


async def test_an_error_of_the_condition_ends_the_waiting() -> None:
    async def broken() -> bool:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await until(broken, seconds=5, what="it")


async def test_a_disconnected_writer_has_gone() -> None:
    here, there = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=here)
    with there:
        await disconnect(writer)
        assert here.fileno() == -1
        assert there.recv(1) == b""


async def test_what_cannot_be_written_any_more_is_cut() -> None:
    here, there = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=here)
    with there:
        writer.write(b"x" * 10_000_000)
        await disconnect(writer, seconds=0.05)
        assert here.fileno() == -1
