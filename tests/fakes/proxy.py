"""A balancer without httpd: elects by `wslb.model.lbmethods`, the real model, and keeps status page and logs.

What it forwards, it forwards as httpd does (order of the fields, X-Forwarded-*, the Upgrade token of the carrier), so
that the checks of the shipped scenarios can be asked of it. It is no proof of anything about httpd.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.fakes.backends import FakeBackends, FakeTunnelEnd
from wslb.errors import ContractError, ProcessLost
from wslb.interfaces import (
    BalancerChange,
    Capabilities,
    Capability,
    Completed,
    Front,
    Installation,
    MemberChange,
    Process,
)
from wslb.model import lbmethods
from wslb.model.balancer import OF_HTTPD, Balancer, Carrier, LbMethod, Listener, Member, MemberState, Mount, Site
from wslb.model.handshake import Handshake, Headers, one_header
from wslb.model.results import AccessLine, LogLine, MemberStatus, ServedConfig
from wslb.model.stickiness import route_asked
from wslb.waiting import until

__all__ = ["FakeProxy", "Served"]

WORDS = {
    MemberState.ENABLED: "Init Ok",
    MemberState.DISABLED: "Init Dis",
    MemberState.STOPPED: "Init Stop",
    MemberState.DRAIN: "Init Drn Ok",
    MemberState.STANDBY: "Init Stby Ok",
    MemberState.SPARE: "Init Spar Ok",
    MemberState.IN_ERROR: "Init Err",
}
NO_MEMBER = "AH01170"
CONNECT_FAILED = "AH00957"
DISABLED = "AH00959"
RESUMED = "AH00489"


@dataclass(slots=True, kw_only=True)
class Served:
    """What a client gets for one request: a head, and the backend's end of the tunnel after 101."""

    status: int | None
    response: Headers = ()
    body: str = ""
    end: FakeTunnelEnd | None = None
    over: Callable[[], None] = lambda: None
    """To be called once, when the request or its tunnel has ended."""


class FakeRuntime:
    """A place that holds files in memory and starts nothing (`wslb.interfaces.Runtime`)."""

    name = "fake"
    folder = "/fake"
    as_root = False
    leftovers: Sequence[object] = ()

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    async def find(self, names: Sequence[str]) -> str | None:
        """No program is here."""
        return None

    async def listing(self, folder: str) -> frozenset[str]:
        """File names."""
        return frozenset(self.files)

    async def run(self, argv: Sequence[str], *, timeout_seconds: float = 20) -> Completed:
        """Nothing runs here."""
        return Completed(returncode=1, output="")

    async def start(self, argv: Sequence[str], *, name: str) -> Process:
        """Nothing starts here."""
        raise NotImplementedError(f"the fake starts nothing: {argv}")

    async def write(self, name: str, content: bytes, *, secret: bool = False) -> str:
        """Keep a file."""
        self.files[name] = content
        return f"{self.folder}/{name}"

    async def read(self, name: str) -> bytes:
        """A file's content."""
        return self.files.get(name, b"")

    async def remove(self, name: str) -> None:
        """Forget a file."""
        self.files.pop(name, None)

    async def front(self, *, tls: bool, plain_port: int, tls_port: int) -> Front:
        """Addresses that nobody listens on."""
        return Front(plain=plain_port or 8080)

    def ports(self, count: int) -> tuple[int, ...]:
        """Ports that nobody listens on."""
        return tuple(range(8080, 8080 + count))

    def children(self, process: Any) -> frozenset[int]:
        """None."""
        return frozenset()

    def state(self, pid: int) -> str:
        """Not known."""
        return ""

    def backend_address(self, preferred: str) -> str:
        """Any will do."""
        return preferred

    def reach(self, address: str) -> str:
        """As it is."""
        return address

    async def connects(self, host: str, port: int) -> bool:
        """Everything can be reached."""
        return True

    def where(self, name: str) -> str:
        """Path of a file."""
        return f"{self.folder}/{name}"

    def facts(self) -> Mapping[str, str]:
        """For the report."""
        return {"runtime": self.name}


class FakeDialect:
    """Paths of the fake, and what it lacks (`wslb.interfaces.Dialect`)."""

    title = "httpd"
    capabilities = Capabilities(can=frozenset(Capability))
    ready_path = "/ready"
    manager_path = "/balancer-manager"
    children_path = "/children"
    error_log = "error.log"
    access_log = "access.log"

    def parse_threads(self, text: str) -> int:
        """The fake has none."""
        return 0

    def parse_children(self, text: str) -> frozenset[int]:
        """The fake has none."""
        return frozenset()

    def too_old_for(self, site: Site, carrier: Carrier, installation: Installation) -> tuple[str, ...]:
        """The fake is of today."""
        return ()

    def missing(self, site: Site, installation: Installation) -> tuple[str, ...]:
        """Modules that the site names, TLS, and the methods without a model: the fake has none of them."""
        names = [
            *site.modules,
            *(["ssl"] if any(m.listener is Listener.TLS for m in site.mounts) else []),
            *(f"lbmethod_{b.lbmethod}" for b in site.balancers if b.lbmethod not in lbmethods.MODELS),
        ]
        return tuple(f"mod_{name}" for name in names if not installation.has(name))


class FakeProxy:
    """The balancer (`wslb.interfaces.Proxy`)."""

    def __init__(
        self, backends: FakeBackends, *, carrier: Carrier = Carrier.WSTUNNEL, calls: list[str] | None = None
    ) -> None:
        self.dialect = FakeDialect()
        self.runtime = FakeRuntime()
        self.installation = Installation(
            binary="/fake/httpd", modules_folder="/fake", version="2.4.99", built_in=frozenset(), loadable=frozenset()
        )
        self.front = Front(plain=8080)
        self.site: Site | None = None
        self.running = False
        self.calls = calls if calls is not None else []
        self.lines: list[LogLine] = []
        self.accesses: list[AccessLine] = []
        self.signals: list[int] = []
        self.accident: ProcessLost | None = None
        self._carrier = carrier
        self._backends = backends
        self._members: dict[str, tuple[lbmethods.Counters, ...]] = {}
        self._elected: dict[str, dict[str, int]] = {}
        self._methods: dict[str, LbMethod] = {}

    @property
    def pid(self) -> int | None:
        """A number while it runs."""
        return 4711 if self.running else None

    async def prepare(self, files: Mapping[str, tuple[bytes, bool]]) -> None:
        """Keep these files."""
        self.runtime.files |= {name: content for name, (content, _) in files.items()}

    async def apply(self, site: Site) -> None:
        """Serve this site, with fresh counters and logs."""
        self.calls.append("apply")
        self.site, self.running = site, True
        self.lines, self.accesses = [self._line("notice", RESUMED, "resuming normal operations")], []
        self._begin(site)

    def _begin(self, site: Site) -> None:
        self._members = {b.name: lbmethods.start(b) for b in site.balancers}
        self._elected = {b.name: dict.fromkeys((m.route for m in b.members), 0) for b in site.balancers}
        self._methods = {b.name: b.lbmethod for b in site.balancers}

    async def stop(self) -> None:
        """End; twice is once."""
        self.running = False

    async def kill(self) -> None:
        """End, and every tunnel with it."""
        self.running = False
        for name in self._backends:
            for end in self._backends[name].tunnels:
                end.end(1006, by="lost")

    async def kill_child(self, pid: int) -> None:
        """The fake has none."""

    def signal(self, number: int) -> None:
        """Remember it."""
        self.signals.append(number)
        if number in {signal.SIGTERM, signal.SIGWINCH}:
            self.running = False
        elif self.site is not None:  # a new generation counts anew
            self._begin(self.site)
            self.lines.append(self._line("notice", RESUMED, "resuming normal operations"))

    async def lost(self) -> ProcessLost | None:
        """Nothing by itself; a test may say otherwise."""
        return self.accident

    def stopped(self) -> tuple[tuple[str, int], ...]:
        """Nothing."""
        return ()

    def served(self, claimed: Site) -> ServedConfig | None:
        """The sites as they are written."""
        return ServedConfig.of("fake.conf", f"{self.site}\n", claimed=f"{claimed}\n")

    async def log_tail(self, lines: int = 12) -> tuple[str, ...]:
        """Last lines of the error log."""
        return tuple(line.text for line in self.lines[-lines:])

    async def status(self, balancer: Balancer | None = None, *, fresh: bool = False) -> tuple[MemberStatus, ...]:
        """Members as balancer-manager would show them."""
        self.calls.append("status")
        if not self.running:
            raise ContractError(backend="fake proxy", detail="it does not run")
        return tuple(
            MemberStatus(
                balancer=served.name,
                route=member.route,
                url=member.url,
                status="Init Err" if c.in_error else WORDS[c.state],
                elected=self._elected[served.name][member.route],
                busy=c.busy,
                lbstatus=c.lbstatus,
                transferred=c.transferred,
                read=c.read,
                loadfactor=c.factor / lbmethods.FACTOR_SCALE,
                lbmethod=self._methods[served.name].value,
            )
            for served in (self.site.balancers if self.site else ())
            for member, c in zip(served.members, self._members[served.name], strict=True)
            if balancer is None or served.name == balancer.name
        )

    async def fetch(
        self, path: str, *, method: str = "GET", headers: Headers = (), listener: Listener = Listener.PLAIN
    ) -> tuple[int, Headers, str]:
        """An ordinary request."""
        if not self.running:
            raise ConnectionError(f"{method} {path}: nothing listens")
        served = self.serve(path, method=method, headers=(("Host", "127.0.0.1:8080"), *headers))
        served.over()
        return served.status or 502, served.response, served.body

    async def change(self, balancer: Balancer, change: MemberChange | BalancerChange) -> tuple[MemberStatus, ...]:
        """Change a member or the method, and prove it."""
        before = await self.status(balancer)
        _, after = await self.attempt(balancer, change)
        if after == before:
            raise ContractError(backend="fake proxy", detail=f"balancer-manager ignored {change}")
        return after

    async def attempt(
        self,
        balancer: Balancer,
        change: MemberChange | BalancerChange,
        *,
        nonce: str | None = None,
        referer: str | None = "own",
    ) -> tuple[int, tuple[MemberStatus, ...]]:
        """A form: a wrong nonce, a foreign Referer and a wrong method change nothing, and 200 comes all the same."""
        if nonce is None and referer == "own":
            members = self._members[balancer.name]
            if isinstance(change, BalancerChange):
                if change.lbmethod in OF_HTTPD:
                    self._methods[balancer.name] = LbMethod(change.lbmethod)
                    members = lbmethods.reset(self._methods[balancer.name], members)
            else:
                if change.state is not None:
                    state = change.state if change.on else MemberState.ENABLED
                    members = lbmethods.set_state(members, change.route, state)
                if change.loadfactor is not None:
                    factor = round(change.loadfactor * lbmethods.FACTOR_SCALE)
                    members = lbmethods.set_factor(members, change.route, factor)
            self._members[balancer.name] = members
        return 200, await self.status(balancer)

    async def log(self) -> tuple[LogLine, ...]:
        """Error log."""
        return tuple(self.lines)

    async def access(self) -> tuple[AccessLine, ...]:
        """Access log."""
        return tuple(self.accesses)

    async def settled(self, balancer: Balancer | None, *, busy: int, seconds: float) -> None:
        """Wait until so many tunnels are counted."""

        async def reached() -> bool:
            return sum(status.busy for status in await self.status(balancer)) == busy

        await until(reached, seconds=seconds, what=f"busy = {busy} in the fake")

    # -- the way of a request ----------------------------------------------------------------------------------------

    def serve(self, target: str, *, method: str = "GET", headers: Headers = ()) -> Served:
        """Answer one request of a client."""
        path = target.partition("?")[0]
        if path == self.dialect.ready_path:
            return Served(status=200, body="ready")
        mount = self.site.mount_of(path) if self.site else None
        if mount is None and path == "/WSConsole.html":
            return Served(status=200, body="the page")
        if mount is None:
            return Served(status=404, body="Not Found")
        if isinstance(mount.target, str):
            return self._forward(mount.target, mount, target, method, headers, counted=None)
        return self._balanced(mount.target, mount, target, method, headers)

    def _balanced(self, balancer: Balancer, mount: Mount, target: str, method: str, headers: Headers) -> Served:
        tried: set[str] = set()
        asked = route_asked(balancer, Handshake(conn_id="", seq=0, url=f"ws://fake{target}", request=headers))
        while True:
            members = self._members[balancer.name]
            if asked in {m.route for m in members if m.usable} - tried:
                route = str(asked)
                after = lbmethods.pin(self._methods[balancer.name], members, route)
            else:
                try:
                    route, after = lbmethods.elect(self._methods[balancer.name], members)
                except ValueError:
                    self.lines.append(self._line("error", NO_MEMBER, "All workers are in error state"))
                    return Served(status=503, body="Service Unavailable")
            self._members[balancer.name] = after
            self._elected[balancer.name][route] += 1
            member = balancer.member(route)
            served = self._forward(member.url, mount, target, method, headers, counted=(balancer, member))
            if served.status is not None or served.body != CONNECT_FAILED:
                return served
            tried.add(route)
            self._count(balancer, route, busy=-1, in_error=True)

    def _forward(
        self,
        url: str,
        mount: Mount,
        target: str,
        method: str,
        headers: Headers,
        *,
        counted: tuple[Balancer, Member] | None,
    ) -> Served:
        address, _, base = url.partition("://")[2].partition("/")
        backend = self._backends.at(address)
        if backend is None:
            text = f"(111)Connection refused: {CONNECT_FAILED}: ws: attempt to connect to {address} ({address}) failed"
            self.lines.append(self._line("error", CONNECT_FAILED, text))
            if counted:
                self.lines.append(self._line("error", DISABLED, f"{DISABLED}: disabling worker for {address}"))
            return Served(status=None if counted else 503, body=CONNECT_FAILED)
        member_path = f"/{base}" if base else ""
        forwarded = f"{member_path}{mount.target_path}{target[len(mount.path) :]}"
        arrival, end = backend.takes(method, forwarded, self._rewritten(headers, address))
        sent = arrival.request_bytes if arrival is not None else 0
        carrier = self._carries
        if counted is not None:
            self._count(*_of(counted), transferred=sent, read=carrier.read_per_tunnel if end else 0)

        def over() -> None:
            if counted is not None:
                self._count(*_of(counted), busy=-1)
            upgraded = 200 if carrier is Carrier.WSTUNNEL else 101
            self.accesses.append(
                AccessLine(
                    conn_id=one_header(headers, "X-Wslb-Conn") or "",
                    status=upgraded if end else (status or 502),
                    member_url=f"{url.partition('://')[0]}://{address}{member_path}",
                    path=target,
                    bytes_in=sent,
                    bytes_out=0,
                    seconds=0.0,
                )
            )

        status = 404 if arrival is None else arrival.status
        response = arrival.response if arrival else ()
        return Served(status=status or 502, response=response, end=end, over=over)

    @property
    def _carries(self) -> Carrier:
        return (self.site.carrier if self.site else None) or self._carrier

    def _rewritten(self, headers: Headers, address: str) -> Headers:
        token = "WebSocket" if self._carries is Carrier.WSTUNNEL else "websocket"
        host = one_header(headers, "Host") or ""
        changed = {"host": address, "upgrade": token}
        return (
            *((name, changed.get(name.lower(), value)) for name, value in headers),
            ("X-Forwarded-For", "127.0.0.1"),
            ("X-Forwarded-Host", host),
            ("X-Forwarded-Server", "localhost"),
        )

    def _count(
        self, balancer: str | Balancer, route: str, *, busy: int = 0, transferred: int = 0, read: int = 0,
        in_error: bool = False,
    ) -> None:  # fmt: skip
        name = balancer if isinstance(balancer, str) else balancer.name
        self._members[name] = tuple(
            replace(
                m,
                busy=m.busy + busy,
                transferred=m.transferred + transferred,
                read=m.read + read,
                in_error=m.in_error or in_error,
            )
            if m.route == route
            else m
            for m in self._members[name]
        )

    @staticmethod
    def _line(level: str, code: str, text: str) -> LogLine:
        now = time.strftime("%a %b %d %H:%M:%S.000000 %Y")
        return LogLine(at=now, module="proxy", level=level, code=code, text=text)


def _of(counted: tuple[Balancer, Member]) -> tuple[str, str]:
    return counted[0].name, counted[1].route
