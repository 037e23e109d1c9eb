"""Claims that are about nginx or HAProxy, each broken behind the scenario's back: the check that should goes red."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.live.test_products import settings_of
from wslb.identity import Identity
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.model.balancer import ProcessModel, Site
from wslb.model.results import Outcome
from wslb.model.sites import TLS_CLUSTER
from wslb.scenarios import SCENARIOS, runner

pytestmark = pytest.mark.live

BOTH = ("nginx", "haproxy")
Tamper = Callable[[Site], Site]


def unsaid(site: Site) -> Site:
    """None of its lines in the product's own language."""
    return replace(site, native={})


def unstuck(site: Site) -> Site:
    return site.balancing(lambda balancer: replace(balancer, stickysession=None))


def hastened(site: Site) -> Site:
    """Its limits in seconds are a tenth of a second."""
    return reworded(site, r"\b[12]s\b", "100ms")


def prolonged(site: Site) -> Site:
    """Its limits of one and two seconds are half a minute."""
    return reworded(site, r"\b[12]s\b", "30s")


def reworded(site: Site, pattern: str, words: str) -> Site:
    """The site, with another text in place of this one in all that it says for all paths."""
    native = {
        title: replace(lines, common=tuple(re.sub(pattern, words, line) for line in lines.common))
        for title, lines in site.native.items()
    }
    return replace(site, native=native)


def cut_short(site: Site) -> Site:
    return reworded(site, "^proxy_send_timeout", "proxy_read_timeout")


def without_tunnel(site: Site) -> Site:
    return reworded(site, "^timeout tunnel 2s", "timeout queue 2s")


def roomier(site: Site) -> Site:
    return replace(site, process_model=ProcessModel())


def in_http1_alone(site: Site) -> Site:
    return replace(site, edits=((r"^  bind \S+$", r"\g<0> proto h1"),))


def misnamed(site: Site) -> Site:
    return replace(site, identities=dict.fromkeys(site.identities, Identity(common_name="wrong", names=("DNS:wrong",))))


def vouched(site: Site) -> Site:
    return replace(site, identities={})


def unencrypted(site: Site) -> Site:
    """Every member is reached on its plain port."""
    plain = {member: replace(member, url=member.url.replace("wss:", "ws:")) for member in TLS_CLUSTER.at_root().members}
    return site.balancing(lambda balancer: replace(balancer, members=tuple(map(plain.__getitem__, balancer.members))))


BROKEN: tuple[tuple[str, tuple[str, ...], Tamper, str], ...] = (
    ("sticky-cookie", BOTH, unstuck, "served_by"),
    ("sticky-turns", BOTH, unstuck, "served_by"),
    ("sticky-standby", ("haproxy",), unstuck, "served_by"),
    ("sticky-given", BOTH, unsaid, "cookie_given"),
    ("sticky-hash", BOTH, unsaid, "one_member_each"),
    ("sticky-address", BOTH, unsaid, "all_on_one"),
    ("sticky-table", ("haproxy",), unsaid, "served_by"),
    ("sticky-returns", BOTH, unstuck, "served_by"),
    ("timeouts-idle-limit", BOTH, hastened, "lasted"),
    ("timeouts-idle-pings", BOTH, hastened, "still_open"),
    ("timeouts-one-way", BOTH, hastened, "pushed"),
    ("timeouts-other-limits", ("nginx",), cut_short, "still_open"),
    ("timeouts-tunnel-wins", ("haproxy",), without_tunnel, "lasted"),
    ("timeouts-client-wins", ("haproxy",), hastened, "lasted"),
    ("timeouts-server-wins", ("haproxy",), prolonged, "lost"),
    ("timeouts-silent-handshake", BOTH, hastened, "waited"),
    ("carrier-h2-native", ("haproxy",), in_http1_alone, "opened_with_accept"),
    ("carrier-h2-withheld", ("haproxy",), unsaid, "not_offered"),
    ("carrier-h2-unoffered", ("nginx",), unsaid, "not_offered"),
    ("tls-behind-alone", BOTH, unencrypted, "encrypted"),
    ("tls-asked-name", BOTH, misnamed, "alternates"),
    ("tls-asked-name-beside", ("nginx",), vouched, "served_by"),
    ("tls-asked-name-beside", ("haproxy",), misnamed, "alternates"),
    ("tls-unverified", BOTH, unsaid, "alternates"),
    ("tls-unnamed", ("nginx",), unsaid, "answers"),
    ("tls-unnamed", ("haproxy",), unsaid, "alternates"),
    ("failover-own-defaults", ("haproxy",), unsaid, "answers"),
    ("restart-old-limit", BOTH, unsaid, "lost"),
    ("limits-full", ("haproxy",), roomier, "served_slot_by_slot"),
    ("limits-one-full", BOTH, unsaid, "served_by"),
    ("limits-member-queue", ("haproxy",), unsaid, "served_slot_by_slot"),
    ("limits-queue-timeout", ("haproxy",), unsaid, "answers"),
    ("limits-max-conns", ("nginx",), unsaid, "answers"),
    ("limits-worker-connections", ("nginx",), unsaid, "answers"),
)
"""Scenario, products that are asked it, what is broken, and the check that must notice."""

ROWS = [
    pytest.param(product, *row, id=f"{product}-{row[0]}")
    for product in BOTH
    for row in ((name, tamper, check) for name, products, tamper, check in BROKEN if product in products)
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def labs(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Callable[[str], Lab]]:
    settings = [await settings_of(name, tmp_path_factory.mktemp(name)) for name in BOTH]
    async with open_lab(settings[0]) as nginx, open_lab(settings[1]) as haproxy:
        yield {"nginx": nginx, "haproxy": haproxy}.__getitem__


@pytest.mark.parametrize(("product", "name", "tamper", "check"), ROWS)
async def test_a_claim_that_is_broken_is_found_out(
    labs: Callable[[str], Lab], product: str, name: str, tamper: Tamper, check: str
) -> None:
    lab = labs(product)
    (scenario,) = [one for one in SCENARIOS if one.name == name]
    if lacking := runner.lacking(scenario, lab):
        pytest.skip(lacking)
    sound = await runner.run(scenario, lab)
    assert (sound.outcome, sound.reason) == (Outcome.PASSED, ""), sound.verdicts
    broken = await runner.run(scenario, lab, tamper=tamper)
    assert broken.outcome is Outcome.FAILED
    assert check in {verdict.check for verdict in broken.verdicts if verdict.breaks}


@pytest.mark.parametrize("product", BOTH)
@pytest.mark.parametrize(("name", "check"), [("restart-graceful", "restarted"), ("restart-term", "not_served")])
async def test_a_signal_that_is_lost_is_found_out(
    labs: Callable[[str], Lab], monkeypatch: pytest.MonkeyPatch, product: str, name: str, check: str
) -> None:
    lab = labs(product)
    (scenario,) = [one for one in SCENARIOS if one.name == name]
    monkeypatch.setattr(lab.proxy, "signal", lambda _: None)
    broken = await runner.run(scenario, lab)
    assert broken.outcome is Outcome.FAILED
    assert check in {verdict.check for verdict in broken.verdicts if verdict.breaks}


async def test_every_claim_about_a_product_alone_is_broken_here(labs: Callable[[str], Lab]) -> None:
    named = {(lab.proxy.dialect.title, name) for name, products, _, _ in BROKEN for lab in map(labs, products)}
    about = {(title, one.name) for one in SCENARIOS for title in one.site.native}
    assert about - named == set()
