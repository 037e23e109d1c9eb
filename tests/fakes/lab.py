"""A lab of fakes: the real Lab, Ledger, Opener and Witnesses on a balancer and backends in this process."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from tests.fakes.backends import FakeBackends
from tests.fakes.connector import FakeConnector
from tests.fakes.front import listening
from tests.fakes.proxy import FakeProxy
from wslb.config import Settings, Timeouts
from wslb.connectors.streams import StreamConnector
from wslb.connectors.websocket import WebSocketConnector
from wslb.interfaces import Connector
from wslb.lab.lab import Lab
from wslb.model.sites import wide

__all__ = ["FakeLab", "fake_lab"]

QUICK = Timeouts(start=1.0, handshake=0.5, message=0.5, settle=0.3, stop=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeLab:
    """A lab, and the fakes that it is made of, which a test may spoil.

    Attributes:
        calls: what was asked of proxy and backends, in order.
    """

    lab: Lab
    proxy: FakeProxy
    fleet: FakeBackends
    calls: list[str]


@contextlib.asynccontextmanager
async def fake_lab(*, sockets: bool = False, **settings: Any) -> AsyncIterator[FakeLab]:
    """A lab that serves the article's balancer.

    Args:
        sockets: the proxy listens on a real port, and the real connectors are used.
        settings: fields of `Settings`; deadlines are short unless they are given.
    """
    chosen = Settings(**{"connections": 20, "timeouts": QUICK, **settings})
    calls: list[str] = []
    fleet = FakeBackends()
    proxy = FakeProxy(fleet, carrier=chosen.carrier, calls=calls)
    async with contextlib.AsyncExitStack() as stack:
        if sockets:
            await stack.enter_async_context(listening(proxy))
        connector: Connector = WebSocketConnector() if sockets else FakeConnector(proxy)
        lab = Lab(
            settings=chosen,
            proxy=proxy,
            fleet=fleet,
            connectors={"websockets": connector, "http2": connector},
            raw_connector=StreamConnector(),
            trust=None,
            environment={"proxy": "Fake/2.4.99", "carrier": chosen.carrier.module, "proxy_version": "2.4.99"},
        )
        site = wide(tls=False)
        await lab.begin("fake", site, balancer=site.balancers[0])
        yield FakeLab(lab=lab, proxy=proxy, fleet=fleet, calls=calls)
        await lab.close_all()
