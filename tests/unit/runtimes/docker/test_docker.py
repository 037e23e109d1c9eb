from __future__ import annotations

import inspect
import os
import re
import resource
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import docker
import docker.errors
import psutil
import pytest
import requests

from wslb.config import DockerNetwork
from wslb.runtimes.docker import forwarder, leftovers, network
from wslb.runtimes.docker.agent import Agent
from wslb.runtimes.docker.docker_runtime import _no_way_back
from wslb.runtimes.docker.engine import EngineFacts, _facts, explained
from wslb.runtimes.local.local_runtime import ports_to_listen
from wslb.runtimes.runfolder import RunFolder


def facts(**more: object) -> EngineFacts:
    given: dict[str, object] = {
        "version": "20.10.24",
        "api": "1.41",
        "architecture": "amd64",
        "system": "Debian GNU/Linux 12 (bookworm)",
        "product": "",
        "transport": "unix",
        "rootless": False,
    }
    return EngineFacts(**{**given, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "said", "mode", "why"),
    [
        (DockerNetwork.AUTO, facts(), DockerNetwork.HOST, "this kernel"),
        (DockerNetwork.PUBLISHED, facts(), DockerNetwork.PUBLISHED, "asked for"),
        (DockerNetwork.HOST, facts(rootless=True), DockerNetwork.HOST, "asked for"),
        (DockerNetwork.AUTO, facts(rootless=True), DockerNetwork.PUBLISHED, "rootless"),
        (DockerNetwork.AUTO, facts(rootless=True, podman=True), DockerNetwork.HOST, "compared"),
        (DockerNetwork.AUTO, facts(system="Docker Desktop"), DockerNetwork.PUBLISHED, "virtual machine"),
        (DockerNetwork.AUTO, facts(product="Docker Desktop 4.40.0"), DockerNetwork.PUBLISHED, "virtual machine"),
        (DockerNetwork.AUTO, facts(transport="tcp"), DockerNetwork.PUBLISHED, "another machine"),
        (DockerNetwork.AUTO, facts(transport="ssh"), DockerNetwork.PUBLISHED, "another machine"),
    ],
)
def test_the_mode_to_try_follows_what_the_engine_says(
    asked: DockerNetwork, said: EngineFacts, mode: DockerNetwork, why: str
) -> None:
    found, reason = network.expected(asked, said)
    assert found is mode
    assert why in reason


class Shell:
    """A container's shell whose network reaches us under these names alone."""

    def __init__(self, *names: str) -> None:
        self.names = names

    async def ask(self, script: str, *, seconds: float) -> tuple[int, bytes]:
        assert seconds > 0
        reached = re.search(r"/dev/tcp/([^/]+)/(\d+)", script)
        assert reached
        if reached[1] not in self.names:
            return 1, b""
        with socket.create_connection(("127.0.0.1", int(reached[2])), timeout=5):
            return 0, b""


@pytest.mark.parametrize(
    ("names", "gateway", "expected"),
    [
        (("127.0.0.1",), "127.0.0.1", ("127.0.0.1", "127.0.0.1", "127.0.0.1", "the bridge's own address")),
        (("host.docker.internal",), "127.0.0.1", ("127.0.0.1", "host.docker.internal", None, "the engine offers")),
        (("host.docker.internal",), "203.0.113.7", ("127.0.0.1", "host.docker.internal", None, "the engine offers")),
        (("10.0.2.2",), "", ("127.0.0.1", "10.0.2.2", None, "slirp4netns offers")),
    ],
    ids=["bridge", "a bridge of the same address elsewhere", "virtual machine", "rootless"],
)
async def test_backends_listen_where_the_container_really_reaches_them(
    names: tuple[str, ...], gateway: str, expected: tuple[str, str, str | None, str]
) -> None:
    found = await network.published(
        cast("Agent", Shell(*names)), "asked for", gateway=gateway, ports=ports_to_listen(0), rootless=False, seconds=5
    )
    assert found is not None
    assert (found.backends, found.gateway, found.client) == expected[:3]
    assert expected[3] in found.why
    assert found.forwarder is None, "nobody accepts on a free port"


async def test_no_way_back_is_no_network() -> None:
    agent = cast("Agent", Shell())
    assert (
        await network.published(agent, "asked for", gateway="", ports=ports_to_listen(0), rootless=True, seconds=5)
        is None
    )


async def test_a_port_that_accepts_though_nobody_listens_behind_it_has_a_forwarder() -> None:
    agent = cast("Agent", Shell("127.0.0.1"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        found = await network.published(
            agent, "asked for", gateway="127.0.0.1", ports=(port,), rootless=False, seconds=5
        )
    assert found is not None
    assert found.forwarder is not None
    assert found.forwarder.most == forwarder.UNKNOWN_MOST
    assert "cannot be asked" in found.forwarder.text
    assert not found.forwarder.certain


@dataclass(frozen=True)
class Running:
    info: dict[str, object]


@pytest.mark.parametrize(
    ("rootless", "name", "most"),
    [(False, "docker-proxy", (20_000 - 200) // 6), (True, "rootlesskit", (10_000 - 200) // 7)],
)
def test_a_forwarder_is_the_tightest_program_on_the_way_and_its_limit_is_read(
    monkeypatch: pytest.MonkeyPatch, rootless: bool, name: str, most: int
) -> None:
    running = [
        Running({"pid": 1, "cmdline": ["/usr/sbin/docker-proxy", "-host-port", "4711"]}),
        Running({"pid": 2, "cmdline": ["/usr/sbin/docker-proxy", "-host-port", "4712"]}),
        Running({"pid": 3, "cmdline": ["rootlesskit", "--net=slirp4netns"]}),
        Running({"pid": 4, "cmdline": ["grep", "docker-proxy", "4711"]}),
        Running({"pid": 5, "cmdline": None}),
    ]
    monkeypatch.setattr(psutil, "process_iter", lambda _: running)
    monkeypatch.setattr(forwarder, "_limit", {1: 20_000, 2: 60, 3: 10_000}.get)
    found = forwarder.of_port(4711, rootless=rootless)
    assert (found.name, found.most) == (name, most)
    assert f"takes {forwarder.FILES_EACH[name]} for each connection" in found.why


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process's limits as a file")
def test_the_limit_of_a_process_is_its_own() -> None:
    assert forwarder._limit(os.getpid()) == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_a_forwarder_that_may_open_hardly_a_file_carries_nothing() -> None:
    assert forwarder._carried("docker-proxy", 64).most == 0


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        (facts(), "firewall"),
        (facts(rootless=True), "--disable-host-loopback=false"),
        (facts(rootless=True, podman=True), "--docker-network auto"),
    ],
    ids=["root", "rootless Docker", "rootless podman"],
)
def test_an_engine_without_a_way_back_is_told_how_to_open_one(said: EngineFacts, hint: str) -> None:
    told = _no_way_back(said)
    assert "cannot reach a program that listens" in str(told)
    assert hint in told.hint


class Client:
    """What the SDK's client says of an engine."""

    def __init__(self, version: dict[str, object], info: dict[str, object]) -> None:
        self.version, self.info = lambda: version, lambda: info
        self.api = SimpleNamespace(base_url="http+docker://localhost")


PODMAN = {"Version": "4.3.1", "Platform": {"Name": "linux/amd64/debian-12"}, "Components": [{"Name": "Podman Engine"}]}
DOCKER = {"Version": "20.10.24", "Platform": {"Name": ""}, "Components": [{"Name": "Engine"}, {"Name": "containerd"}]}


@pytest.mark.parametrize(
    ("version", "info", "podman", "rootless", "text"),
    [
        (PODMAN, {"OperatingSystem": "debian"}, True, False, "podman 4.3.1 (API ?, ?) on debian"),
        (PODMAN, {"Rootless": True}, True, True, "podman, rootless, 4.3.1 (API ?, ?) on ?"),
        (DOCKER, {"SecurityOptions": ["name=seccomp"]}, False, False, "Docker 20.10.24 (API ?, ?) on ?"),
        (DOCKER, {"SecurityOptions": ["name=rootless"]}, False, True, "Docker, rootless, 20.10.24 (API ?, ?) on ?"),
    ],
)
def test_an_engine_is_known_by_what_it_says(
    version: dict[str, object], info: dict[str, object], podman: bool, rootless: bool, text: str
) -> None:
    found = _facts(cast("docker.DockerClient", Client(version, info)))
    assert (found.podman, found.rootless, found.text) == (podman, rootless, text)


def chained(inner: BaseException) -> docker.errors.DockerException:
    try:
        try:
            raise requests.exceptions.ConnectionError(("Connection aborted.", inner))
        except requests.exceptions.ConnectionError as exc:
            raise docker.errors.DockerException(f"Error while fetching server API version: {exc}") from exc
    except docker.errors.DockerException as outer:
        return outer


@pytest.mark.parametrize(
    ("error", "reason", "hint"),
    [
        (chained(FileNotFoundError(2, "x")), "its socket does not exist", "--runtime local"),
        (chained(ConnectionRefusedError(111, "x")), "the connection is refused", "--runtime local"),
        (chained(PermissionError(13, "x")), "may not use", "usermod -aG docker"),
        (docker.errors.DockerException("Invalid bind address protocol: nonsense://x"), "nonsense", "docker context ls"),
    ],
)
def test_no_engine_is_explained_by_what_went_wrong_underneath(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str, hint: str
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    told = explained(error)
    assert reason in told.reason
    assert hint in told.hint


@pytest.mark.parametrize(
    "error",
    [FileNotFoundError(2, "No such file"), ConnectionRefusedError(111, "No such"), PermissionError(13, "No such")],
)
def test_an_engine_that_was_named_and_does_not_answer_is_told_by_that_name(
    monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/podman.sock")
    told = explained(chained(error))
    assert "DOCKER_HOST=unix:///run/podman.sock (No such" in told.reason
    assert "unset DOCKER_HOST" in told.hint
    assert "systemctl" not in told.hint


def test_only_containers_of_dead_runs_of_this_machine_and_user_are_leftovers(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    live = leftovers.labels(run.path)
    assert live["wslb.run"] == run.run_id
    assert not leftovers._ours_and_dead(live), "this run holds its folder"
    assert not leftovers._ours_and_dead({})
    assert not leftovers._ours_and_dead({"wslb.run": "x", "wslb.owner.host": socket.gethostname()})
    run.remove()
    assert not leftovers._ours_and_dead(live), "its folder cannot be seen, but its process can"
    free = str(next(pid for pid in range(2**22 - 1, 1, -1) if not psutil.pid_exists(pid)))
    gone = live | {"wslb.owner.pid": free}
    assert leftovers._ours_and_dead(gone)
    assert not leftovers._ours_and_dead(gone | {"wslb.owner.host": "elsewhere"})
    assert not leftovers._ours_and_dead(gone | {"wslb.owner.uid": "4242"})


def test_the_parts_of_an_attached_stream_are_where_we_close_them() -> None:
    """`close_attached` closes what the SDK keeps to itself: without it each attached container leaks a connection."""
    told = f"docker {docker.__version__} keeps an attached stream otherwise: see close_attached in agent.py"
    attach = inspect.getsource(getattr(docker.api.client.APIClient, "_get_raw_response_socket"))  # noqa: B009 - no stub
    assert "sock._response = response" in attach, told
    one, other = socket.socketpair()
    with other, one, one.makefile("rb", buffering=0) as file:
        assert file._sock is one, told  # type: ignore[attr-defined]  # the part in question
