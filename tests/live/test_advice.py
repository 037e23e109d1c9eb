"""What a real httpd says of the broken and sound configurations, and that its dump leads to the same advice."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.proxies.apache.adoption.published import PUBLISHED
from tests.unit.proxies.apache.adoption.written import Written, lines_of
from tests.unit.proxies.apache.advice.cases import BROKEN, SOUND, Broken, marked
from tests.unit.proxies.apache.advice.test_rules import NoFiles
from tests.unit.proxies.apache.conf.test_languages import OTHERS
from wslb.certificates import Authority
from wslb.config import RuntimeChoice, Settings
from wslb.errors import EvidenceError
from wslb.interfaces import Installation
from wslb.lab.launch import discover
from wslb.proxies.apache.adoption.original import read_original
from wslb.proxies.apache.advice.adviser import advise_file, configuration_of
from wslb.proxies.apache.advice.rule import Severity
from wslb.proxies.apache.conf.directives import tree_of
from wslb.proxies.apache.conf.dump import Submitted, consult
from wslb.proxies.apache.conf.effect import resolve
from wslb.proxies.apache.conf.outside import outside_of

pytestmark = pytest.mark.live

ASKED = {name: case for name, case in BROKEN.items() if case.httpd}


@pytest.fixture(scope="module")
async def installation() -> Installation:
    return (await discover(Settings(runtime=RuntimeChoice.LOCAL))).installation


def written(text: str, folder: Path, installation: Installation, name: str = "httpd.conf") -> Path:
    """File of a case, with the folders of this machine in it."""
    (folder / "ca.pem").write_bytes(Authority().pem)
    for sign, value in (("@RUN@", folder), ("@CA@", folder / "ca.pem"), ("@MODULES@", installation.modules_folder)):
        text = text.replace(sign, str(value))
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("case", ASKED.values(), ids=ASKED.keys())
async def test_httpd_takes_or_refuses_it_as_the_rule_says(
    case: Broken, installation: Installation, tmp_path: Path
) -> None:
    path = written(marked(case.text)[0], tmp_path, installation, case.name)
    effect = resolve(tree_of(path.read_text(), str(path)), str(path), NoFiles(values={}))
    given = Submitted(
        file=str(path),
        whole=configuration_of(effect).whole,
        loaded=frozenset(effect.loaded),
        folder=outside_of(path).folder,
    )
    reading = await consult(installation, given)
    if case.httpd == "accepts":
        assert reading.complaint is None, reading.sentence
        assert reading.tree is not None, reading.sentence
    else:
        assert reading.complaint is not None, reading.sentence


def of(case: Broken, installation: Installation) -> Installation:
    """The httpd that reads the file, under the version that the file is for."""
    return replace(installation, version=case.version or installation.version)


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN.keys())
async def test_trap_is_named_when_httpd_has_read_the_file(
    case: Broken, installation: Installation, tmp_path: Path
) -> None:
    text, line = marked(case.text)
    path = written(text, tmp_path, installation, case.name)
    answer = await advise_file(path, tunnels=case.tunnels, installation=of(case, installation))
    assert (case.rule, str(path), line) in [(a.rule, a.file, a.line) for a in answer.advice], answer.source


@pytest.mark.parametrize("case", SOUND.values(), ids=SOUND.keys())
async def test_sound_configuration_is_accepted_and_gets_a_clean_answer(
    case: Broken, installation: Installation, tmp_path: Path
) -> None:
    path = written(case.text.lstrip("\n"), tmp_path, installation)
    answer = await advise_file(path, tunnels=case.tunnels, installation=of(case, installation))
    assert [str(advice) for advice in answer.advice] == []
    assert answer.source.startswith("read by httpd"), answer.source


@pytest.mark.parametrize("case", PUBLISHED.values(), ids=PUBLISHED.keys())
async def test_what_projects_publish_is_accepted_and_gets_neither_warning_nor_error(
    case: Written, installation: Installation, tmp_path: Path
) -> None:
    answer = await advise_file(written(lines_of(case)[0], tmp_path, installation), installation=installation)
    assert answer.source.startswith("read by httpd"), answer.source
    assert [str(advice) for advice in answer.advice if advice.severity is not Severity.NOTE] == []


@pytest.mark.parametrize("name", OTHERS)
async def test_what_is_called_another_language_is_none_that_httpd_starts_with(
    name: str, installation: Installation, tmp_path: Path
) -> None:
    for text in OTHERS[name]:
        path = written(text, tmp_path, installation)
        reading = await consult(installation, Submitted(file=str(path), whole=False, loaded=frozenset()))
        assert reading.complaint is not None, (text, reading.sentence)
        with pytest.raises(EvidenceError, match=f"this is {re.escape(name)}, not Apache httpd"):
            read_original(path, installation=installation)


async def test_httpd_finds_what_no_rule_knows(installation: Installation, tmp_path: Path) -> None:
    path = written("ProxyPass /ws ws://192.0.2.1:8888/x\nProxyVia Perhaps\n", tmp_path, installation)
    answer = await advise_file(path, installation=installation)
    assert [(a.rule, a.line, a.severity) for a in answer.advice] == [("WSLB-C000", 2, Severity.ERROR)]
    assert "ProxyVia must be" in answer.advice[0].why
