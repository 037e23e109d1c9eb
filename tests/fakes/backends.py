"""Backends without a program: journals, faults and the stand-ins' words, in this process (backends/README.md)."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace

from backends.cl.emulator import Emulator
from backends.cl.host import Host
from wslb.errors import ProcessLost
from wslb.interfaces import BackendInfo, Backends, Fault
from wslb.model.balancer import Site
from wslb.model.handshake import Arrival, Close, Headers, accept_for, one_header, tokens

__all__ = ["FakeBackend", "FakeBackends", "FakeTunnelEnd"]

SERVED_FAULTS = {"accept", "close", "forget", "hangup", "impersonate", "mute", "push", "silent", "status"}


class FakeTunnelEnd:
    """The backend's end of one tunnel: what it has said and the client has not read yet, and how it ended."""

    def __init__(self, backend: FakeBackend, seq: int, *, echo: bool, mute: bool) -> None:
        self.backend = backend
        self.said: deque[str | bytes] = deque()
        self.closed: Close | None = None
        self._seq = seq
        self._echo = echo
        self._mute = mute

    def hears(self, message: str | bytes) -> None:
        """Take a message and answer it, as its endpoint does."""
        if self._mute or self.closed:
            return
        self.said.append(message if self._echo else self.backend.runs(str(message)))

    def end(self, code: int, reason: str = "", *, by: str) -> None:
        """The tunnel ends; the first end counts."""
        if self.closed is None:
            self.closed = Close(code=code, reason=reason, by=by)
            self.backend.ended(self._seq, self.closed)


class FakeBackend:
    """One backend (`wslb.interfaces.Backend`): what it journals is what it was sent, whatever it answers."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.title = f"fake {name}"
        self.running = True
        self.frozen = False
        self.pid = 10_000 + number
        self.tunnels: list[FakeTunnelEnd] = []
        self._faults: dict[str, Fault] = {}
        self._left: dict[str, int] = {}
        self._journal: dict[int, Arrival] = {}
        self._seq = 0
        self._emulator = Emulator(Host(name="localhost", instance=name))
        cl = "/WSConsole/CLRunner" if name.startswith("liberty") else "/CLRunner"
        base = cl.removesuffix("/CLRunner")
        address = f"127.0.0.{100 + number}"
        self.info = BackendInfo(
            name=name,
            program="fake",
            pid=self.pid,
            host_name="localhost",
            address=address,
            ws=10_000 + number,
            wss=None,
            control=20_000 + number,
            greeting=f"[From Server] Connected to {address}",
            cl_path=cl,
            echo_path=f"{base}/echo",
            page_path=f"{base}/WSConsole.html",
            live=0,
            accepted=0,
            uid=0,
        )

    def runs(self, command: str) -> str:
        """What this backend answers to a CL command: the stand-ins' own emulator, in the article's layout."""
        prefix = f"[From Server] {self.info.address}\n" if self.name.startswith("node") else ""
        return prefix + self._emulator.answer(command)

    @property
    def address(self) -> str:
        """``host:port`` of its plain listener."""
        return f"{self.info.address}:{self.info.ws}"

    @property
    def entries(self) -> tuple[Arrival, ...]:
        """The journal."""
        return tuple(self._journal.values())

    async def journal(self) -> tuple[Arrival, ...]:
        """Every request since the journal was cleared."""
        return self.entries

    async def clear(self) -> None:
        """Empty the journal and end every fault."""
        self._journal.clear()
        self._faults.clear()

    async def fault(self, fault: Fault) -> None:
        """Misbehave from the next handshake on."""
        if fault.kind not in SERVED_FAULTS:
            raise NotImplementedError(f"the fake knows no fault {fault.kind}")
        self._faults[fault.kind] = fault
        self._left[fault.kind] = -1 if fault.times is None else fault.times

    async def health(self) -> BackendInfo:
        """What it says of itself now."""
        live = sum(end.closed is None for end in self.tunnels)
        return replace(self.info, live=live, accepted=len(self.tunnels))

    def suffers(self, kind: str) -> Fault | None:
        """The fault of this kind, used up once."""
        fault = self._faults.get(kind)
        if fault is None or self._left[kind] == 0:
            return None
        self._left[kind] -= 1
        return fault

    def ended(self, seq: int, closed: Close) -> None:
        """Note in the journal how a tunnel ended."""
        if seq in self._journal:
            self._journal[seq] = replace(self._journal[seq], closed=closed)

    def takes(self, method: str, target: str, headers: Headers) -> tuple[Arrival | None, FakeTunnelEnd | None]:
        """Answer a request: the journal entry (None status: no answer came), and the tunnel's end after 101.

        None instead of an entry: it is no WebSocket endpoint, and nothing is journaled.
        """
        path = target.partition("?")[0]
        if path not in {self.info.cl_path, f"{self.info.cl_path}/", self.info.echo_path}:
            return None, None
        self._seq += 1
        upgrade = "websocket" in tokens(headers, "Upgrade")
        key = one_header(headers, "Sec-WebSocket-Key")
        subprotocol = "wsconsole" if "wsconsole" in tokens(headers, "Sec-WebSocket-Protocol") else None
        status, response, signed, greeting = self._answer(
            upgrade=upgrade, method=method, key=key, subprotocol=subprotocol
        )
        if status == 101 and self.name.startswith("node"):  # as Node.js does
            response = (*response, *((name, value) for name, value in headers if name == "Origin"))
        arrival = Arrival(
            backend=self.name,
            seq=self._seq,
            at=time.time(),
            listener="ws",
            method=method,
            target=target,
            http_version="1.1",
            upgrade=upgrade,
            headers=headers,
            accepted=status == 101,
            status=status,
            response=(*response, ("X-Backend", signed)) if status else (),
            conn_id=one_header(headers, "X-Wslb-Conn"),
            subprotocol=subprotocol if status == 101 else None,
        )
        if not (upgrade and self.suffers("forget")):
            self._journal[self._seq] = arrival
        if status != 101:
            return arrival, None
        return arrival, self._opened(path == self.info.echo_path, greeting)

    def _answer(
        self, *, upgrade: bool, method: str, key: str | None, subprotocol: str | None
    ) -> tuple[int | None, Headers, str, str]:
        signed, greeting = self.name, self.info.greeting
        if not upgrade or method != "GET":
            return 404, (), signed, greeting
        if self.suffers("hangup") or self.suffers("silent"):
            return None, (), signed, greeting
        if (fault := self.suffers("status")) is not None:
            return int(fault.parameters["status"]), (), signed, greeting
        if key is None:
            return 400, (), signed, greeting
        if (fault := self.suffers("impersonate")) is not None:
            signed, greeting = fault.parameters["name"], fault.parameters["greeting"]
        fault = self.suffers("accept")
        accept = fault.parameters["value"] if fault is not None else accept_for(key)
        fields = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)]
        if subprotocol:
            fields.append(("Sec-WebSocket-Protocol", subprotocol))
        return 101, tuple(fields), signed, greeting

    def _opened(self, echo: bool, greeting: str) -> FakeTunnelEnd:
        mute = self.suffers("mute") is not None
        end = FakeTunnelEnd(self, self._seq, echo=echo, mute=mute)
        self.tunnels.append(end)
        if not echo and not mute:
            end.said.append(greeting)
            if (fault := self.suffers("push")) is not None:
                end.said.extend(f"push {i + 1}" for i in range(int(fault.parameters["messages"])))
            if (fault := self.suffers("close")) is not None:
                end.end(int(fault.parameters["code"]), str(fault.parameters.get("reason", "")), by="server")
        return end

    def dies(self, code: int, *, by: str) -> None:
        """The program ends, and every tunnel with it."""
        self.running = False
        for end in self.tunnels:
            end.end(code, by=by)


class FakeBackends(Backends):
    """Backends by name (`wslb.interfaces.Backends`); a further name that a site wants is one more."""

    folder = "/fake"

    def __init__(self) -> None:
        self._all: dict[str, FakeBackend] = {}
        self._decoys: dict[str, str] = {}
        self._kept: list[Arrival] = []
        for name in ("liberty", "node"):
            self._start(name)

    def _start(self, name: str) -> None:
        self._all[name] = FakeBackend(name, len(self._all) + 1)

    def __getitem__(self, name: str) -> FakeBackend:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def addresses(self) -> Mapping[str, str]:
        """``host:port`` by ``ws://name``."""
        return {f"ws://{name}": backend.address for name, backend in self._all.items()} | self._decoys

    @property
    def decoys(self) -> frozenset[str]:
        """Names that lead to no backend."""
        return frozenset(key.removeprefix("ws://") for key in self._decoys)

    @property
    def living(self) -> Mapping[str, FakeBackend]:
        """Those that run and are not frozen."""
        return {name: backend for name, backend in self._all.items() if backend.running and not backend.frozen}

    def at(self, address: str) -> FakeBackend | None:
        """Backend that listens there and runs."""
        return next((b for b in self._all.values() if b.address == address and b.running), None)

    async def prepare(self, site: Site) -> None:
        """Make every backend that a site names run, with an empty journal and no fault."""
        self._kept.clear()
        for name in sorted(site.backends):
            if name in {"refused", "blackhole"}:
                self._decoys[f"ws://{name}"] = f"127.0.0.99:{1 + len(self._decoys)}"
            elif name.partition("-")[0] in {"liberty", "node"} and name not in self._all:
                self._start(name)
        for backend in self._all.values():
            backend.running, backend.frozen = True, False
            backend.tunnels.clear()
        await self.forget()

    async def forget(self) -> None:
        """Empty every journal."""
        for backend in self._all.values():
            await backend.clear()

    async def kill(self, name: str) -> None:
        """End a backend: a FIN, no close frame."""
        self._all[name].dies(1006, by="lost")
        self._kept += self._all[name].entries

    async def stop_one(self, name: str) -> None:
        """End a backend: no close frames, as of the originals."""
        self._all[name].dies(1006, by="lost")
        self._kept += self._all[name].entries

    async def revive(self, name: str) -> None:
        """Start it again, with an empty journal."""
        await self._all[name].clear()
        self._all[name].running = True

    async def bury(self, name: str) -> None:
        """A fake has no port to be silent on: it is killed."""
        await self.kill(name)

    async def freeze(self, name: str) -> None:
        """It accepts connections and answers nothing."""
        self._all[name].frozen = True

    async def thaw(self, name: str) -> None:
        """It goes on."""
        self._all[name].frozen = False

    async def lost(self) -> ProcessLost | None:
        """Nothing by itself."""
        return None

    def stopped(self) -> tuple[tuple[str, int], ...]:
        """Nothing."""
        return ()

    async def discard(self, pid: int) -> None:
        """Nothing to end."""

    async def journal(self) -> tuple[Arrival, ...]:
        """Every request since `prepare`, in order."""
        return tuple(sorted([*self._kept, *self._living()], key=lambda entry: entry.at))

    async def all_ended(self, *, but: int = 0) -> bool:
        """Whether every tunnel of the living, but so many, has ended."""
        return sum(entry.accepted and not entry.closed for entry in self._living()) <= but

    def _living(self) -> list[Arrival]:
        return [entry for backend in self.living.values() for entry in backend.entries]
