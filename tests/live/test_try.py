"""``wslb try`` as a user meets it: trees of files, what is refused in a sentence, nothing touched or left behind."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from websockets import Origin
from websockets.sync.client import connect

from tests.live.command import Place, place, wait_for

pytestmark = pytest.mark.live

LISTINGS = Path(__file__).parents[1] / "unit" / "proxies" / "apache" / "advice" / "conf"


@pytest.fixture
def here() -> Iterator[Place]:
    with place() as found:
        yield found
        assert found.leftovers() == []


def document(here: Place) -> dict[str, object]:
    found: dict[str, object] = json.loads((here.folder / "reports/try/report.json").read_text(encoding="utf-8"))
    return found


def outcomes(here: Place) -> dict[str, str]:
    return {s["name"]: s["outcome"] for s in document(here)["scenarios"]}  # type: ignore[attr-defined]


def test_listing_5_reaches_its_server_on_both_listeners(here: Place) -> None:
    shutil.copy(LISTINGS / "listing5.conf", here.folder / "httpd.conf")
    ended = here.run("try", "httpd.conf")
    assert ended.code == 0, ended.out + ended.err
    assert set(outcomes(here).values()) == {"passed"}
    assert "192.168.0.101:10000 saw GET /WSSConsole/CLRunner;" in ended.out
    assert "192.168.0.101:10443 saw GET /WSSConsole/CLRunner;" in ended.out


def test_listing_8_alternates_and_each_translated_line_is_told(here: Place) -> None:
    text = (LISTINGS / "listing8.conf").read_text()
    (here.folder / "httpd.conf").write_text(text)
    ended = here.run("try", "httpd.conf", "-v")
    assert ended.code == 0, ended.out + ended.err
    asked = {name.split("-", 2)[2] for name in outcomes(here)}
    assert asked == {"upgrade", "turns", "held", "at-once", "thieves"}
    assert set(outcomes(here).values()) == {"passed"}
    turns = next(s for s in document(here)["scenarios"] if s["name"] == "conf-1-turns")  # type: ignore[attr-defined]
    served = [connection["backend"] for connection in turns["connections"]]
    assert served == ["192.168.0.101-10443", "192.168.0.102-8889"] * 6
    translated = [line for line in text.splitlines() if "QSYS" in line or "AppName" in line or "Disable" in line]
    assert len(translated) == 12
    assert not [line for line in translated if f"{line.strip()} -> " not in ended.out]


MODULES = (
    "mpm_event authz_core authz_host alias dir mime setenvif headers rewrite proxy proxy_http proxy_wstunnel "
    "slotmem_shm proxy_balancer lbmethod_byrequests"
)


def debian(folder: Path, port: int, *, run: str = "/var/run/apache2", log: str = "/var/log/apache2") -> Path:
    """A tree as Debian's packages lay it out, with a site of one's own."""
    for name in ("mods-enabled", "sites-available", "sites-enabled", "conf-enabled"):
        (folder / name).mkdir(parents=True)
    (folder / "envvars").write_text(
        "unset HOME\nSUFFIX=\nexport APACHE_RUN_USER=www-data\nexport APACHE_RUN_GROUP=www-data\n"
        f"export APACHE_PID_FILE={run}$SUFFIX/apache2.pid\nexport APACHE_RUN_DIR={run}$SUFFIX\n"
        f"export APACHE_LOG_DIR={log}$SUFFIX\n"
    )
    (folder / "ports.conf").write_text(f"Listen {port}\n<IfModule ssl_module>\n    Listen 443\n</IfModule>\n")
    for name in MODULES.split():
        line = f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
        (folder / "mods-enabled" / f"{name}.load").write_text(line)
    (folder / "mods-enabled" / "mime.conf").write_text("TypesConfig /etc/mime.types\n")
    (folder / "conf-enabled" / "other-vhosts-access-log.conf").write_text(
        "CustomLog ${APACHE_LOG_DIR}/other_vhosts_access.log vhost_combined\n"
    )
    (folder / "sites-available" / "site.conf").write_text(
        f"<VirtualHost *:{port}>\n"
        "    ServerName site.example.org\n"
        "    DocumentRoot /srv/site\n"
        "    ErrorLog ${APACHE_LOG_DIR}/error.log\n"
        '    <Proxy "balancer://app">\n'
        '        BalancerMember "http://10.0.3.1:8080"\n'
        '        BalancerMember "http://10.0.3.2:8080"\n'
        "    </Proxy>\n"
        '    ProxyPass "/" "balancer://app/"\n'
        "</VirtualHost>\n"
    )
    (folder / "sites-enabled" / "site.conf").symlink_to("../sites-available/site.conf")
    main = folder / "apache2.conf"
    main.write_text(
        "DefaultRuntimeDir ${APACHE_RUN_DIR}\nPidFile ${APACHE_PID_FILE}\nUser ${APACHE_RUN_USER}\n"
        "Group ${APACHE_RUN_GROUP}\nErrorLog ${APACHE_LOG_DIR}/error.log\nLogLevel warn\n"
        "IncludeOptional mods-enabled/*.load\nIncludeOptional mods-enabled/*.conf\nInclude ports.conf\n"
        "<Directory />\n    Options FollowSymLinks\n    AllowOverride None\n    Require all denied\n</Directory>\n"
        'LogFormat "%v:%p %h %l %u %t \\"%r\\" %>s %O" vhost_combined\n'
        "IncludeOptional conf-enabled/*.conf\nIncludeOptional sites-enabled/*.conf\n"
    )
    return main


def state_of(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_tree_of_debian_gets_path_line_and_cause_and_its_port_stays_whose_it_is(here: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        main = debian(here.folder / "etc", occupied.getsockname()[1])
        before = state_of(here.folder / "etc")
        ended = here.run("try", str(main))
        assert state_of(here.folder / "etc") == before
        occupied.setblocking(False)
        with pytest.raises(BlockingIOError):
            occupied.accept()
    assert ended.code == 1, ended.out + ended.err
    site = main.parent / "sites-enabled" / "site.conf"
    assert f"{site}:9: ProxyPass / balancer://app/ takes it as plain HTTP" in ended.out
    assert document(here)["seconds"] < 20  # type: ignore[operator]

    cured = site.read_text().replace(':8080"', ':8080" upgrade=websocket')
    site.write_text(cured)
    ended = here.run("try", str(main))
    assert ended.code == 0, ended.out + ended.err
    assert {name.split("-", 2)[2] for name in outcomes(here)} == {"upgrade", "turns", "held", "at-once", "thieves"}


APACHE2 = Path("/usr/sbin/apache2")


def seen_of(server: psutil.Process, folder: Path) -> dict[str, object]:
    """What ``ps``, ``ss`` and the sums of its files say of a server that runs."""
    family = (server, *server.children(recursive=True))
    return {
        "processes": [(one.pid, one.create_time(), one.cmdline()) for one in family],
        "listening": sorted({c.laddr for one in family for c in one.net_connections() if c.status == "LISTEN"}),
        "files": state_of(folder),
        "modes": {str(path): (path.stat().st_mode, path.stat().st_mtime_ns) for path in folder.rglob("*")},
    }


def unasked_port() -> int:
    """A free port below those that the system gives to whoever asks for any: nobody else takes it meanwhile."""
    for port in range(18100 + os.getpid() % 1000, 20000):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise AssertionError("all of them are taken")


@pytest.mark.skipif(not APACHE2.exists(), reason="Debian's apache2 is not here")
def test_an_apache2_that_serves_the_same_files_is_untouched(here: Place) -> None:
    folder = here.folder / "server"
    for name in ("run", "log"):
        (folder / name).mkdir(parents=True)
    port = unasked_port()
    main = debian(folder / "etc", port, run=str(folder / "run"), log=str(folder / "log"))
    names = dict(re.findall(r"export (\w+)=([^$\n]*)", (folder / "etc/envvars").read_text()))
    environ = {"PATH": "/usr/bin:/bin", **names, "APACHE_PID_FILE": str(folder / "run/apache2.pid")}
    argv = [
        str(APACHE2),
        "-d",
        str(folder / "etc"),
        "-f",
        str(main),
        "-c",
        "ServerName own.example.org",
        "-DFOREGROUND",
    ]
    with subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            log = folder / "log/error.log"
            wait_for(lambda: log.exists() and "AH00094" in log.read_text(), what="the start of apache2")
            running = psutil.Process(server.pid)
            wait_for(lambda: len(running.children()) >= 2, what="its children")
            before = seen_of(running, folder)
            ended = here.run("try", str(main))
            assert seen_of(running, folder) == before
        finally:
            server.terminate()
    assert ended.code == 1, ended.out + ended.err
    assert document(here)["seconds"] < 20  # type: ignore[operator]
    screen = " ".join(" ".join(ended.out.splitlines()[:24]).split())
    assert f"{main.parent}/sites-enabled/site.conf:9: ProxyPass / balancer://app/ takes it as plain HTTP" in screen


def test_a_site_alone_is_read_with_the_variables_of_its_tree(here: Place) -> None:
    main = debian(here.folder / "etc", 80)
    ended = here.run("try", str(main.parent / "sites-available" / "site.conf"), "--path", "/ws")
    assert ended.code == 1, ended.out + ended.err
    assert "site.conf:9: ProxyPass / balancer://app/ takes it as plain HTTP" in ended.out


def test_after_kill_9_the_next_run_leaves_nothing(here: Place) -> None:
    shutil.copy(LISTINGS / "listing8.conf", here.folder / "httpd.conf")
    running = here.start("try", "httpd.conf")
    running.wait_until_printed("PASS")
    running.process.kill()
    running.end()
    wait_for(lambda: not [p for p in here.processes() if "python" in p.name()], what="the end of orphaned backends")
    ended = here.run("try", "httpd.conf")
    assert ended.code == 0, ended.out + ended.err


def test_what_is_kept_names_no_secret_in_the_report(here: Place) -> None:
    (here.folder / "site.conf").write_text("ProxyPass /ws ws://me:hidden1@app.internal/ws secret=hidden2\n")
    ended = here.run("try", "site.conf", "--keep", "-v")
    assert (here.folder / "reports/try/adopted.conf").stat().st_mode & 0o077 == 0
    report = (here.folder / "reports/try/report.json").read_text() + ended.out + ended.err
    assert "hidden" not in report


DOUBLING = b"Define D0 x\n" + b"".join(b"Define D%d ${D%d}${D%d}\n" % (n, n - 1, n - 1) for n in range(1, 60))
HOSTILE = {
    "endless": (b"Include site.conf\nProxyPass /ws ws://a/ws\n", 0, ""),
    "nul": (b"ProxyPass /ws ws://a/ws\n\0", 2, "it is binary, not text"),
    "empty": (b"", 2, "it holds no directive"),
    "refused": (b"ProxyPass /ws ws://a/ws\nKeepAliveTimeout\n", 3, "site.conf:2"),
    "comment": (b"ProxyPass /ws ws://a/ws # live\n", 3, "# live is no comment for httpd, but arguments"),
    "comment of a changed line": (b"Listen 80 # web\nProxyPass /ws ws://a/ws\n", 3, "# web is no comment"),
    "comment of a dropped line": (b"ProxyPass /ws ws://a/ws\nErrorLog logs/x # y\n", 3, "# y is no comment"),
    "comment that counts for nothing": (b"ProxyPreserveHost On # a\nProxyPass /ws ws://a/ws\n", 0, ""),
    "misspelt": (b"ProxyPas /ws ws://a/ws\n", 3, "site.conf:1"),
    "never opened": (b"ProxyPass /ws ws://a/ws\n</VirtualHost>\n", 3, "site.conf:2: </VirtualHost> closes nothing"),
    "never closed": (b"<VirtualHost *:80>\nProxyPass /ws ws://a/ws\n", 3, "site.conf:1: <VirtualHost> is not closed"),
    "the disk": (
        b"Include /\nProxyPass /ws ws://a/ws\n",
        2,
        "Include / (site.conf:1) is 'over 400', but must be at most 400",
    ),
    "doubling": (DOUBLING, 2, "${D13} (site.conf:15) is 'over 8190'"),
    "placeholder": (b"ProxyPass /ws ws://{{ host }}/ws\n", 2, "--set 'host=VALUE'"),
}


def test_a_file_of_a_folder_is_served_within_it(here: Place) -> None:
    (here.folder / ".htaccess").write_text(
        "RewriteEngine On\nRewriteCond %{HTTP:Upgrade} websocket [NC]\n"
        "RewriteRule ^ws(.*) ws://app.internal/there$1 [P]\n"
    )
    ended = here.run("try", ".htaccess")
    assert ended.code == 0, ended.out + ended.err
    assert ".htaccess:3: RewriteRule ^ws(.*) ws://app.internal/there$1 [P] took it" in ended.out
    assert "app.internal:80 saw GET /there;" in ended.out
    (here.folder / ".htaccess").write_text("RewriteEngine On\nProxyPreserveHost On\n")
    ended = here.run("try", ".htaccess")
    assert ended.code == 3, ended.out + ended.err
    assert ".htaccess:2: ProxyPreserveHost not allowed here" in ended.err


def test_what_is_given_decides_what_is_served(here: Place) -> None:
    (here.folder / "envvars").write_text("export APACHE_BACK=ws://app.internal\n")
    (here.folder / "site.conf").write_text(
        "<IfDefine LIVE>\nProxyPass /live ${APACHE_BACK}/live\n</IfDefine>\nProxyPass /ws ws://{{ host }}:${PORT}/ws\n"
    )
    ended = here.run("try", "site.conf", "-D", "PORT=81", "--set", "host=other.internal")
    assert ended.code == 0, ended.out + ended.err
    assert "site.conf:1: <IfDefine LIVE> is left out, for nobody defined the name: -D LIVE" in ended.out
    assert f"read with variables from {here.folder / 'envvars'}" in ended.out
    assert "other.internal:81 saw GET /ws;" in ended.out
    ended = here.run(
        "try", "./nowhere/../site.conf", "-D", "LIVE", "-D", "PORT=81", "--set", "host=x", "--path", "/live"
    )
    assert ended.code == 2, "a folder that is not there"
    ended = here.run("try", "site.conf", "-D", "LIVE", "-D", "PORT=81", "--set", "host=x", "--path", "/live")
    assert ended.code == 0, ended.out + ended.err
    assert "app.internal:80 saw GET /live;" in ended.out
    assert "left out, for nobody" not in ended.out


@pytest.mark.parametrize(("content", "code", "told"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_gets_a_sentence(here: Place, content: bytes, code: int, told: str) -> None:
    (here.folder / "site.conf").write_bytes(content)
    ended = here.run("try", "site.conf")
    assert ended.code == code, ended.out + ended.err
    assert told in ended.err
    assert "Traceback" not in ended.err


def test_a_pipe_and_a_file_without_end_are_not_read(here: Place) -> None:
    os.mkfifo(here.folder / "pipe.conf")
    with (here.folder / "long.conf").open("wb") as file:
        file.truncate(200 * 2**20)
    for name, told in (
        ("pipe.conf", "it is no regular file"),
        ("long.conf", "larger than 16 MiB"),
        ("none", "no such"),
    ):
        ended = here.run("try", name)
        assert (ended.code, told in ended.err) == (2, True), ended.err


def test_up_leaves_a_configuration_running_with_the_console_beside_it(here: Place) -> None:
    shutil.copy(LISTINGS / "listing8.conf", here.folder / "httpd.conf")
    running = here.start("up", "--conf", "httpd.conf")
    running.wait_until_printed("Ctrl+C")
    page = re.search(r"console +(\S+)", running.out)
    url = re.search(r"WebSocket +(ws://\S+/ws) ", running.out)
    assert page, running.out
    assert url, running.out
    with urllib.request.urlopen(page[1], timeout=10) as answer:  # noqa: S310 - the lab's own
        assert b'id="uri"' in answer.read()
    assert urllib.parse.parse_qs(urllib.parse.urlsplit(page[1]).query)["uri"] == [url[1]]
    origin = f"http://{urllib.parse.urlsplit(page[1]).netloc}"
    greetings = []
    for _ in range(4):
        with connect(url[1], proxy=None, origin=Origin(origin)) as tunnel:
            greetings.append(str(tunnel.recv(10)).split()[4])
            tunnel.send("WRKSYSSTS")
            assert "System Status Information" in str(tunnel.recv(10))
    assert greetings == ["192.168.0.101-10000", "192.168.0.102-8888"] * 2
    running.wait_until_printed("#4 → 192.168.0.102-8888")
    running.process.send_signal(signal.SIGINT)
    ended = running.end()
    assert (ended.code, "nothing is left running" in ended.out) == (0, True), ended.out + ended.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--conf", "httpd.conf", "--port", "8080"), "--port does not go with --conf"),
        (("--conf", "httpd.conf", "--backend-ports", "free"), "--backend-ports does not go with --conf"),
        (("--conf", "httpd.conf", "--lbmethod", "bytraffic"), "--lbmethod does not go with --conf"),
        (("-D", "X"), "--conf FILE"),
        (("--conf", "httpd.conf", "--set", "x"), "must be NAME=VALUE"),
        (("--conf", "none.conf"), "no such file"),
    ],
)
def test_up_refuses_what_a_configuration_cannot_be_given(here: Place, words: tuple[str, ...], told: str) -> None:
    (here.folder / "httpd.conf").write_text("ProxyPass /ws ws://a/ws\n")
    ended = here.run("up", *words)
    assert (ended.code, told in ended.err) == (2, True), ended.out + ended.err
