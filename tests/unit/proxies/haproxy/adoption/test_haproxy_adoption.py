"""HAProxy's configurations of users: read with their lines, made servable, asked on the right paths."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.proxies.haproxy.adoption.configurations import DEFAULT, DEFAULTS, HAPROXY_CONFIGURATIONS, PAIR, site
from wslb.errors import EvidenceError, HarnessError, ProxyConfigRejected
from wslb.model.balancer import LbMethod
from wslb.proxies.apache.conf.textfiles import understood
from wslb.proxies.haproxy.adoption.adopt_haproxy import milliseconds_of
from wslb.proxies.haproxy.adoption.adopted_haproxy import AdoptedHaproxy
from wslb.proxies.haproxy.adoption.haproxy_adoption import HaproxyAdoption
from wslb.proxies.haproxy.adoption.haproxy_places import split_address
from wslb.proxies.haproxy.adoption.sections import in_force, read_sections, switched_on
from wslb.proxies.registry import adoption_of


def adopted(folder: Path, text: str) -> AdoptedHaproxy:
    (folder / "site.cfg").write_text(text)
    with contextlib.chdir(folder):
        return HaproxyAdoption().read(Path("site.cfg"))


def served(folder: Path, text: str) -> str:
    return "\n".join(adopted(folder, text).body)


def changes(folder: Path, text: str) -> str:
    return "\n".join(one.told for one in adopted(folder, text).changes)


@pytest.mark.parametrize("name", HAPROXY_CONFIGURATIONS)
def test_a_configuration_is_known_for_one_of_haproxy_and_asked_on_its_paths(tmp_path: Path, name: str) -> None:
    case = HAPROXY_CONFIGURATIONS[name]
    adoption = adoption_of(case.text)
    assert adoption is not None
    assert adoption.proxy == "haproxy"
    asked = adopted(tmp_path, case.text).asked_paths(())
    found = tuple(dict.fromkeys(one.path for one in asked if not one.unasked.startswith("no request")))
    assert found == case.paths or (not found and "no request was found" in case.words[0])


def test_words_quotes_variables_and_comments_are_read_as_haproxy_reads_them(tmp_path: Path) -> None:
    (tmp_path / "site.cfg").write_text(
        "global # the first\n"
        "  description \"a $WHO ${WHO}s\" 'b $WHO' c\\ d # gone\n"
        "  node e\\#f\n"
        '  setenv X "$LACKING" "${LACKING-so}"\n'
    )
    (section,), told = read_sections(tmp_path / "site.cfg", {"WHO": "cat"})
    assert section.lines[0].words == ("description", "a cat cats", "b $WHO", "c d")
    assert section.lines[1].words == ("node", "e#f")
    assert section.lines[2].words == ("setenv", "X", "", "so")
    assert [one.partition(":")[2] for one in told] == ["4: the variable LACKING of the environment is not set here"]


def test_a_section_has_what_its_defaults_say_and_no_option_takes_it_back(tmp_path: Path) -> None:
    (tmp_path / "site.cfg").write_text(
        "defaults\n timeout server 1s\n option redispatch\n timeout server 2s\n"
        "backend one\n no option redispatch\n"
        "defaults other\n timeout server 3s\n"
        "backend two\n server a 192.0.2.1:1\n"
        "backend three\n timeout server 4s\n"
        "defaults last from other\n"
        "backend four from other\n"
        "backend five\n"
    )
    sections, _ = read_sections(tmp_path / "site.cfg")
    behind = {one.name: one for one in sections if one.kind == "backend"}
    times = {name: line.words[2] for name, one in behind.items() if (line := in_force(one, "timeout", "server"))}
    assert times == {"one": "2s", "two": "3s", "three": "4s", "four": "3s", "five": "3s"}
    assert switched_on(behind["one"], "redispatch") is None
    assert in_force(behind["one"], "balance") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [("server a 192.0.2.1:80\n", "site.cfg:1: server a"), ("global\n node 'x\n", "site.cfg:2: a quote is not closed")],
)
def test_what_haproxy_could_not_read_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ProxyConfigRejected) as raised:
        adopted(tmp_path, text)
    assert said in str(raised.value)


def test_a_file_in_which_nothing_listens_cannot_be_asked(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="nothing in it listens"):
        adopted(tmp_path, f"{DEFAULTS}backend ws\n{PAIR}")


@pytest.mark.parametrize(
    ("word", "place"),
    [
        ("192.0.2.1:80", ("192.0.2.1", 80)),
        ("App.example.org", ("app.example.org", None)),
        ("[2001:db8::1]:80", ("2001:db8::1", 80)),
        ("2001:db8::1:80", ("2001:db8::1", 80)),
        ("ipv4@app.example.org:81", ("app.example.org", 81)),
        (":443", ("", 443)),
        ("/run/app.sock", None),
        ("unix@/run/app.sock", None),
        ("quic4@:443", None),
    ],
)
def test_an_address_is_read_as_haproxy_reads_it(word: str, place: tuple[str, int | None] | None) -> None:
    assert split_address(word) == place


@pytest.mark.parametrize(("word", "long"), [("500", 500), ("2s", 2000), ("1m", 60000), ("1h", 3600000), ("x", None)])
def test_a_time_is_in_milliseconds_where_it_has_no_unit(word: str, long: float | None) -> None:
    assert milliseconds_of(word) == long


def test_listeners_are_on_loopback_each_address_of_a_port_on_its_own(tmp_path: Path) -> None:
    front = "frontend web\n    bind *:80,192.0.2.7:80 accept-proxy interface eth0 name x\n    bind /run/web.sock\n"
    front += "    bind :443 v4v6 ssl crt /e/site.pem ca-file /e/ca.pem verify required alpn h2\n    bind :8000-8010\n"
    text = served(tmp_path, site(DEFAULT, front=front))
    assert "bind 127.0.0.1:${WSLB_PORT_80},127.0.0.2:${WSLB_PORT_80} name x\n" in text
    assert (
        "bind 127.0.0.1:${WSLB_PORT_443} ssl ca-file ${WSLB_RUN}/tls/ca.pem verify required alpn h2 "
        "crt ${WSLB_RUN}/tls/adopted-pair.pem\n"
    ) in text
    assert "/run/web.sock" not in text
    told = changes(tmp_path, site(DEFAULT, front=front))
    assert "the PROXY protocol is not spoken" in told
    assert "of a range of ports the first alone" in told


def test_servers_are_stand_ins_with_all_that_decides_turns(tmp_path: Path) -> None:
    behind = (
        "backend ws\n    default-server ssl check inter 2s\n"
        "    server a app.example.org:8443 weight 3 sni str(app.example.org) send-proxy-v2 resolvers dns alpn h2\n"
        "    server b 192.0.2.2:80 no-ssl backup\n    server c /run/app.sock cookie c\n    server d 127.0.0.1:80\n"
    )
    text = served(tmp_path, site(DEFAULT, behind))
    assert "default-server ssl check inter 2s verify none\n" in text
    assert "server a ${WSLB_MEMBER_1_TLS} weight 3 sni str(app.example.org)\n" in text
    assert "server b ${WSLB_MEMBER_2} no-ssl backup\n" in text
    assert "server c ${WSLB_MEMBER_3_TLS} cookie c\n" in text
    assert "server d 127.0.0.1:${WSLB_PORT_80}\n" in f"{text}\n"
    assert "the PROXY protocol is not spoken; over HTTP/1.1" in changes(tmp_path, site(DEFAULT, behind))


def test_each_rule_is_noted_with_its_own_condition_the_first_last(tmp_path: Path) -> None:
    rules = "    use_backend ws if { path /a }\n    http-request deny unless { src 192.0.2.1 }\n"
    rules += "    use_backend ws if { path /b }\n"
    text = served(tmp_path, site(f"{rules}{DEFAULT}"))
    noted = [line.strip() for line in text.splitlines() if "set-var(txn.wslb_" in line and "conn" not in line]
    assert noted == [
        "http-request set-var(txn.wslb_end) int(0) unless { src 192.0.2.1 }",
        "http-request set-var(txn.wslb_took) int(1)",
        "http-request set-var(txn.wslb_took) int(2) if { path /b }",
        "http-request set-var(txn.wslb_took) int(3) if { path /a }",
    ]
    marks = adopted(tmp_path, site(f"{rules}{DEFAULT}")).marks
    assert [one.line for one in marks] == [10, 12, 11, 9]


def test_the_method_weights_and_states_of_servers_are_those_of_the_model(tmp_path: Path) -> None:
    behind = (
        "backend ws\n    balance leastconn\n    server a 192.0.2.1:80 weight 3\n    server b 192.0.2.2:80 backup\n"
        "    server c 192.0.2.3:80 disabled\n"
    )
    (asked,) = adopted(tmp_path, site(DEFAULT, behind)).asked_paths(())
    assert asked.balancer is not None
    assert asked.balancer.lbmethod is LbMethod.LEASTCONN
    assert [(m.loadfactor, m.state.name) for m in asked.balancer.members] == [
        (3, "ENABLED"),
        (1, "STANDBY"),
        (1, "DISABLED"),
    ]


@pytest.mark.parametrize(
    ("behind", "why"),
    [
        ("    balance uri\n", "balance uri (site.cfg:11) elects by another rule than turns"),
        ("    default-server maxconn 5\n", "maxconn (site.cfg:12) lets connections wait, which changes the turns"),
        ("    stick on src\n", "stick on src (site.cfg:11) leads to a server by another rule than turns"),
        ("    server c 10.0.3.1:8080\n", "it has no server, two of one host and port"),
        ("    server c 10.0.3.3:80 weight x\n", "could not convert string to float"),
    ],
)
def test_what_elects_otherwise_is_not_foreseen_and_told(tmp_path: Path, behind: str, why: str) -> None:
    (asked,) = adopted(tmp_path, site(DEFAULT, f"backend ws\n{behind}{PAIR}")).asked_paths(())
    assert asked.balancer is None
    assert why in asked.unmodelled


def test_ties_of_leastconn_are_not_foreseen_where_they_are_random(tmp_path: Path) -> None:
    conf = adopted(tmp_path, site(DEFAULT, f"backend ws\n    balance leastconn\n{PAIR}"))
    (asked,) = replace(conf, version=(3, 4)).asked_paths(())
    assert "settles ties at random in this version" in asked.unmodelled


@pytest.mark.parametrize(
    ("lines", "over", "forgets", "told"),
    [
        ("", False, True, "without option redispatch in backend ws (site.cfg:10) no other server is tried"),
        ("    option redispatch\n", True, True, "option redispatch (site.cfg:11): another server is tried"),
        ("    option redispatch\n    retries 0\n", False, True, "retries 0 (site.cfg:12): no other server is tried"),
        ("    default-server check\n", False, False, "when its check takes it out and brings it back"),
    ],
)
def test_what_a_dead_server_costs_is_told_by_the_text(
    tmp_path: Path, lines: str, over: bool, forgets: bool, told: str
) -> None:
    (asked,) = adopted(tmp_path, site(DEFAULT, f"backend ws\n{lines}{PAIR}")).asked_paths(())
    assert (asked.fails_over, asked.forgets, asked.refused) == (over, forgets, 503)
    assert told in asked.failing_told


@pytest.mark.parametrize(
    ("times", "seconds", "told"),
    [
        ("    timeout tunnel 1h\n    timeout client 2s\n", 3600, "timeout tunnel 1h (site.cfg:"),
        ("    timeout client 2s\n    timeout server 3s\n", 2, "the smaller of timeout client and server"),
        ("", None, "such a tunnel never ends"),
    ],
)
def test_what_ends_an_idle_tunnel_is_told_by_the_text(
    tmp_path: Path, times: str, seconds: float | None, told: str
) -> None:
    (asked,) = adopted(tmp_path, site(DEFAULT, defaults=f"defaults\n    mode http\n{times}")).asked_paths(())
    assert asked.idle_seconds == seconds
    assert told in asked.idle_told


def test_at_a_pace_only_the_times_that_end_a_tunnel_are_divided(tmp_path: Path) -> None:
    text = "\n".join(adopted(tmp_path, site(DEFAULT)).at_pace(1200).body)
    assert "timeout tunnel 3000ms" in text
    assert "timeout client 25ms" in text
    assert "timeout connect 5s" in text


def test_a_plain_listener_that_only_sends_on_to_tls_is_not_asked(tmp_path: Path) -> None:
    rules = "    bind :443 ssl crt /e/site.pem\n    http-request redirect scheme https unless { ssl_fc }\n"
    asked = adopted(tmp_path, site(f"{rules}{DEFAULT}")).asked_paths(())
    assert [one.door.port for one in asked] == [443]
    rules = (
        "    bind :443 ssl crt /e/site.pem\n    http-request redirect scheme https if { path_beg /old } !{ ssl_fc }\n"
    )
    assert [one.door.port for one in adopted(tmp_path, site(f"{rules}{DEFAULT}")).asked_paths(())] == [80, 443]


def test_paths_that_the_user_names_are_asked_alone_under_each_name(tmp_path: Path) -> None:
    rules = "    use_backend ws if { hdr(host) -i chat.example.org }\n    default_backend pages\n"
    behind = f"backend ws\n{PAIR}backend pages\n    server p 10.0.3.3:3000\n"
    asked = adopted(tmp_path, site(rules, behind)).asked_paths(("/any",))
    assert [(one.server_name, one.path, one.at.split(": ")[1].split()[0]) for one in asked] == [
        ("chat.example.org", "/any", "use_backend"),
        (None, "/any", "default_backend"),
    ]


@pytest.mark.parametrize(
    ("defaults", "behind", "count"),
    [
        (DEFAULTS, PAIR, 1),
        (f"{DEFAULTS}    option redispatch\n", PAIR, 0),
        (DEFAULTS, "    server a 10.0.3.1:80\n", 0),
        (DEFAULTS.replace("    timeout tunnel 1h\n", "    option redispatch\n"), PAIR, 1),
        (f"{DEFAULTS}    option redispatch\n", f"    option httpchk\n{PAIR}", 0),
        (f"{DEFAULTS}    option redispatch\n", f"    option httpchk\n    default-server check\n{PAIR}", 1),
        (
            f"{DEFAULTS}    option redispatch\n",
            f"    option httpchk\n    http-check expect status 426\n    default-server check\n{PAIR}",
            0,
        ),
    ],
)
def test_what_will_trouble_websockets_is_told_with_its_line(
    tmp_path: Path, defaults: str, behind: str, count: int
) -> None:
    told = adopted(tmp_path, site(DEFAULT, f"backend ws\n{behind}", defaults=defaults)).told
    assert len(told) == count
    assert all(one.startswith("site.cfg:1") for one in told)


@pytest.mark.parametrize("name", HAPROXY_CONFIGURATIONS)
def test_a_line_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path, name: str) -> None:
    """HAProxy refuses most of these; until it has, nobody may stumble over a word that is not there."""
    lines = HAPROXY_CONFIGURATIONS[name].text.splitlines()
    cuts = [(at, count) for at, line in enumerate(lines) for count in range(1, len(line.split()))]
    placed: list[bool] = []
    for at, count in cuts:
        text = "\n".join([*lines[:at], " ".join(lines[at].split()[:count]), *lines[at + 1 :], ""])
        with contextlib.suppress(HarnessError):
            conf = adopted(tmp_path, text)
            conf.asked_paths(())
            conf.asked_paths(("/ws",))
            placed.append(len(conf.body) == len(conf.places))
    assert placed
    assert all(placed)


def test_a_rule_is_asked_by_what_takes_it_whatever_else_its_alternatives_would_let_one_try(tmp_path: Path) -> None:
    rules = (
        "    acl api hdr(host) -i api.example.org\n    acl ws hdr(Upgrade) -i websocket\n"
        f"    acl ws hdr_beg(host) -i ws.\n    use_backend ws if api ws\n{DEFAULT}"
    )
    asked = adopted(tmp_path, site(rules)).asked_paths(())
    assert [(one.server_name, one.path, one.unasked) for one in asked] == [
        ("api.example.org", "/", ""),
        (None, "/", ""),
    ]


def test_a_command_about_httpd_names_the_one_that_takes_such_a_file() -> None:
    with pytest.raises(EvidenceError) as raised:
        understood(site(DEFAULT), Path("site.cfg"))
    assert "this is HAProxy, not Apache httpd" in str(raised.value)
    assert raised.value.hint == "wslb try site.cfg takes it; this command is about httpd.conf."
