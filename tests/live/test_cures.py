"""Each word of a cure, asked of httpd: taken from the version on that the table says, refused before it.

`WSLB_VERSIONS` names further versions, as ``make test-versions`` builds them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.proxies.apache.advice.cures import WORDS
from wslb.certificates import Authority
from wslb.proxies.apache.dialect import ApacheDialect
from wslb.proxies.apache.discovery import find_httpd
from wslb.runtimes.local.local_runtime import LocalRuntime

pytestmark = pytest.mark.live

BUILD = Path(__file__).parents[1] / "versions" / "build"
VERSIONS = os.environ.get("WSLB_VERSIONS", "").split()
LOADED = (
    *("authz_core", "authz_host", "unixd", "proxy", "slotmem_shm", "proxy_balancer", "lbmethod_byrequests"),
    *("lbmethod_bybusyness", "lbmethod_heartbeat", "proxy_wstunnel", "proxy_http", "heartmonitor", "rewrite", "macro"),
    *("watchdog", "proxy_hcheck", "ssl"),
)


@pytest.mark.parametrize("version", ["", *VERSIONS], ids=lambda version: version or "here")
async def test_httpd_takes_each_word_from_its_version_on(version: str, tmp_path: Path) -> None:
    runtime = LocalRuntime(tmp_path)
    binary = (await runtime.run([str(BUILD), version], timeout_seconds=1800)).output.split()[-1] if version else None
    httpd = await find_httpd(runtime, ApacheDialect(), binary=binary)
    (tmp_path / "ca.pem").write_bytes(Authority().pem)
    folder = httpd.modules_folder
    names = [n for n in (f"mpm_{httpd.mpm}", *LOADED) if n in httpd.loadable and n not in httpd.built_in]
    loads = "".join(f'LoadModule {name}_module "{folder}/mod_{name}.so"\n' for name in names)
    taken: dict[str, tuple[bool, str]] = {}
    for name, word in WORDS.items():
        if name.startswith("module "):
            taken[name] = (httpd.has(name.removeprefix("module ")), "")
        elif "SSL" not in word.written or httpd.has("ssl"):
            text = word.written.replace("@MODULES@", folder).replace("@CA@", f"{tmp_path}/ca.pem")
            text = text.replace("@", "ws://192.0.2.1:8888")
            file = await runtime.write("httpd.conf", f'ServerName x\nErrorLog "/dev/null"\n{loads}{text}\n'.encode())
            done = await runtime.run([httpd.binary, "-t", "-f", file])
            taken[name] = (done.returncode == 0, done.output[-300:])
    if not httpd.has("ssl"):
        del taken["module ssl"]
    assert {
        name: said for name, (takes, said) in taken.items() if takes is not httpd.at_least(*WORDS[name].since)
    } == {}
    assert len(taken) > 45
