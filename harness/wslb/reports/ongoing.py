"""One run while it goes on: results as they come, and the report that is written however it ends."""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping, Sequence

from wslb.errors import ConfigError, HarnessError, LabError
from wslb.model.comparison import ComparedMethods
from wslb.model.results import JudgedAdvice, Report, ScenarioResult

__all__ = ["Ongoing", "exit_code_of"]


class Ongoing:
    """Collects what a report needs; pytest and the command line each keep one."""

    def __init__(self, *, planned: Sequence[str], command: str, percentiles: Sequence[float] | None = None) -> None:
        self.planned = tuple(planned)
        self.percentiles = tuple(percentiles or ())
        self.comparison: ComparedMethods | None = None
        self.advice: tuple[JudgedAdvice, ...] = ()
        self.results: list[ScenarioResult] = []
        self.environment: Mapping[str, object] = {}
        self.interrupted = ""
        self.error = ""
        self.error_exit_code = 3
        self._command = command
        self._started = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
        self._began = time.monotonic()

    def add(self, result: ScenarioResult) -> None:
        """Keep one scenario's result."""
        self.results.append(result)

    def failed(self, error: HarnessError) -> None:
        """Keep the sentence of an error that ended the run."""
        tail = "".join(f"\n{line}" for line in error.log_tail)
        self.error = f"{error} {error.hint}".strip() + tail
        self.error_exit_code = exit_code_of(error)

    def report(self) -> Report:
        """The run so far; its duration ends with this call."""
        return Report(
            results=tuple(self.results),
            environment=self.environment,
            planned=self.planned,
            started=self._started,
            seconds=time.monotonic() - self._began,
            interrupted=self.interrupted,
            error=self.error,
            error_exit_code=self.error_exit_code,
            command=self._command,
            percentiles=self.percentiles,
            comparison=self.comparison,
            advice=self.advice,
        )


def exit_code_of(error: HarnessError) -> int:
    """Exit code that an error ends the command with: 2 wrong usage, 3 no lab, 4 the harness itself."""
    if isinstance(error, LabError):
        return 3
    return 2 if isinstance(error, ConfigError) else 4
