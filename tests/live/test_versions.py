"""The main job and what differs by version on httpd of other versions, as ``tests/versions/build`` makes them.

`WSLB_VERSIONS` names them (``make test-versions`` sets it); without it nothing is built and these tests are skipped.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.live.command import place
from wslb.proxies.apache.since import DIRECTIVES, HOT_SPARES, PARAMETERS, Since
from wslb.proxies.apache.since import VALUES as OF_VALUES
from wslb.reports import json_file

pytestmark = [pytest.mark.live, pytest.mark.slow]

BUILD = Path(__file__).parents[1] / "versions" / "build"
VERSIONS = os.environ.get("WSLB_VERSIONS", "").split()
MAIN = ("lb", "headers", "article")
FURTHER = ("weights", "manager", "sticky", "timeouts", "restart-child-*")
ROUNDS = 3
"""Of the main job: before 2.4.62 a child that started late reset the turns in about every third run."""
OWN = """
<Proxy balancer://app>
BalancerMember ws://192.0.2.1:9080
BalancerMember ws://192.0.2.2:9080
</Proxy>
ProxyPass /chat balancer://app/chat
"""
STICKY = """
<Proxy balancer://app>
BalancerMember ws://192.0.2.1:9080 route=one
BalancerMember ws://192.0.2.2:9080 route=two
ProxySet stickysession=ROUTE|route
</Proxy>
ProxyPass /a balancer://app/chat
"""
EXAMPLES = {
    "<ifdirective": "<IfDirective Listen>\n</IfDirective>",
    "<iffile": "<IfFile /nothing>\n</IfFile>",
    "<ifsection": "<IfSection Location>\n</IfSection>",
    "h2proxyrequests": "H2ProxyRequests on",
    "h2websockets": "H2WebSockets on",
    "httpprotocoloptions": "HttpProtocolOptions Strict",
    "mergeslashes": "MergeSlashes off",
    "proxyhcexpr": "ProxyHCExpr ok {%{REQUEST_STATUS} =~ /^426/}",
    "proxyhctemplate": "ProxyHCTemplate slow hcinterval=60",
    "proxywebsocketfallbacktoproxyhttp": "ProxyWebsocketFallbackToProxyHttp Off",
    "remoteipproxyprotocol": "RemoteIPProxyProtocol on",
    "stricthostcheck": "StrictHostCheck on",
}
HEALTH = {
    "hcexpr": "ok",
    "hcfails": "1",
    "hcinterval": "5",
    "hcmethod": "GET",
    "hcpasses": "1",
    "hctemplate": "slow",
    "hcuri": "/x",
}
VALUES = {"addressttl": "10", **HEALTH, "responsefieldsize": "9000", "secret": "x", "upgrade": "websocket"}
MODULES = (
    *("mpm_event", "unixd", "log_config", "authz_core", "watchdog", "remoteip", "http2", "proxy", "proxy_http"),
    *("proxy_wstunnel", "slotmem_shm", "proxy_balancer", "lbmethod_byrequests", "proxy_hcheck"),
)


def binary_of(version: str) -> str:
    built = subprocess.run([BUILD, version], stdout=subprocess.PIPE, text=True, timeout=1800, check=True)
    return built.stdout.strip()


def entries() -> list[tuple[str, Since]]:
    """Every line of the table, as configuration and the version that is said to know it first."""

    def member(parameter: str) -> str:
        known = "ProxyHCExpr ok {%{REQUEST_STATUS} =~ /^426/}" if parameter.startswith("hcexpr") else ""
        known = "ProxyHCTemplate slow hcinterval=60" if parameter.startswith("hctemplate") else known
        return f"{known}\n<Proxy balancer://c>\nBalancerMember http://127.0.0.1:9 {parameter}\n</Proxy>"

    found = [(EXAMPLES[name], since) for name, since in DIRECTIVES.items()]
    found += [("ProxyPass /x http://127.0.0.1:9/ mapping=servlet", PARAMETERS["mapping"])]
    found += [(member(f"{name}={VALUES[name]}"), since) for name, since in PARAMETERS.items() if name != "mapping"]
    found += [(member(f"{name}={value}"), since) for (name, value), since in OF_VALUES.items()]
    return [*found, (member("status=+R"), HOT_SPARES)]


@pytest.mark.skipif(not VERSIONS, reason="WSLB_VERSIONS names no version; make test-versions does")
@pytest.mark.parametrize("version", VERSIONS or ["none"])
def test_what_a_version_knows_is_what_its_httpd_takes(version: str, tmp_path: Path) -> None:
    binary = Path(binary_of(version))
    told = subprocess.run([binary, "-v"], capture_output=True, text=True, timeout=20, check=True).stdout
    numbers = tuple(map(int, re.findall(r"Apache/(\d+)\.(\d+)\.(\d+)", told)[0]))
    folder = binary.parent.parent / "modules"
    loaded = [f"LoadModule {n}_module {folder}/mod_{n}.so" for n in MODULES if (folder / f"mod_{n}.so").exists()]
    wrong = []
    for lines, since in entries():
        text = "\n".join(
            [
                *loaded,
                f"ServerRoot {tmp_path}",
                "ServerName localhost",
                "ErrorLog error.log",
                "Listen 127.0.0.1:9",
                lines,
                "",
            ]
        )
        (tmp_path / "httpd.conf").write_text(text)
        taken = subprocess.run(
            [binary, "-t", "-f", tmp_path / "httpd.conf"], capture_output=True, timeout=20, check=False
        )
        if (taken.returncode == 0) is not (numbers >= since.version):
            wrong.append(f"{lines!r} ({since.text}): {taken.stderr.decode(errors='replace')}")
    assert wrong == []


@pytest.mark.skipif(not VERSIONS, reason="WSLB_VERSIONS names no version; make test-versions does")
@pytest.mark.parametrize("version", VERSIONS or ["none"])
def test_the_main_job_holds_on(version: str) -> None:
    binary = binary_of(version)
    told = subprocess.run([binary, "-v"], capture_output=True, text=True, timeout=20, check=True).stdout
    for further in (FURTHER, *[()] * (ROUNDS - 1)):
        with place() as here:
            ended = here.run("test", *MAIN, *further, "--httpd", binary, "--json")
            assert ended.code == 0, ended.out[-4000:] + ended.err
            document = json.loads(ended.out)
            environment = document["environment"]
            assert f"Apache/{environment['proxy_version']}" in told
            sets_back = tuple(map(int, environment["proxy_version"].split("."))) < (2, 4, 62)
            assert ("new_children" in environment) is sets_back
            skipped = [one for one in document["scenarios"] if one["outcome"] == "skipped"]
            assert document["counts"]["passed"] == len(document["planned"]) - len(skipped)
            assert document["counts"]["passed"] > (80 if further else 15)
            assert [one for one in skipped if not re.search(r"httpd.*2\.4\.\d+", one["reason"])] == []
            assert here.leftovers() == []


@pytest.mark.skipif(not VERSIONS, reason="WSLB_VERSIONS names no version; make test-versions does")
@pytest.mark.parametrize("version", VERSIONS or ["none"])
def test_a_configuration_of_a_user_is_asked_once_all_children_have_started(version: str) -> None:
    httpd = binary_of(version)
    with place() as here:
        (here.folder / "site.conf").write_text(OWN)
        for _ in range(ROUNDS):
            ended = here.run("try", "site.conf", "--httpd", httpd)
            assert ended.code == 0, ended.out + ended.err


@pytest.mark.skipif(not VERSIONS, reason="WSLB_VERSIONS names no version; make test-versions does")
@pytest.mark.parametrize("version", VERSIONS or ["none"])
def test_a_route_in_a_path_is_judged_as_this_version_hears_it(version: str) -> None:
    """In the query 2.4.62 and 2.4.63 hear none (PR 69443); in a parameter of the path every version does."""
    expected: dict[str, set[str | None]] = {}
    told: tuple[int, ...] = ()
    for path in ("/a/?route=x.two", "/a/;route=x.two"):
        with place() as here:
            (here.folder / "site.conf").write_text(STICKY)
            ended = here.run("try", "site.conf", "--httpd", binary_of(version), "--path", path)
            assert ended.code == 0, ended.out + ended.err
            report = json_file.load(here.folder / "reports" / "try" / "report.json")
        turns = next(one for one in report.scenarios if one.name == "conf-1-turns")
        expected[path] = {connection.expected for connection in turns.connections}
        told = tuple(map(int, str(report.environment["proxy_version"]).split(".")))
    deaf = (2, 4, 62) <= told < (2, 4, 64)
    assert expected == {"/a/?route=x.two": {"one", "two"} if deaf else {"two"}, "/a/;route=x.two": {"two"}}
