"""``docker compose up``: the article's lab from a clean checkout behind each proxy, and nothing of it left after."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets

from tests.live import engine
from wslb.proxies.registry import PROXIES

pytestmark = [pytest.mark.docker, pytest.mark.live, pytest.mark.slow]

ROOT = Path(__file__).parents[3]
PROJECT = f"wslb-test-{os.getpid()}"
TLS = "/dev/shm/tls"  # noqa: S108 - memory that the services share


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Project:
    """The services behind one proxy, up on ports of the test's own; Apache needs no profile."""

    def __init__(self, proxy: str = "apache") -> None:
        self.proxy = proxy
        profile = [] if proxy == "apache" else ["--profile", proxy]
        self.command = [*engine.compose(), "-p", PROJECT, "-f", str(ROOT / "compose.yaml"), *profile]
        self.port, self.tls_port = free_port(), free_port()
        self.environ = {**os.environ, "WSLB_PORT": str(self.port), "WSLB_TLS_PORT": str(self.tls_port)}
        self.environ.pop("COMPOSE_PROFILES", None)
        self.environ |= _local_images()

    def beside(self, proxy: str = "apache", **environ: str) -> Project:
        """The same ports for another proxy, or with other variables."""
        other = Project(proxy)
        other.port, other.tls_port, other.environ = self.port, self.tls_port, {**self.environ, **environ}
        return other

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *words], env=self.environ, capture_output=True, text=True, timeout=400, check=False
        )

    def run(self, *words: str) -> str:
        done = self.ask(*words)
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def _local_images() -> dict[str, str]:
    """Images built here, where they are; else the public ones, which compose pulls."""
    found: dict[str, str] = {}
    if engine.present(engine.PYTHON) and any((ROOT / "backends" / "image" / "wheels").glob("*.whl")):
        found |= {"PYTHON_IMAGE": engine.PYTHON}
    if engine.present(engine.OFFICIAL):
        found |= {"HTTPD_IMAGE": engine.OFFICIAL}
    return found


@pytest.fixture(scope="module", params=PROXIES)
def up(request: pytest.FixtureRequest) -> Iterator[Project]:
    engine.image(None if request.param == "apache" else PROXIES[request.param].image)
    before = engine.everything()
    project = Project(request.param)
    try:
        project.run("up", "--wait", "--quiet-pull")
        yield project
    finally:
        project.run("down")
    assert engine.everything() == before, "down leaves nothing"


@pytest.fixture(autouse=True)
def the_engine_is_as_before() -> None:
    """Takes the place of the folder's own: here the module's project is up, and looks after itself."""


def rows(project: Project) -> list[dict[str, Any]]:
    text = project.run("ps", "--format", "json").strip()
    return list(json.loads(text)) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]


def test_every_service_is_healthy_and_publishes_on_loopback_only(up: Project) -> None:
    found = {row["Service"]: row for row in rows(up)}
    assert set(found) == {"certs", "liberty", "node", up.proxy}
    assert {row["Health"] for row in found.values()} == {"healthy"}
    published = {p["URL"] for row in found.values() for p in row["Publishers"] or () if p["PublishedPort"]}
    assert published == {"127.0.0.1"}


def test_every_service_is_hardened(up: Project) -> None:
    services = rows(up)
    assert len(services) == 4
    for row in services:
        found = engine.engine().api.inspect_container(row["ID"])
        host = found["HostConfig"]
        assert found["Config"]["User"] == "65534:65534"
        assert host["ReadonlyRootfs"] is True
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert host["Memory"] > 0
        assert host["PidsLimit"] > 0
        assert {mount["RW"] for mount in found["Mounts"]} <= {False}


async def twenty(url: str, trust: ssl.SSLContext | None) -> list[str]:
    greetings = []
    for _ in range(20):
        async with websockets.connect(url, ssl=trust, proxy=None, open_timeout=20) as tunnel:
            greetings.append(str(await tunnel.recv()))
    return greetings


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_twenty_connections_alternate(up: Project, scheme: str) -> None:
    trust = None
    if scheme == "wss":
        trust = ssl.create_default_context(cadata=up.run("exec", "-T", "certs", "cat", f"{TLS}/ca.pem"))
    port = up.tls_port if scheme == "wss" else up.port
    greetings = await twenty(f"{scheme}://localhost:{port}/{scheme}", trust)
    assert greetings[0].startswith("[From Server] Connected to liberty [")
    assert greetings[1].startswith("[From Server] Connected to 1")
    assert greetings == greetings[:2] * 10


def page(url: str, *, referer: str = "") -> str:
    question = urllib.request.Request(url, headers={"Referer": referer} if referer else {})  # noqa: S310 - our own http
    with urllib.request.urlopen(question, timeout=20) as answer:  # noqa: S310
        return str(answer.read().decode())


def test_the_console_page_is_served_but_by_haproxy(up: Project) -> None:
    base = f"http://localhost:{up.port}"
    if up.proxy == "haproxy":
        with pytest.raises(urllib.error.HTTPError, match="404"):
            page(f"{base}/WSConsole.html")
    else:
        assert 'id="uri"' in page(f"{base}/WSConsole.html")


def test_the_manager_is_served_and_the_lbmethod_can_be_switched(up: Project) -> None:
    if up.proxy != "apache":
        refused = up.beside(up.proxy, LBMETHOD="bybusyness").ask("up", "--wait", "--quiet-pull")
        assert "bind source path does not exist" in refused.stderr
        assert ".bybusyness.c" in refused.stderr
        up.run("up", "--wait", "--quiet-pull")
        return
    base = f"http://localhost:{up.port}"
    assert "ws://liberty:10000/WSConsole" in page(f"{base}/balancer-manager")
    up.beside(LBMETHOD="bybusyness").run("up", "--wait", "--quiet-pull")
    told = page(f"{base}/balancer-manager?xml=1", referer=f"{base}/")
    assert "<httpd:lbmethod>bybusyness</httpd:lbmethod>" in told


def test_no_key_is_on_a_disk(up: Project) -> None:
    told = up.run("exec", "-T", "certs", "stat", "-f", "-c", "%T", TLS)
    assert told.strip() == "tmpfs"
    modes = up.run("exec", "-T", "certs", "sh", "-c", f"stat -c %a {TLS}/*.key").split()
    assert modes == ["600"] * 3


def test_a_second_proxy_is_told_that_the_port_is_taken(up: Project) -> None:
    other = up.beside("haproxy" if up.proxy != "haproxy" else "nginx")
    refused = other.ask("up", "--wait", "--quiet-pull")
    assert refused.returncode != 0
    told = re.search(r"Bind for 127\.0\.0\.1:(\d+) failed: port is already allocated", refused.stderr)
    assert told, refused.stderr
    assert int(told[1]) in {up.port, up.tls_port}
    other.run("rm", "--stop", "--force", other.proxy)


async def test_a_stop_ends_the_proxy_though_a_tunnel_is_open(up: Project) -> None:
    (row,) = (row for row in rows(up) if row["Service"] == up.proxy)
    async with websockets.connect(f"ws://localhost:{up.port}/ws", proxy=None, open_timeout=20) as tunnel:
        await tunnel.recv()
        up.run("stop", up.proxy)
        with pytest.raises(websockets.ConnectionClosed):
            await tunnel.recv()
    state = engine.engine().api.inspect_container(row["ID"])["State"]
    assert up.proxy == "apache" or state["ExitCode"] == 0, "only Apache waits for its processes until it is killed"
