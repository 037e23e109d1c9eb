"""What the proxy does not answer, or not as it should, is evidence on the time axis and no error of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from tests.fakes.lab import FakeLab, fake_lab
from wslb.errors import ContractError, EvidenceError
from wslb.interfaces import MemberChange
from wslb.lab.lab import Lab


@pytest_asyncio.fixture
async def fakes() -> AsyncIterator[FakeLab]:
    async with fake_lab() as fakes:
        yield fakes


def events(lab: Lab) -> list[str]:
    return [event.kind for event in lab._ledger.events]


@pytest.mark.parametrize(
    "error",
    [
        ContractError(backend="Apache httpd", detail="balancer-manager did not answer"),
        EvidenceError(path="the status page", detail="not XML"),
        ConnectionResetError("reset"),
        TimeoutError("it did not happen"),
    ],
)
@pytest.mark.parametrize(
    ("asked", "spoilt", "kind"),
    [
        (lambda lab: lab.status(), "status", "unread"),
        (lambda lab: lab.get("/ws"), "fetch", "unanswered"),
        (lambda lab: lab.settled(), "settled", "unsettled"),
        (lambda lab: lab.change(MemberChange(route="node", loadfactor=2)), "change", "unchanged"),
        (lambda lab: lab.attempt(MemberChange(route="node", loadfactor=2)), "attempt", "unanswered"),
    ],
)
async def test_it_is_noted(
    fakes: FakeLab,
    asked: Callable[[Lab], Awaitable[object]],
    spoilt: str,
    kind: str,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(fakes.proxy, spoilt, fails)
    await asked(fakes.lab)
    assert events(fakes.lab) == [kind, *(["request"] if spoilt == "fetch" else [])]
