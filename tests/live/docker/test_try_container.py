"""``wslb try`` by the httpd of a container: the same verdicts, whichever way it is reached, and nothing of it left."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live import engine
from tests.live.command import Ended, Place, place, wait_for

pytestmark = [pytest.mark.docker, pytest.mark.live]

LISTINGS = Path(__file__).parents[2] / "unit" / "proxies" / "apache" / "advice" / "conf"
NETWORKS = ("host", "published")


@pytest.fixture
def here() -> Iterator[Place]:
    with place() as found:
        yield found
        assert found.leftovers() == []


def words(network: str = "auto") -> tuple[str, ...]:
    image = engine.image()
    return (
        "try",
        "httpd.conf",
        "--runtime",
        "docker",
        "--image",
        image,
        "--pull",
        "never",
        "--docker-network",
        network,
    )


def document(here: Place) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((here.folder / "reports/try/report.json").read_text(encoding="utf-8"))
    return found


def passed(here: Place, ended: Ended) -> set[str]:
    """What was asked, where all of it passed."""
    assert ended.code == 0, ended.out + ended.err
    scenarios = document(here)["scenarios"]
    assert {scenario["outcome"] for scenario in scenarios} == {"passed"}
    return {scenario["name"].split("-", 2)[2] for scenario in scenarios}


@pytest.mark.parametrize("network", NETWORKS)
def test_listing_5_reaches_its_server_on_both_listeners(here: Place, network: str) -> None:
    shutil.copy(LISTINGS / "listing5.conf", here.folder / "httpd.conf")
    ended = here.run(*words(network))
    assert passed(here, ended) == {"upgrade"}
    assert "192.168.0.101:10000 saw GET /WSSConsole/CLRunner;" in ended.out
    assert "192.168.0.101:10443 saw GET /WSSConsole/CLRunner;" in ended.out
    assert document(here)["environment"]["runtime"] == "docker"
    assert document(here)["environment"]["network"] == network


@pytest.mark.parametrize("network", NETWORKS)
def test_listing_8_alternates_and_each_translated_line_is_told(here: Place, network: str) -> None:
    text = (LISTINGS / "listing8.conf").read_text(encoding="utf-8")
    (here.folder / "httpd.conf").write_text(text)
    ended = here.run(*words(network), "-v")
    assert passed(here, ended) == {"upgrade", "turns", "held", "at-once", "thieves"}
    turns = next(s for s in document(here)["scenarios"] if s["name"] == "conf-1-turns")
    served = [connection["backend"] for connection in turns["connections"]]
    assert served == ["192.168.0.101-10443", "192.168.0.102-8889"] * 6
    translated = [line for line in text.splitlines() if "QSYS" in line or "AppName" in line or "Disable" in line]
    assert not [line for line in translated if f"{line.strip()} -> " not in ended.out]


def test_all_that_can_be_asked_of_listing_8_is_as_foreseen(here: Place) -> None:
    shutil.copy(LISTINGS / "listing8.conf", here.folder / "httpd.conf")
    turns = {"upgrade", "turns", "held", "at-once", "thieves"}
    further = {"refuses", "unreachable", "hangs", "answers-503", "idle", "room", "reload"}
    assert passed(here, here.run(*words(), "--ask", "all")) == turns | further


FILES = """\
RewriteEngine On
RewriteMap paths txt:{folder}/paths.txt
RewriteRule ^/ws/(\\w+)$ ws://app.internal:8080/${{paths:$1}} [P]
DocumentRoot {folder}
"""


def test_a_file_that_httpd_reads_comes_with_it(here: Place) -> None:
    (here.folder / "paths.txt").write_text("one found-in-the-map\n")
    (here.folder / "httpd.conf").write_text(FILES.format(folder=here.folder))
    ended = here.run(*words(), "--path", "/ws/one", "-v")
    assert passed(here, ended) == {"upgrade"}
    assert "app.internal:8080 saw GET /found-in-the-map;" in ended.out
    assert "the file is brought to where this httpd runs" in ended.out


APART = """\
<VirtualHost 192.0.2.1:80>
ProxyPass /ws ws://one.internal/ws
</VirtualHost>
<VirtualHost 192.0.2.2:80>
ProxyPass /ws ws://two.internal/ws
</VirtualHost>
"""


def test_addresses_are_told_apart_in_our_network_and_refused_behind_published_ports(here: Place) -> None:
    (here.folder / "httpd.conf").write_text(APART)
    ended = here.run(*words("host"))
    assert passed(here, ended) == {"upgrade"}
    assert "one.internal:80 saw" in ended.out
    assert "two.internal:80 saw" in ended.out
    ended = here.run(*words("published"))
    assert ended.code == 2, ended.out + ended.err
    assert "192.0.2.1 and 192.0.2.2" in ended.err
    assert "--docker-network host" in ended.err


def test_a_line_that_httpd_refuses_is_the_users(here: Place) -> None:
    (here.folder / "httpd.conf").write_text("ProxyPass /ws ws://a/ws\nKeepAliveTimeout\n")
    ended = here.run(*words())
    assert (ended.code, "httpd.conf:2" in ended.err) == (3, True), ended.err


def test_after_kill_9_the_next_run_removes_the_container(here: Place) -> None:
    shutil.copy(LISTINGS / "listing8.conf", here.folder / "httpd.conf")
    running = here.start(*words())
    running.wait_until_printed("PASS")
    running.process.kill()
    running.end()
    wait_for(lambda: not [p for p in here.processes() if "python" in p.name()], what="the end of orphaned backends")
    passed(here, here.run(*words()))
