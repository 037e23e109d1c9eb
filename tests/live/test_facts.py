"""The facts that rules of `wslb doctor --conf` state, asked of one httpd with a virtual host for each."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from tests.live.test_trace import UPGRADE, Backend, served
from tests.unit.proxies.apache.advice.facts import FACTS, Asked, Fact
from wslb.config import RuntimeChoice, Settings
from wslb.lab.launch import discover
from wslb.runtimes.local.local_runtime import ports_to_listen

pytestmark = pytest.mark.live


@dataclass
class Served:
    """Ports of the facts by name, and the backends behind them."""

    ports: dict[str, int] = field(default_factory=dict)
    backends: dict[str, Backend] = field(default_factory=dict)

    def put(self, text: str) -> str:
        """Text with the addresses of the backends in it."""
        for letter, backend in self.backends.items():
            text = text.replace(f"@{letter}@", f"127.0.0.1:{backend.port}").replace(
                f"@{letter}PORT@", str(backend.port)
            )
        return text


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def facts(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """Every fact, those of a carrier in one httpd."""
    installation = (await discover(Settings(runtime=RuntimeChoice.LOCAL))).installation
    async with AsyncExitStack() as stack:
        found = Served()
        for letter in "AB":
            backend = found.backends[letter] = Backend()
            server = await stack.enter_async_context(await asyncio.start_server(backend.answer, "127.0.0.1", 0))
            backend.port = server.sockets[0].getsockname()[1]
        for carrier in ("proxy_http", "proxy_wstunnel"):
            names = [name for name, fact in FACTS.items() if fact.carrier == carrier]
            ports = ports_to_listen(*([0] * len(names)))
            lines = ["ProxyWebsocketFallbackToProxyHttp " + ("On" if carrier == "proxy_http" else "Off")]
            for name, port in zip(names, ports, strict=True):
                found.ports[name] = port
                text = found.put(FACTS[name].text)
                lines += [
                    f"Listen 127.0.0.1:{port}",
                    f"<VirtualHost 127.0.0.1:{port}>\nServerName 127.0.0.1\n{text}\n</VirtualHost>",
                ]
            folder = tmp_path_factory.mktemp(carrier)
            await stack.enter_async_context(served("\n".join(lines), folder, installation, more=("headers",)))
        yield found


async def answered(port: int, asked: Asked, put: Served) -> int:
    """Status of a request."""
    fields = dict(asked.fields)
    upgrade = "" if asked.plain else UPGRADE
    if "Upgrade" in fields:
        upgrade = re.sub(r"Upgrade: websocket", f"Upgrade: {fields.pop('Upgrade')}", upgrade)
    host = put.put(fields.pop("Host", "www.example.org"))
    others = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"GET {put.put(asked.path)} HTTP/1.1\r\nHost: {host}\r\n{upgrade}{others}\r\n".encode())
        return int((await asyncio.wait_for(reader.readline(), 10)).split()[1])
    finally:
        writer.close()


@pytest.mark.parametrize(("name", "fact"), FACTS.items(), ids=FACTS.keys())
async def test_httpd_does_what_the_rule_says(name: str, fact: Fact, facts: Served) -> None:
    answers: list[tuple[int, list[str]]] = []
    for asked in fact.asked:
        for backend in facts.backends.values():
            backend.heads.clear()
        status = await answered(facts.ports[name], asked, facts)
        seen = [(letter, target) for letter, backend in facts.backends.items() for _, target, _ in backend.seen(letter)]
        answers.append((status, [f"{letter} {target}" for letter, target in seen]))
    assert answers == [(asked.status, [facts.put(asked.seen)] if asked.seen else []) for asked in fact.asked]
