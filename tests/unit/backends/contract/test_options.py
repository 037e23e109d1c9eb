"""The command line, the privileges, and the page."""

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from backends.contract import daemon, options, privileges
from backends.contract.options import StartFailure
from backends.contract.profile import LIBERTY, NODE, PAGE, Profile

README = Path(__file__).parents[4] / "backends" / "README.md"


@pytest.mark.parametrize("profile", [LIBERTY, NODE], ids=lambda profile: profile.program)
def test_defaults_are_those_of_the_contract(profile: Profile) -> None:
    chosen = options.parse([], profile=profile)
    assert (chosen.name, chosen.port, chosen.tls_port) == (profile.program, profile.port, -1)
    assert (chosen.idle_seconds, chosen.subprotocols, chosen.control_host) == (None, ("wsconsole",), "127.0.0.1")
    assert chosen.control_port == profile.control_port
    tls = options.parse(["--tls-cert", "c", "--tls-key", "k"], profile=profile)
    assert tls.tls_port == profile.tls_port


def test_every_option_is_in_the_contract() -> None:
    text = README.read_text(encoding="utf-8")
    names = re.findall(r"--[a-z-]+", options.parser(NODE).format_help())
    assert [name for name in sorted(set(names)) if name not in text and name != "--help"] == []


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["--tls-cert", "c"], "--tls-key is not given"),
        (["--tls-key", "k"], "--tls-cert is not given"),
        (["--tls-port", "8889"], "there is no certificate"),
        (["--port", "-1"], "nothing to listen on"),
    ],
)
def test_contradiction_is_told_in_a_sentence(arguments: list[str], part: str) -> None:
    with pytest.raises(StartFailure, match=re.escape(part)) as failure:
        options.parse(arguments, profile=NODE)
    assert str(failure.value).endswith(".")


@pytest.mark.parametrize(
    "arguments",
    [["--port", "70000"], ["--port", "x"], ["--control-port", "-1"], ["--idle-seconds", "0"], ["--cl", "x"], ["extra"]],
)
def test_malformed_option_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        options.parse(arguments, profile=NODE)
    assert end.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_unknown_user_is_told() -> None:
    with pytest.raises(StartFailure, match="no such user"):
        privileges.find("nobody-of-this-name")
    assert privileges.find(None) is None


def test_announcement_is_whole_and_readable_by_all(tmp_path: Path) -> None:
    file = tmp_path / "announcement"
    file.write_text("old")
    daemon.announce(file, {"a": 1})
    assert file.read_text() == '{"a": 1}\n'
    assert file.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [file]


def test_page_names_the_endpoint_of_its_server() -> None:
    assert b'<meta name="wslb-uri" content="/CLRunner">' in NODE.page()
    assert b'content="&quot;&gt;"' in replace(NODE, cl_paths=('">',)).page()


def test_page_keeps_its_promises() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert len(text) < 30_000
    ids = re.findall(r'\bid="([a-z]+)"', text)
    assert {"uri", "connect", "disconnect", "command", "run", "log", "status"} <= set(ids)
    assert len(ids) == len(set(ids))
    assert "<h1>Realtime Console based on WebSocket</h1>" in text
    assert not re.search(r"innerHTML|document\.write|https?://|\bsrc=|\bon[a-z]+=|\bstyle=|eval\(", text)


@pytest.mark.parametrize(("tag", "directive"), [("script", "script-src"), ("style", "style-src")])
def test_page_policy_allows_its_own_code_only(tag: str, directive: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    [body] = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
    assert f"{directive} 'sha256-{digest}';" in text, f"after a change of <{tag}>, put sha256-{digest} into the policy"
    assert "default-src 'none'; connect-src ws: wss:;" in text
