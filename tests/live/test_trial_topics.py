"""What a user's own configuration says of failures, times and room: foreseen by its text, asked of the real httpd.

Each question is also asked of an httpd that serves another value than the text says: then it must go red.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from wslb.commands.attempt import Attempt
from wslb.config import Settings
from wslb.lab.trial import Trial, open_trial
from wslb.model.results import Outcome, ScenarioResult
from wslb.model.topics import Topic
from wslb.proxies.apache.adoption.adopted import Adopted
from wslb.scenarios import runner

pytestmark = pytest.mark.live

M1, M2 = "ws://m1:80", "ws://m2:80"
PATHS = {
    "at-once": (f"{M1} retry=0", M2),
    "later": (f"{M1} retry=2", M2),
    "pays": (f"{M1} retry=1", M2, "ProxySet maxattempts=0"),
    "alone": (f"{M1} retry=30 timeout=1",),
    "listed": (M1, M2, "ProxySet failonstatus=500,503"),
    "single": "ws://m1:81/x retry=30 timeout=1",
    "longer": "ws://m1:82/y timeout=3",
    "sticky": (f"{M1} route=a", f"{M2} route=b", "ProxySet stickysession=ID stickysessionsep=:"),
    "reached": (f"{M1} connectiontimeout=500ms", M2),
    "standby": (f"{M1} retry=60", f"{M2} status=+H"),
}
"""By path: members and settings of the balancer behind it, or its only backend."""

WSTUNNEL = """<VirtualHost *:8081>
ProxyPassInherit Off
Timeout 1
ProxyWebsocketFallbackToProxyHttp Off
ProxyPass /by-wstunnel ws://m2:80/z timeout=1
</VirtualHost>"""


def text_of() -> str:
    lines = ["Timeout 2"]
    for path, behind in PATHS.items():
        target = behind if isinstance(behind, str) else f"balancer://{path}"
        if not isinstance(behind, str):
            members = [line if line.startswith("ProxySet") else f"BalancerMember {line}" for line in behind]
            lines += [f"<Proxy balancer://{path}>", *members, "</Proxy>"]
        lines.append(f"ProxyPass /{path} {target}")
    lines.append(WSTUNNEL)
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A configuration that is served, and what it is asked."""

    trial: Trial
    attempt: Attempt

    async def ask(self, path: str, what: str, *, served: tuple[str, str] | None = None) -> ScenarioResult:
        """The result for a path; `served`: a piece of the text, and what httpd gets in its place."""
        upgrade = next(s for s in self.attempt.scenarios if f"/{path} open a tunnel" in s.question)
        name = upgrade.name.replace("upgrade", what)
        scenario = next(s for s in self.attempt.scenarios if s.name == name)
        await runner.run(upgrade, self.trial.lab)
        own = self.trial.proxy.adopted
        if served:
            changed = tuple(line.replace(*served) for line in own.lines)
            assert changed != own.lines
            self.trial.proxy.adopted = dataclasses.replace(own, lines=changed)
        try:
            return self.attempt.worded(await runner.run(scenario, self.trial.lab))
        finally:
            self.trial.proxy.adopted = own


@pytest.fixture(scope="module")
async def tried(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tried]:
    file = tmp_path_factory.mktemp("try") / "site.conf"
    file.write_text(text_of())
    attempt = Attempt(topics=tuple(Topic), wait_seconds=2)
    async with open_trial(Settings(), file) as trial:
        attempt.begin(trial)
        yield Tried(trial=trial, attempt=attempt)


FORESEEN = (
    ("at-once", "refuses", "tried again after 0 s: retry=0"),
    ("later", "refuses", "tried again after 2 s: retry=2"),
    ("pays", "refuses", "foreseen: 503 for the client whose turn it is, 101 for the others"),
    ("alone", "refuses", "tried at every request, as nobody else is left"),
    ("single", "refuses", "retry= counts in balancers only"),
    ("standby", "refuses", "retry=60 (site.conf:{line}); here all times are divided by 30"),
    ("later", "hangs", "502 after 2 s: Timeout 2"),
    ("reached", "unreachable", "101 from another member after 0.5 s: connectiontimeout=500ms"),
    ("later", "unreachable", "101 from another member after 2 s: Timeout 2"),
    ("alone", "unreachable", "503 after 1 s: timeout=1"),
    ("pays", "unreachable", "503 after 2 s: Timeout 2"),
    ("single", "unreachable", "503 after 1 s: timeout=1"),
    ("by-wstunnel", "unreachable", "503 after 1 s: timeout=1"),
    ("single", "hangs", "502 after 1 s: timeout=1"),
    ("at-once", "answers-503", "seen: 2 of 4 clients"),
    ("listed", "answers-503", "seen: 1 of 4 clients"),
    ("by-wstunnel", "hangs", "mod_proxy_wstunnel has no limit for the answer"),
    ("sticky", "sticky", "ID=0000…:b, as Liberty writes it, is followed (stickysessionsep)"),
    ("at-once", "thieves", "an ordinary GET of the path takes a turn as well"),
    ("single", "idle", "after 2 s: Timeout 2 (site.conf:1), the larger of it and timeout=1"),
    ("longer", "idle", "divided by 1.5"),
    ("by-wstunnel", "idle", "never: mod_proxy_wstunnel has no idle limit"),
)


@pytest.mark.parametrize(("path", "what", "says"), FORESEEN, ids=[f"{path}-{what}" for path, what, _ in FORESEEN])
async def test_what_is_foreseen_is_seen(tried: Tried, path: str, what: str, says: str) -> None:
    result = await tried.ask(path, what)
    told = result.explanation.replace(f"{tried.trial.original.file.parent}/", "")
    assert result.outcome is Outcome.PASSED, (result.reason, result.first_failure, told)
    assert says.format(line=text_of().split("\n").index("BalancerMember ws://m1:80 retry=60") + 1) in told


NO_GETS = "RewriteEngine On\nRewriteCond %{HTTP:Upgrade} !websocket\nRewriteRule ^/at-once - [F]\n"
REFUTED = (
    ("at-once", "refuses", ("retry=0", "retry=60"), "came_back"),
    ("later", "refuses", ("retry=2", "retry=0"), "came_back"),
    ("pays", "refuses", ("maxattempts=0", "maxattempts=1"), "felt"),
    ("single", "hangs", ("timeout=1", "timeout=3"), "waited"),
    ("reached", "unreachable", ("=500ms", "=2"), "waited"),
    ("pays", "unreachable", ("maxattempts=0", "maxattempts=1"), "felt"),
    ("listed", "answers-503", ("failonstatus=500,503", "failonstatus=500"), "refused_times"),
    ("sticky", "sticky", ("sep=:", "sep=."), "follows_model"),
    ("at-once", "thieves", ("ProxyPass /at-once ", f"{NO_GETS}ProxyPass /at-once "), "follows_model"),
    ("single", "idle", ("Timeout 2", "Timeout 4"), "ended_after"),
    ("by-wstunnel", "idle", ("ToProxyHttp Off", "ToProxyHttp On"), "ended_after"),
    ("later", "answers-503", ("retry=2", "retry=2\nProxySet failonstatus=503"), "refused_times"),
)


@pytest.mark.parametrize(
    ("path", "what", "served", "check"), REFUTED, ids=[f"{path}-{what}" for path, what, _, _ in REFUTED]
)
async def test_another_value_than_the_text_says_goes_red(
    tried: Tried, path: str, what: str, served: tuple[str, str], check: str
) -> None:
    result = await tried.ask(path, what, served=served)
    assert result.outcome is Outcome.FAILED, (result.reason, result.explanation)
    assert check in {verdict.check for verdict in result.verdicts if not verdict.holds}
    assert "but seen: " in result.explanation


PREFORK = """LoadModule mpm_prefork_module x
LoadModule authz_core_module x
LoadModule proxy_module x
LoadModule proxy_http_module x
LoadModule slotmem_shm_module x
Listen 80
MaxRequestWorkers 5
ProxyPass /ws ws://m1:80/
"""
EVENT = "ServerLimit 1\nThreadsPerChild 4\nMaxRequestWorkers 4\nProxyPass /ws ws://m1:80/\n"
NO_PLACE = "nobody new is served until an old tunnel ends: ServerLimit 1"


async def crowded(
    folder: Path, text: str, *names: str, adopted: tuple[str, str] = ("", ""), grown: tuple[str, str] = ("", "")
) -> dict[str, ScenarioResult]:
    """Results of a configuration; `adopted`, `grown`: pieces that httpd gets otherwise, as written or all started."""
    file = folder / "site.conf"
    file.write_text(text)
    attempt = Attempt(topics=(Topic.ROOM, Topic.RELOAD))

    def otherwise(form: Adopted, pieces: tuple[str, str]) -> Adopted:
        return dataclasses.replace(form, lines=tuple(line.replace(*pieces) for line in form.lines))

    async with open_trial(Settings(), file) as trial:
        attempt.begin(dataclasses.replace(trial, adopting=lambda form: otherwise(trial.adopting(form), grown)))
        trial.proxy.adopted = otherwise(trial.proxy.adopted, adopted)
        asked = [s for s in attempt.scenarios if s.name.endswith(("upgrade", *names))]
        results = [attempt.worded(await runner.run(scenario, trial.lab)) for scenario in asked]
    return {result.name.rpartition("-")[2]: result for result in results}


@pytest.mark.parametrize(
    ("text", "room", "reload"),
    [
        (EVENT, "4 tunnels at a time (site.conf:3: MaxRequestWorkers 4)", NO_PLACE),
        (
            PREFORK,
            "5 tunnels at a time (site.conf:7: MaxRequestWorkers 5)",
            "the next client is served by the new ones",
        ),
    ],
    ids=["event", "prefork"],
)
async def test_room_and_reload(tmp_path: Path, text: str, room: str, reload: str) -> None:
    results = await crowded(tmp_path, text, "room", "reload")
    assert [(r.outcome, r.first_failure) for r in results.values()] == [(Outcome.PASSED, None)] * 3
    assert room in results["room"].explanation.replace(f"{tmp_path}/", "")
    assert reload in results["reload"].explanation


async def test_connections_of_a_backend_are_room_too(tmp_path: Path) -> None:
    results = await crowded(tmp_path, EVENT.replace(":80/", ":80/ max=3"), "room")
    assert results["room"].outcome is Outcome.PASSED, results["room"].first_failure
    assert "foreseen: 3 tunnels at a time" in results["room"].explanation


async def test_another_room_and_another_reload_go_red(tmp_path: Path) -> None:
    more = ("ServerLimit 1", "ServerLimit 3")
    results = await crowded(tmp_path, EVENT, "room", "reload", adopted=more, grown=("PerChild 4", "PerChild 3"))
    assert [v.check for v in results["reload"].verdicts if not v.holds] == ["still_open", "served_next"]
    assert [v.check for v in results["room"].verdicts if not v.holds] == ["fitted"]
