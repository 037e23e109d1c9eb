"""``wslb load URL`` and ``wslb check URL`` of servers that know nothing of us, behind a real Apache."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.foreign.fronts import APACHE, apache, free_port, members
from tests.foreign.manners import KINDS
from tests.live.command import Ended, Place, place
from wslb.load.saved import LoadDocument, read

pytestmark = [pytest.mark.live, pytest.mark.skipif(not APACHE, reason="there is no httpd on this machine's PATH")]


@pytest.fixture
def here() -> Iterator[Place]:
    with place() as made:
        yield made
        assert made.leftovers() == []


def load(here: Place, port: int, *words: str) -> tuple[Ended, LoadDocument]:
    ended = here.run("load", f"ws://127.0.0.1:{port}/", "--lag-limit", "60s", *words)
    return ended, read(here.folder / "reports" / "load" / "load.json")


def opened(made: LoadDocument) -> dict[str, int]:
    return {backend.name: backend.opened for backend in made.backends if backend.opened}


@pytest.mark.parametrize("kind", KINDS)
def test_load_opens_closes_and_names_every_kind_of_server(here: Place, kind: str) -> None:
    """Silent, speaking first or when spoken to, closing as it likes: no open fails, and a name is found or none."""
    asked = KINDS[kind]
    with members(kind, ["alpha", "beta"]) as ports, apache(ports) as port:
        ended, made = load(here, port, "--connections", "8", "--concurrency", "1", *asked.options)
    assert ended.code == 0, ended
    assert (made.opened, made.closed, made.errors_by_kind) == (8, 8, {})
    backends = next(one for one in made.findings if one.name == "Backends")
    if not asked.told:
        assert opened(made) == {"unknown": 8}
        assert "nothing tells which backend answered" in backends.text
        assert "let the proxy or the server say it" in backends.text
        return
    before = "Connected to " if asked.told == "the first message" else ""
    assert opened(made) == {f"{before}alpha": 4, f"{before}beta": 4}
    assert f"from {asked.told})" in backends.text
    assert "  4/4, 0 breaks" in backends.text


def found(made: LoadDocument, name: str) -> str:
    return next((one.text for one in made.findings if one.name == name), "")


def test_a_dead_member_that_the_proxy_passes_over_fails_nothing(here: Place) -> None:
    with members("silent", ["alpha"]) as ports, apache([*ports, free_port()], member="retry=0") as port:
        ended, made = load(here, port, "--connections", "6", "--concurrency", "1")
    assert ended.code == 0, ended
    assert opened(made) == {"alpha": 6}


def test_load_tells_a_member_that_refuses_its_turns(here: Place) -> None:
    """One member answers 404 to this path: every second open fails, and the cause is told once."""
    with members("silent", ["alpha", "beta"]) as ports:
        lines = f"""
<Proxy balancer://uneven>
BalancerMember http://127.0.0.1:{ports[0]} upgrade=websocket
BalancerMember http://127.0.0.1:{ports[1]}
</Proxy>
ProxyPass /uneven balancer://uneven/
"""
        with apache(ports, lines=lines) as port:
            words = ("--lag-limit", "60s", "--connections", "6", "--concurrency", "1")
            ended = here.run("load", f"ws://127.0.0.1:{port}/uneven", *words)
            made = read(here.folder / "reports" / "load" / "load.json")
    assert ended.code == 1, ended
    assert (made.opened, made.errors_by_kind) == (3, {"status 426": 3})
    assert "3 of 6 failed, all 426" in found(made, "Backends")
    assert "A ✖ A ✖ A ✖" in found(made, "Backends") or "✖ A ✖ A ✖ A" in found(made, "Backends")
    assert "does not pass the Upgrade on" in found(made, "Cause")
    assert "! Cause" in ended.out


@pytest.mark.parametrize(("shares", "code"), [("1:1", 0), ("3:1", 1)])
def test_load_holds_shares_against_what_each_got(here: Place, shares: str, code: int) -> None:
    with members("echo", ["alpha", "beta"]) as ports, apache(ports) as port:
        ended, made = load(here, port, "--connections", "12", "--expect-shares", shares, "--messages", "1")
    assert ended.code == code, ended
    assert made.echoed == 12
    [limit] = [one for one in made.limits if one.text == f"shares {shares}"]
    assert limit.holds is (code == 0)
    assert limit.observed.startswith("alpha 6, beta 6" if code == 0 else "shares are 6/6, 3:1 wants 9/3")


def test_shares_that_nothing_tells_do_not_hold(here: Place) -> None:
    with members("same", ["alpha", "beta"]) as ports, apache(ports) as port:
        ended, made = load(here, port, "--connections", "6", "--expect-shares", "1:1")
    assert ended.code == 1
    assert [one.observed for one in made.limits if not one.holds] == ["nothing tells which backend answered"]


@pytest.mark.parametrize("sticky", [True, False])
def test_load_asks_whether_clients_that_keep_their_cookies_stay(here: Place, sticky: bool) -> None:
    with members("session", ["alpha", "beta"]) as ports:
        lines = f"""
<Proxy balancer://kept>
BalancerMember http://127.0.0.1:{ports[0]} upgrade=websocket route=alpha
BalancerMember http://127.0.0.1:{ports[1]} upgrade=websocket route=beta
{"ProxySet stickysession=JSESSIONID" if sticky else ""}
</Proxy>
ProxyPass /kept balancer://kept/
"""
        with apache(ports, lines=lines) as port:
            words = ("--lag-limit", "60s", "--connections", "12", "--concurrency", "2", "--keep-cookies")
            ended = here.run("load", f"ws://127.0.0.1:{port}/kept", *words)
            made = read(here.folder / "reports" / "load" / "load.json")
    [limit] = [one for one in made.limits if one.text == "keep-cookies"]
    assert limit.holds is sticky, (ended, limit)
    assert ended.code == (0 if sticky else 1)
    kept, came = map(int, limit.observed.split()[0:3:2])
    assert came >= 8
    assert (kept == came) is sticky


def test_load_over_http2_is_the_same_load(here: Place) -> None:
    lines = "Protocols h2c http/1.1\nH2WebSockets on"
    with members("echo", ["alpha", "beta"]) as ports, apache(ports, lines=lines, extra=["http2"]) as port:
        words = ("--connections", "8", "--concurrency", "2", "--messages", "2", "--http2")
        ended, made = load(here, port, *words)
    assert ended.code == 0, ended
    assert (made.opened, made.closed, made.echoed, made.errors_by_kind) == (8, 8, 16, {})
    assert opened(made) == {"alpha": 4, "beta": 4}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ws://127.0.0.1:9/#top", "It has a fragment"),
        ("ws:///path", "It has no host"),
        ("http://127.0.0.1:9/", "Write ws:// for http://"),
        ("ws://u:p@127.0.0.1:9/", "give --user NAME:PASSWORD"),
    ],
)
def test_a_url_that_cannot_be_is_wrong_usage(here: Place, url: str, why: str) -> None:
    ended = here.run("load", url)
    assert ended.code == 2
    assert why in ended.err


@pytest.mark.parametrize("words", [("--speak", "mqtt"), ("--expect-shares", "1:1"), ("--insecure",), ("--user", "a:b")])
def test_what_is_for_a_url_is_wrong_usage_in_the_lab(here: Place, words: tuple[str, ...]) -> None:
    ended = here.run("load", *words)
    assert ended.code == 2
    assert "given with a URL: the lab is known" in ended.err
