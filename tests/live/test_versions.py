"""The main job and balancer-manager on httpd of other versions, as ``tests/versions/build`` makes them.

`WSLB_VERSIONS` names them (``make test-versions`` sets it); without it nothing is built and these tests are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.live.command import place

pytestmark = [pytest.mark.live, pytest.mark.slow]

BUILD = Path(__file__).parents[1] / "versions" / "build"
VERSIONS = os.environ.get("WSLB_VERSIONS", "").split()
FAMILIES = ("lb", "headers", "article", "manager")
ROUNDS = 3
"""Before 2.4.62 a child that started late reset the turns in about every third run."""


@pytest.mark.skipif(not VERSIONS, reason="WSLB_VERSIONS names no version; make test-versions does")
@pytest.mark.parametrize("version", VERSIONS or ["none"])
def test_the_main_job_holds_on(version: str) -> None:
    built = subprocess.run([BUILD, version], stdout=subprocess.PIPE, text=True, timeout=1800, check=True)
    binary = built.stdout.strip()
    told = subprocess.run([binary, "-v"], capture_output=True, text=True, timeout=20, check=True).stdout
    for _ in range(ROUNDS):
        with place() as here:
            ended = here.run("test", *FAMILIES, "--httpd", binary, "--json")
            assert ended.code == 0, ended.out[-4000:] + ended.err
            document = json.loads(ended.out)
            assert f"Apache/{document['environment']['proxy_version']}" in told
            assert document["counts"]["passed"] == len(document["planned"]) > 40
            assert here.leftovers() == []
