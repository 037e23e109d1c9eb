"""``wslb compare --proxies`` of the real three: what each row says of each, one red cell, and one that is not here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.foreign.provide import installed
from tests.live.test_matrix import HTTPD

pytestmark = pytest.mark.live

PROGRAM = "import sys; from wslb.cli.main import main; sys.argv[0] = 'wslb'; {before}; main()"

SHORT = (
    "import functools; from wslb.cli import contrasting; from wslb.commands.beside import proxy_topics; "
    "proxy_topics.TOPICS = proxy_topics.TOPICS[:1]; "
    "contrasting.hold = functools.partial(contrasting.hold, tunnels=20)"
)
"""One question, and twenty tunnels."""

UNWEIGHTED = (
    f"{SHORT}; from wslb.proxies.nginx import nginx_dialect as d; render = d.NginxDialect.render; "
    "d.NginxDialect.render = lambda *a, **k: render(*a, **k).replace('weight=3', 'weight=2')"
)
"""And an nginx that is given other weights behind the scenario's back."""


def compare(folder: Path, proxies: str, *words: str, before: str = "pass") -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", PROGRAM.format(before=before), "compare", "--proxies", proxies]
    return subprocess.run(
        [*argv, "--report", str(folder), *words], capture_output=True, text=True, timeout=400, check=False
    )


@pytest.fixture(scope="module")
def proxies() -> str:
    """All three, with their programs."""
    programs = {"apache": HTTPD, "nginx": installed("nginx"), "haproxy": installed("haproxy")}
    for name, program in programs.items():
        if not program:
            pytest.skip(f"{name} is not here: make test-foreign fetches nginx and HAProxy")
    return ",".join(f"{name}={program}" for name, program in programs.items())


Table = dict[str, tuple[dict[str, Any], ...]]


@pytest.fixture(scope="module")
def table(proxies: str, tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Cells of every row, by its title."""
    folder = tmp_path_factory.mktemp("proxies")
    done = compare(folder, proxies)
    assert done.returncode == 0, done.stdout + done.stderr
    saved = json.loads((folder / "proxies.json").read_text())
    assert [column["name"].partition("/")[0] for column in saved["columns"]] == ["Apache", "nginx", "HAProxy"]
    said = done.stdout.splitlines()
    assert max(map(len, said[said.index("TURNS") : -1])) <= 80
    assert "3 proxies: 51 of 51 answers as claimed" in said
    page = (folder / "proxies.html").read_text()
    for number in (1, 2, 3):
        assert (folder / str(number) / "report.html").is_file()
        assert f'href="{number}/report.html#weights-3-1"' in page
    return {row["title"]: tuple(row["cells"]) for row in saved["rows"]}


CLAIMS: dict[str, tuple[str, str, str]] = {
    "In which order are members of 3 to 1 elected?": (
        "liberty liberty node liberty",
        "liberty liberty node liberty",
        "liberty liberty liberty node",
    ),
    "Does an ordinary GET steal a turn?": ("yes: 4 WebSockets", "yes: 4 WebSockets", "yes: 4 WebSockets"),
    "Does a handshake without a key steal one?": ("yes: 4 turns", "yes: 4 turns", "no: strict turns"),
    "Does a TCP health check steal one?": ("no: strict", "no: strict", "no: strict"),
    "What does a member that refuses connects cost a client?": (
        "the dead one elected once, then in error",
        "the dead one elected once",
        "the dead one elected 7 times",
    ),
    "Does a member that stops tell its clients?": ("no, as the originals",) * 3,
    "Is a member that answers 503 passed over?": ("no: 101 503 101 503",) * 3,
    "What ends an idle tunnel, and how?": (
        "no: 2 of 2 answer after 1.5 s of silence",
        "2 of 2 after 1 s or more",
        "2 of 2 after 1 s or more",
    ),
    "Which limit wins?": (
        "yes: with Timeout 1 and timeout=2 both end after 2 s",
        "no: 2 of 2 answer after 1.5 s",
        "yes: with client and server at 1 s and tunnel at 2 s both end after 2 s",
    ),
    "Do pings keep an idle tunnel open?": ("every ping answered",) * 3,
    "What becomes of open tunnels, and where do the turns begin?": ("3 of 3 tunnels live",) * 3,
    "Are clients lost that arrive meanwhile?": ("40 of 40 answered 101",) * 3,
    "What does the backend see of it, and the client of the answer?": (
        "every field at client, backend and back",
        "Server and Date are nginx's own",
        "no Content-Length reaches the client",
    ),
    "Do fields of the client's own connection stay behind?": (
        "X-Hop, named by Connection, stays behind",
        "no: on 2 of 2 X-Hop",
        "no: on 2 of 2 X-Hop",
    ),
}


@pytest.mark.parametrize("title", CLAIMS)
def test_each_proxy_answers_as_it_does(table: Table, title: str) -> None:
    for cell, words in zip(table[title], CLAIMS[title], strict=True):
        answer = cell["answers"][0]
        assert answer["outcome"] == "passed", answer
        assert words in answer["claim"]
        assert answer["seen"]


def test_what_only_one_of_them_has_is_told_beside(table: Table) -> None:
    *_, haproxy = table["What does a member that refuses connects cost a client?"]
    assert "503 after 2.5 s" in haproxy["answers"][1]["claim"]
    assert "answers: 101 503 101 503; waited: 3." in haproxy["answers"][1]["seen"]
    apache, *others = table["Is there a limit on tunnels from before?"]
    assert "GracefulShutdownTimeout" in apache["reason"]
    assert ["3 of 3 old ones lost" in cell["answers"][0]["claim"] for cell in others] == [True, True]
    assert [answer["scenario"] for answer in table["Which limit wins?"][2]["answers"]] == [
        "timeouts-tunnel-wins",
        "timeouts-client-wins",
    ]


def test_the_handshake_is_told_as_the_backends_saw_it(table: Table) -> None:
    apache, nginx, haproxy = (
        cell["answers"][0]["seen"] for cell in table["What does the backend see of it, and the client of the answer?"]
    )
    assert "rewritten Host" in apache
    assert "added X-Forwarded-For X-Forwarded-Host X-Forwarded-Server" in apache
    assert "to the backend: re-created Upgrade Connection; to the client: " in nginx
    assert nginx.endswith("added Server Date")
    assert haproxy.endswith("removed Content-Length")


def test_tunnels_cost_memory_and_cpu_of_each(table: Table) -> None:
    answers = [answer for cell in table["Memory and CPU of 1,000 tunnels"] for answer in cell["answers"]]
    assert len(answers) == 3
    for answer in answers:
        assert answer["outcome"] == "passed", answer
        assert answer["seen"].startswith("RSS ")
        assert " s of CPU; " in answer["seen"]


def test_a_proxy_that_does_not_do_what_is_claimed_is_red(proxies: str, tmp_path: Path) -> None:
    done = compare(tmp_path, proxies, before=UNWEIGHTED)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "  nginx                  ✖ liberty liberty node liberty" in done.stdout
    assert "3 proxies: 5 of 6 answers as claimed" in done.stdout
    assert "✖ FAIL" in (tmp_path / "proxies.html").read_text()


def test_one_that_is_not_here_is_told_and_not_agreed_with(proxies: str, tmp_path: Path) -> None:
    httpd, _, haproxy = proxies.split(",")
    done = compare(tmp_path, f"{httpd},nginx={tmp_path}/nginx,{haproxy}", "--json", before=SHORT)
    assert done.returncode == 4, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert [column["name"].partition("/")[0] for column in told["columns"]] == ["Apache", "nginx", "HAProxy"]
    assert "nginx is no program; get it: " in told["columns"][1]["error"]
    assert [len(cell["answers"]) for cell in told["rows"][0]["cells"]] == [1, 0, 1]
    assert "2 proxies: 4 of 4 answers as claimed; not asked: nginx" in done.stderr


def test_one_alone_is_nothing_to_compare(proxies: str, tmp_path: Path) -> None:
    httpd = proxies.split(",", maxsplit=1)[0]
    done = compare(tmp_path / "m", f"{httpd},nginx={tmp_path}/nginx,haproxy={tmp_path}/haproxy")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "only Apache httpd is here, and it takes two" in done.stderr
    assert not (tmp_path / "m").exists()


def test_one_command_asks_all_and_one_that_is_not_here_is_red(proxies: str, tmp_path: Path) -> None:
    """`wslb test --proxy all` finds programs by PATH."""
    programs = dict(part.split("=") for part in proxies.split(",")[1:])
    folders = [str(Path(program).parent) for program in programs.values()]

    def test(*found: str, words: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-c", PROGRAM.format(before="pass"), "test", "lb-byrequests", "--proxy", "all", *words]
        environ = {**os.environ, "PATH": ":".join([*found, os.environ["PATH"]])}
        argv += ["--report", str(tmp_path / "m")]
        return subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False, env=environ)

    done = test(*folders)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 scenario on 3 installations: all answer alike" in done.stdout
    if shutil.which("haproxy") is None:
        done = test(folders[0])
        assert done.returncode == 4, done.stdout + done.stderr
        assert "NOT ASKED" in done.stdout
    done = test(words=("--httpd", HTTPD))
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"--httpd is '{HTTPD}', but must be left out with --proxy all." in done.stderr
