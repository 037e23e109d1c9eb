"""A lab on an event loop of its own, in a thread, to be used from any other loop, or from none.

Sockets and processes belong to the loop that opened them, and test frameworks give each test a loop as they please. So
the lab keeps its own loop, and a test holds an `Afar`: it looks like the object that it stands for, but what it calls
runs on the lab's loop, and what it awaits is awaited there. Values (records, handshakes, names) come as they are;
whatever has coroutines of its own, such as a conversation, comes as an `Afar` again.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import inspect
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar, cast

__all__ = ["Afar", "LoopThread", "afar"]

T = TypeVar("T")


class LoopThread:
    """An event loop that runs in a thread of its own from the beginning of a ``with`` block to its end."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wslb lab", daemon=True)

    def __enter__(self) -> LoopThread:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.wait(self._end_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it on the loop, and wait here; an interrupt of the waiting cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def call(self, function: Callable[..., T], *words: Any, **named: Any) -> T:
        """Call a function in the loop's thread."""
        if threading.current_thread() is self._thread:
            return function(*words, **named)

        async def called() -> T:
            return function(*words, **named)

        return self.wait(called())

    async def do(self, work: Awaitable[T]) -> T:
        """Do it on the loop, and await it on the loop of the caller."""

        async def done() -> T:
            return await work

        if threading.current_thread() is self._thread:
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(done(), self._loop))

    @contextlib.contextmanager
    def holding(self, opened: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Enter it on the loop and leave it there at the end, both in one task, as task groups and timeouts need."""
        ready: concurrent.futures.Future[T] = concurrent.futures.Future()
        leave = asyncio.Event()

        async def hold() -> None:
            async with opened as thing:
                ready.set_result(thing)
                await leave.wait()

        held = asyncio.run_coroutine_threadsafe(hold(), self._loop)
        try:
            either: list[concurrent.futures.Future[Any]] = [ready, held]
            concurrent.futures.wait(either, return_when=concurrent.futures.FIRST_COMPLETED)
            if not ready.done():
                held.result()
            yield ready.result()
        except BaseException:
            if not ready.done():
                held.cancel()
            raise
        finally:
            self._loop.call_soon_threadsafe(leave.set)
            if ready.done():
                held.result()

    async def _end_all(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._loop.shutdown_asyncgens()


class Afar:
    """Stands for an object of a `LoopThread`; `isinstance`, equality and hash are that object's."""

    __slots__ = ("_afar_thing", "_afar_thread")

    _afar_thing: Any
    _afar_thread: LoopThread

    def __init__(self, thing: Any, thread: LoopThread) -> None:
        object.__setattr__(self, "_afar_thing", thing)
        object.__setattr__(self, "_afar_thread", thread)

    @property  # type: ignore[misc]  # mypy takes __class__ for a plain attribute
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride] - it stands for another
        return type(self._afar_thing)

    def __getattr__(self, name: str) -> Any:
        return _brought(getattr(self._afar_thing, name), self._afar_thread)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._afar_thing, name, _sent(value))

    def __repr__(self) -> str:
        return repr(self._afar_thing)

    def __eq__(self, other: object) -> bool:
        return bool(self._afar_thing == _sent(other))

    def __hash__(self) -> int:
        return hash(self._afar_thing)

    def __bool__(self) -> bool:
        return bool(self._afar_thing)

    def __len__(self) -> int:
        return len(self._afar_thing)

    def __contains__(self, key: object) -> bool:
        return _sent(key) in self._afar_thing

    def __getitem__(self, key: Any) -> Any:
        return _brought(self._afar_thing[key], self._afar_thread)

    def __iter__(self) -> Iterator[Any]:
        return (_brought(item, self._afar_thread) for item in self._afar_thing)

    async def __aenter__(self) -> Any:
        return _brought(await self._afar_thread.do(self._afar_thing.__aenter__()), self._afar_thread)

    async def __aexit__(self, *raised: Any) -> Any:
        return await self._afar_thread.do(self._afar_thing.__aexit__(*raised))

    def __aiter__(self) -> AsyncIterator[Any]:
        return Afar(self._afar_thing.__aiter__(), self._afar_thread)

    async def __anext__(self) -> Any:
        return _brought(await self._afar_thread.do(self._afar_thing.__anext__()), self._afar_thread)


def afar(thing: T, thread: LoopThread) -> T:
    """What stands for an object of this thread, with the object's own type for those who read types."""
    return cast("T", Afar(thing, thread))


def _brought(value: Any, thread: LoopThread) -> Any:
    """A value of the loop's thread, as others may hold it."""
    if inspect.isroutine(value):
        return _called_there(value, thread)
    if type(value) in {list, tuple, set}:
        return type(value)(_brought(item, thread) for item in value)
    if type(value) is dict:
        return {key: _brought(item, thread) for key, item in value.items()}
    return Afar(value, thread) if _has_coroutines(type(value)) else value


def _sent(value: Any) -> Any:
    """What others hold, as the loop's thread has it."""
    if type(value) is Afar:
        return value._afar_thing
    if type(value) in {list, tuple, set}:
        return type(value)(_sent(item) for item in value)
    return value


def _called_there(function: Callable[..., Any], thread: LoopThread) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*words: Any, **named: Any) -> Any:
        sent = {name: _sent(value) for name, value in named.items()}
        result = thread.call(function, *map(_sent, words), **sent)
        return awaited(result) if inspect.iscoroutine(result) else _brought(result, thread)

    async def awaited(work: Coroutine[Any, Any, Any]) -> Any:
        return _brought(await thread.do(work), thread)

    return call


def _has_coroutines(kind: type) -> bool:
    """Whether objects of this type do things on a loop."""
    return issubclass(kind, AsyncIterator) or any(
        inspect.iscoroutinefunction(member) for base in kind.__mro__ for member in vars(base).values()
    )
