"""``wslb try FILE`` of a product other than Apache: what became of each upgrade, in the user's own lines."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wslb.lab.adopted.product_trial import ProductTrial
from wslb.model.results import Outcome, ScenarioResult
from wslb.model.topics import Topic
from wslb.proxies.adopting import told_changes
from wslb.reports.document import Document
from wslb.scenarios.conf_product import ProductAsking, product_asking
from wslb.scenarios.scenario import Scenario

__all__ = ["ProductAttempt"]

MOST_PATHS = 12


@dataclass(slots=True, kw_only=True)
class ProductAttempt:
    """One run: from the trial to its words.

    Attributes:
        paths: named by the user.
        options: of the command that asks one path again.
        keep: file that the adopted text is written to; None keeps none.
        tell_all: tell each line that was changed; otherwise how many for which reason.
        topics: what is asked further than upgrades and turns.
        wait_seconds: longest time that is waited for as it is written.
        unasked: how many further paths there were.
    """

    paths: Sequence[str] = ()
    options: Sequence[str] = ()
    keep: Path | None = None
    tell_all: bool = False
    topics: Collection[Topic] = ()
    wait_seconds: float = 15
    unasked: int = 0
    _trial: ProductTrial | None = None
    _askings: dict[str, ProductAsking] = field(default_factory=dict)

    def begin(self, trial: ProductTrial) -> None:
        """Find out what is to be asked of a configuration that is served."""
        self._trial = trial
        found = trial.adopted.asked_paths(self.paths)
        self.unasked = max(0, len(found) - MOST_PATHS)
        askings = product_asking(trial, found[:MOST_PATHS], topics=self.topics, wait_seconds=self.wait_seconds)
        self._askings = {one.scenario.name: one for one in askings}
        if self.keep is not None:
            self.keep.parent.mkdir(parents=True, exist_ok=True)
            self.keep.touch(mode=0o600)
            self.keep.write_text(trial.proxy.config, encoding="utf-8")

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """What is asked, in order."""
        return tuple(one.scenario for one in self._askings.values())

    def worded(self, result: ScenarioResult) -> ScenarioResult:
        """The result with what it means for the user's file."""
        trial, one = self._trial, self._askings.get(result.name)
        if trial is None or one is None:
            return result
        reproduce = shlex.join(["wslb", "try", str(trial.file), *self.options, "--path", one.asked.path])
        made = result.record.handshakes
        if not one.upgrade and not made and not result.reason:
            reason = f"no upgrade of {one.asked.path} opens a tunnel"
            return replace(result, reproduce=reproduce, outcome=Outcome.SKIPPED, reason=reason, verdicts=())
        told: tuple[str, ...] = ()
        if one.upgrade and made:
            first = next((handshake for handshake in made if not handshake.accepted), made[0])
            lines = trial.adopted.explained(one.asked, first, result.record.log)
            told = tuple(trial.proxy.in_users_words(line) for line in lines)
        elif made and result.verdicts:
            told = tuple(one.tells(result))
        return replace(result, reproduce=reproduce, explanation="\n".join(told))

    def table(self, document: Document) -> Iterator[str]:
        """Lines for the end: each path with the line that took it, and what was changed to run the file here."""
        for scenario in document.scenarios:
            if scenario.explanation:
                asked = scenario.question.split()[4] if scenario.name.endswith("-upgrade") else scenario.question
                yield f"{'✔' if scenario.outcome is Outcome.PASSED else '✖'} {asked}"
                yield from (f"    {line}" for line in scenario.explanation.splitlines())
        if self.unasked:
            yield f"{self.unasked} further paths were not asked; name them: --path PATH"
        if self._trial is None:
            return
        if not self._askings:
            yield "no location of it leads to a member, so no path could carry WebSockets; name one: --path PATH"
        yield from self._trial.adopted.told
        yield from told_changes(self._trial.adopted.changes, each=self.tell_all)
        if self.keep is not None:
            yield f"served: {self.keep}"
