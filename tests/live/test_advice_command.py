"""``wslb doctor --conf``: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.proxies.apache.advice.cases import BROKEN, SOUND, marked


def doctor(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = "import sys; from wslb.cli.main import main; sys.argv[0] = 'wslb'; main()"
    return subprocess.run(
        [sys.executable, "-c", command, "doctor", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "ws.conf"
    path.write_text(marked(BROKEN["root-before-websocket"].text)[0])
    return path


def test_advice_names_file_line_severity_and_rule_and_ends_with_1(broken: Path) -> None:
    done = doctor("--conf", broken)
    assert done.returncode == 1
    assert done.stdout.startswith(
        f"{broken}:2: error WSLB-C050 /ws is taken by ProxyPass / http://192.0.2.9/ of line 1\n"
    )
    assert "\n    why:  " in done.stdout
    assert "\n    cure: " in done.stdout
    assert done.stdout.splitlines()[-1].startswith("1 error in 1 file; ")
    assert done.stderr == ""


def test_a_sound_file_ends_with_0(tmp_path: Path) -> None:
    path = tmp_path / "ws.conf"
    path.write_text(SOUND["fragment"].text)
    done = doctor("--conf", path)
    assert (done.returncode, done.stdout.partition(" in ")[0], done.stderr) == (0, "nothing to advise", "")


def test_json_is_one_document(broken: Path) -> None:
    done = doctor("--conf", broken, "--json", "--tunnels", "10")
    assert done.returncode == 1
    assert [advice["rule"] for advice in json.loads(done.stdout)["advice"]] == ["WSLB-C050"]


def test_a_path_is_traced_to_its_line(tmp_path: Path) -> None:
    path = tmp_path / "ws.conf"
    path.write_text("ProxyPass /ws ws://192.0.2.1:8888/ws\nProxyPass / http://192.0.2.9/\n")
    done = doctor("--conf", path, "--path", "/ws/1?room=7")
    assert done.stdout.startswith(
        f"/ws/1?room=7 in the main server\n  taken by {path}:1: ProxyPass /ws ws://192.0.2.1:8888/ws\n  carried by "
    )
    assert "  ws://192.0.2.1:8888/ws/1 sees GET /ws/1?room=7, Host 192.0.2.1:8888, with Upgrade\n" in done.stdout
    assert done.returncode == 0
    lost = doctor("--conf", path, "--path", "/chat", "--path", "/ws", "--json")
    assert lost.returncode == 1
    told = [(p["path"], p["ends"][0]["line"], p["ends"][0]["carries"]) for p in json.loads(lost.stdout)["paths"]]
    assert told == [("/chat", 2, False), ("/ws", 1, True)]
    for wrong in (("--conf", path, "--path", "ws"), ("--path", "/ws")):
        assert doctor(*wrong).returncode == 2


def test_what_cannot_be_read_ends_with_2_and_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "empty.conf"
    path.write_text("")
    for file in (path, tmp_path / "nowhere.conf", tmp_path):
        done = doctor("--conf", file)
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: Cannot read {file}: ")
        assert "  do:  " in done.stderr
        assert done.stdout == ""


def test_the_configuration_of_another_server_ends_with_2_and_its_name(tmp_path: Path) -> None:
    path = tmp_path / "site.conf"
    path.write_text("server {\n  listen 80;\n  location / {\n    proxy_pass http://192.0.2.1;\n  }\n}\n")
    done = doctor("--conf", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: Cannot read {path}: this is nginx, not Apache httpd.\n")
    assert f"do:  wslb try {path} takes it" in done.stderr


def test_a_hook_of_pre_commit_takes_file_names(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text()
    hook = dict(re.findall(r"^[- ] (\w+): (.*)$", text, re.MULTILINE))
    assert (hook["id"], hook["language"]) == ("wslb-doctor", "python")
    names = {
        "httpd.conf": True,
        "deploy/apache-vhost.conf": True,
        "etc/apache2/conf-enabled/ws.conf": True,
        "etc/apache2/sites-available/000-default": True,
        "public/.htaccess": True,
        "nginx.conf": False,
        "README.md": False,
    }
    assert {name: re.search(hook["files"], name) is not None for name in names} == names
    program, *words = hook["entry"].split()
    assert (program, words[0]) == ("wslb", "doctor")
    (tmp_path / "apache.conf").write_text(SOUND["fragment"].text)
    (tmp_path / "httpd.conf").write_text(marked(BROKEN["root-before-websocket"].text)[0])
    fine = doctor(*words[1:], tmp_path / "apache.conf", tmp_path / "apache.conf")
    assert (fine.returncode, fine.stderr) == (0, "")
    done = doctor(*words[1:], tmp_path / "apache.conf", tmp_path / "httpd.conf")
    assert done.returncode == 1
    assert f"{tmp_path / 'httpd.conf'}:2: error WSLB-C050 " in done.stdout


@pytest.mark.parametrize("form", ["text", "sarif"])
def test_one_file_that_cannot_be_read_does_not_hide_the_others(broken: Path, form: str) -> None:
    done = doctor("--conf", broken.parent / "gone.conf", broken, "--format", form)
    assert done.returncode == 2
    assert "WSLB-C050" in done.stdout
    assert done.stderr.startswith(f"error: Cannot read {broken.parent / 'gone.conf'}: no such file")
    if form == "sarif":
        json.loads(done.stdout)


def test_what_is_given_decides_what_counts(tmp_path: Path) -> None:
    (tmp_path / "envvars").write_text("export APACHE_BACK=ws://192.0.2.1\n")
    path = tmp_path / "site.conf"
    path.write_text(
        "<IfDefine PRODUCTION>\nProxyPass /ws ${APACHE_BACK}/${TAIL}{{ more }}\n</IfDefine>\n"
        "<IfDefine !PRODUCTION>\nProxyPass /ws http://192.0.2.9\n</IfDefine>\n"
    )
    given = ("-D", "PRODUCTION", "-D", "TAIL=a", "--set", "more=/b", "--path", "/ws/1")
    left = doctor("--conf", path, "--path", "/ws/1")
    assert left.returncode == 1
    assert f"{path}:1: note WSLB-C141 <IfDefine PRODUCTION> is left out, with ProxyPass of line 2" in left.stdout
    assert "http://192.0.2.9/1 sees GET /1, " in left.stdout
    sources = []
    for run in ((), ("--run-httpd",)):
        done = doctor("--conf", path, *given, *run)
        assert f"taken by {path}:2: ProxyPass /ws ws://192.0.2.1/a/b\n" in done.stdout
        assert (done.returncode, "WSLB-C14" in done.stdout) == (0, False), done.stdout
        assert f"variables from {tmp_path / 'envvars'}" in done.stdout
        sources.append("read by httpd" in done.stdout)
    assert sources == [os.geteuid() != 0, True]


def test_options_of_conf_alone_are_wrong_usage() -> None:
    assert doctor("--tunnels", "5").returncode == 2


COMPILER = shutil.which("cc") or ""


@pytest.mark.skipif(not COMPILER, reason="no C compiler makes a module")
@pytest.mark.parametrize(("options", "runs"), [((), os.geteuid() != 0), (("--run-httpd",), True)])
def test_code_of_modules_runs_for_root_only_when_asked(tmp_path: Path, options: tuple[str, ...], runs: bool) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "module.c").write_text(
        "#include <fcntl.h>\n"
        f'__attribute__((constructor)) static void ran(void) {{ open("{mark}", O_CREAT | O_WRONLY, 0644); }}\n'
    )
    module = tmp_path / "mod_mine.so"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", module, tmp_path / "module.c"], check=True)
    file = tmp_path / "httpd.conf"
    file.write_text(f'ServerRoot "{tmp_path}"\nLoadModule mine_module "{module}"\nListen 127.0.0.1:9\n')
    done = doctor("--conf", file, *options)
    assert mark.exists() is runs
    assert ("--run-httpd" in done.stdout) is not runs, "that httpd was not asked is said"
