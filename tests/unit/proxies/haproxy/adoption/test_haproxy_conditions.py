"""Conditions of HAProxy's rules: decided where the text decides them, and never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from wslb.proxies.haproxy.adoption.haproxy_conditions import Conditions, UpgradeRequest
from wslb.proxies.haproxy.adoption.sections import HaproxyLine, read_sections

REQUEST = UpgradeRequest(path="/chat/room?x=1", host="ws.example.org:8080", tls=True, port=8080)
ACLS: dict[str, list[tuple[str, ...]]] = {
    "chat": [("path_beg", "/chat")],
    "either": [("path", "/no"), ("hdr(host)", "-i", "WS.EXAMPLE.ORG:8080")],
    "known_not": [("src", "192.0.2.1")],
}


def rule(folder: Path, condition: str) -> HaproxyLine:
    (folder / "c.cfg").write_text(f"frontend f\n use_backend b {condition}\n")
    (section,), _ = read_sections(folder / "c.cfg")
    return section.lines[0]


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("", True),
        ("if chat", True),
        ("if !chat", False),
        ("unless chat", False),
        ("if either", True),
        ("if chat !either or TRUE", True),
        ("if chat !either", False),
        ("if known_not", None),
        ("if !known_not", None),
        ("if known_not or chat", True),
        ("if known_not FALSE", False),
        ("if { path /chat/room }", True),
        ("if { path /chat }", False),
        ("if { path -m beg /ch /x }", True),
        ("if ! { path_end .php }", True),
        ("if { path_sub room }", True),
        ("if { path_dir chat }", True),
        ("if { path_dir cha }", False),
        ("if { path_reg ^/chat/[a-z]+$ }", True),
        ("if { path_reg -i ^/CHAT }", True),
        ("if { path_reg ( }", None),
        ("if { path,lower /chat/room }", True),
        ("if { path,map(/e/m) x }", None),
        ("if { path -f /e/list }", None),
        ("if { path_len gt 3 }", True),
        ("if { url /chat/room?x=1 }", True),
        ("if { base_beg ws.example.org }", True),
        ("if { hdr(host) -i ws.example.org }", False),
        ("if { hdr_beg(host) -i WS. }", True),
        ("if { hdr_dom(host) -i example.org }", True),
        ("if { req.hdr(Upgrade) -i WebSocket }", True),
        ("if { hdr(Upgrade) -m found }", True),
        ("if { hdr_cnt(Upgrade) gt 0 }", True),
        ("if { hdr(x-unknown) y }", False),
        ("if { hdr(user-agent) y }", None),
        ("if { ssl_fc }", True),
        ("if { ssl_fc_sni ws.example.org }", True),
        ("if { dst_port 8080 443 }", True),
        ("if { dst_port lt 80 }", False),
        ("if { dst_port x }", None),
        ("if METH_POST", False),
        ("if { method GET }", True),
        ("if { nbsrv(b) lt 1 }", None),
        ("if nobody_said_this", None),
    ],
)
def test_a_rule_counts_as_its_condition_says(tmp_path: Path, condition: str, said: bool | None) -> None:
    assert Conditions(ACLS).holds(rule(tmp_path, condition), REQUEST) is said


@pytest.mark.parametrize(
    ("condition", "samples"),
    [
        ("", [(None, None)]),
        ("unless chat", [(None, None)]),
        ("if chat", [("/chat", None)]),
        ("if chat either", [("/chat", "WS.EXAMPLE.ORG:8080"), ("/no", "WS.EXAMPLE.ORG:8080")]),
        ("if chat or { path_end .ws }", [("/chat", None), ("/wslb.ws", None)]),
        ("if { hdr_beg(host) ws. } !chat", [(None, "ws.example.org")]),
        ("if { hdr_end(host) .example.org }", [(None, "wslb.example.org")]),
        ("if { base_beg a.example.org/live }", [("/live", "a.example.org")]),
        ("if { path_reg ^/cable/[0-9]+$ }", [("/cable/1", None)]),
        ("if { hdr_reg(host) ^a.example.org$ }", [(None, "a.example.org")]),
        ("if { hdr_reg(host) ^(www|app).example.org$ }", [(None, "www.example.org")]),
    ],
)
def test_requests_are_found_that_a_rule_may_take(
    tmp_path: Path, condition: str, samples: list[tuple[str | None, str | None]]
) -> None:
    assert list(Conditions(ACLS).samples(rule(tmp_path, condition))) == samples


def test_a_rule_mentions_what_its_named_conditions_say(tmp_path: Path) -> None:
    assert Conditions(ACLS).mentions(rule(tmp_path, "if chat { ssl_fc }")) == "chat path_beg /chat { ssl_fc } ssl_fc"
