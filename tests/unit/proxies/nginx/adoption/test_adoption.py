"""nginx's configurations of users: read with their lines, made servable, asked on the right paths."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from tests.unit.proxies.nginx.adoption.configurations import CONFIGURATIONS, PAIR, WEBSOCKET, location, server
from wslb.errors import ConfigError, EvidenceError, ProxyConfigRejected
from wslb.model.lbmethods import start
from wslb.proxies.nginx.adoption.adopted_nginx import AdoptedNginx
from wslb.proxies.nginx.adoption.effective import seconds_of
from wslb.proxies.nginx.adoption.grammar import every, read_tree
from wslb.proxies.nginx.adoption.nginx_adoption import NginxAdoption
from wslb.proxies.registry import adoption_of


def adopted(folder: Path, text: str) -> AdoptedNginx:
    (folder / "site.conf").write_text(text)
    with contextlib.chdir(folder):
        return NginxAdoption().read(Path("site.conf"))


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_a_configuration_is_known_for_one_of_nginx_and_asked_on_its_paths(tmp_path: Path, name: str) -> None:
    case = CONFIGURATIONS[name]
    adoption = adoption_of(case.text)
    assert adoption is not None
    assert adoption.proxy == "nginx"
    assert tuple(one.path for one in adopted(tmp_path, case.text).asked_paths(())) == case.paths


def test_words_quotes_and_comments_are_read_as_nginx_reads_them(tmp_path: Path) -> None:
    (tmp_path / "site.conf").write_text(
        "log_format a '$status \"$request\"'  # a comment; {\n"
        '             "second; line";\n'
        'set $a b#c;\nserver_name ${host}x "\\"q";\n'
    )
    lines, told = read_tree(tmp_path / "site.conf")
    assert [(line.name, line.words, line.line) for line in lines] == [
        ("log_format", ("a", '$status "$request"', "second; line"), 1),
        ("set", ("$a", "b#c"), 3),
        ("server_name", ("${host}x", '"q'), 4),
    ]
    assert told == ()


def test_includes_keep_their_files_and_lines_and_one_that_is_missing_is_told(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "b.conf").write_text("\nserver { listen 81; }\n")
    (tmp_path / "conf.d" / "a.conf").write_text("server { listen 82; }\n")
    (tmp_path / "nginx.conf").write_text("events {}\nhttp {\n include conf.d/*.conf;\n include gone.conf;\n}\n")
    lines, told = read_tree(tmp_path / "nginx.conf")
    places = [(Path(line.file).name, line.line, line.first) for line in every(lines) if line.name == "listen"]
    assert places == [("a.conf", 1, "82"), ("b.conf", 2, "81")]
    assert len(told) == 1
    assert "nginx.conf:4: include gone.conf is left out" in told[0]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("server {\n listen 80;\n", ":1: unexpected end of file"),
        ("server {\n listen 80\n}\n", ':3: unexpected "}"'),
        ("server { listen 80; }\n}\n", ':2: unexpected "}"'),
        ("server {\n listen '80;\n}\n", ":2: the quote ' is not closed"),
        ("server { listen 80; }\nlisten 80", ":2: unexpected end of file"),
    ],
)
def test_what_does_not_close_is_refused_with_its_line(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(ProxyConfigRejected) as caught:
        adopted(tmp_path, text)
    assert place in str(caught.value)


def test_a_file_that_never_ends_or_includes_itself_is_refused_in_a_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "site.conf").write_text("include pipe;\nserver { listen 80; }\n")
    assert "it is no regular file" in NginxAdoption().read(tmp_path / "site.conf").told[0]
    with pytest.raises(ConfigError):
        adopted(tmp_path, "include site.conf;\n")
    with pytest.raises(EvidenceError, match="no server"):
        adopted(tmp_path, "worker_processes 2;\nevents { }\nhttp { }\n")
    with pytest.raises(ProxyConfigRejected, match="more than 20 blocks"):
        adopted(tmp_path, "a {" * 30 + "}" * 30)


def test_nothing_of_the_machine_is_left_in_the_text(tmp_path: Path) -> None:
    found = adopted(
        tmp_path,
        "user www-data; pid /run/nginx.pid; error_log /var/log/e.log;\nevents {}\nhttp {\n"
        " access_log /var/log/a.log; proxy_temp_path /var/tmp/p; resolver 192.0.2.53;\n"
        " proxy_cache_path /var/cache/c keys_zone=z:1m;\n"
        " upstream app { server app.example.org:81 resolve weight=2; server unix:/run/app.sock; }\n"
        " server { listen 203.0.113.7:443 ssl http2; listen [::]:443 ssl; ssl_certificate /e/c.pem;\n"
        "  ssl_certificate_key /e/k.pem; ssl_dhparam /e/d.pem;\n"
        "  location / { proxy_pass http://app; } location /f { fastcgi_pass f.example.org:9; } } }\n"
        "stream { server { listen 22; proxy_pass 192.0.2.1:22; } }\n",
    )
    text = found.text((), {}, ())
    for gone in ("/var/", "/run/", "/e/", "192.0.2.", "203.0.113", ".example.org", "www-data", "resolve", "stream {"):
        assert gone not in text, gone
    assert {(one.host, one.port) for one in found.stand_ins} == {("app.example.org", 81), ("unix:/run/app.sock", 0)}
    assert "server ${WSLB_MEMBER_1} weight=2;" in text
    assert "listen 127.0.0.2:${WSLB_PORT_443} ssl http2;" in text
    told = {change.before for change in found.changes}
    assert {"user www-data", "resolver 192.0.2.53", "stream", "fastcgi_pass f.example.org:9"} <= told


def test_every_line_of_the_text_knows_where_it_comes_from(tmp_path: Path) -> None:
    text = server(location("/ws", "http://app"), before=PAIR)
    found = adopted(tmp_path, text)
    written = text.splitlines()
    for line, (file, number) in zip(found.body, found.places, strict=True):
        name = line.split(maxsplit=1)[0] if line else ""
        assert not file or name in written[number - 1], (line, number)


def test_the_host_that_a_backend_sees_is_kept_and_not_inherited_further(tmp_path: Path) -> None:
    nested = "    location /a {\n proxy_pass http://one.example.org:81;\n location /a/b { proxy_pass http://app; }\n}"
    text = adopted(tmp_path, server(f"proxy_set_header X-A 1;\n{nested}", before=PAIR)).text((), {}, ())
    outer, _, inner = text.partition("location /a/b {")
    assert 'proxy_set_header X-A 1;\nproxy_set_header Host "one.example.org:81";' in outer.partition("location /a {")[2]
    assert "proxy_set_header X-A 1;\nproxy_set_header Host $proxy_host;" in inner
    own = adopted(tmp_path, server(location("/ws", "http://one.example.org", "proxy_set_header Host $host;")))
    assert 'proxy_set_header Host "' not in own.text((), {}, ())


def test_a_listener_that_the_configuration_itself_asks_stays_its_own(tmp_path: Path) -> None:
    text = server(location("/ws", "http://127.0.0.1:81"), before="server { listen 81; return 204; }")
    found = adopted(tmp_path, text)
    assert found.stand_ins == ()
    assert 'proxy_pass "http://127.0.0.1:${WSLB_PORT_81}"' in found.text((), {}, ())
    assert "leads to the configuration itself" in found.asked_paths(())[0].unmodelled


def test_weights_down_and_backup_are_those_of_the_model(tmp_path: Path) -> None:
    (asked,) = adopted(tmp_path, CONFIGURATIONS["down-and-backup"].text).asked_paths(())
    assert asked.balancer is not None
    assert [member.state.value for member in asked.balancer.members] == ["D", "", "", "H"]
    (asked,) = adopted(tmp_path, CONFIGURATIONS["weights"].text).asked_paths(())
    assert asked.balancer is not None
    assert [one.loadfactor for one in asked.balancer.members] == [3, 1]
    assert start(asked.balancer)


@pytest.mark.parametrize(
    ("lines", "fails_over", "back", "words"),
    [
        ("", True, 10, "fail_timeout=10s"),
        ("proxy_next_upstream off;", False, 10, "proxy_next_upstream off (site.conf:10): that client gets 502"),
        ("proxy_next_upstream_tries 1;", False, 10, "proxy_next_upstream_tries 1"),
        ("proxy_next_upstream error http_502;", True, 10, "after one failure"),
    ],
)
def test_who_is_tried_after_a_failure_is_read_from_the_text(
    tmp_path: Path, lines: str, fails_over: bool, back: float, words: str
) -> None:
    (asked,) = adopted(
        tmp_path, server(location("/ws", "http://app", f"{WEBSOCKET}\n{lines}"), before=PAIR)
    ).asked_paths(())
    assert (asked.fails_over, asked.back_seconds) == (fails_over, back)
    assert words in asked.failing_told


@pytest.mark.parametrize(
    ("given", "back"),
    [("max_fails=0", 0), ("fail_timeout=2s", 2), ("max_fails=3", None), ("max_fails=1 fail_timeout=1m", 60)],
)
def test_when_a_member_is_tried_again_is_read_from_its_line(tmp_path: Path, given: str, back: float | None) -> None:
    before = f"upstream app {{ server 10.0.3.1 {given}; server 10.0.3.2; }}"
    (asked,) = adopted(tmp_path, server(location("/ws", "http://app"), before=before)).asked_paths(())
    assert asked.back_seconds == back


def test_the_idle_limit_is_that_of_the_innermost_block_and_is_divided_at_a_pace(tmp_path: Path) -> None:
    lines = f"{WEBSOCKET}\nproxy_read_timeout 1h;"
    found = adopted(
        tmp_path, server("    proxy_read_timeout 5m;\n" + location("/ws", "http://app", lines), before=PAIR)
    )
    (asked,) = found.asked_paths(())
    assert (asked.idle_seconds, asked.idle_told) == (3600, "proxy_read_timeout 1h (site.conf:11)")
    text = found.at_pace(1200).text((), {}, ())
    assert "proxy_read_timeout 3000ms;" in text
    assert "proxy_read_timeout 250ms;" in text
    bare = adopted(tmp_path, CONFIGURATIONS["single"].text)
    assert bare.asked_paths(())[0].idle_seconds == 60
    assert "proxy_read_timeout 2000ms;" in bare.at_pace(30).text((), {}, ())


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1m 30s", 90), ("500ms", 0.5), ("1h", 3600), ("soon", None), ("", None)]
)
def test_times_are_read_as_nginx_reads_them(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


def test_a_path_of_the_users_is_asked_of_each_server_that_proxies(tmp_path: Path) -> None:
    text = server(location("/a", "http://app"), before=PAIR) + server("return 204;", listen="81")
    asked = adopted(tmp_path, text).asked_paths(("/a/b", "/c"))
    assert [(one.path, one.door.port) for one in asked] == [("/a/b", 80), ("/c", 80)]


def test_lines_of_a_map_are_values_whatever_they_are_called(tmp_path: Path) -> None:
    table = "map $http_upgrade $up { default upgrade; '' close; user 1; listen 2; \"~*a b\" 3; }\n"
    text = adopted(tmp_path, server(location("/ws", "http://app"), before=table + PAIR)).text((), {}, ())
    assert "default upgrade;\n'' close;\nuser 1;\nlisten 2;\n\"~*a b\" 3;" in text


def paths_of(folder: Path, text: str, *paths: str) -> list[tuple[str, tuple[str, ...], str]]:
    return [(one.path, one.backends, one.unasked) for one in adopted(folder, text).asked_paths(paths)]


def test_a_named_path_is_that_of_the_location_that_wins_by_the_text(tmp_path: Path) -> None:
    one, two, three = (f"http://{name}.example.org" for name in ("one", "two", "three"))
    body = "\n".join((location("/a", one), location("^~ /a/b", two), location("~ ^/a/.*c$", three)))
    found = paths_of(tmp_path, server(body), "/a/x", "/a/b/c", "/a/xc", "/z")
    assert [backends for _, backends, _ in found] == [
        ("one.example.org-80",),
        ("two.example.org-80",),
        ("three.example.org-80",),
        (),
    ]
    assert paths_of(tmp_path, server("return 204;"), "/z") == [("/z", (), "")]
    assert paths_of(tmp_path, server("return 204;")) == []


def test_a_server_that_no_name_leads_to_is_not_asked(tmp_path: Path) -> None:
    own = server(location("/ws", "http://app"))
    nameless = own.replace("server_name site.example.org;", "server_name _;")
    assert [bool(why) for *_, why in paths_of(tmp_path, PAIR + nameless + own)] == [False, False]
    assert [bool(why) for *_, why in paths_of(tmp_path, PAIR + own + nameless)] == [False, True]
    flagged = nameless.replace("listen 80", "listen 80 default_server")
    assert [bool(why) for *_, why in paths_of(tmp_path, PAIR + own + flagged)] == [False, False]


@pytest.mark.parametrize(
    ("lines", "target", "rewritten"),
    [
        ("", "http://10.0.3.1:3000$request_uri", True),
        ("", "http://app.example.org:3000$request_uri", False),
        ("resolver 192.0.2.53;", "http://app.example.org:3000$request_uri", True),
        ("set $up app.example.org;", "http://$up", False),
        ("resolver 192.0.2.53; set $up app.example.org;", "http://$up", True),
        ("", "http://app:8080", False),
    ],
)
def test_what_nginx_itself_would_not_find_is_left_as_it_is(
    tmp_path: Path, lines: str, target: str, rewritten: bool
) -> None:
    text = adopted(tmp_path, server(f"{lines}\n{location('/ws', target)}", before=PAIR)).text((), {}, ())
    assert ("${WSLB_MEMBER_3}" in text) is rewritten
