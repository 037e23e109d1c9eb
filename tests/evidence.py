"""Builds evidence for tests of pure code: handshakes and records of a good run, to be spoiled one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from wslb.model.balancer import Balancer, Carrier, LbMethod, Member, resolve_url
from wslb.model.handshake import Arrival, Close, Exchange, Handshake, Headers, accept_for
from wslb.model.results import MemberStatus, Record

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
LIBERTY = Member(route="liberty", url="ws://liberty/WSConsole")
NODE = Member(route="node", url="ws://node")
CLUSTER = Balancer(name="mycluster", members=(LIBERTY, NODE))
ADDRESSES = {"ws://liberty": "127.0.0.101:10000", "ws://node": "127.0.0.102:8888"}

REQUEST: Headers = (
    ("Host", "127.0.0.1:8080"),
    ("Origin", "http://127.0.0.1:8080"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", KEY),
    ("Sec-WebSocket-Version", "13"),
    ("User-Agent", "Mozilla/5.0"),
)


def arrival(backend: str, *, carrier: Carrier = Carrier.WSTUNNEL, headers: Headers | None = None) -> Arrival:
    """What a backend journals of a good handshake through Apache."""
    upgrade = "WebSocket" if carrier is Carrier.WSTUNNEL else "websocket"
    path = "/WSConsole/CLRunner" if backend == "liberty" else "/CLRunner"
    changed = {"Host": ADDRESSES[f"ws://{backend}"], "Upgrade": upgrade}
    return Arrival(
        backend=backend,
        seq=1,
        at=1.0,
        listener="ws",
        method="GET",
        target=path,
        http_version="1.1",
        upgrade=True,
        headers=headers
        if headers is not None
        else (
            *((name, changed.get(name, value)) for name, value in REQUEST),
            ("X-Forwarded-For", "127.0.0.1"),
            ("X-Forwarded-Host", "127.0.0.1:8080"),
            ("X-Forwarded-Server", "localhost"),
        ),
        accepted=True,
        status=101,
        response=answer(backend),
    )


def answer(backend: str) -> Headers:
    """The fields of a right answer."""
    return (
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", accept_for(KEY)),
        ("X-Backend", backend),
    )


def handshake(seq: int, backend: str, *, carrier: Carrier = Carrier.WSTUNNEL, held: bool = False) -> Handshake:
    """A good handshake that all witnesses tell alike."""
    return Handshake(
        conn_id=f"test-{seq}",
        seq=seq,
        url="ws://127.0.0.1:8080/ws",
        request=REQUEST,
        status=101,
        reason="Switching Protocols",
        response=answer(backend),
        elapsed_seconds=0.002,
        opened_at=float(seq),
        closed_at=100.0 + seq if held else seq + 0.5,
        greeting=f"[From Server] Connected to {backend}",
        greeters=(backend,),
        signers=(backend,),
        logged_by=backend,
        logged_status=200 if carrier is Carrier.WSTUNNEL else 101,
        arrivals=(arrival(backend, carrier=carrier),),
        exchanges=(Exchange(sent=False, at=seq + 0.1, text=f"[From Server] Connected to {backend}", size=30),),
        closed=Close(code=1000, by="client"),
    )


def status(
    route: str, *, elected: int = 0, busy: int = 0, transferred: int = 0, words: str = "Init Ok"
) -> MemberStatus:
    """A member as balancer-manager shows it."""
    return MemberStatus(
        balancer="mycluster",
        route=route,
        url=resolve_url(CLUSTER.member(route).url, ADDRESSES) if route in {"liberty", "node"} else f"ws://{route}",
        status=words,
        elected=elected,
        busy=busy,
        lbstatus=0,
        transferred=transferred,
        read=0,
        loadfactor=1.0,
        lbmethod="byrequests",
    )


def record(
    backends: Sequence[str],
    *,
    balancer: Balancer = CLUSTER,
    carrier: Carrier = Carrier.WSTUNNEL,
    held: bool = False,
) -> Record:
    """A record in which these backends served one connection each, in this order, and everything adds up."""
    handshakes = tuple(handshake(i, name, carrier=carrier, held=held) for i, name in enumerate(backends, start=1))
    sent = {name: sum(h.arrivals[0].request_bytes for h in handshakes if h.backend == name) for name in set(backends)}
    method = balancer.lbmethod.value
    before = tuple(replace(status(m.route), lbmethod=method, loadfactor=float(m.loadfactor)) for m in balancer.members)
    after = tuple(
        replace(
            status(m.route, elected=list(backends).count(m.route), transferred=sent.get(m.route, 0)), lbmethod=method
        )
        for m in balancer.members
    )
    return Record(
        balancer=balancer,
        carrier=carrier,
        handshakes=handshakes,
        before=before,
        after=after,
        addresses=ADDRESSES,
        front={"ws": "127.0.0.1:8080"},
    )


def turns(count: int) -> list[str]:
    """Strict turns over both backends."""
    return ["liberty", "node"] * (count // 2) + ["liberty"] * (count % 2)


def method(lbmethod: LbMethod) -> Balancer:
    """The usual balancer with another lbmethod."""
    return replace(CLUSTER, lbmethod=lbmethod)


def spoiled(good: Record, seq: int, **changes: object) -> Record:
    """A copy in which one handshake differs."""
    return replace(
        good,
        handshakes=tuple(replace(h, **changes) if h.seq == seq else h for h in good.handshakes),  # type: ignore[arg-type]
    )
