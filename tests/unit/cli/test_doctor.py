"""`wslb doctor --conf` on texts, in this process; nothing is asked of an httpd."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from wslb.cli import cli

PLAIN = "ProxyPass / http://10.0.0.1:3000/\n"


def asked(tmp_path: Path, text: str, *words: str, name: str = "site.conf") -> Result:
    file = tmp_path / name
    file.write_text(text)
    return CliRunner().invoke(cli, ["doctor", "--conf", str(file), "--for", "2.4.71", *words])


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_the_commonest_cause_is_named_in_each_format(tmp_path: Path, form: str) -> None:
    ended = asked(tmp_path, PLAIN, "--format", form)
    assert ended.exit_code == 1, ended.output
    if form == "json":
        (advice, *_) = json.loads(ended.stdout)["advice"]
        assert advice["line"] == 1
    elif form == "sarif":
        (run,) = json.loads(ended.stdout)["runs"]
        assert run["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] == 1
    elif form == "github":
        assert ",line=1" in ended.stdout
    else:
        assert "site.conf:1" in ended.stdout


def test_the_trace_names_line_and_module(tmp_path: Path) -> None:
    ended = asked(tmp_path, "ProxyPass /ws ws://10.0.0.1:3000/ws\n", "--path", "/ws")
    assert ended.exit_code == 0, ended.output
    assert "site.conf:1" in ended.stdout
    assert "ws://10.0.0.1:3000/ws" in ended.stdout


@pytest.mark.parametrize(
    ("text", "words", "sentence"),
    [
        (PLAIN, ("--path", "ws"), "must begin with a slash"),
        ("server {\n  listen 80;\n  location / { proxy_pass http://a; }\n}\n", (), "nginx"),
        ("ProxyPass /ws ws://{{ host }}/\n", (), "WSLB-C142"),
    ],
)
def test_what_cannot_be_read_gets_a_sentence(tmp_path: Path, text: str, words: tuple[str, ...], sentence: str) -> None:
    ended = asked(tmp_path, text, *words)
    assert sentence in ended.output + str(ended.exception)
