"""How advice on configurations is told: to people, to programs, to code scanning, and to the log of a workflow."""

from __future__ import annotations

import json
import re
from email.message import Message
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import wslb.commands.advised as module
from wslb.commands.advised import FORMATS, Advised
from wslb.errors import EvidenceError
from wslb.proxies.apache.advice import RULES, advise_file

SITE = """\
ProxyPass / http://192.0.2.9/
ProxyPass /ws ws://192.0.2.1:8888/ws
ProxyPass /auth ajp://user:hidden1@192.0.2.7/ secret=hidden2 lbmethod=x
<IfDefine TRIAL>
ProxyPass /x ws://192.0.2.1/x
</IfDefine>
"""


@pytest.fixture
async def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Advised:
    """Two files of which one includes the other, and one that is not there; the working folder is a repository."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "site one.conf").write_text(SITE)
    (tmp_path / "etc" / "main.conf").write_text(f'Include "{tmp_path}/etc/site one.conf"\n')
    monkeypatch.chdir(tmp_path)
    names = (Path("etc/main.conf"), tmp_path / "etc" / "site one.conf")
    missing = EvidenceError(path="etc/gone.conf", detail="no such file or directory")
    files = [await advise_file(name, paths=["/chat"]) for name in names]
    return Advised(files=tuple(files), unread=(missing,))


def test_text_names_each_finding_and_sums_up_each_file(told: Advised) -> None:
    text = FORMATS["text"](told)
    assert text.count("error WSLB-C050 /ws is taken by ProxyPass / http://192.0.2.9/ of line 1") == 2
    assert re.search(r"^etc/main\.conf: \d errors?.* in 2 files; ", text, re.MULTILINE)
    one = FORMATS["text"](Advised(files=told.files[1:]))
    assert re.match(r"\d errors?.* in 1 file; ", one.splitlines()[-1])


def test_json_keeps_its_schema(told: Advised) -> None:
    document = json.loads(FORMATS["json"](told))
    schema = json.loads(Path(module.__file__).with_name("advice.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(document)
    assert [file["read"] for file in document["files"]] == [2, 1]
    assert document["counts"]["error"] == sum(a["severity"] == "error" for a in document["advice"])
    assert {(path["in"], path["path"]) for path in document["paths"]} >= {("etc/main.conf", "/chat")}
    assert document["unread"] == [
        {"file": "etc/gone.conf", "why": "Cannot read etc/gone.conf: no such file or directory."}
    ]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "more": 1}, schema)


def sarif(told: Advised) -> dict[str, Any]:
    log: dict[str, Any] = json.loads(FORMATS["sarif"](told))
    return log


def test_sarif_has_what_the_standard_asks_for(told: Advised) -> None:
    """By SARIF 2.1.0, sections 3.13, 3.14, 3.18, 3.19, 3.27, 3.29, 3.30 and 3.49."""
    log = sarif(told)
    assert (log["version"], log["$schema"].endswith("/sarif-schema-2.1.0.json")) == ("2.1.0", True)
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "wslb"
    rules = driver["rules"]
    assert [set(rule) for rule in rules] == [{"id", "shortDescription", "help", "defaultConfiguration"}] * len(rules)
    assert len({rule["id"] for rule in rules}) == len(rules)
    known = {rule.id: rule for rule in RULES}
    for rule in rules:
        if rule["id"] in known:
            assert rule["shortDescription"]["text"] == known[rule["id"]].why
            assert rule["defaultConfiguration"]["level"] == known[rule["id"]].severity.value
    for result in run["results"]:
        assert set(result) == {"ruleId", "ruleIndex", "level", "message", "locations"}
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        (place,) = result["locations"]
        assert place["physicalLocation"]["artifactLocation"]["uri"]
        assert place["physicalLocation"].get("region", {"startLine": 1})["startLine"] >= 1
    (invocation,) = run["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 2)
    assert len(invocation["toolExecutionNotifications"]) == 1


@pytest.mark.parametrize(
    ("urls", "uri"),
    [
        ((), None),
        (("Home, https://w.example/",), None),
        (("Home, https://w.example/", "Rules, https://w.example/rules.md"), "https://w.example/rules.md#wslb-c050"),
    ],
)
def test_sarif_links_a_rule_where_the_package_says_where_they_are(
    told: Advised, monkeypatch: pytest.MonkeyPatch, urls: tuple[str, ...], uri: str | None
) -> None:
    package = Message()
    for url in urls:
        package["Project-URL"] = url
    monkeypatch.setattr(module, "metadata", lambda _name: package)
    rules = {rule["id"]: rule for rule in sarif(told)["runs"][0]["tool"]["driver"]["rules"]}
    assert rules["WSLB-C050"].get("helpUri") == uri
    assert "helpUri" not in rules["WSLB-PATH"]


def test_sarif_places_are_relative_and_what_two_files_include_is_told_once(told: Advised) -> None:
    places = [
        (
            result["ruleId"],
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            result["locations"][0]["physicalLocation"]["region"]["startLine"],
        )
        for result in sarif(told)["runs"][0]["results"]
    ]
    assert places.count(("WSLB-C050", "etc/site%20one.conf", 2)) == 1
    assert ("WSLB-PATH", "etc/site%20one.conf", 1) in places
    assert ("WSLB-C141", "etc/site%20one.conf", 4) in places


async def test_sarif_names_a_file_elsewhere_by_its_whole_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "a.conf").write_text(SITE)
    monkeypatch.chdir(tmp_path / "here")
    told = Advised(files=(await advise_file(Path("../a.conf")),))
    uris = {a["location"]["uri"] for a in sarif(told)["runs"][0]["artifacts"]}
    assert uris == {f"file://{tmp_path}/a.conf"}


def test_a_workflow_gets_a_command_for_each_finding(told: Advised) -> None:
    lines = FORMATS["github"](told).splitlines()
    (taken,) = [line for line in lines if "line=2,title=WSLB-C050" in line]
    assert taken.startswith("::error file=etc/site one.conf,line=2,title=WSLB-C050::/ws is taken by ")
    assert "%0Awhy: " in taken
    assert "%0Acure: " in taken
    assert any(line.startswith("::notice file=etc/site one.conf,line=4,title=WSLB-C141::") for line in lines)
    assert any(line.startswith("::error file=etc/gone.conf,title=Not read::Cannot read") for line in lines)
    assert not lines[-1].startswith("::")


async def test_no_text_of_a_file_becomes_an_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = "a,b:c%.conf"
    (tmp_path / name).write_text("ProxyPass / http://192.0.2.9/\nProxyPass /::stop-commands::x ws://192.0.2.1\x1b]0;\n")
    told = Advised(files=(await advise_file(Path(name)),))
    assert len(told.advice) >= 1
    lines = FORMATS["github"](told).splitlines()
    assert {line.split(" title=")[0].split(",title=")[0] for line in lines[:-1]} == {
        "::error file=a%2Cb%3Ac%25.conf,line=2"
    }
    assert "::stop-commands::" not in "\n".join(lines)
    assert not any("\x1b" in form(told) for form in FORMATS.values())


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_secrets_stay_in_the_file(told: Advised, form: str) -> None:
    assert "hidden1" not in FORMATS[form](told)


def test_codes(told: Advised) -> None:
    assert (told.exit_code, Advised(files=told.files).exit_code, Advised(files=()).exit_code) == (2, 1, 0)
