"""What is said of an upgrade behind nginx, from the text of the file and from what was seen."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.unit.proxies.nginx.adoption.configurations import PAIR, WEBSOCKET, location, server
from wslb.model.handshake import Arrival, Handshake, Headers
from wslb.model.results import LogLine
from wslb.proxies.nginx.adoption.adopted_nginx import AdoptedNginx
from wslb.proxies.nginx.adoption.nginx_adoption import NginxAdoption
from wslb.proxies.nginx.adoption.nginx_words import TOOK

OPENING: Headers = (("Host", "app"), ("Upgrade", "websocket"), ("Connection", "upgrade"))


def adopted(folder: Path, text: str) -> AdoptedNginx:
    (folder / "site.conf").write_text(text)
    with contextlib.chdir(folder):
        return NginxAdoption().read(Path("site.conf"))


def arrival(headers: Headers = OPENING, *, status: int = 101, version: str = "1.1", target: str = "/ws") -> Arrival:
    return Arrival(
        backend="10.0.3.1-8080",
        seq=1,
        at=0,
        listener="ws",
        method="GET",
        target=target,
        http_version=version,
        upgrade=True,
        headers=headers,
        accepted=status == 101,
        status=status,
        response=(),
    )


def line(text: str, *, level: str = "info") -> LogLine:
    return LogLine(at="", module="nginx", level=level, code="", text=text)


def words(
    folder: Path,
    text: str,
    *arrivals: Arrival,
    status: int | None = 101,
    taken: str = "location",
    response: Headers = (),
    log: tuple[LogLine, ...] = (),
) -> str:
    """All that is said of one upgrade of the first path, which the first block of this name took."""
    conf = adopted(folder, text)
    (asked, *_) = conf.asked_paths(("/ws",))
    number = next((n for n, mark in enumerate(conf.marks) if mark.name == taken), -1)
    took = (line(f"{TOOK} c1: block {number}"),) if number >= 0 else ()
    made = Handshake(
        conn_id="c1", url="ws://x/ws", request=(), status=status, error="reset", response=response, arrivals=arrivals
    )
    return "\n".join(conf.explained(asked, made, (*took, *log)))


def test_a_tunnel_names_the_block_the_line_and_what_the_backend_saw(tmp_path: Path) -> None:
    said = words(tmp_path, server(location("/ws", "http://app"), before=PAIR), arrival())
    assert said.splitlines() == [
        "site.conf:5: location /ws took it; site.conf:6: proxy_pass http://app",
        "10.0.3.1:8080 saw GET /ws HTTP/1.1; Host: app; Upgrade: websocket; Connection: upgrade",
    ]


@pytest.mark.parametrize(
    ("lines", "headers", "version", "expected"),
    [
        (
            "",
            (("Host", "app"),),
            "1.0",
            [
                "takes it as plain HTTP: the Upgrade field does not reach the backend",
                "add to the block of site.conf:6: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
                'proxy_set_header Connection "upgrade";',
            ],
        ),
        (
            "\nproxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;",
            (("Upgrade", "websocket"), ("Connection", "close")),
            "1.1",
            [
                "takes it as plain HTTP: Connection: upgrade does not reach the backend",
                'add to the block of site.conf:6: proxy_set_header Connection "upgrade";',
            ],
        ),
        (
            '\nproxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;\nproxy_set_header Connection "";',
            (("Upgrade", "websocket"), ("Connection", "close")),
            "1.1",
            ['site.conf:9: proxy_set_header Connection "": the backend is told no upgrade'],
        ),
    ],
    ids=["nothing", "no Connection", "an empty Connection"],
)
def test_a_field_that_is_lost_is_named_with_what_to_add(
    tmp_path: Path, lines: str, headers: Headers, version: str, expected: list[str]
) -> None:
    text = server(location("/ws", "http://app", lines), before=PAIR)
    said = words(tmp_path, text, arrival(headers, status=200, version=version), status=200)
    for clause in expected:
        assert clause in said


def test_lines_that_an_inner_one_cancels_are_told(tmp_path: Path) -> None:
    inner = location("/ws", "http://app", "\nproxy_set_header X-Own 1;")
    text = server(f"{WEBSOCKET}\n{inner}", before=PAIR)
    said = words(tmp_path, text, arrival((("Host", "app"),), status=200), status=200)
    assert "site.conf:7, site.conf:8 do not count there: a block that has a proxy_set_header of its own" in said


def test_a_refusal_of_the_backend_and_one_on_the_way_differ(tmp_path: Path) -> None:
    text = server(location("/ws", "http://app"), before=PAIR)
    said = words(tmp_path, text, arrival(status=403, target="/x//ws"), status=403)
    assert "site.conf:5: location /ws takes it, and the backend itself answers 403 to GET /x//ws" in said
    assert "a slash doubles on the way: the backend is asked for /x//ws" in said
    said = words(tmp_path, text, status=502, log=(line("connect() failed (111: Connection refused)", level="error"),))
    assert "location /ws takes it, and 502 comes back; site.conf:6: proxy_pass http://app" in said
    assert "nginx's log: connect() failed (111: Connection refused)" in said
    assert "the lab asks from 127.0.0.1" in words(tmp_path, text, status=403)


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ("    location /ws { return 301 https://site.example.org/ws; }", 301, "a WebSocket client follows no redirect"),
        ("    location /ws { deny all; }", 403, "site.conf:5: deny all"),
        ("    location /ws { root /srv; }", 404, "nginx itself answers 404: no proxy_pass is in force there"),
    ],
)
def test_an_answer_of_nginx_itself_names_its_line(tmp_path: Path, body: str, status: int, expected: str) -> None:
    assert expected in words(tmp_path, server(body), status=status)


def test_where_nobody_tells_nothing_is_guessed(tmp_path: Path) -> None:
    text = server(location("/ws", "http://app"), before=PAIR)
    assert words(tmp_path, text, status=None, taken="nobody") == "no answer: reset"
    assert "nginx does not tell which line takes it" in words(tmp_path, text, status=404, taken="nobody")


def test_a_field_that_a_101_does_not_get_is_told(tmp_path: Path) -> None:
    lines = f"{WEBSOCKET}\nadd_header X-Served-By a;\nadd_header X-Always b always;"
    text = server(location("/ws", "http://app", lines), before=PAIR)
    said = words(tmp_path, text, arrival(), response=(("X-Always", "b"),))
    assert "add_header X-Served-By a does not reach the 101, for want of always" in said
    assert "X-Always" not in said
