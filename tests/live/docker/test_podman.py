"""podman's service in the place of a Docker engine: found out, hardened, and nothing left."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from tests.live import engine
from tests.live.command import wait_for
from wslb.config import DockerNetwork, PullPolicy, RuntimeChoice, Settings
from wslb.lab.launch import open_lab
from wslb.model.results import Outcome
from wslb.runtimes.docker import DockerRuntime
from wslb.scenarios import SCENARIOS, runner

pytestmark = [
    pytest.mark.docker,
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
]

ONE = next(scenario for scenario in SCENARIOS if scenario.name == "weights-three-members")


@pytest.fixture(autouse=True)
def the_engine_is_as_before() -> None:
    """Takes the place of the folder's own: the engine is podman's here, and goes with the module."""


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """Address of a podman of the module's own, with an image of httpd from the Docker engine in it."""
    podman = shutil.which("podman")
    if podman is None:
        pytest.skip("podman is not installed; on Debian as root: apt-get install podman catatonit")
    if not any(Path(folder, "catatonit").exists() for folder in ("/usr/libexec/podman", "/usr/bin")):
        pytest.skip("podman has no init program for its containers; on Debian as root: apt-get install catatonit")
    image = engine.engine().images.get(engine.image())
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with tempfile.TemporaryDirectory(prefix="wslb-podman-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "containers.conf").write_text(
            f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc=16384:16384"]\n', encoding="utf-8"
        )
        command = [podman, "--root", name + "/root", "--runroot", name + "/run", "--cgroup-manager", "cgroupfs"]
        command += ["--runtime", "runc"] if shutil.which("runc") else []  # crun refuses cgroups of both versions
        environ = {**os.environ, "CONTAINERS_CONF": str(folder / "containers.conf")}
        address = f"unix://{name}/podman.sock"
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "system", "service", "--time", "0", address], env=environ, stdout=log, stderr=log
            )
            try:
                wait_for(lambda: _listens(folder / "podman.sock"), seconds=20, what="podman's service")
                with closing(docker.DockerClient(base_url=address, timeout=60)) as client:
                    client.images.load(b"".join(image.save(named=True)))
                yield address
            finally:
                process.terminate()
                process.wait(timeout=20)
                # an ordinary user may not remove the layers, which are the files of other users to the system
                removal = [*command, "rmi", "--all", "--force"]
                subprocess.run(removal, env=environ, capture_output=True, timeout=60, check=False)


def _listens(path: Path) -> bool:
    """Asked without the SDK, which forgets the socket of a connection that failed."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


@pytest.mark.parametrize("network", [DockerNetwork.AUTO, DockerNetwork.PUBLISHED])
async def test_a_scenario_passes_in_podmans_container_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, service: str, network: DockerNetwork
) -> None:
    if network is DockerNetwork.PUBLISHED and os.geteuid() != 0:
        pytest.skip("rootless podman keeps this machine's loopback from containers in a network of their own")
    monkeypatch.setenv("DOCKER_HOST", service)
    settings = Settings(runtime=RuntimeChoice.DOCKER, image=engine.image(), pull=PullPolicy.NEVER)
    async with open_lab(replace(settings, docker_network=network)) as lab:
        runtime = lab.proxy.runtime
        assert isinstance(runtime, DockerRuntime)
        assert runtime.engine.facts.text.startswith("podman")
        assert runtime.network.forwarder is None, "the kernel forwards podman's ports"
        if network is DockerNetwork.AUTO:
            assert runtime.network.mode is DockerNetwork.HOST
            assert "compared" in runtime.network.why
        status = await runtime.run(["cat", "/proc/self/status"])
        facts = dict(line.split(":\t", 1) for line in status.output.splitlines() if ":\t" in line)
        assert {facts[name].strip() for name in ("CapEff", "CapPrm", "CapBnd", "CapInh")} == {"0" * 16}
        assert facts["NoNewPrivs"].strip() == "1"
        assert (await runtime.run(["touch", "/x"])).returncode != 0
        result = await runner.run(ONE, lab)
        assert result.outcome is Outcome.PASSED, result.reason or [v for v in result.verdicts if not v.holds]
    with closing(docker.DockerClient(base_url=service)) as client:
        assert client.containers.list(all=True) == []
