"""``wslb try --backends real``: the user's own servers answer, and are asked only where somebody has agreed to it."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.foreign.fronts import free_port, members
from tests.live.command import Ended, Place, place
from wslb.certificates import Authority
from wslb.errors import ConfigError, ServerUnavailable
from wslb.lab.real_members import RealMembers
from wslb.proxies.adopting import CHOSEN, MemberPlace
from wslb.proxies.apache.adoption.adopted import Adopted

pytestmark = pytest.mark.live


@pytest.fixture
def here() -> Iterator[Place]:
    with place() as made:
        yield made
        assert made.leftovers() == []


def tried(here: Place, text: str, *words: str) -> Ended:
    (here.folder / "site.conf").write_text(f"Listen 8080\nServerName www.example.org\n{text}\n")
    return here.run("try", "site.conf", "--backends", "real", *words)


def scenarios(here: Place) -> dict[str, dict[str, Any]]:
    report = json.loads((here.folder / "reports" / "try" / "report.json").read_text())
    return {one["name"]: one for one in report["scenarios"]}


def cluster(ports: list[int]) -> str:
    lines = "\n".join(f"BalancerMember ws://127.0.0.1:{port}" for port in ports)
    return f"<Proxy balancer://chat>\n{lines}\n</Proxy>\nProxyPass /chat balancer://chat/chat"


@pytest.mark.parametrize("kind", ["silent", "echo", "same"])
def test_servers_that_know_nothing_of_us_are_told_apart(here: Place, kind: str) -> None:
    """They greet alike or not at all: the recorders say who was asked, and whose turn it was."""
    with members(kind, ["alpha", "beta"]) as ports:
        ended = tried(here, cluster(ports), "--yes")
    assert ended.code == 0, ended
    found = scenarios(here)
    assert {one["outcome"] for one in found.values()} == {"passed"}
    assert len(found) == 5
    assert f"127.0.0.1:{ports[0]} saw GET /chat" in ended.out
    assert "2 lines: a recorder before it takes the member's place" in ended.out


def test_what_a_server_refuses_itself_is_its_answer_and_no_line_of_the_file(here: Place) -> None:
    with members("refusing", ["403"]) as ports:
        ended = tried(here, f"ProxyPass /live http://127.0.0.1:{ports[0]}/live upgrade=websocket", "--yes")
    assert ended.code == 1, ended
    told = f"takes it, and 127.0.0.1:{ports[0]} itself answers 403 to GET /live"
    assert (
        f"cause   site.conf:3: ProxyPass /live http://127.0.0.1:{ports[0]}/live upgrade=websocket {told}" in ended.out
    )


def test_failures_are_played_by_the_recorder_and_foreseen_from_the_file(here: Place) -> None:
    with members("silent", ["alpha", "beta"]) as ports:
        ended = tried(here, f"Timeout 2\n{cluster(ports)}", "--yes", "--ask", "failure,reload")
        assert ended.code == 0, ended
        found = scenarios(here)
    assert {name.partition("-")[2].partition("-")[2] for name in found} > {"refuses", "hangs", "reload"}, sorted(found)


def test_nobody_is_asked_where_nobody_agreed(here: Place) -> None:
    with members("echo", ["alpha"]) as ports:
        ended = tried(here, f"ProxyPass /live ws://127.0.0.1:{ports[0]}/live")
    assert ended.code == 2, ended
    assert f"must be agreed to, for it opens WebSockets at 127.0.0.1:{ports[0]}." in ended.err
    assert "give --yes" in ended.err


def test_a_server_that_is_away_is_told_before_anything_is_asked(here: Place) -> None:
    port = free_port()
    ended = tried(here, f"ProxyPass /live ws://127.0.0.1:{port}/live", "--yes")
    assert ended.code == 3, ended
    assert f"The server 127.0.0.1:{port} at ws://127.0.0.1:{port} cannot be asked: connection refused." in ended.err


def test_no_other_machine_is_asked_that_was_not_named(here: Place) -> None:
    ended = tried(here, "ProxyPass /live ws://192.0.2.7/live", "--yes")
    assert ended.code == 2, ended
    assert "192.0.2.7:80 is not of it" in ended.err
    assert "--reach 192.0.2.7" in ended.err


def test_nobody_fills_a_real_server(here: Place) -> None:
    assert tried(here, "ProxyPass /live ws://127.0.0.1:1/live", "--yes", "--ask", "room").code == 2


def adopted(host: str, port: int, line: str) -> Adopted:
    made = MemberPlace(number=1, host=host, port=port)
    return Adopted(
        lines=(line,),
        places=(("f", 1),),
        changes=(),
        stand_ins=(made,),
        doors=(),
        certificates=(),
        modules=(),
        addresses={},
    )


async def test_a_host_that_the_client_chooses_is_nobody_to_ask() -> None:
    real = RealMembers(agreed=lambda _: True)
    with pytest.raises(ConfigError, match="a client of this one chooses the host"):
        await real.recorders(adopted(CHOSEN, 80, "RewriteRule ^ ws://${WSLB_MEMBER_1} [P]"))


@pytest.mark.parametrize("known", [True, False])
async def test_a_member_over_tls_is_trusted_by_the_authority_that_is_named(tmp_path: Path, known: bool) -> None:
    authority = Authority()
    leaf = authority.leaf("localhost", names=("localhost",))
    for name, data in (("ca.pem", authority.pem), ("leaf.pem", leaf.certificate), ("leaf.key", leaf.key)):
        (tmp_path / name).write_bytes(data)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "leaf.pem", tmp_path / "leaf.key")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        port = int(server.sockets[0].getsockname()[1])
        real = RealMembers(agreed=lambda _: True, ca=str(tmp_path / "ca.pem") if known else None)
        place = adopted("localhost", port, "ProxyPass /ws wss://${WSLB_MEMBER_1_TLS}/ws")
        if known:
            (program,) = (await real.recorders(place)).values()
            assert program.arguments == ("--to", f"wss://localhost:{port}", "--ca", str(tmp_path / "ca.pem"))
        else:
            with pytest.raises(ServerUnavailable, match="certificate verify failed") as refused:
                await real.recorders(place)
            assert "--ca" in refused.value.hint
