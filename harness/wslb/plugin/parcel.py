"""Under pytest-xdist: what each worker's lab saw comes to the one process that writes the report.

Each worker collects all tests and is given some of them to run. pytest-xdist sends its reports of these to the
controller as they come, with whatever attributes they have; ours carry the results of the scenarios that the test
asked. So what a worker told before it died is kept. What belongs to no test comes with its last words
(``workeroutput``).
"""

from __future__ import annotations

import base64
import pickle
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from wslb.model.results import ScenarioResult

__all__ = ["PARCEL", "Parcel"]

PARCEL = "wslb_parcel"
"""Name under which a report of a test, or a worker's last words, has a packed `Parcel`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What a worker tells.

    Attributes:
        at: place of the test among those that use us.
        users: such tests by their node ids, each with its place.
        planned: scenarios that they ask, as far as their parameters tell.
        results: of the scenarios that this test asked.
        interrupted, error, error_exit_code: of the worker's run, as in a report.
    """

    at: int
    users: tuple[tuple[str, int], ...]
    planned: tuple[str, ...]
    results: tuple[ScenarioResult, ...]
    environment: Mapping[str, object]
    interrupted: str
    error: str
    error_exit_code: int

    def packed(self) -> str:
        """As text, which is all that a file of pytest's reports can hold."""
        return base64.b64encode(zlib.compress(pickle.dumps(self), 1)).decode()

    @staticmethod
    def unpacked(text: str) -> Parcel:
        """The parcel again; from our own worker, which runs whatever this process tells it."""
        return cast("Parcel", pickle.loads(zlib.decompress(base64.b64decode(text))))  # noqa: S301
