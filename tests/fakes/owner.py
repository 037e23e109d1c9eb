"""Who gives a connection of a load run its work, without a shard."""

from __future__ import annotations

from collections.abc import Mapping

from wslb.load.plan import LoadPlan
from wslb.load.shards.link import Link
from wslb.wire.http1 import AnswerHead
from wslb.wire.naming import NameRule, Showing

__all__ = ["FakeOwner"]


class FakeOwner:
    """Notes what becomes of a link, in words and in order (`wslb.load.shards.link.LinkOwner`)."""

    def __init__(self, plan: LoadPlan) -> None:
        self.plan = plan
        self.rule = NameRule(rule=plan.identify)
        self.greeters: Mapping[str | bytes, str] = dict(plan.greetings)
        self.heard: list[str] = []

    def payload(self, number: int, nth: int) -> str:
        """Connection and message."""
        return f"{number}.{nth}"

    def clock(self) -> float:
        """Any time will do."""
        return 3.0

    def accepted(self, link: Link, head: AnswerHead) -> str:
        """Who it is, as the rule tells."""
        return self.rule.of(Showing(response=head.headers)) or ""

    def refused(self, kind: str, head: AnswerHead) -> None:
        """Note it."""
        self.heard.append(f"{kind} by {head.status}")

    def opened(self, link: Link) -> None:
        """Note it."""
        self.heard.append(f"opened by {link.backend}")

    def echoed(self, link: Link) -> None:
        """Count it, and note it."""
        link.echoed += 1
        self.heard.append("echoed")

    def closed(self, link: Link) -> None:
        """Note it."""
        self.heard.append("closed")

    def failed(self, link: Link, kind: str, *, was_open: bool) -> None:
        """Note it."""
        self.heard.append(f"{kind}, {'open' if was_open else 'not open'}")
