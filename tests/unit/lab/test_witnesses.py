"""Three witnesses of every connection, and what is left of it when one of them lies, forgets or is late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from tests.fakes.lab import FakeLab, fake_lab
from wslb.checks.accounting import witnesses_agree
from wslb.interfaces import Fault
from wslb.model.sites import CLUSTER, balanced


@pytest_asyncio.fixture(loop_scope="session")
async def fakes() -> AsyncIterator[FakeLab]:
    async with fake_lab() as made:
        await made.lab.begin("heard", balanced(CLUSTER), balancer=CLUSTER)
        yield made


async def test_all_three_name_the_same_backend(fakes: FakeLab) -> None:
    await fakes.lab.open_in_turn(4)
    record = await fakes.lab.collect()
    told = [(h.greeted_by, h.signed_by, h.arrivals[0].backend, h.logged_by) for h in record.handshakes]
    assert told == [("liberty",) * 4, ("node",) * 4] * 2
    assert witnesses_agree(record).holds


async def test_all_three_may_disagree_and_none_is_preferred(fakes: FakeLab) -> None:
    """The client is told node, liberty's journal has the request, and the access log names nobody's address."""
    greeting = fakes.fleet["node"].info.greeting
    await fakes.lab.fault("liberty", Fault(kind="impersonate", parameters={"name": "node", "greeting": greeting}))
    await fakes.lab.open_in_turn(1)
    fakes.proxy.accesses[0] = replace(fakes.proxy.accesses[0], member_url="ws://192.0.2.1:80")
    record = await fakes.lab.collect()
    (told,) = record.handshakes
    assert (told.backend, told.arrivals[0].backend, told.logged_by) == ("node", "liberty", None)
    verdict = witnesses_agree(record)
    assert not verdict.holds
    assert "the journals says liberty, the access log says nothing" in verdict.observed


@pytest.mark.parametrize(
    ("url", "backend"),
    [
        ("ws://{liberty}/WSConsole", "liberty"),
        ("http://{node}", "node"),
        ("ws://{node}0", None),
        ("wss://{node}", None),
        ("", None),
    ],
)
async def test_a_member_url_of_the_log_is_a_backend(fakes: FakeLab, url: str, backend: str | None) -> None:
    addresses = {key.removeprefix("ws://"): value for key, value in fakes.fleet.addresses.items()}
    await fakes.lab.open_in_turn(1)
    fakes.proxy.accesses[0] = replace(fakes.proxy.accesses[0], member_url=url.format(**addresses))
    assert (await fakes.lab.collect()).handshakes[0].logged_by == backend


async def test_a_journal_that_forgot_leaves_no_arrival(fakes: FakeLab) -> None:
    await fakes.lab.fault("liberty", Fault(kind="forget"))
    await fakes.lab.open_in_turn(2)
    record = await fakes.lab.collect()
    assert [len(h.arrivals) for h in record.handshakes] == [0, 1]
    assert not witnesses_agree(record).holds


async def test_a_log_that_is_late_is_waited_for(fakes: FakeLab) -> None:
    await fakes.lab.open_in_turn(2)
    late, fakes.proxy.accesses = fakes.proxy.accesses, []
    asyncio.get_running_loop().call_later(0.05, fakes.proxy.accesses.extend, late)
    record = await fakes.lab.collect()
    assert [h.logged_by for h in record.handshakes] == ["liberty", "node"]


async def test_a_log_that_never_tells_is_evidence_too(fakes: FakeLab) -> None:
    await fakes.lab.open_in_turn(2)
    fakes.proxy.accesses.pop()
    record = await fakes.lab.collect()
    assert [h.logged_by for h in record.handshakes] == ["liberty", None]
    assert [h.logged_status for h in record.handshakes] == [200, None]


async def test_a_backend_that_does_not_notice_an_end_is_waited_for_and_told(fakes: FakeLab) -> None:
    (conversation,) = await fakes.lab.open_in_turn(1, hold=True)
    backend = fakes.fleet["liberty"]
    backend.ended = lambda *_: None  # type: ignore[method-assign]  # it does not hear of it
    await conversation.close()
    record = await fakes.lab.collect()
    assert record.handshakes[0].closed is not None
    assert record.handshakes[0].arrivals[0].closed is None


async def test_nobody_waits_for_the_log_of_a_dead_proxy(fakes: FakeLab) -> None:
    await fakes.lab.open_in_turn(1)
    fakes.proxy.accesses.clear()
    await fakes.proxy.stop()
    begin = asyncio.get_running_loop().time()
    record = await fakes.lab.collect()
    assert record.handshakes[0].logged_by is None
    assert asyncio.get_running_loop().time() - begin < fakes.lab.settings.timeouts.settle
