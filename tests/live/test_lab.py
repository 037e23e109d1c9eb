"""The lab itself: who it runs as, what it listens on, what it leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from wslb.commands.mutations import MUTATIONS
from wslb.config import RuntimeChoice, Settings
from wslb.errors import LabError, ProxyConfigRejected, RuntimeUnavailable, StartError
from wslb.fleet import fleet
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.model.balancer import Listener
from wslb.model.results import Outcome
from wslb.model.sites import wide
from wslb.reports.ongoing import exit_code_of
from wslb.runtimes.local.local_runtime import LocalRuntime
from wslb.scenarios import SCENARIOS, runner
from wslb.waiting import disconnect, until

pytestmark = pytest.mark.live

LOCAL = Settings(runtime=RuntimeChoice.LOCAL)
THREE = next(scenario for scenario in SCENARIOS if scenario.name == "weights-three-members")
TWO = next(scenario for scenario in SCENARIOS if scenario.name == "lb-byrequests")


@pytest.fixture(autouse=True)
def local_only(session_lab: Lab) -> None:
    """These tests look at processes and files of this machine; tests/live/docker has those of a container."""
    if session_lab.proxy.runtime.name != "local":
        pytest.skip("the session's lab is a container; add --wslb-runtime local")


def family(lab: Lab) -> list[psutil.Process]:
    """Every process of the lab but ourselves."""
    return [
        process
        for process in psutil.process_iter(["cmdline", "status"])
        if process.info["status"] != psutil.STATUS_ZOMBIE
        and any(lab.proxy.runtime.folder in word for word in process.info["cmdline"] or [])
    ]


async def test_everything_listens_on_loopback_only(lab: Lab) -> None:
    listening = [
        connection.laddr
        for process in family(lab)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 8, "proxy on two ports, each backend on three"
    assert {address.ip.partition(".")[0] for address in listening} == {"127"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to give up; run the tests as root too")
async def test_as_root_nothing_that_serves_is_root(lab: Lab) -> None:
    async def nobody() -> bool:
        """Whether every process but httpd's parent has given up root: a new child does so before it accepts."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return all(p.uids().real for p in family(lab) if p.pid != lab.proxy.pid)
        return False

    await until(nobody, seconds=10, what="children of httpd that have given up root")
    processes = family(lab)
    httpd = [process for process in processes if process.pid == lab.proxy.pid]
    serving = [process for process in processes if process.pid != lab.proxy.pid]
    assert len(httpd) == 1, "the parent of httpd binds and serves nobody"
    assert len(serving) >= 3, "both backends and httpd's children"
    assert {process.uids().effective for process in serving} == {65534}
    assert {process.uids().real for process in serving} == {65534}
    assert {backend.info.uid for backend in lab.fleet.values()} == {65534}


async def test_keys_are_ours_alone_and_go_with_the_run() -> None:
    async with open_lab(LOCAL) as own:
        folder = Path(own.proxy.runtime.folder)
        keys = list(folder.glob("tls/*.key"))
        assert len(keys) == 3
        assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert not folder.exists()


async def test_nothing_is_left_after_a_lab(lab: Lab) -> None:
    async with open_lab(LOCAL) as own:
        site = wide()
        await own.begin("left", site, balancer=site.balancers[0])
        await own.open_in_turn(4, hold=True)
        running = family(own)
        assert running
    assert not [process for process in running if process.is_running()]
    assert not Path(own.proxy.runtime.folder).exists()


async def test_nothing_is_left_of_an_httpd_whose_parent_was_killed(lab: Lab) -> None:
    async with open_lab(LOCAL) as own:
        children = psutil.Process(own.proxy.pid).children()
        assert children
        psutil.Process(own.proxy.pid).kill()
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(
    "path",
    [
        "/WSConsole/../../etc/passwd",
        "/../../../../etc/passwd",
        "/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2f..%2fetc/passwd",
        "/.%252e/.%252e/etc/passwd",
        "/WSConsole.html/../../../etc/passwd",
    ],
)
async def test_apache_serves_nothing_outside_its_folder(path: str, lab: Lab) -> None:
    reader, writer = await asyncio.open_connection(lab.proxy.front.host, lab.proxy.front.plain)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = (await reader.read()).decode(errors="replace")
    await disconnect(writer)
    status = int(answer.split()[1])
    assert "root:" not in answer
    assert status in {400, 404}, answer


async def test_apache_serves_the_console_page_on_both_sides(lab: Lab) -> None:
    for listener in Listener:
        status, body = await lab.get("/WSConsole.html", listener=listener)
        assert status == 200
        assert 'id="uri"' in body


async def test_a_port_that_is_taken_is_named(lab: Lab) -> None:
    taken = lab.proxy.front.plain
    assert taken
    with pytest.raises(StartError, match=f"port {taken} ") as caught:
        async with open_lab(replace(LOCAL, port=taken, tls_port=0)):
            pytest.fail("two servers on one port")
    assert exit_code_of(caught.value) == 3
    assert any("AH00072" in line for line in caught.value.log_tail)
    assert "--port" in caught.value.hint


async def test_no_httpd_says_how_to_get_one() -> None:
    with pytest.raises(RuntimeUnavailable, match="is no program") as caught:
        async with open_lab(replace(LOCAL, httpd="/nowhere/httpd")):
            pytest.fail("a lab without httpd")
    assert exit_code_of(caught.value) == 3


async def test_a_program_that_is_no_httpd_is_refused() -> None:
    with pytest.raises(RuntimeUnavailable, match="not a working Apache httpd"):
        async with open_lab(replace(LOCAL, httpd="/bin/echo")):
            pytest.fail("a lab on echo")


async def test_a_missing_module_is_named(tmp_path: Path, lab: Lab) -> None:
    real = lab.proxy.installation
    (tmp_path / "bin").mkdir()
    (tmp_path / "modules").mkdir()
    (tmp_path / "bin" / "httpd").symlink_to(real.binary)
    for module in Path(real.modules_folder).glob("mod_*.so"):
        if module.name != "mod_lbmethod_byrequests.so":
            (tmp_path / "modules" / module.name).symlink_to(module)
    with pytest.raises(RuntimeUnavailable, match="has no mod_lbmethod_byrequests"):
        async with open_lab(replace(LOCAL, httpd=real.binary, modules=str(tmp_path / "modules"))):
            pytest.fail("a lab without byrequests")


async def test_an_unreadable_certificate_is_an_error_of_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    written = LocalRuntime.write

    async def write(self: LocalRuntime, name: str, content: bytes, *, secret: bool = False) -> str:
        return await written(self, name, b"" if name == "tls/proxy.pem" else content, secret=secret)

    monkeypatch.setattr(LocalRuntime, "write", write)
    with pytest.raises(LabError) as caught:
        async with open_lab(LOCAL):
            pytest.fail("a lab without a certificate")
    assert isinstance(caught.value, (ProxyConfigRejected, StartError))
    assert "proxy.pem" in f"{caught.value} {caught.value.log_tail}"
    assert exit_code_of(caught.value) == 3


async def test_a_backend_that_dies_during_start_is_named_with_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    written = LocalRuntime.write

    async def write(self: LocalRuntime, name: str, content: bytes, *, secret: bool = False) -> str:
        return await written(self, name, b"no key" if name == "tls/node.key" else content, secret=secret)

    monkeypatch.setattr(LocalRuntime, "write", write)
    with pytest.raises(StartError, match=r"Node\.js stand-in did not start: it ended with exit code 3") as caught:
        async with open_lab(LOCAL):
            pytest.fail("a lab with a dead backend")
    assert caught.value.log_tail


@pytest.fixture(autouse=True)
def nothing_is_left(session_lab: Lab) -> Iterator[None]:
    """Labs that a test opens itself leave no process behind, however they end."""
    shared = session_lab.proxy.runtime.folder
    before = set(psutil.Process().children(recursive=True))  # such as the browser of this session
    yield
    children = set(psutil.Process().children(recursive=True)) - before
    foreign = [p for p in children if not any(shared in word for word in _words(p))]
    assert not [p for p in foreign if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


async def test_backends_that_share_an_address_are_told_apart_without_their_greetings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on a system that has no loopback address but 127.0.0.1, and behind published ports."""
    monkeypatch.setattr(fleet, "own_address", lambda _: "127.0.0.1")
    async with open_lab(LOCAL) as lab:
        result = await runner.run(THREE, lab)
        assert result.outcome is Outcome.PASSED, [verdict for verdict in result.verdicts if not verdict.holds]
        shared = {h.greeters for h in result.record.handshakes if len(h.greeters) > 1}
        assert shared == {("node", "node-2")}
        assert {h.backend for h in result.record.handshakes} == {"liberty", "node", "node-2"}
        # node-2 still runs and greets as node does: should it answer in node's place, turns and model must tell.
        mutation = next(mutation for mutation in MUTATIONS if mutation.name == "member-elsewhere")
        result = await runner.run(TWO, lab, tamper=mutation.tamper)
        assert set(mutation.checks) <= {verdict.check for verdict in result.verdicts if not verdict.holds}
