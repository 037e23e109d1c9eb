"""One cause of a refusal, and a rule that finds some."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wslb.wire.refusals.refusal import Refusal

__all__ = ["Likely", "RefusalRule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Likely:
    """A likely cause of a refusal.

    Attributes:
        name: of the cause, short and fixed.
        cause: what probably happened: one sentence, without its full stop.
        remedy: what to do about it: one sentence, without its full stop.
    """

    name: str
    cause: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.cause}. {self.remedy}."


RefusalRule = Callable[[Refusal], Iterable[Likely]]
