"""Autobahn's 247 cases of frames and 54 of limits: none fails on a stand-in, nor through httpd on either carrier."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.test_trace import served
from tests.originals import provide
from tests.originals.conftest import lacking
from tests.originals.servers import HOST, ORIGINALS, stand_in
from tests.originals.suite import FRAMES, LIMITS, SUITE_SECONDS, failed
from wslb.config import RuntimeChoice, Settings
from wslb.lab.launch import discover

pytestmark = [pytest.mark.live, pytest.mark.timeout(SUITE_SECONDS + 60)]

NUMBER = 247 + 54


@pytest.fixture(scope="module", autouse=True)
def suite() -> None:
    try:
        provide.autobahn()
    except provide.Missing as why:
        lacking(why)


@pytest.mark.parametrize("plays", sorted(ORIGINALS))
async def test_no_case_fails_on_a_stand_in(plays: str, tmp_path: Path) -> None:
    async with stand_in(plays, tmp_path) as server:
        found = await failed(f"ws://{HOST}:{server.port}{server.echo_path}", (*FRAMES, *LIMITS), tmp_path)
    assert found == (NUMBER, {})


@pytest.mark.parametrize("plays", sorted(ORIGINALS))
@pytest.mark.parametrize("fallback", ["Off", "On"], ids=["wstunnel", "http"])
async def test_no_case_fails_through_httpd(plays: str, fallback: str, tmp_path: Path) -> None:
    installation = (await discover(Settings(runtime=RuntimeChoice.LOCAL))).installation
    (tmp_path / "httpd").mkdir()
    async with stand_in(plays, tmp_path) as server:
        lines = (
            f"ProxyWebsocketFallbackToProxyHttp {fallback}",
            f"ProxyPass /echo ws://{HOST}:{server.port}{server.echo_path}",
        )
        async with served("\n".join(lines), tmp_path / "httpd", installation) as port:
            found = await failed(f"ws://{HOST}:{port}/echo", (*FRAMES, *LIMITS), tmp_path)
    assert found == (NUMBER, {})
