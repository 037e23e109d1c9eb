from __future__ import annotations

import socket

import docker.errors
import psutil
import pytest
import requests

from harness.config import DockerNetwork
from harness.runtimes.docker import leftovers, network
from harness.runtimes.docker.engine import EngineFacts, explained


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


def test_backends_listen_where_the_container_can_reach_them_and_never_everywhere() -> None:
    bridge = network.published("rootless", "127.0.0.1")
    assert (bridge.backends, bridge.gateway, bridge.client) == ("127.0.0.1", "127.0.0.1", "127.0.0.1")
    elsewhere = network.published("a virtual machine", "203.0.113.7")
    assert (elsewhere.backends, elsewhere.gateway, elsewhere.client) == ("127.0.0.1", "host.docker.internal", None)
    assert "host.docker.internal" in elsewhere.why


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
def test_no_engine_is_explained_by_what_went_wrong_underneath(error: Exception, reason: str, hint: str) -> None:
    told = explained(error)
    assert reason in told.reason
    assert hint in told.hint


def test_only_containers_of_dead_runs_of_this_machine_are_leftovers() -> None:
    live = leftovers.labels("abc")
    assert live["wslb.run"] == "abc"
    assert not leftovers._ours_and_dead(live), "this process lives"
    assert not leftovers._ours_and_dead({})
    assert not leftovers._ours_and_dead({"wslb.run": "x", "wslb.owner.host": socket.gethostname()})
    assert not leftovers._ours_and_dead(live | {"wslb.owner.pid": "1", "wslb.owner.host": "elsewhere"})
    assert leftovers._ours_and_dead(live | {"wslb.owner.started": "1.0"}), "the pid is another process's now"
    free = next(pid for pid in range(2**22 - 1, 1, -1) if not psutil.pid_exists(pid))
    assert leftovers._ours_and_dead(live | {"wslb.owner.pid": str(free)})
