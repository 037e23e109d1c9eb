"""An nginx without nginx: a runtime whose program, files and kernel a test scripts, and the session that asks it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.proxy import FakeRuntime
from wslb.interfaces import Completed, Front, Installation

__all__ = ["NGINX", "FakeMaster", "FakeNginx", "FakeSession"]

NGINX = Installation(
    binary="/fake/nginx", modules_folder="", version="1.22.1", built_in=frozenset(), loadable=frozenset(), mpm=""
)
_READY = re.compile(r'return 200 "(.*)";')


@dataclass(slots=True, kw_only=True)
class FakeMaster:
    """A master (`wslb.interfaces.Process`) that ends when a test says so.

    Attributes:
        graces: seconds of each call of `stop`.
    """

    pid: int
    returncode: int | None = None
    signals: list[int] = field(default_factory=list)
    graces: list[float] = field(default_factory=list)

    async def ended(self) -> bool:
        """Whether it has ended."""
        return self.returncode is not None

    async def stop(self, *, grace_seconds: float) -> None:
        """End it."""
        self.graces.append(grace_seconds)
        self.returncode = -15 if self.returncode is None else self.returncode

    def signal(self, number: int) -> None:
        """Note it."""
        self.signals.append(number)


class FakeNginx(FakeRuntime):
    """Where it runs (`wslb.interfaces.Runtime`).

    Attributes:
        begins: how the next programs begin, each as exit code (None: it runs) and what it writes to its error log.
        calls: what was done, in order.
        refusal: what ``nginx -T`` says, where it refuses the configuration.
        connections: what ``/proc/net/tcp`` holds; None where it cannot be read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begins: deque[tuple[int | None, str]] = deque()
        self.masters: list[FakeMaster] = []
        self.calls: list[str] = []
        self.refusal: str | None = None
        self.hangs = False
        self.connections: str | None = ""
        self.workers: frozenset[int] = frozenset()
        self.states: dict[int, str] = {}
        self.secrets: set[str] = set()
        self._free = 8080

    async def run(self, argv: Sequence[str], *, timeout_seconds: float = 20) -> Completed:
        """What the check, or ``cat``, prints."""
        self.calls.append(f"run {' '.join(argv)}")
        if argv[0] == "cat":
            return Completed(returncode=int(self.connections is None), output=self.connections or "")
        if argv[-1] != "-T":
            return Completed(returncode=0, output="")
        if self.hangs:
            raise TimeoutError
        self.files["error.log"] = b"what the check wrote\n"
        if self.refusal is not None:
            return Completed(returncode=1, output=self.refusal)
        return Completed(returncode=0, output=f"# configuration file:\n{self.files['nginx.conf'].decode()}")

    async def start(self, argv: Sequence[str], *, name: str) -> FakeMaster:
        """Begin as the test has it."""
        self.calls.append(f"start {' '.join(argv)}")
        returncode, log = self.begins.popleft() if self.begins else (None, "")
        self.files[f"{name}.out"] = b""
        self.files["error.log"] = self.files.get("error.log", b"") + log.encode()
        self.masters.append(FakeMaster(pid=100 + len(self.masters), returncode=returncode))
        return self.masters[-1]

    async def write(self, name: str, content: bytes, *, secret: bool = False) -> str:
        """Keep a file."""
        self.secrets |= {name} if secret else set()
        return await super().write(name, content, secret=secret)

    async def remove(self, name: str) -> None:
        """Forget a file."""
        self.calls.append(f"remove {name}")
        await super().remove(name)

    async def front(self, *, tls: bool, plain_port: int, tls_port: int) -> Front:
        """Another free port each time, unless one is wanted."""
        self._free += 1
        return Front(plain=plain_port or self._free)

    def children(self, process: Any) -> frozenset[int]:
        """Its workers."""
        return self.workers

    def state(self, pid: int) -> str:
        """As the test has it."""
        return self.states.get(pid, "sleeping")


@dataclass(slots=True, kw_only=True)
class FakeAnswer:
    """An answer to an ordinary request."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    async def text(self, *, errors: str) -> str:
        """Its body."""
        return self.body


class FakeSession:
    """Asks the nginx of a runtime: it answers what its configuration has, once it was started.

    Attributes:
        troubles: what comes of the next requests in an answer's place.
        answers: answers by URL, before what the configuration has.
        asked: method and URL of each request.
    """

    def __init__(self, runtime: FakeNginx) -> None:
        self._runtime = runtime
        self.troubles: deque[BaseException] = deque()
        self.answers: dict[str, FakeAnswer] = {}
        self.asked: list[str] = []

    def get(self, url: str, **how: Any) -> Any:
        """Ask."""
        return self._answer("GET", url)

    def request(self, method: str, url: str, **how: Any) -> Any:
        """Ask, however."""
        return self._answer(method, url)

    @asynccontextmanager
    async def _answer(self, method: str, url: str) -> AsyncIterator[FakeAnswer]:
        self.asked.append(f"{method} {url}")
        if self.troubles:
            raise self.troubles.popleft()
        served = _READY.search(self._runtime.files["nginx.conf"].decode())
        yield self.answers.get(url) or FakeAnswer(body=served[1] if served else "")
