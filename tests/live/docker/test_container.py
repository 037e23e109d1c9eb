"""The container itself: hardened, labelled, removed on every way out, and swept when its run was killed."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.live import engine
from tests.live.command import place, wait_for
from wslb.config import DockerNetwork, PullPolicy, Settings
from wslb.errors import ProxyConfigRejected, RuntimeUnavailable, StartError
from wslb.lab import launch
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.model.results import Outcome
from wslb.model.sites import LIBERTY, NODE, cluster, wide
from wslb.reports.ongoing import exit_code_of
from wslb.runtimes.docker import DockerRuntime
from wslb.scenarios import SCENARIOS, runner
from wslb.scenarios.scenario import Scenario

pytestmark = [pytest.mark.docker, pytest.mark.live]

ONE: Scenario = next(scenario for scenario in SCENARIOS if scenario.name == "lb-byrequests")


def docker_of(lab: Lab) -> DockerRuntime:
    assert isinstance(lab.proxy.runtime, DockerRuntime)
    return lab.proxy.runtime


def inspected(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = engine.engine().api.inspect_container(docker_of(lab).container.id)
    return found


def of_run(pid: int) -> list[dict[str, Any]]:
    """Containers of the run of this process."""
    label = f"wslb.owner.pid={pid}"
    found: list[dict[str, Any]] = engine.engine().api.containers(all=True, filters={"label": label})
    return found


@pytest.mark.parametrize("network", [DockerNetwork.AUTO, DockerNetwork.PUBLISHED])
async def test_the_container_is_hardened(settings: Settings, network: DockerNetwork) -> None:
    async with open_lab(replace(settings, docker_network=network)) as lab:
        found = inspected(lab)
        host, config = found["HostConfig"], found["Config"]
        assert config["User"].partition(":")[0] not in {"", "0", "root"}
        assert host["ReadonlyRootfs"] is True
        podman = docker_of(lab).engine.facts.podman
        # podman adds folders in memory of its own to a read-only root, and writes ALL out
        own = {"/run", "/tmp", "/var/tmp"} if podman else set()  # noqa: S108
        assert set(host["Tmpfs"]) - own == {lab.proxy.runtime.folder}
        assert podman or host["CapDrop"] == ["ALL"]
        assert not host["CapAdd"]
        assert [option.removesuffix(":true") for option in host["SecurityOpt"]] == ["no-new-privileges"]
        assert host["Privileged"] is False
        if not (podman and docker_of(lab).engine.facts.rootless):  # without cgroups of version 2 it has no limits
            assert host["Memory"] == 2 * 1024**3
            assert host["PidsLimit"] == 16_384
        assert found["Mounts"] == []
        assert not host["Binds"]
        published = {row["HostIp"] for rows in (host["PortBindings"] or {}).values() for row in rows or ()}
        assert published == ({"127.0.0.1"} if docker_of(lab).network.mode is DockerNetwork.PUBLISHED else set())
        told = await lab.proxy.runtime.run(["cat", "/proc/self/status"])
        facts = dict(line.split(":\t", 1) for line in told.output.splitlines() if ":\t" in line)
        assert {facts[name].strip() for name in ("CapEff", "CapPrm", "CapBnd", "CapInh")} == {"0" * 16}
        assert facts["NoNewPrivs"].strip() == "1"
        assert "0" not in facts["Uid"].split()
        for attempt in ("touch /x", "touch /usr/local/x", "touch /etc/x", *(() if podman else ("touch /tmp/x",))):
            assert (await lab.proxy.runtime.run(["sh", "-c", attempt])).returncode != 0, attempt


async def test_configuration_and_keys_are_readable_only_and_in_memory_only(settings: Settings) -> None:
    async with open_lab(settings) as lab:
        folder = lab.proxy.runtime.folder
        files = f"{folder}/httpd.conf {folder}/tls/proxy.key {folder}/tls/proxy.pem"
        told = await lab.proxy.runtime.run(["sh", "-c", f"stat -c %a {files}; stat -f -c %T {folder}"])
        assert told.output.split() == ["444", "400", "444", "tmpfs"]
        assert not list(Path(lab.fleet.folder).glob("tls/proxy.*"))


async def test_the_container_says_whose_it_is(settings: Settings) -> None:
    async with open_lab(settings) as lab:
        labels = inspected(lab)["Config"]["Labels"]
        assert labels["wslb.run"] in lab.proxy.runtime.folder
        assert labels["wslb.owner.pid"] == str(os.getpid())
        assert labels["wslb.owner.host"] == socket.gethostname()
        assert labels["wslb.owner.folder"] == lab.fleet.folder
        assert labels["wslb.owner.uid"] == str(os.geteuid())
        assert labels["wslb.created"].startswith("20")


async def test_the_report_says_what_was_picked_and_why(settings: Settings) -> None:
    async with open_lab(settings) as lab:
        facts = lab.environment
    assert facts["runtime"] == "docker"
    assert facts["runtime_reason"] == "asked for"
    assert facts["image"] == settings.image
    assert str(facts["image_digest"]).startswith("sha256:")
    assert facts["network"] in {"host", "published"}
    assert facts["network_reason"]
    assert "API" in str(facts["engine"])
    assert facts["mpm"] == "event"
    assert str(facts["proxy"]).startswith("Apache/2.4.")


async def test_auto_takes_an_image_that_was_named_and_says_so(settings: Settings) -> None:
    auto = replace(settings, runtime=Settings().runtime)
    found = await launch.discover(auto)
    assert (found.runtime.name, found.why) == ("docker", "auto: an image was named")


async def test_published_ports_are_refused_where_the_host_network_was_asked_for_and_is_ours(settings: Settings) -> None:
    async with open_lab(replace(settings, docker_network=DockerNetwork.HOST)) as lab:
        assert docker_of(lab).network.mode is DockerNetwork.HOST
        ours = Path("/proc/self/ns/net").readlink()
        theirs = await lab.proxy.runtime.run(["readlink", "/proc/self/ns/net"])
        assert theirs.output.strip() == str(ours)


# -- what is left: the_engine_is_as_before looks after every test --


@pytest.mark.parametrize("network", [DockerNetwork.AUTO, DockerNetwork.PUBLISHED])
async def test_a_scenario_passes_and_leaves_nothing(settings: Settings, network: DockerNetwork) -> None:
    async with open_lab(replace(settings, docker_network=network)) as lab:
        result = await runner.run(ONE, lab)
        assert result.outcome is Outcome.PASSED, result.reason
        assert len(of_run(os.getpid())) == 1


async def test_a_failing_run_leaves_nothing(settings: Settings) -> None:
    async with open_lab(settings) as lab:
        result = await runner.run(ONE, lab, tamper=lambda site: site.with_balancer(cluster(NODE, LIBERTY)))
    assert result.outcome is Outcome.FAILED


async def test_a_rejected_configuration_is_an_error_and_leaves_nothing(settings: Settings) -> None:
    async with open_lab(settings) as lab:
        site = replace(wide(), directives=("NoSuchDirective On",))
        with pytest.raises(ProxyConfigRejected):
            await lab.begin("bad", site, balancer=site.balancers[0])


async def test_an_exception_in_the_middle_leaves_nothing(settings: Settings) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_lab(settings):
            raise ZeroDivisionError


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5])
async def test_a_start_cancelled_at_any_moment_leaves_nothing(settings: Settings, delay: float) -> None:
    async def up() -> None:
        async with open_lab(settings):
            await asyncio.Event().wait()

    task = asyncio.ensure_future(up())
    await asyncio.sleep(delay)  # not waiting for anything: moments of a start, whatever they hit
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@contextmanager
def command(*words: str, settings: Settings) -> Iterator[Any]:
    with place() as here:
        running = here.start("test", *words, "--runtime", "docker", "--image", settings.image or "", "--pull", "never")
        try:
            yield running
        finally:
            running.process.kill()
            running.end()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_nothing(settings: Settings, number: int, code: int) -> None:
    with command("lb", settings=settings) as running:
        running.wait_until_printed("lb-byrequests ")
        running.process.send_signal(number)
        assert running.end().code == code


async def test_a_killed_run_takes_its_httpd_along_and_the_next_removes_the_rest(settings: Settings) -> None:
    with command("lb", settings=settings) as running:
        running.wait_until_printed("lb-byrequests ")
        pid = running.process.pid
        (row,) = of_run(pid)
        container = psutil.Process(engine.engine().api.inspect_container(row["Id"])["State"]["Pid"])
        running.process.kill()
        running.end()
        assert psutil.wait_procs([container], timeout=20)[1] == [], "its httpd ends by itself"
        for child in _orphans(pid):
            child.kill()
    # The engine learns of the end a moment after the process has gone.
    wait_for(lambda: [one["State"] for one in of_run(pid)] == ["exited"], seconds=20, what="the engine's word")
    (left,) = of_run(pid)
    async with open_lab(settings) as lab:
        told = " ".join(map(str, lab.environment["leftovers"]))  # type: ignore[call-overload]
        assert f"pid {pid}" in told
        assert left["Names"][0].lstrip("/") in told
        assert of_run(pid) == []
        assert [row["Id"] for row in of_run(os.getpid())] == [docker_of(lab).container.id]


def _orphans(pid: int) -> list[psutil.Process]:
    return [p for p in psutil.process_iter(["ppid", "name"]) if p.info["ppid"] == pid]


def _gone() -> int:
    """Process id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


async def test_clean_removes_dead_runs_containers_and_never_a_live_runs(settings: Settings) -> None:
    image = settings.image or ""
    api = engine.engine().api
    gone = _gone()
    dead = {
        "wslb.run": "dead",
        "wslb.owner.pid": str(gone),
        "wslb.owner.folder": "/nowhere/wslb-dead",
        "wslb.owner.uid": str(os.geteuid()),
        "wslb.owner.host": "?",
    }
    mine = dead | {"wslb.owner.host": socket.gethostname()}
    other = api.create_container(image, ["true"], labels=dead)["Id"]
    ours = api.create_container(image, ["true"], labels=mine)["Id"]
    foreign = api.create_container(image, ["true"], labels={"somebody": "else"})["Id"]
    try:
        async with open_lab(settings) as lab:
            live = docker_of(lab).container.id
            ids = {row["Id"] for row in api.containers(all=True)}
            assert ours not in ids, "the start of a run sweeps"
            ours = api.create_container(image, ["true"], labels=mine)["Id"]
            told = await launch.clean()
            ids = {row["Id"] for row in api.containers(all=True)}
            assert len([sentence for sentence in told if f"Run dead (pid {gone})" in sentence]) == 1
            assert ours not in ids
            assert {other, foreign, live} <= ids
            assert (await runner.run(ONE, lab)).outcome is Outcome.PASSED
    finally:
        for container in (other, foreign):
            api.remove_container(container, force=True)


# -- what cannot start --


async def test_a_container_killed_from_outside_is_an_errored_scenario_with_a_sentence(settings: Settings) -> None:
    async with open_lab(settings) as lab:
        engine.engine().api.kill(docker_of(lab).container.id)
        result = await runner.run(ONE, lab)
        again = await runner.run(ONE, lab)
    assert {result.outcome, again.outcome} == {Outcome.ERRORED}
    assert "its container ended in mid-run" in result.reason
    assert "exit code 137" in result.reason


@pytest.mark.parametrize(
    ("image", "pull", "told"),
    [
        ("no.such.registry.invalid/httpd:2.4", PullPolicy.NEVER, "--pull never forbids"),
        ("no.such.registry.invalid/httpd:2.4", PullPolicy.MISSING, "cannot be pulled"),
        ("no.such.registry.invalid/httpd:2.4", PullPolicy.ALWAYS, "cannot be pulled"),
    ],
)
async def test_an_image_that_is_not_here_says_what_to_do(
    settings: Settings, image: str, pull: PullPolicy, told: str
) -> None:
    with pytest.raises(RuntimeUnavailable, match=told) as caught:
        await launch.discover(replace(settings, image=image, pull=pull))
    assert "--image" in caught.value.hint
    assert exit_code_of(caught.value) == 3


async def test_an_image_without_a_shell_is_named_with_its_state_and_a_hint(
    settings: Settings, scratch: dict[str, str]
) -> None:
    with pytest.raises(StartError, match=r"its shell does not answer .container .* exit code 127") as caught:
        await launch.discover(replace(settings, image=scratch["empty"]))
    assert "/bin/sh" in " ".join(caught.value.log_tail)
    assert "a shell (/bin/sh)" in caught.value.hint


async def test_an_image_of_another_architecture_is_named(settings: Settings, scratch: dict[str, str]) -> None:
    with pytest.raises(StartError) as caught:
        await launch.discover(replace(settings, image=scratch["foreign"]))
    assert "not for the engine's architecture" in caught.value.hint
    assert "--platform" in caught.value.hint


async def test_an_image_without_httpd_is_named(settings: Settings) -> None:
    python = engine.image(engine.PYTHON)
    with pytest.raises(RuntimeUnavailable, match="neither httpd nor apache2 was found") as caught:
        await launch.discover(replace(settings, image=python))
    assert exit_code_of(caught.value) == 3


@pytest.fixture
def scratch() -> Iterator[dict[str, str]]:
    """Images that cannot run: one without a program, one for a machine that this is not."""
    client = engine.engine()
    theirs = "s390x" if client.version()["Arch"] != "s390x" else "amd64"
    tags = {"empty": "wslb/test:empty", "foreign": "wslb/test:foreign"}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo("bin/sh")
        entry.size, entry.mode = 64, 0o755
        # an ELF header of a machine that does not exist here
        archive.addfile(entry, io.BytesIO(b"\x7fELF\x02\x02\x01" + bytes(9) + b"\x00\x02\x00\x16" + bytes(44)))
    empty = io.BytesIO()
    with tarfile.open(fileobj=empty, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("nothing"))
    client.api.import_image_from_data(empty.getvalue(), repository="wslb/test", tag="empty")
    api: Any = client.api  # there is no public way to import for another machine
    url = api._url("/images/create")
    api._post(
        url,
        data=buffer.getvalue(),
        params={"fromSrc": "-", "repo": "wslb/test", "tag": "foreign", "platform": f"linux/{theirs}"},
        headers={"Content-Type": "application/tar"},
    ).raise_for_status()
    yield tags
    for tag in tags.values():
        client.images.remove(tag, force=True)


@pytest.mark.skipif(sys.platform != "linux", reason="a socket that is nobody's differs by platform")
@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("unix:///nowhere/docker.sock", "docker.sock .No such file"),
        ("tcp://127.0.0.1:9", "127.0.0.1:9 .Connection refused"),
        ("nonsense://x", "no Docker engine answers"),
    ],
)
async def test_no_engine_says_what_to_do(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, host: str, told: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(RuntimeUnavailable, match=told) as caught:
        await launch.discover(settings)
    assert "--runtime local" in caught.value.hint
    assert exit_code_of(caught.value) == 3
