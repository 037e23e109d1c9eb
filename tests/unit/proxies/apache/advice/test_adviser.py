"""From a file to an answer: the project's own renderings, the article's listings, and files that are none."""

from __future__ import annotations

import os
import random
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.proxies.apache.advice.cases import BROKEN, SOUND, marked
from tests.unit.proxies.apache.advice.test_rules import advice_on
from wslb.commands.preview import configuration as rendered
from wslb.config import Settings
from wslb.errors import EvidenceError, RuntimeUnavailable
from wslb.interfaces import Installation
from wslb.model.balancer import Carrier
from wslb.proxies.apache.advice.adviser import FileAdvice, advise_file
from wslb.proxies.apache.advice.rule import Severity
from wslb.proxies.apache.advice.rules.timing import capacity
from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.dump import parse_dump, parse_modules
from wslb.proxies.apache.conf.textfiles import LocalFiles
from wslb.proxies.apache.dialect import ApacheDialect
from wslb.scenarios import SCENARIOS
from wslb.scenarios.scenario import Scenario

LISTINGS = Path(__file__).parent / "conf"

TRAPS = {
    "carrier-upgrade-any-http": {"C028"},
    "carrier-upgrade-any-wstunnel": {"C028"},
    "carrier-upgrade-missing": {"C027"},
    "failover-blackhole-timeout": {"C090", "C091"},
    "failover-failonstatus-wstunnel": {"C035"},
    "failover-failontimeout-http": {"C090"},
    "failover-failontimeout-wstunnel": {"C035", "C091"},
    "failover-forcerecovery-off": {"C034"},
    "failover-frozen-http": {"C090"},
    "failover-hcheck-get": {"C037"},
    "failover-retry-zero": {"C033"},
    "handshake-backend-silent": {"C090", "C091"},
    "handshake-rewrite-exact": {"C061"},
    "methods-heartbeat": {"C010"},
    "timeouts-idle-wstunnel": {"C091"},
    "timeouts-member-shorter-http": {"C090"},
    "timeouts-milliseconds-http": {"C090"},
    "timeouts-proxytimeout-shorter-http": {"C090"},
    "timeouts-silent-handshake-http": {"C090"},
    "timeouts-silent-handshake-wstunnel": {"C091"},
    "tls-all-off": {"C073"},
    "tls-name-off": {"C073"},
    "tls-no-engine": {"C070", "C071"},
    "tls-stall": {"C071"},
    "tls-verify-none-expired": {"C073"},
    "tls-verify-none-untrusted": {"C073"},
}
"""Scenarios that lay a trap on purpose, and the rules that name it; every other rendering is clean but for notes."""


OF_HTTPD = [scenario for scenario in SCENARIOS if scenario.concerns(ApacheDialect.title)]


async def no_httpd(settings: Settings) -> Installation:
    raise RuntimeUnavailable(runtime="local", reason="this test asks none", hint="")


async def answer_on(text: str | bytes, folder: Path) -> FileAdvice:
    path = folder / "httpd.conf"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return await advise_file(path)


@pytest.mark.parametrize("carrier", list(Carrier))
@pytest.mark.parametrize("scenario", [None, *OF_HTTPD], ids=lambda scenario: scenario.name if scenario else "up")
async def test_the_projects_own_rendering_is_accused_of_the_traps_it_lays_and_of_no_other(
    scenario: Scenario | None, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wslb.commands.preview.discover", no_httpd)
    text = await rendered(replace(Settings(), carrier=carrier), scenario)
    traps = {f"WSLB-{rule}" for rule in TRAPS.get(scenario.name, ())} if scenario else set[str]()
    accused = [advice for advice in advice_on(text) if advice.severity is not Severity.NOTE]
    assert [str(advice) for advice in accused if advice.rule not in traps] == []
    assert not traps or accused


def test_the_scenarios_with_traps_are_there() -> None:
    assert TRAPS.keys() <= {scenario.name for scenario in SCENARIOS}


@pytest.mark.parametrize("name", ["listing5.conf", "listing8.conf", "listing8-bytraffic.conf"])
async def test_the_articles_listings_are_not_accused(name: str) -> None:
    answer = await advise_file(LISTINGS / name)
    assert {advice.rule for advice in answer.advice} <= {"WSLB-C031"}
    assert answer.exit_code == 0


async def test_the_articles_own_warning_is_repeated_bytraffic_without_its_module(tmp_path: Path) -> None:
    text = (LISTINGS / "listing8-bytraffic.conf").read_text()
    answer = await answer_on("\n".join(ln for ln in text.splitlines() if "lbmethod_bytraffic" not in ln), tmp_path)
    assert "WSLB-C006" in {advice.rule for advice in answer.advice}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it holds no directive"),
        (b"\n\n  \n# only a comment\n", "it holds no directive"),
        (b"\n</Location>\n", "it holds no directive, and </Location> in line 2 ends no section"),
        (b"Listen 80\0\n", "it is binary"),
        (bytes(range(256)) * 8, "it is binary"),
        ("Listen 80\n".encode("utf-16"), "it is binary"),
        (b"{}()[];; ...\n<<<>>> !!\n", "no line of it is an httpd directive"),
    ],
)
async def test_a_file_that_is_no_configuration_gets_a_sentence(content: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match=said) as caught:
        await answer_on(content, tmp_path)
    assert caught.value.hint


async def test_a_file_that_cannot_be_read_gets_a_sentence(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.conf", tmp_path, Path(os.devnull), Path("a\0b")):
        with pytest.raises(EvidenceError, match="Cannot read"):
            await advise_file(path)


async def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(EvidenceError, match="no regular file"):
        await advise_file(tmp_path / "pipe")
    assert LocalFiles().read(str(tmp_path / "pipe")) is None


@pytest.mark.slow
async def test_fifty_thousand_lines_take_seconds_at_most(tmp_path: Path) -> None:
    block = "<VirtualHost *:{0}>\n  ServerName h{0}\n  ProxyPass /ws balancer://c{0}/x\n  <Proxy balancer://c{0}>\n"
    block += "    BalancerMember ws://10.0.0.1:{0}\n    BalancerMember ws://10.0.0.2:{0}\n  </Proxy>\n  # end\n"
    block += "  ProxyPass / http://10.0.0.3/\n</VirtualHost>\n"
    text = "".join(block.format(number) for number in range(1_000, 6_000))
    begin = time.process_time()
    answer = await answer_on(text, tmp_path)
    assert answer.advice == ()
    assert time.process_time() - begin < 10  # about 1 s of processor time when measured


@pytest.mark.slow
async def test_no_prefix_of_a_configuration_and_no_noise_in_it_breaks_the_adviser() -> None:
    texts = [marked(case.text)[0] for case in BROKEN.values()] + [case.text for case in SOUND.values()]
    assert texts
    for text in texts[::4]:
        for end in range(0, len(text), 3):
            assert isinstance(advice_on(text[:end], tunnels=100), list)
    noise = random.Random(4)  # noqa: S311 - a fixed seed, so that a failure can be repeated
    letters = "\"'\\\n<>/${}[]=%!:#. ^" + "aP0é\ufffd"
    for _ in range(300):
        spoiled = list(noise.choice(texts))
        for _ in range(noise.randrange(1, 30)):
            spoiled[noise.randrange(len(spoiled))] = noise.choice(letters)
        assert isinstance(advice_on("".join(spoiled), tunnels=1), list)
        assert isinstance(advice_on("".join(noise.choice(letters) for _ in range(200))), list)


async def test_random_bytes_get_a_sentence_or_an_answer(tmp_path: Path) -> None:
    noise = random.Random(5)  # noqa: S311 - a fixed seed, so that a failure can be repeated
    told: list[str] = []
    for size in (1, 7, 64, 400, 3000):
        for _ in range(20):
            data = bytes(noise.randrange(1, 127) for _ in range(size))
            try:
                told.append(str((await answer_on(data, tmp_path)).exit_code))
            except EvidenceError as exc:
                told.append(str(exc))
    assert len(told) == 100
    assert all(told)


async def test_severities_decide_the_exit_code(tmp_path: Path) -> None:
    note, _ = marked(BROKEN["bytraffic-for-tunnels"].text)
    warning, line = marked(BROKEN["verify-none"].text)
    assert (await answer_on(note, tmp_path)).exit_code == 0
    answer = await answer_on(warning, tmp_path)
    assert answer.exit_code == 1
    assert "1 warning in 1 file" in answer.summary
    assert [(severity.value, answer.count(severity)) for severity in Severity if answer.count(severity)] == [
        ("warning", 1)
    ]
    assert str(answer.advice[0]).startswith(f"{tmp_path}/httpd.conf:{line}: warning WSLB-C073 SSLProxyVerify none")


async def test_of_a_rule_the_first_hundred_places_are_told_and_the_others_counted(tmp_path: Path) -> None:
    answer = await answer_on("ProxyPass /a ws://192.0.2.1/ # why\n" * 150 + "ProxyPas /b ws://192.0.2.1/\n", tmp_path)
    assert sum(advice.rule == "WSLB-C140" for advice in answer.advice) == 100
    assert answer.advice[-1].rule == "WSLB-C128"
    assert answer.untold >= 50
    assert f", {answer.untold} more of the same kinds in 1 file" in answer.summary


async def test_advice_of_included_files_names_them(tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites/ws.conf").write_text("\n\nProxyPass /ws ws://192.0.2.1/x upgrade=ANY\n")
    answer = await answer_on("IncludeOptional sites/*.conf\n", tmp_path)
    assert [(a.file, a.line) for a in answer.advice] == [(f"{tmp_path}/sites/ws.conf", 3)]
    assert answer.files == 2


async def test_an_httpd_that_cannot_run_leaves_the_text(tmp_path: Path) -> None:
    path = tmp_path / "httpd.conf"
    path.write_text("ProxyPass /ws ws://192.0.2.1/x upgrade=ANY\n")
    nothing = Installation(
        binary=str(tmp_path / "none"), modules_folder="", version="2.4.71", built_in=frozenset(), loadable=frozenset()
    )
    answer = await advise_file(path, installation=nothing)
    assert [advice.rule for advice in answer.advice] == ["WSLB-C028"]
    assert "its text was read" in answer.source


def test_dump_of_httpd() -> None:
    text = """# In file: /etc/a.conf
#   7:
ProxyPass /ws balancer://c/x
#   9:
<Proxy balancer://c>
  #  10:
  BalancerMember ws://192.0.2.1
</Proxy>
# In file: macro 'm' (defined on line 20 of "/etc/a.conf") used on line 30 of "/etc/a.conf"
#   1:
ProxyPass /m ws://192.0.2.2
# In file: -c/-C directives
#   1:
ErrorLog /dev/null
Loaded Modules:
 core_module (static)
 mpm_event_module (shared)
 proxy_module (shared)
Syntax OK
"""
    tree = parse_dump(text)
    assert [(d.key, d.file, d.line) for d in tree.directives] == [
        ("proxypass", "/etc/a.conf", 7),
        ("proxy", "/etc/a.conf", 9),
        ("proxypass", "/etc/a.conf", 21),
    ]
    assert tree.directives[1].body is not None
    assert [(d.first, d.line) for d in tree.directives[1].body] == [("ws://192.0.2.1", 10)]
    assert parse_modules(text) == {"core", "mpm_event", "proxy"}


@pytest.mark.parametrize(
    ("text", "modules", "limit"),
    [
        ("", (), 400),
        ("MaxRequestWorkers 100", (), 100),
        ("MaxRequestWorkers 90", (), 75),
        ("MaxClients 50", (), 50),
        ("ServerLimit 2\nThreadsPerChild 10\nMaxRequestWorkers 100", (), 20),
        ("ThreadsPerChild 100\nThreadLimit 64", (), 1024),
        ("ThreadsPerChild 100", (), 1024),
        ("", ("mpm_prefork",), 256),
        ("MaxRequestWorkers 10", ("mpm_prefork",), 10),
    ],
)
def test_capacity_as_httpd_computes_it(text: str, modules: tuple[str, ...], limit: int) -> None:
    from wslb.proxies.apache.advice.adviser import configuration_of  # noqa: PLC0415 - beside the name of preview's
    from wslb.proxies.apache.conf.directives import tree_of  # noqa: PLC0415
    from wslb.proxies.apache.conf.effect import resolve  # noqa: PLC0415

    conf: Configuration = configuration_of(resolve(tree_of(text, "f"), "f", LocalFiles()))
    assert capacity(conf.main, frozenset(modules))[0] == limit
