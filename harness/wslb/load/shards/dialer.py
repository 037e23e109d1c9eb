"""Makes the connections of a shard: one request for all of them, but for the key and the source address."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import ssl

from wslb.connectors.http2 import Http2Connector
from wslb.connectors.trust import trust_of
from wslb.errors import plain
from wslb.load.plan import LoadPlan
from wslb.load.shards.link import Link, LinkOwner
from wslb.load.shards.stream_link import StreamLink
from wslb.model.handshake import accept_for
from wslb.wire.approach import Approach
from wslb.wire.machine import Machine
from wslb.wire.upgrade import Known, address_of, key_of, request_bytes

__all__ = ["Dialer", "free_descriptors"]

SPARE_DESCRIPTORS = 200

FOREIGN_LIMIT = 16 * 2**20
"""Longest message that a foreign server may send, in bytes; nobody knows how long its first one is."""


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
        self._head = self._request()
        self._tls = trust_of(Approach(url=plan.url, trust=plan.trust, insecure=plan.insecure))
        self._http2 = Http2Connector()
        self._tasks: set[asyncio.Task[None]] = set()

    def _request(self, cookies: str = "") -> bytes:
        """The request, with a zero byte for the key, and these cookies beside those of the plan."""
        plan = self._plan
        kept = [value for name, value in plan.headers if name.lower() == "cookie"] if cookies else []
        headers = tuple(field for field in plan.headers if not kept or field[0].lower() != "cookie")
        offered = (("Sec-WebSocket-Protocol", ", ".join(plan.subprotocols)),) if plan.subprotocols else ()
        given = (("Cookie", "; ".join([*kept, cookies])),) if cookies else ()
        return request_bytes(self._address, key="\0", headers=(*offered, *headers, *given), shape=plan.shape)

    def link(self, owner: LinkOwner, *, number: int, due: float, cookies: str = "") -> Link:
        """A connection that was not begun yet."""
        key = key_of(self._random(16))
        head = self._request(cookies) if cookies else self._head
        if self._plan.http2:
            machine = Machine(accept="", entropy=self._random)
            return StreamLink(owner, number=number, due=due, machine=machine, request=b"", cookies=cookies)
        return Link(
            owner,
            number=number,
            due=due,
            machine=Machine(
                accept=accept_for(key),
                entropy=self._random,
                limit=FOREIGN_LIMIT if self._plan.foreign else max(self._plan.size, 65_536),
                known=self._known,
                offered=self._plan.subprotocols,
            ),
            request=head.replace(b"\0", key.encode(), 1),
        )

    def dial(self, link: Link) -> None:
        """Begin to connect; the link hears what becomes of it."""
        task = self._loop.create_task(self._stream(link) if isinstance(link, StreamLink) else self._connect(link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stream(self, link: StreamLink) -> None:
        plan = self._plan
        given = (("Cookie", link.cookies),) if link.cookies else ()
        await link.run(
            self._http2,
            headers=(*plan.headers, *given),
            subprotocols=plan.subprotocols,
            tls=self._tls,
            timeout_seconds=plan.handshake_seconds,
        )

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
            link.fail(plain(exc)[:60])
        except OSError as exc:
            link.fail(plain(exc)[:60])


def free_descriptors() -> int:
    """How many connections this process may hold: lifts the soft limit of open files to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (soft if soft != resource.RLIM_INFINITY else 1_000_000) - SPARE_DESCRIPTORS
