"""The labs of a session of tests: the article's, and one for each configuration, opened when it is first wanted."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from wslb.config import Settings
from wslb.errors import LabError
from wslb.lab.afar import LoopThread
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.lab.trial import Trial, open_trial

__all__ = ["Labs"]


class Labs:
    """A ``with`` block of them, on a loop of their own; all have ended behind it."""

    def __init__(self, settings: Settings) -> None:
        self.thread = LoopThread()
        self._settings = settings
        self._stack = contextlib.ExitStack()
        self._article: Lab | None = None
        self._trials: dict[str, Trial] = {}
        self._failures: dict[str, list[LabError]] = {}

    def __enter__(self) -> Labs:
        self._stack.enter_context(self.thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, raised, traceback)

    def article(self) -> Lab:
        """The article's lab; LabError: there is none."""
        if self._article is None:
            self._article = self._stack.enter_context(self.thread.holding(open_lab(self._settings)))
        return self._article

    def trial(
        self, file: Path, *, defines: Sequence[str] = (), values: Mapping[str, str] | None = None, commands: bool
    ) -> Trial:
        """The lab of a configuration, as `open_trial` says; one that failed twice is not tried again."""
        key = repr((str(file), tuple(defines), sorted((values or {}).items()), commands))
        failures = self._failures.setdefault(key, [])
        if len(failures) == 2:
            raise failures[-1]
        if key not in self._trials:
            opening = open_trial(self._settings, file, defines=defines, values=values, commands=commands)
            try:
                self._trials[key] = self._stack.enter_context(self.thread.holding(opening))
            except LabError as exc:
                failures.append(exc)
                raise
        return self._trials[key]
