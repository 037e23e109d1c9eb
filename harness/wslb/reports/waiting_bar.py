"""A bar for what takes long before the first scenario: the pull of an image."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

__all__ = ["WaitingBar"]


class WaitingBar:
    """Shows itself with the first word it is told, and goes with the block (`wslb.interfaces.Progress`)."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), DownloadColumn(), console=console, transient=True
        )
        self._task: TaskID | None = None

    def __call__(self, what: str, done: int, total: int) -> None:
        """So far `done` of `total` bytes."""
        if self._task is None:
            self._progress.start()
            self._task = self._progress.add_task(what, total=None)
        self._progress.update(self._task, description=what, completed=done, total=total or None)

    def __enter__(self) -> WaitingBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take it away; twice is once."""
        if self._task is not None:
            self._progress.stop()
            self._task = None
