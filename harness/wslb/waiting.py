"""Waiting: until a condition holds, in the only poll loop of the harness, and until a connection has gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryError, retry_if_result, stop_after_delay, wait_exponential

__all__ = ["disconnect", "until"]

T = TypeVar("T")


async def until(
    condition: Callable[[], Awaitable[T | None]],
    *,
    seconds: float,
    what: str,
    first_pause: float = 0.002,
    longest_pause: float = 0.1,
) -> T:
    """Ask a condition until it answers something true; pauses grow from the first to the longest.

    Args:
        condition: answers the awaited value, or a false one for "not yet". Its exceptions end the waiting.
        seconds: deadline.
        what: what is waited for, for the error's sentence.

    Raises:
        TimeoutError: the deadline passed; the message says what was awaited.
    """
    retrying = AsyncRetrying(
        retry=retry_if_result(lambda value: not value),
        stop=stop_after_delay(seconds),
        wait=wait_exponential(multiplier=first_pause, exp_base=1.5, min=first_pause, max=longest_pause),
    )

    async def ask() -> T | None:
        return await condition()  # tenacity awaits coroutine functions only, and a lambda is none

    try:
        value: T | None = await retrying(ask)
    except RetryError:
        raise TimeoutError(f"{what} did not happen within {seconds:g} s") from None
    if value is None:  # pragma: no cover - retry_if_result never lets a false value through
        raise TimeoutError(what)
    return value


async def disconnect(writer: asyncio.StreamWriter, *, seconds: float = 2.0) -> None:
    """Close a connection and wait until it has gone; it is cut when the other side does not let go in time."""
    writer.close()
    gone = asyncio.ensure_future(writer.wait_closed())
    await asyncio.wait({gone}, timeout=seconds)
    if not gone.done():
        writer.transport.abort()
    with contextlib.suppress(OSError):
        await gone
