"""Which paths are asked for, of whom, and what a balancer is to the model of its lbmethod."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.unit.proxies.apache.adoption.test_adopt import INSTALLATION
from wslb.model.balancer import Balancer, LbMethod, MemberState
from wslb.proxies.apache.adoption.adopt import adopt
from wslb.proxies.apache.adoption.adopted import Adopted
from wslb.proxies.apache.adoption.original import Original, read_original
from wslb.proxies.apache.adoption.questions import balancer_model, questions


def served(tmp_path: Path, text: str) -> tuple[Original, Adopted]:
    file = tmp_path / "httpd.conf"
    file.write_text(text)
    original = read_original(file, installation=INSTALLATION, defines=(), values={})
    return original, adopt(original, installation=INSTALLATION, as_root=True, readable=lambda _: True)


def host(name: str, *lines: str, port: int = 80) -> str:
    return "\n".join((f"<VirtualHost *:{port}>", f"ServerName {name}", *lines, "</VirtualHost>"))


ASKED: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "the-path-of-a-member": ("Listen 80\nProxyPass /ws ws://10.0.0.1:8080/x", [("localhost", "/ws")]),
    "of-its-own-port": ("Listen 8081\nProxyPass /ws ws://10.0.0.1:8080/x", [("localhost:8081", "/ws")]),
    "only-what-is-meant": (
        "Listen 80\nProxyPass /ws ws://10.0.0.1:8080/x\nProxyPass / http://10.0.0.1:8080/",
        [("localhost", "/ws")],
    ),
    "what-is-proxied-where-nothing-is-meant": (
        "Listen 80\nProxyPass /app http://10.0.0.1:8080/x\nProxyPass / http://10.0.0.1:8080/",
        [("localhost", "/app"), ("localhost", "/")],
    ),
    "the-root-where-nothing-is-proxied": ("Listen 80", [("localhost", "/")]),
    "not-what-is-excepted": (
        "Listen 80\nProxyPass /ws/no !\nProxyPass /ws ws://10.0.0.1:8080/x",
        [("localhost", "/ws")],
    ),
    "each-virtual-host": (
        "Listen 80\n"
        + host("a.example.org", "ProxyPass /a ws://10.0.0.1:8080/")
        + "\n"
        + host("b.example.org", "ProxyPass /b http://10.0.0.1:8080/ upgrade=websocket"),
        [("a.example.org", "/a"), ("b.example.org", "/b")],
    ),
    "what-a-virtual-host-inherits": (
        "Listen 80\nProxyPass /main ws://10.0.0.1:8080/\n" + host("a.example.org", "ProxyPass /a ws://10.0.0.1:8080/"),
        [("a.example.org", "/a"), ("a.example.org", "/main")],
    ),
    "each-address": (
        "<VirtualHost 192.0.2.1:80>\nProxyPass /ws ws://10.0.0.1/\n</VirtualHost>\n"
        "<VirtualHost 192.0.2.2:80>\nProxyPass /ws ws://10.0.0.2/\n</VirtualHost>",
        [("localhost", "/ws"), ("localhost", "/ws")],
    ),
    "a-location": ("Listen 80\n<Location /chat>\nProxyPass ws://10.0.0.1:8080/\n</Location>", [("localhost", "/chat")]),
    "a-match": ("Listen 80\nProxyPassMatch ^/ws/(a|b)/\\d+$ ws://10.0.0.1:8080/$1", [("localhost", "/ws/a/1")]),
    "no-path-of-a-hard-pattern": ("Listen 80\nProxyPassMatch ^/(?=ws).*$ ws://10.0.0.1:8080/", [("localhost", "/")]),
    "a-rule": (
        "Listen 80\nRewriteEngine On\nRewriteCond %{HTTP:Upgrade} =websocket [NC]\n"
        'RewriteRule ^/?(.*) "ws://10.0.0.1:8080/$1" [P,L]',
        [("localhost", "/")],
    ),
    "a-rule-with-conditions-on-path-and-query": (
        "Listen 80\nRewriteEngine On\nRewriteCond %{REQUEST_URI} ^/socket [NC]\n"
        "RewriteCond %{QUERY_STRING} transport=websocket\nRewriteRule /(.*) ws://10.0.0.1:8080/$1 [P]",
        [("localhost", "/socket?transport=websocket")],
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked(tmp_path: Path, name: str) -> None:
    text, expected = ASKED[name]
    original, adopted = served(tmp_path, text)
    assert [(q.host(tls=False), q.path) for q in questions(original.conf, adopted)] == expected


def test_a_path_of_the_user_is_asked_of_every_server_that_proxies(tmp_path: Path) -> None:
    text = "Listen 80\n" + host("a.example.org", "ProxyPass /a http://10.0.0.1:8080/") + "\n" + host("b.example.org")
    original, adopted = served(tmp_path, text)
    asked = questions(original.conf, adopted, paths=["/ws"])
    assert [(q.server_name, q.path, q.meant) for q in asked] == [("a.example.org", "/ws", True)]


@pytest.mark.parametrize(("path", "line"), [("/ws", 3), ("/", 2), ("/ws/room", None)])
def test_a_path_of_the_user_has_the_line_that_it_is_of(tmp_path: Path, path: str, line: int | None) -> None:
    original, adopted = served(tmp_path, "Listen 80\nProxyPass / http://10.0.0.1/\nProxyPass /ws ws://10.0.0.1/ws")
    (asked,) = questions(original.conf, adopted, paths=[path])
    assert (asked.mounting.directive.line if asked.mounting else None) == line


def modelled(tmp_path: Path, *lines: str) -> Balancer | str:
    text = "\n".join(("Listen 80", "<Proxy balancer://mine>", *lines, "</Proxy>", "ProxyPass /ws balancer://mine/"))
    original, adopted = served(tmp_path, text)
    return balancer_model(original.conf.balancers[0], adopted.stand_ins)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("BalancerMember ws://10.0.0.1:1/a", "BalancerMember ws://10.0.0.1:1/b"), "have one host and port"),
        (("BalancerMember ws://10.0.0.1:1", "ProxySet lbmethod=heartbeat"), "lbmethod=heartbeat cannot be predicted"),
        (("BalancerMember ws://10.0.0.1:1", "ProxySet lbmethod=other"), "lbmethod=other cannot be predicted"),
        (("BalancerMember ws://10.0.0.1:1 loadfactor=many",), "many"),
    ],
)
def test_why_there_is_no_model(tmp_path: Path, lines: Sequence[str], why: str) -> None:
    told = modelled(tmp_path, *lines)
    assert isinstance(told, str)
    assert why in told


def test_the_model_has_what_the_lines_say(tmp_path: Path) -> None:
    made = modelled(
        tmp_path,
        "BalancerMember ws://10.0.0.1:1 route=a loadfactor=3",
        "BalancerMember ws://10.0.0.2:1 route=a.b status=+H lbset=1",
        "BalancerMember ws://10.0.0.3:1 status=-D+N retry=5",
        "ProxySet lbmethod=bybusyness stickysession=ROUTEID nofailover=On",
    )
    assert isinstance(made, Balancer)
    assert made.lbmethod is LbMethod.BYBUSYNESS
    assert made.stickysession == "ROUTEID"
    assert dict(made.parameters) == {"nofailover": "On"}
    assert [(m.route, m.loadfactor, m.state, dict(m.parameters)) for m in made.members] == [
        ("a", 3.0, MemberState.ENABLED, {}),
        ("member-2", 1.0, MemberState.STANDBY, {"lbset": "1"}),
        ("member-3", 1.0, MemberState.DRAIN, {"retry": "5"}),
    ]
