"""The heart of a backend: who it is, what reached it, and what it decides about each request."""

import asyncio
import logging
import os
import socket
from typing import Any, Literal

from backends.cl import Interpreter
from backends.contract import access, request
from backends.contract.answers.answering import accept_of
from backends.contract.channel import Counting, IdleLimit, Live
from backends.contract.faults import FaultBoard, FaultPlan
from backends.contract.journal import Entry, Journal
from backends.contract.options import Options
from backends.contract.profile import DROP_AT, INACTIVE, PING_AT, Profile
from backends.contract.request import Fields, PlainResponse, RequestHead
from backends.contract.sockets import Listeners, port_of
from backends.contract.visit import Visit


class StandIn:
    """Everything that the programs share; it knows nothing of the library that carries the bytes."""

    def __init__(
        self, *, profile: Profile, options: Options, listeners: Listeners, host_name: str, cl: Interpreter
    ) -> None:
        self.profile = profile
        self.options = options
        self.name = options.name
        self.host_name = host_name
        self.address = listeners.address
        self.own_names = frozenset({host_name.lower(), own_host_name().lower()})
        self.cl = cl
        self.journal = Journal()
        self.faults = FaultBoard()
        self.live: set[Live] = set()
        self.idle = IdleLimit(profile.silence_seconds if options.idle_seconds is None else options.idle_seconds)
        self.log = logging.getLogger(options.name)
        self.greeting = profile.greeting.format(host_name=host_name, address=listeners.address)
        self.reply_prefix = profile.reply_prefix.format(host_name=host_name, address=listeners.address)
        self._page = profile.page()
        self._ports = {
            "ws": port_of(listeners.plain),
            "wss": port_of(listeners.tls),
            "control": port_of(listeners.control),
        }

    def arrive(self, head: RequestHead, *, listener: Literal["ws", "wss"], peer: str) -> Visit | None:
        """Take in a request; None when its path is no WebSocket endpoint."""
        path = self._path(head.target)
        endpoint = self.options.anywhere or self.profile.endpoint(path)
        if endpoint is None:
            return None
        answers = self.profile.answers
        unfit = request.refusal(head) if self.options.anywhere else answers.refusal(head, path)
        upgrade = unfit is None or request.asks_upgrade(head)
        plan = self.faults.take() if upgrade else {}
        refused = self.faulty(plan) or unfit or (self._foreign(head) if endpoint == "cl" else None)
        if self.options.anywhere and not upgrade:
            refused = PlainResponse(status=200, body=f"{self.name}\n".encode())
        entry = Entry(
            listener=listener,
            peer=peer,
            method=head.method,
            target=head.target,
            http_version=head.http_version,
            upgrade=upgrade,
            headers=head.headers,
        )
        subprotocol = request.choose_subprotocol(head.values("Sec-WebSocket-Protocol"), known=self.options.subprotocols)
        return Visit(
            journal=self.journal,
            backend=self.name,
            endpoint=endpoint,
            head=head,
            entry=entry,
            plan=plan,
            refusal=refused,
            subprotocol=subprotocol,
        )

    def switching(self, visit: Visit, *, extensions: str | None) -> Fields:
        """Return the fields of the 101 that accepts a visit, in the order of the original; X-Backend is the last."""
        answers = self.profile.answers
        accept = accept_of(answers.key(visit.head)) if visit.accept_value is None else visit.accept_value
        fields: Fields = []
        for name, value in answers.switching(visit.head, accept, visit.subprotocol):
            if name == "Upgrade" and visit.upgrade_value is not None:
                fields += [(name, visit.upgrade_value)] if visit.upgrade_value else []
                continue
            fields.append((name, value))
            if name == "Sec-WebSocket-Accept" and extensions is not None:
                fields.append(("Sec-WebSocket-Extensions", extensions))
        return [*fields, *self.signature(visit.name)]

    def signature(self, name: str) -> Fields:
        """Return the field that names who answered, unless no head shall have more than the original's."""
        return [] if self.options.plain_headers else [("X-Backend", name)]

    def _foreign(self, head: RequestHead) -> PlainResponse | None:
        return access.foreign_page(
            head, names=self.own_names, allowed=self.options.origins, required=self.cl.kind == "system"
        )

    @staticmethod
    def faulty(plan: FaultPlan) -> PlainResponse | None:
        """Return the answer that a fault wants, or None."""
        if "status" not in plan:
            return None
        status, reason = plan["status"]["status"], plan["status"].get("reason")
        text = f"{status} {reason}\n" if reason else f"{status}\n"
        location = plan["status"].get("location")
        return PlainResponse(
            status=int(status),
            body=text.encode(),
            reason=None if reason is None else str(reason),
            headers=() if location is None else (("Location", str(location)),),
        )

    def _path(self, target: str) -> str:
        path = request.path_of(target)
        return self.profile.within(path) if self.options.at_root else path

    def plain(self, head: RequestHead) -> PlainResponse:
        """Answer a request that is for no endpoint: the page, or 404. Only the exact path of the page is served."""
        path = self._path(head.target)
        if path != self.profile.page_path:
            return self.profile.answers.absent(head, path)
        if head.method not in ("GET", "HEAD"):
            return PlainResponse(status=405, body=b"405 Method Not Allowed\n", headers=(("Allow", "GET, HEAD"),))
        return PlainResponse(status=200, body=self._page, content_type="text/html; charset=utf-8")

    def health(self, *, uid: int | None = None) -> dict[str, Any]:
        """Return the object that `GET /healthz` answers and `--announce` writes."""
        return {
            "name": self.name,
            "program": self.profile.program,
            "pid": os.getpid(),
            "host_name": self.host_name,
            "address": self.address,
            **self._ports,
            "greeting": self.greeting,
            "cl_path": self.profile.cl_paths[0],
            "echo_path": self.profile.echo_path,
            "page_path": self.profile.page_path,
            "live": len(self.live),
            "accepted": self.journal.accepted,
            "uid": os.geteuid() if uid is None else uid,
        }

    def silent(self, connection: Counting) -> None:
        """Do with a connection on which nothing came for a while what the original does, or what an option wants."""
        connection.silences += 1
        if self.options.idle_seconds is not None:
            connection.say_close(1001, f"idle for {self.idle.seconds:g} s")
        elif not self.profile.pings:
            code, reason = INACTIVE
            connection.say_close(code, reason.format(seconds=self.idle.seconds))
        elif connection.silences >= DROP_AT:
            connection.stop()
        else:
            if connection.silences == PING_AT:
                connection.send_ping()
            self.idle.add(connection)

    async def say_goodbye(self, *, limit_seconds: float) -> None:
        """End every connection as the originals do: without a close frame."""
        self.idle.stop()
        connections = list(self.live)
        for connection in connections:
            connection.stop()
        if connections:
            await asyncio.wait([connection.ended for connection in connections], timeout=limit_seconds)
        for connection in list(self.live):
            connection.reset()


def own_host_name() -> str:
    """Return the system's name for itself."""
    return socket.gethostname() or "localhost"
