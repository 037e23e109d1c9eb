"""One timer for many connections."""

import asyncio
import time

from backends.contract.channel import IdleLimit

LIMIT = 0.05


class Member:
    def __init__(self) -> None:
        self.touched = 0.0
        self.expired_after = asyncio.get_running_loop().create_future()

    def expired(self) -> None:
        self.expired_after.set_result(time.monotonic())


async def test_silence_expires_and_traffic_does_not() -> None:
    idle, begun = IdleLimit(LIMIT), time.monotonic()
    silent, lively, gone = Member(), Member(), Member()
    for each in (silent, lively, gone):
        idle.add(each)
    idle.discard(gone)
    loop = asyncio.get_running_loop()
    lively.touched = loop.time() + LIMIT
    async with asyncio.timeout(5):
        assert await silent.expired_after - begun >= LIMIT - 0.005
        assert not lively.expired_after.done()
        assert await lively.expired_after - begun >= 2 * LIMIT - 0.005
    assert not gone.expired_after.done()
    late = Member()
    idle.add(late)
    async with asyncio.timeout(5):
        await late.expired_after


async def test_a_stopped_limit_expires_nobody() -> None:
    idle, other = IdleLimit(LIMIT), IdleLimit(2 * LIMIT)
    forgotten, witness = Member(), Member()
    idle.add(forgotten)
    other.add(witness)
    idle.stop()
    async with asyncio.timeout(5):
        await witness.expired_after
    assert not forgotten.expired_after.done()
