"""nginx and HAProxy in containers: the claims hold over a shared network and behind published ports."""

from __future__ import annotations

import json

import pytest

from tests.live import engine
from tests.live.command import place
from wslb.config import DockerNetwork
from wslb.proxies.registry import PROXIES

pytestmark = [pytest.mark.docker, pytest.mark.live, pytest.mark.slow]

FAMILIES = ("lb", "headers", "sticky", "restart", "limits")


@pytest.mark.parametrize("network", [DockerNetwork.HOST, DockerNetwork.PUBLISHED])
@pytest.mark.parametrize("name", sorted(set(PROXIES) - {"apache"}))
def test_every_claim_that_applies_holds_in_a_container(name: str, network: DockerNetwork) -> None:
    image = engine.image(PROXIES[name].image)
    with place() as here:
        words = ("--proxy", name, "--runtime", "docker", "--pull", "never", "--docker-network", network.value)
        done = here.run("test", *FAMILIES, *words, "--report", "out")
        assert done.code == 0, done.out + done.err
        report = json.loads((here.folder / "out" / "report.json").read_text())
    assert report["environment"]["image"] == image
    assert report["environment"]["network"] == network.value
    assert report["counts"]["passed"] >= 25, report["counts"]
