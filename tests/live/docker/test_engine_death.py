"""An engine that dies under a run: a second dockerd of the test's own, never the one that other tests use."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import docker
import psutil
import pytest

from tests.live import engine
from wslb.config import PullPolicy, RuntimeChoice, Settings
from wslb.lab.launch import open_lab
from wslb.model.results import Outcome
from wslb.runtimes.docker import DockerRuntime
from wslb.scenarios import SCENARIOS, runner

pytestmark = [pytest.mark.docker, pytest.mark.live, pytest.mark.slow]

SCRIPT = Path(__file__).parents[2] / "images" / "engine.sh"
ONE = next(scenario for scenario in SCENARIOS if scenario.name == "lb-byrequests")


class Engine:
    """An engine with its own folder, socket and process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "docker.sock"
        self._environ = {
            **os.environ,
            "WSLB_ENGINE_DIR": str(folder),
            "WSLB_ENGINE_SOCKET": str(self.socket),
            "WSLB_ENGINE_BRIDGE": "wslb-second",
        }

    def script(self, word: str) -> None:
        done = subprocess.run(
            [str(SCRIPT), word], env=self._environ, capture_output=True, text=True, timeout=150, check=False
        )
        assert done.returncode == 0, done.stderr

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(int((self.folder / "docker.pid").read_text()))


@pytest.fixture(scope="module")
def second() -> Iterator[tuple[Engine, str]]:
    image = engine.image()
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        engine.missing("a second engine needs root and dockerd; docker.io has it (tests/images/engine.sh up)")
    folder = Path(tempfile.mkdtemp(prefix="wslb-second-engine-", dir="/var/tmp"))
    own = Engine(folder)
    try:
        own.script("up")
        client = docker.DockerClient(base_url=f"unix://{own.socket}", timeout=120)
        client.images.load(b"".join(engine.engine().api.get_image(image)))
        client.close()
        yield own, image
    finally:
        own.script("down")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_an_engine_that_dies_makes_the_run_errored_and_nothing_serves_on(
    second: tuple[Engine, str], number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, image = second
    monkeypatch.setenv("DOCKER_HOST", f"unix://{own.socket}")
    own.script("up")
    settings = Settings(runtime=RuntimeChoice.DOCKER, image=image, pull=PullPolicy.NEVER)
    async with open_lab(settings) as lab:
        assert isinstance(lab.proxy.runtime, DockerRuntime)
        assert (await runner.run(ONE, lab)).outcome is Outcome.PASSED
        container = psutil.Process(lab.proxy.runtime.container.pid)
        dockerd = own.process
        dockerd.send_signal(number)
        with suppress(psutil.TimeoutExpired):
            await asyncio.to_thread(dockerd.wait, 30)
        begin = time.monotonic()
        result = await runner.run(ONE, lab)
        assert result.outcome is Outcome.ERRORED
        assert "the Docker engine stopped answering in mid-run" in result.reason
        assert time.monotonic() - begin < 30, "an error, not a hang"
    assert psutil.wait_procs([container], timeout=20)[1] == [], "httpd does not serve on without its engine"

    own.script("up")
    client = docker.DockerClient(base_url=f"unix://{own.socket}")
    try:
        left = client.api.containers(all=True, filters={"label": "wslb.run"})
        for row in left:  # the next run of another process would do that; the owner, this process, is alive
            assert row["State"] == "exited"
            client.api.remove_container(row["Id"])
    finally:
        client.close()
