"""What `wslb try` asks of a text, what it foresees, and its words for what was seen; no httpd is asked here."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests import runs
from tests.unit.proxies.apache.adoption.test_adopt import INSTALLATION
from wslb.commands.attempt import Attempt
from wslb.lab.trial import Trial
from wslb.model.handshake import Handshake
from wslb.model.results import Outcome
from wslb.model.topics import Topic
from wslb.proxies.apache.adoption.adopt import adopt
from wslb.proxies.apache.adoption.original import read_original

BALANCED = """
ProxyTimeout 7
<Proxy balancer://app>
  BalancerMember ws://10.0.0.1:3000 route=a
  BalancerMember ws://10.0.0.2:3000 route=b loadfactor=3 retry=5
  ProxySet stickysession=ROUTE
</Proxy>
<VirtualHost *:80>
  ServerName app.example.org
  ProxyPass /chat balancer://app/chat
  ProxyPass /one ws://10.0.0.3:9000/one max=10
</VirtualHost>
"""

FORESEEN = {
    "conf-1-upgrade": "101 to Chrome, Firefox and Safari",
    "conf-1-turns": "the model of byrequests predicts all 12 connections",
    "conf-1-at-once": "each share within",
    "conf-1-sticky": "ROUTE=….b leads to the member of that route",
    "conf-1-thieves": "an ordinary GET of the path takes a turn as well",
    "conf-1-refuses": "it is tried again after 5 s: retry=5 (site.conf:5)",
    "conf-1-hangs": "502 after 7 s: ProxyTimeout 7 (site.conf:2)",
    "conf-1-answers-503": "its 503, for each client whose turn it is: an answer is no failure",
    "conf-1-idle": "after 60 s: Timeout 60 (what httpd takes for granted), the larger of it and ProxyTimeout 7",
    "conf-1-room": "400 tunnels at a time (what httpd takes for granted); the next client waits",
    "conf-1-reload": "open tunnels live on in the old processes until they end",
    "conf-2-upgrade": "101 to Chrome, Firefox and Safari",
    "conf-2-refuses": "it is tried at every request: retry= counts in balancers only",
    "conf-2-hangs": "502 after 7 s: ProxyTimeout 7 (site.conf:2)",
}


def begun(folder: Path, text: str, **more: Any) -> tuple[Attempt, tuple[str, ...]]:
    """An attempt at this text, as it is when httpd serves it, and the names of its stand-ins."""
    file = folder / "site.conf"
    file.write_text(text)
    original = read_original(file, installation=INSTALLATION)
    adopting = partial(adopt, installation=INSTALLATION, as_root=False, readable=lambda _: False)
    adopted = adopting(original)
    members = {
        one.variable(tls=tls): f"127.0.0.101:{1000 + n}"
        for n, one in enumerate(adopted.stand_ins)
        for tls in (False, True)
    }
    proxy = SimpleNamespace(
        adopted=adopted, ports=defaultdict(lambda: 8080), installation=INSTALLATION, config="adopted", members=members
    )
    trial = Trial(
        lab=cast("Any", SimpleNamespace(open_files=100_000, fleet=SimpleNamespace(real={}))),
        proxy=cast("Any", proxy),
        original=original,
        connectors=(),
        tls=frozenset(),
        adopting=adopting,
    )
    attempt = Attempt(**more)
    attempt.begin(trial)
    return attempt, tuple(one.name for one in adopted.stand_ins)


def test_what_is_asked_and_foreseen_is_the_file_s(tmp_path: Path) -> None:
    attempt, _ = begun(tmp_path, BALANCED, topics=tuple(Topic))
    limits = {one.name: one.limit.replace(f"{tmp_path}/", "") for one in attempt.scenarios}
    for name, words in FORESEEN.items():
        assert words in limits[name], limits[name]
    assert attempt.unasked == 0
    usual = [one.name for one in begun(tmp_path, BALANCED, topics=(Topic.TURNS,))[0].scenarios]
    assert usual == [
        name for name in limits if name.rpartition("-")[2] in {"upgrade", "turns", "held", "once", "sticky", "thieves"}
    ]


def test_paths_beyond_the_most_are_counted(tmp_path: Path) -> None:
    text = "".join(f"ProxyPass /ws{n} ws://10.0.0.1:3000/ws{n}\n" for n in range(15))
    attempt, _ = begun(tmp_path, text)
    assert attempt.unasked == 3
    assert len(attempt.scenarios) == 12


def one(status: int | None, backend: str | None, *, error: str | None) -> Handshake:
    """The handshake of a path, seen by a stand-in or by nobody."""
    made = runs.opened(1, "node" if backend else None, status=status, error=error)
    upgraded = status == 101
    headers = tuple(pair for pair in made.arrivals[0].headers if upgraded or pair[0] != "Upgrade") if backend else ()
    arrivals = (replace(a, backend=backend, upgrade=upgraded, headers=headers) for a in made.arrivals if backend)
    return replace(made, arrivals=tuple(arrivals))


SEEN = {
    "a tunnel": (
        "ProxyPass /chat ws://10.0.0.1:3000/chat",
        101,
        True,
        "",
        ("site.conf:1: ProxyPass /chat ws://10.0.0.1:3000/chat took it", "10.0.0.1:3000 saw GET "),
    ),
    "plain HTTP": (
        "ProxyPass / http://10.0.0.1:3000/",
        200,
        True,
        "",
        ("site.conf:1: ProxyPass / http://10.0.0.1:3000/ takes it as plain HTTP", "add upgrade=websocket to the line"),
    ),
    "nobody's path": (
        "ProxyPass /chat ws://10.0.0.1:3000/chat",
        404,
        False,
        "",
        (
            "no ProxyPass, ProxyPassMatch or RewriteRule takes this path: httpd itself answers 404",
            "add: ProxyPass /chat",
        ),
    ),
    "refused access": (
        "ProxyPass /chat ws://10.0.0.1:3000/chat\n<Location /chat>\nRequire ip 192.0.2.1\n</Location>",
        403,
        False,
        "",
        ("403", "the lab asks from 127.0.0.1, without a name or password"),
    ),
    "no answer": ("ProxyPass /chat ws://10.0.0.1:3000/chat", None, False, "no answer for 5 s", ("no answer for 5 s",)),
}


@pytest.mark.parametrize(("text", "status", "arrives", "error", "words"), SEEN.values(), ids=SEEN)
def test_what_was_seen_is_told_with_the_line(
    tmp_path: Path, text: str, status: int | None, arrives: bool, error: str, words: tuple[str, ...]
) -> None:
    attempt, (stand_in,) = begun(tmp_path, text)
    scenario = attempt.scenarios[0]
    refused = None if status == 101 else error or "no 101"
    seen = one(status, stand_in if arrives else None, error=refused)
    evidence = replace(runs.record("L"), handshakes=(seen,), log=())
    outcome = Outcome.PASSED if status == 101 else Outcome.FAILED
    result = replace(runs.passed(), name=scenario.name, family="conf", record=evidence, outcome=outcome)
    told = attempt.worded(result)
    for sentence in words:
        assert sentence in told.explanation.replace(f"{tmp_path}/", ""), told.explanation
    assert told.reproduce.startswith("wslb try ")
    assert told.reproduce.endswith(attempt.asked[0].question.path)


def test_a_question_that_needs_a_tunnel_is_skipped_with_the_reason(tmp_path: Path) -> None:
    attempt, _ = begun(tmp_path, BALANCED)
    result = replace(
        runs.passed(), name="conf-1-turns", family="conf", record=replace(runs.record("L"), handshakes=(), log=())
    )
    told = attempt.worded(result)
    assert (told.outcome, told.reason) == (Outcome.SKIPPED, "no upgrade of /chat opens a tunnel")
    assert told.verdicts == ()
