from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from wslb.errors import ConfigError, EvidenceError
from wslb.interfaces import Front, Installation
from wslb.model.balancer import Balancer, Carrier, LbMethod, Listener, Member, MemberState, Mount, ProcessModel, Site
from wslb.model.sites import wide
from wslb.proxies.apache.dialect import ApacheDialect
from wslb.scenarios.article import LISTING_8, listing_5

GOLDEN = Path(__file__).parent / "golden"
DIALECT = ApacheDialect()
ADDRESSES = {
    "ws://liberty": "127.0.0.101:10000",
    "wss://liberty": "127.0.0.101:10443",
    "ws://node": "127.0.0.102:8888",
    "wss://node": "127.0.0.102:8889",
}
DEBIAN = Installation(
    binary="/usr/sbin/apache2",
    modules_folder="/usr/lib/apache2/modules",
    version="2.4.71",
    built_in=frozenset({"core", "so", "watchdog", "http_core", "log_config", "logio", "version", "unixd"}),
    loadable=frozenset(
        {"mpm_event", "authz_core", "authz_host", "proxy", "slotmem_shm", "proxy_balancer", "lbmethod_byrequests"}
        | {"lbmethod_bytraffic", "lbmethod_bybusyness", "proxy_wstunnel", "proxy_http", "ssl"}
    ),
)


def render(site: Site, **more: object) -> str:
    options = {
        "front": Front(plain=8080, tls=8443),
        "generation": "golden-1",
        "carrier": Carrier.WSTUNNEL,
        "installation": DEBIAN,
        "user": None,
        **more,
    }
    return DIALECT.render(site.resolved(ADDRESSES), **options)  # type: ignore[arg-type]


STICKY = Balancer(
    name="sticky",
    members=(
        Member(route="liberty", url="ws://liberty/WSConsole", loadfactor=1.5, parameters=(("retry", "2"),)),
        Member(route="node", url="ws://node", state=MemberState.STANDBY),
    ),
    lbmethod=LbMethod.BYBUSYNESS,
    stickysession="ROUTEID|routeid",
    parameters=(("maxattempts", "0"),),
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("wide", render(wide())),
        ("listing5", render(listing_5("ws://node/CLRunner"), front=Front(plain=8080))),
        ("listing8-http", render(LISTING_8, carrier=Carrier.HTTP, user=("#65534", "#65534"))),
        (
            "sticky",
            render(
                Site(
                    mounts=(Mount(path="/ws", target=STICKY, target_path="/CLRunner"),),
                    directives=("ProxyTimeout 5",),
                    timeout_seconds=2.5,
                    modules=("headers",),
                ),
                front=Front(plain=8080),
            ),
        ),
    ],
    ids=lambda value: value if "\n" not in value else "",
)
def test_rendering_is_the_golden_file(name: str, text: str, pytestconfig: pytest.Config) -> None:
    golden = GOLDEN / f"{name}.conf"
    if pytestconfig.getoption("--update-golden"):
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("bad", ['ws://a"b', "ws://a b", "ws://a\nUser root", "ws://<a>"])
def test_a_value_that_would_break_out_of_its_line_is_refused(bad: str) -> None:
    site = Site(mounts=(Mount(path="/ws", target=bad),))
    with pytest.raises(ConfigError, match="configuration value"):
        render(site)


def test_what_an_installation_lacks_is_named() -> None:
    site = wide()
    assert DIALECT.missing(site, DEBIAN) == ()
    poor = replace(DEBIAN, loadable=DEBIAN.loadable - {"ssl", "lbmethod_byrequests", "mpm_event"})
    assert DIALECT.missing(site, poor) == ("mod_mpm_event", "mod_lbmethod_byrequests", "mod_ssl")
    plain = Site(mounts=tuple(m for m in site.mounts if m.listener is Listener.PLAIN))
    assert "mod_ssl" not in DIALECT.missing(plain, poor)


VERSION = """Server version: Apache/2.4.71 (Debian)
Server built:   2026-11-12T08:58:41
Server MPM:     
Server compiled with....
"""  # noqa: W291 - as httpd prints it


def test_version_and_modules_are_read() -> None:
    version, facts = DIALECT.parse_version(VERSION)
    assert version == "2.4.71"
    assert facts == {"version": "2.4.71 (Debian)", "built": "2026-11-12T08:58:41"}
    assert DIALECT.parse_version(VERSION.replace("MPM:     ", "MPM:     event"))[1]["mpm"] == "event"
    assert DIALECT.parse_built_in("Compiled in modules:\n  core.c\n  mod_so.c\n") == {"core", "so"}
    with pytest.raises(EvidenceError):
        DIALECT.parse_version("nginx version: nginx/1.22")


STATUS = """<?xml version='1.0' encoding='UTF-8' ?>
<httpd:manager xmlns:httpd='http://httpd.apache.org'><httpd:balancers><httpd:balancer>
<httpd:name>balancer://mycluster</httpd:name><httpd:nonce>x</httpd:nonce><httpd:lbmethod>byrequests</httpd:lbmethod>
<httpd:workers><httpd:worker><httpd:name>ws://127.0.0.1:1/a</httpd:name><httpd:loadfactor>3.00</httpd:loadfactor>
<httpd:status>Init Drn Ok </httpd:status><httpd:lbstatus>-100</httpd:lbstatus><httpd:loadfactor>3.00</httpd:loadfactor>
<httpd:transferred>307</httpd:transferred><httpd:read>32</httpd:read><httpd:elected>4</httpd:elected>
<httpd:route>a</httpd:route><httpd:busy>2</httpd:busy></httpd:worker></httpd:workers>
</httpd:balancer></httpd:balancers></httpd:manager>"""


def test_the_status_page_is_read() -> None:
    (member,) = DIALECT.parse_status(STATUS, DEBIAN)
    assert (member.balancer, member.route, member.url) == ("mycluster", "a", "ws://127.0.0.1:1/a")
    assert (member.status, member.loadfactor, member.lbmethod) == ("Init Drn Ok", 3.0, "byrequests")
    assert (member.elected, member.busy, member.lbstatus, member.transferred, member.read) == (4, 2, -100, 307, 32)


@pytest.mark.parametrize(
    ("version", "shown", "loadfactor"), [("2.4.27", "3", 3.0), ("2.4.28", "150", 1.5), ("2.4.71", "1.50", 1.5)]
)
def test_a_loadfactor_is_read_as_its_version_shows_it(version: str, shown: str, loadfactor: float) -> None:
    (member,) = DIALECT.parse_status(STATUS.replace("3.00", shown), replace(DEBIAN, version=version))
    assert member.loadfactor == loadfactor


def test_the_words_of_old_versions_are_read_as_todays_flags() -> None:
    (member,) = DIALECT.parse_status(STATUS.replace("Init Drn Ok ", "Error"), replace(DEBIAN, version="2.4.12"))
    assert member.status == "Init Err"


@pytest.mark.parametrize("text", ["", "<html>", "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"])
def test_a_page_that_is_not_the_managers_xml_is_an_error(text: str) -> None:
    with pytest.raises(EvidenceError):
        DIALECT.parse_status(text, DEBIAN)


@pytest.mark.parametrize("number", ["many", "-", "1.5", "9" * 5000])
def test_a_number_that_is_none_is_an_error_of_the_page(number: str) -> None:
    before, _, rest = STATUS.partition("<httpd:elected>")
    page = f"{before}<httpd:elected>{number}<{rest.partition('<')[2]}"
    with pytest.raises(EvidenceError, match="a number of balancer://mycluster is none"):
        DIALECT.parse_status(page, DEBIAN)


LOG = """[Sun Nov 22 17:35:13.532665 2026] [proxy:error] [pid 28552:tid 28552] (111)Connection refused: AH00957: ws: no
[Sun Nov 22 17:35:13.534432 2026] [mpm_event:notice] [pid 1:tid 2] AH00489: Apache/2.4.71 configured
[Sun Nov 22 17:35:13.534432 2026] [ssl:info] [pid 1:tid 2] [client 127.0.0.1:5] [remote 127.0.0.1:6] AH02411: name
Segmentation fault

"""


def test_the_error_log_is_read_and_nothing_in_it_goes_unseen() -> None:
    lines = DIALECT.parse_log(LOG)
    assert [(line.module, line.level, line.code) for line in lines] == [
        ("proxy", "error", "AH00957"),
        ("mpm_event", "notice", "AH00489"),
        ("ssl", "info", "AH02411"),
        ("", "error", ""),
    ]
    assert lines[2].text == "AH02411: name"
    assert lines[3].alarming


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("{2026-11-25 13:24:25} {mpm_event:notice} AH00489: Apache/2.4.71 configured", "notice"),
        ("[warn] AH01873: Init: Session Cache is not configured", "warn"),
        ("12:00 (proxy:error) AH00957: attempt to connect failed", "error"),
        ("Wed Nov 25 AH00489: Apache/2.4.71 configured -- resuming normal operations", "notice"),
        ("Wed Nov 25 AH00957: attempt to connect failed", "error"),
        ("Wed Nov 25 AH00128: File does not exist: /srv/probe", "info"),
        ("Wed Nov 25 AH02611: create: apr_shm_create(/run/x.shm) succeeded", "debug"),
        ("Wed Nov 25 AH02611: create: apr_shm_create(/run/x.shm) failed", "error"),
        ("Wed Nov 25 AH00057: a number of which no level is known", ""),
        ("Wed Nov 25 AH99999: a number that nobody knows", "error"),
        ("mod_example/1.2: 3 rules loaded", ""),
        ("double free or corruption (out)", "error"),
        ("httpd: ../src/x.c:12: f: Assertion `n > 0' failed.", "error"),
    ],
)
def test_a_line_in_a_form_of_the_users_own_has_the_level_that_it_names(line: str, level: str) -> None:
    (read,) = DIALECT.parse_log(line)
    assert (read.level, read.text) == (level, line)


ACCESS = """200 512 700 15000 "ws://127.0.0.101:10000/WSConsole" "lb-1" "/ws"
101 0 0 5 "-" "direct-1" "/ws"
404 10 20 99 "-" "-" "/favicon.ico"
garbage
"""


def test_the_access_log_is_read_where_it_has_a_correlation_id() -> None:
    first, second = DIALECT.parse_access(ACCESS)
    assert (first.conn_id, first.status, first.member_url) == ("lb-1", 200, "ws://127.0.0.101:10000/WSConsole")
    assert (first.bytes_in, first.bytes_out, first.seconds, first.path) == (512, 700, 0.015, "/ws")
    assert (second.member_url, second.status) == ("", 101)


def test_a_mount_can_be_a_rewrite_rule_that_matches_whole_segments() -> None:
    mount = Mount(
        path="/ws",
        target=wide().balancers[0],
        target_path="/CLRunner",
        rewrite=True,
        conditions=("%{HTTP:Upgrade} websocket [NC]",),
    )
    text = render(Site(mounts=(mount,)).resolved(ADDRESSES))
    rule = text.partition("RewriteEngine On\n")[2].splitlines()
    assert rule[0] == "RewriteCond %{HTTP:Upgrade} websocket [NC]"
    assert rule[1] == "RewriteRule ^/ws(/.*)?$ balancer://mycluster/CLRunner$1 [P,L]"
    assert "ProxyPass /ws" not in text
    assert "mod_rewrite.so" in text


def test_a_site_can_do_without_a_module() -> None:
    site = replace(wide(tls=False), without=("proxy_wstunnel",)).resolved(ADDRESSES)
    text = render(site)
    assert "proxy_wstunnel_module" not in text
    assert "ProxyWebsocketFallbackToProxyHttp" not in text
    assert "mod_proxy_http.so" in text


@pytest.mark.parametrize(("version", "watched"), [("2.4.46", True), ("2.4.61", True), ("2.4.62", False)])
def test_children_are_watched_where_a_late_one_resets_the_turns(version: str, watched: bool) -> None:
    old = replace(DEBIAN, version=version, loadable=DEBIAN.loadable | {"status"})
    text = render(wide(), installation=old)
    assert ('<Location "/wslb-children">' in text) is watched
    assert ("LoadModule status_module" in text) is watched
    assert "/wslb-children" not in render(wide(), installation=replace(DEBIAN, version=version)), "without mod_status"


def test_children_that_come_and_go_are_told_of_by_every_version() -> None:
    model = ProcessModel(started=1, spare_threads=14, connections_per_child=24)
    site = replace(wide(), process_model=model, modules=("status",))
    text = render(site, installation=replace(DEBIAN, loadable=DEBIAN.loadable | {"status"}))
    for line in ("StartServers 1", "MinSpareThreads 14", "MaxConnectionsPerChild 24", '<Location "/wslb-children">'):
        assert line in text
    assert text.count("LoadModule status_module") == 1


def test_children_that_have_served_are_read_from_the_page_of_mod_status() -> None:
    """As 2.4.54 wrote it: the first table has slots and no bold type, a dead thread has no process id."""
    page = (
        "<tr><td>0</td><td>4711</td><td>no</td></tr>\n"
        "<tr><td><b>0-0</b></td><td>4711</td><td>0/2/2</td></tr>\n"
        "<tr><td><b>1-0</b></td><td>4720</td><td>1/1/1</td></tr>\n<tr><td><b>2-0</b></td><td>-</td></tr>"
    )
    assert DIALECT.parse_children(page) == {4711, 4720}
    assert DIALECT.parse_children("<html>404</html>") == frozenset()


def test_threads_of_all_children_are_read_from_mod_status() -> None:
    """As 2.4.54 wrote it with one child of four still starting: the sums are there twice."""
    sums = "BusyWorkers: 1\nIdleWorkers: 5\n"
    page = f"Total Accesses: 3\n{sums}Processes: 4\nStopping: 0\n{sums}ConnsTotal: 0\nScoreboard: __W_SS__..\n"
    assert DIALECT.parse_threads(page) == 6
    assert DIALECT.parse_threads("<html>404</html>") == 0


@pytest.mark.parametrize(("version", "written"), [("2.4.47", False), ("2.4.48", True)])
def test_the_directive_that_gives_the_carrier_is_written_where_httpd_knows_it(version: str, written: bool) -> None:
    text = render(wide(), installation=replace(DEBIAN, version=version))
    assert ("ProxyWebsocketFallbackToProxyHttp" in text) is written
