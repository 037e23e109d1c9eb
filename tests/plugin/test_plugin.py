"""The pytest plugin in a project of somebody else: the guide's own tests, options, the report, and no quiet skip."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.project import QUIET, ROOT, environment, run
from wslb.caller import ENDING

pytestmark = pytest.mark.live

GUIDE = (ROOT / "docs" / "howto" / "pytest.md").read_text(encoding="utf-8")
EXAMPLES: list[str] = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
"""What the documentation tells a reader to paste."""


SITE = """\
<VirtualHost *:80>
    ServerName other.example.org
    ProxyPass "/x" "ws://10.0.0.14:3000/x"
</VirtualHost>
<VirtualHost *:80>
    ServerName app.example.org
    <Proxy "balancer://chat">
        BalancerMember "ws://10.0.0.11:3000"
        BalancerMember "ws://10.0.0.12:3000"
    </Proxy>
    ProxyPass "/chat" "balancer://chat/chat"
    ProxyPass "/" "http://10.0.0.11:3000/"
</VirtualHost>
<VirtualHost *:443>
    ServerName app.example.org
    SSLEngine On
    SSLCertificateFile /etc/ssl/app.pem
    ProxyPass "/secure" "ws://10.0.0.13:3000/tls"
</VirtualHost>
"""


@pytest.mark.parametrize("example", EXAMPLES, ids=["lab", "configuration", "scenario"])
def test_the_tests_of_the_guide_run_as_they_stand(example: str, tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(example, encoding="utf-8")
    (tmp_path / "site.conf").write_text(SITE, encoding="utf-8")
    ended = run(tmp_path, "-q")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{example.count('def test_')} passed" in ended.stdout


OF_A_CONFIGURATION = """
import pytest
from wslb import Lab, Try

pytestmark = pytest.mark.wslb_lab(conf="site.conf", server="app.example.org")

async def test_both_listeners_under_the_name_of_the_server(wslb_lab: Lab) -> None:
    for path, scheme in (("/chat", "ws"), ("/secure", "wss")):
        async with await wslb_lab.open(path) as console:
            assert console.handshake.url.startswith(f"{scheme}://app.example.org:")
            assert "System Status Information" in str(await console.run("WRKSYSSTS"))
    record = await wslb_lab.collect()
    assert [h.backend for h in record.handshakes] == ["10.0.0.11-3000", "10.0.0.13-3000"]
    assert [h.arrival.target for h in record.handshakes] == ["/chat", "/tls"]

async def test_red(wslb_try: Try) -> None:
    await wslb_try("broken.conf")

async def test_not_a_configuration(wslb_try: Try) -> None:
    await wslb_try("none.conf")

@pytest.mark.wslb_lab(conf="site.conf", server="nobody.example.org")
async def test_nobody(wslb_lab: Lab) -> None:
    pass
"""


def test_a_configuration_of_the_users_in_a_test(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(OF_A_CONFIGURATION, encoding="utf-8")
    (tmp_path / "site.conf").write_text(SITE, encoding="utf-8")
    (tmp_path / "broken.conf").write_text("ProxyPass /chat http://10.0.0.11:3000/chat\n", encoding="utf-8")
    ended = run(tmp_path, "-q", "--wslb-report=out")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "2 failed, 1 passed, 1 error" in ended.stdout
    assert "broken.conf:1: ProxyPass /chat http://10.0.0.11:3000/chat takes it as plain HTTP" in ended.stdout
    assert "none.conf" in ended.stdout
    assert "no such file" in ended.stdout
    assert "must be one of app.example.org, other.example.org" in ended.stdout
    document = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert [(s["name"], s["outcome"]) for s in document["scenarios"]] == [("conf-1-upgrade", "failed")]


def test_a_scenario_of_the_articles_lab_is_not_asked_of_a_configuration(tmp_path: Path) -> None:
    text = "import pytest\n@pytest.mark.wslb_lab(conf='x')\nasync def test_one(wslb_lab, wslb_ask): pass\n"
    (tmp_path / "test_mine.py").write_text(text, encoding="utf-8")
    ended = run(tmp_path, "-q")
    assert (ended.returncode, "wslb_try asks" in ended.stdout + ended.stderr) == (4, True), ended.stdout + ended.stderr


@pytest.mark.parametrize("mark", ["wslb_lab()", "wslb_lab('site.conf')", "wslb_lab(conf='site.conf', name='x')"])
def test_a_mark_that_says_what_it_cannot_is_a_usage_error(mark: str, tmp_path: Path) -> None:
    text = f"import pytest\n@pytest.mark.{mark}\nasync def test_one(wslb_lab): pass\n"
    (tmp_path / "test_mine.py").write_text(text, encoding="utf-8")
    ended = run(tmp_path, "-q")
    assert ended.returncode == 4, ended.stdout + ended.stderr
    assert "the mark is wslb_lab(conf=FILE" in ended.stdout + ended.stderr


ASKING = """
import pytest

@pytest.mark.wslb_lb
async def test_one(wslb_ask):
    await wslb_ask("lb-byrequests")

@pytest.mark.wslb_lb
async def test_red(wslb_ask):
    from dataclasses import replace
    from wslb import served_by
    from wslb.scenarios.lb import SCENARIOS
    await wslb_ask(replace(SCENARIOS[0], name="mine-red", checks=(served_by("node", "node"),)))
"""


def test_a_scenario_that_fails_tells_what_it_expected(tmp_path: Path) -> None:
    (tmp_path / "test_ask.py").write_text(ASKING, encoding="utf-8")
    ended = run(tmp_path, "--wslb-report=out", "--wslb-carrier=http")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "wslb: runtime auto, carrier mod_proxy_http" in ended.stdout
    assert "connection 1 expected node, got liberty" in ended.stdout
    assert "again     wslb test mine-red --carrier http" in ended.stdout
    assert f"report  {(tmp_path / 'out/report.html').as_uri()}" in ended.stdout
    document = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert [s["outcome"] for s in document["scenarios"]] == ["passed", "failed"]
    assert document["exit_code"] == 1


REPEATED = """
import pytest
from dataclasses import replace
from wslb import served_by
from wslb.scenarios.lb import SCENARIOS

@pytest.mark.parametrize("name", ["mine-a", "mine-b", "mine-c"])
async def test_red(wslb_ask, name):
    async def act(lab):
        from wslb.interfaces import MemberChange
        await lab.change(MemberChange(route="liberty", loadfactor=3))
        lab._ledger.events.clear()  # as if somebody else had changed it
        await lab.open_in_turn(8)
    await wslb_ask(replace(SCENARIOS[0], name=name, act=act))
"""


@pytest.mark.parametrize("ci", ["", "true"], ids=["by hand", "in CI"])
def test_one_cause_is_told_in_full_once_and_named_at_the_end(ci: str, tmp_path: Path) -> None:
    (tmp_path / "test_ask.py").write_text(REPEATED, encoding="utf-8")
    ended = run(tmp_path, "-q", CI=ci, BUILD_NUMBER="")  # where one is set, pytest shortens no line of its summary
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert ended.stdout.count("    limit     ") == 1, ended.stdout
    assert ended.stdout.count("    cause     the one of mine-a: ") == 2
    summary = re.findall(r"^FAILED test_ask.py::test_red\[mine-\w\] - (.*)$", ended.stdout, re.MULTILINE)
    assert len(summary) == 3, ended.stdout
    assert all(line.startswith("liberty runs with") for line in summary), summary
    last = ended.stdout.splitlines()[-2]
    assert re.fullmatch(r"cause   .*loadfactor.* \(3 of 3 failures\)", last), ended.stdout[-1500:]


def test_without_httpd_the_session_ends_with_3_and_not_with_a_skip(tmp_path: Path) -> None:
    (tmp_path / "test_ask.py").write_text(ASKING, encoding="utf-8")
    ended = run(tmp_path, "--wslb-httpd=/nowhere/httpd", "--wslb-report=out")
    assert ended.returncode == 3, ended.stdout
    assert "/nowhere/httpd is no program" in ended.stdout + ended.stderr
    assert json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))["exit_code"] == 3


HOPELESS = """
import pytest
from dataclasses import replace
from wslb.scenarios.lb import SCENARIOS

FIRST = SCENARIOS[0]
TAKEN = replace(FIRST.site, modules=("alias",), directives=("RedirectMatch 410 ^/wslb-ready",))

@pytest.mark.wslb_lb
@pytest.mark.parametrize("scenario", [replace(FIRST, name=f"mine-{i}", site=TAKEN) for i in range(9)], ids=str)
async def test_one(wslb_ask, scenario):
    await wslb_ask(scenario)
"""


def test_a_lab_that_cannot_start_ends_the_session_after_the_second_equal_failure(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(HOPELESS, encoding="utf-8")
    ended = run(tmp_path, "-q", "--wslb-report=out")
    assert ended.returncode == 3, ended.stdout + ended.stderr
    assert "2 failed" in ended.stdout
    assert "mine-1 failed as mine-0 did, so nothing further was asked" in ended.stdout + ended.stderr
    assert "/wslb-ready answers 410 Gone without this run's id" in ended.stdout
    document = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert document["exit_code"] == 3
    assert [(s["name"], s["outcome"]) for s in document["scenarios"]] == [("mine-0", "errored"), ("mine-1", "errored")]
    assert len(document["planned"]) == 9


HANGING = """
import asyncio
import pytest
from dataclasses import replace
from wslb.scenarios.lb import SCENARIOS

async def act(lab):
    await asyncio.Event().wait()

@pytest.mark.wslb_lb
@pytest.mark.parametrize("scenario", [replace(SCENARIOS[0], name=f"mine-{i}", act=act) for i in range(3)], ids=str)
async def test_one(wslb_ask, scenario):
    await wslb_ask(scenario)
"""


def test_a_limit_errs_a_scenario_and_a_deadline_ends_the_session(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(HANGING, encoding="utf-8")
    ended = run(tmp_path, "-q", "--wslb-limit=0.5")
    assert (ended.returncode, "3 failed" in ended.stdout) == (1, True), ended.stdout + ended.stderr
    assert "It did not end within 0.5 s, the limit of a scenario." in ended.stdout
    ended = run(tmp_path, "-q", "--wslb-deadline=3", "--wslb-report=out")
    assert ended.returncode == 4, ended.stdout + ended.stderr
    assert "The run was stopped by the deadline of 3 s." in ended.stdout + ended.stderr
    document = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert (document["exit_code"], document["interrupted"]) == (4, "the deadline of 3 s")
    assert [s["outcome"] for s in document["scenarios"]] in (["errored"], []), "a lab may take longer to open"


def test_a_wrong_option_is_a_usage_error(tmp_path: Path) -> None:
    ended = run(tmp_path, "--wslb-carrier=tcp")
    assert ended.returncode == 4
    assert "must be one of wstunnel, http" in ended.stderr


MANY = 500
SLOW = (
    ASKING.replace("import pytest", f"import pytest\n\nMANY = {MANY}", 1)
    + """
@pytest.mark.wslb_lb
@pytest.mark.parametrize("number", range(MANY))
async def test_many(wslb_ask, number):
    print("asking", flush=True)
    await wslb_ask("lb-byrequests")
"""
)


@pytest.mark.parametrize("number", ENDING)
def test_an_interrupted_session_writes_its_report_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "test_slow.py").write_text(SLOW, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", *QUIET, "-s", "--wslb-report=out"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "asking" in line:
            break
    process.send_signal(number)
    try:
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    document = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert document["interrupted"] == number.name, out
    assert 0 < len(document["scenarios"]) < MANY, "it ended at once"


BREAKING = ["| head -1", ">/dev/full", ">&-", "2>&-", ">&- 2>&- <&-"]


@pytest.mark.parametrize("redirection", BREAKING)
def test_streams_that_break_cost_neither_report_nor_exit_code(tmp_path: Path, redirection: str) -> None:
    (tmp_path / "test_ask.py").write_text(ASKING, encoding="utf-8")
    words = [sys.executable, "-m", "pytest", *QUIET, "--wslb-report=out"]
    ended = subprocess.run(
        ["/bin/bash", "-c", f'"$@" {redirection}; exit ${{PIPESTATUS[0]}}', "-", *words],
        cwd=tmp_path,
        env=environment(PYTHONIOENCODING="ascii"),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1, ended
    document = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert [s["outcome"] for s in document["scenarios"]] == ["passed", "failed"]


RED = {
    "a test asks more than its scenario": """
async def test_one(wslb_ask):
    await wslb_ask("lb-byrequests")
    assert False
""",
    "a fixture beside the lab fails": """
import pytest

@pytest.fixture
def broken():
    raise RuntimeError("broken")

async def test_one(wslb_ask, broken):
    await wslb_ask("lb-byrequests")
""",
    "a file cannot be read": "raise RuntimeError",
}


@pytest.mark.parametrize("text", RED.values(), ids=RED)
def test_a_red_session_leaves_no_green_report(tmp_path: Path, text: str) -> None:
    (tmp_path / "test_ask.py").write_text("async def test_one(wslb_ask):\n    await wslb_ask('lb-byrequests')\n")
    assert run(tmp_path, "--wslb-report=out").returncode == 0
    assert json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))["exit_code"] == 0
    (tmp_path / "test_ask.py").write_text(text, encoding="utf-8")
    ended = run(tmp_path, "--wslb-report=out")
    assert ended.returncode in {1, 2}, ended.stdout
    document = json.loads((tmp_path / "out/report.json").read_text(encoding="utf-8"))
    assert document["exit_code"] == 4
    assert document["error"]


def test_a_report_folder_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    ended = run(tmp_path, "--wslb-report=out/lb")
    assert ended.returncode == 4
    assert "--wslb-report is 'out/lb', but must be a folder that can be written (not a directory)" in ended.stderr
