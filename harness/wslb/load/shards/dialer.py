"""Makes the connections of a shard: one request for all of them, but for the key and the source address."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import ssl

from wslb.load.plan import LoadPlan
from wslb.load.shards.link import Link, LinkOwner
from wslb.model.handshake import accept_for
from wslb.wire.machine import Machine
from wslb.wire.upgrade import Known, address_of, key_of, request_bytes

__all__ = ["Dialer", "free_descriptors"]

SPARE_DESCRIPTORS = 200


class Random:
    """Random bytes for keys and masks, taken from the system in blocks."""

    def __init__(self) -> None:
        self._block = b""
        self._at = 0

    def __call__(self, size: int) -> bytes:
        """So many random bytes, each given once."""
        at = self._at
        if at + size > len(self._block):
            self._block, at = os.urandom(4096), 0
        self._at = at + size
        return self._block[at : at + size]


class Dialer:
    """Connects links of one plan."""

    def __init__(self, plan: LoadPlan, *, loop: asyncio.AbstractEventLoop) -> None:
        self._plan = plan
        self._loop = loop
        self._random = Random()
        self._known = Known()
        self._address = address_of(plan.url)
        self._head = request_bytes(self._address, key="\0", headers=plan.headers)
        self._tls = ssl.create_default_context(cadata=plan.trust or None) if self._address.secure else None
        self._tasks: set[asyncio.Task[None]] = set()

    def link(self, owner: LinkOwner, *, number: int, due: float) -> Link:
        """A connection that was not begun yet."""
        key = key_of(self._random(16))
        return Link(
            owner,
            number=number,
            due=due,
            machine=Machine(
                accept=accept_for(key), entropy=self._random, limit=max(self._plan.size, 65_536), known=self._known
            ),
            request=self._head.replace(b"\0", key.encode(), 1),
        )

    def dial(self, link: Link) -> None:
        """Begin to connect; the link hears what becomes of it."""
        task = self._loop.create_task(self._connect(link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, link: Link) -> None:
        sources = self._plan.sources
        try:
            await self._loop.create_connection(
                lambda: link,
                self._address.host,
                self._address.port,
                ssl=self._tls,
                local_addr=(sources[link.number % len(sources)], 0) if sources else None,
            )
        except ConnectionRefusedError:
            link.fail("refused")
        except ssl.SSLError as exc:
            link.fail(f"TLS: {exc.reason or 'failed'}"[:60])
        except OSError as exc:
            link.fail(os.strerror(exc.errno).lower() if exc.errno else "no connection")


def free_descriptors() -> int:
    """How many connections this process may hold: lifts the soft limit of open files to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (soft if soft != resource.RLIM_INFINITY else 1_000_000) - SPARE_DESCRIPTORS
