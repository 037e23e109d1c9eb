"""``wslb try`` as a user meets it: trees of files, what is refused in a sentence, nothing touched or left behind."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    assert asked == {"upgrade", "turns", "held", "at-once"}
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


def debian(folder: Path, port: int) -> Path:
    """A tree as Debian's packages lay it out, with a site of one's own."""
    for name in ("mods-enabled", "sites-available", "sites-enabled", "conf-enabled"):
        (folder / name).mkdir(parents=True)
    (folder / "envvars").write_text(
        "unset HOME\nSUFFIX=\nexport APACHE_RUN_USER=www-data\nexport APACHE_RUN_GROUP=www-data\n"
        "export APACHE_PID_FILE=/var/run/apache2$SUFFIX/apache2.pid\nexport APACHE_RUN_DIR=/var/run/apache2$SUFFIX\n"
        "export APACHE_LOG_DIR=/var/log/apache2$SUFFIX\n"
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
    assert {name.split("-", 2)[2] for name in outcomes(here)} == {"upgrade", "turns", "held", "at-once"}


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


HOSTILE = {
    "endless": (b"Include site.conf\nProxyPass /ws ws://a/ws\n", 0, ""),
    "nul": (b"ProxyPass /ws ws://a/ws\n\0", 2, "it is binary, not text"),
    "empty": (b"", 2, "it holds no directive"),
    "refused": (b"ProxyPass /ws ws://a/ws\nKeepAliveTimeout\n", 3, "site.conf:2"),
    "misspelt": (b"ProxyPas /ws ws://a/ws\n", 3, "site.conf:1"),
    "placeholder": (b"ProxyPass /ws ws://{{ host }}/ws\n", 2, "--set 'host=VALUE'"),
}


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
