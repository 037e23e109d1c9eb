"""The heart of a backend: who it is, what reached it, and what it decides about each request."""

import asyncio
import logging
import os
import socket
from typing import TYPE_CHECKING, Any, Literal

from backends.cl import Runner
from backends.contract import handshake
from backends.contract.faults import FaultBoard, Plan
from backends.contract.handshake import Refusal, Values
from backends.contract.journal import Entry, Journal, RawHeaders
from backends.contract.listeners import Listeners, port_of
from backends.contract.options import Options
from backends.contract.page import page
from backends.contract.profile import Profile
from backends.contract.visit import Visit

if TYPE_CHECKING:
    from backends.contract.conversation import Conversation
    from backends.lean.open import Open


class Backend:
    """Everything that both programs share; it knows nothing of the library that carries the bytes."""

    def __init__(self, *, profile: Profile, options: Options, listeners: Listeners, host_name: str, cl: Runner) -> None:
        self.profile = profile
        self.options = options
        self.name = options.name
        self.host_name = host_name
        self.address = listeners.address
        self.cl = cl
        self.journal = Journal()
        self.faults = FaultBoard()
        self.accepted = 0
        self.conversations: set[Conversation | Open] = set()
        self.log = logging.getLogger(options.name)
        self.greeting = profile.greeting.format(host_name=host_name, address=listeners.address)
        self.reply_prefix = profile.reply_prefix.format(host_name=host_name, address=listeners.address)
        self.page = page(profile.cl_paths[0])
        self._ports = {
            "ws": port_of(listeners.plain),
            "wss": port_of(listeners.tls),
            "control": port_of(listeners.control),
        }

    def arrive(
        self,
        *,
        listener: Literal["ws", "wss"],
        peer: str,
        method: str,
        target: str,
        http_version: str,
        headers: RawHeaders,
        values: Values,
    ) -> Visit | None:
        """Take in a request; None when its path is no WebSocket endpoint."""
        endpoint = self.profile.endpoint(handshake.path_of(target))
        if endpoint is None:
            return None
        upgrade = handshake.asks_upgrade(values)
        plan = self.faults.take() if upgrade else {}
        refused = self._faulty(plan) or handshake.refusal(method=method, http_version=http_version, values=values)
        entry = Entry(
            listener=listener,
            peer=peer,
            method=method,
            target=target,
            http_version=http_version,
            upgrade=upgrade,
            headers=headers,
        )
        subprotocol = handshake.choose_subprotocol(values("Sec-WebSocket-Protocol"), known=self.options.subprotocols)
        return Visit(backend=self, endpoint=endpoint, entry=entry, plan=plan, refusal=refused, subprotocol=subprotocol)

    @staticmethod
    def _faulty(plan: Plan) -> Refusal | None:
        if "status" not in plan:
            return None
        status, reason = plan["status"]["status"], plan["status"].get("reason")
        text = f"{status} {reason}\n" if reason else f"{status}\n"
        location = plan["status"].get("location")
        return Refusal(
            status=int(status),
            text=text,
            reason=None if reason is None else str(reason),
            headers=() if location is None else (("Location", str(location)),),
        )

    def plain(self, *, method: str, target: str) -> Refusal:
        """Answer a request that is for no endpoint: the page, or 404. Only the exact path of the page is served."""
        if handshake.path_of(target) != self.profile.page_path:
            return Refusal(status=404, text="404 Not Found")
        if method not in ("GET", "HEAD"):
            return Refusal(status=405, text="405 Method Not Allowed\n", headers=(("Allow", "GET, HEAD"),))
        return Refusal(status=200, text="")

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
            "live": len(self.conversations),
            "accepted": self.accepted,
            "uid": os.geteuid() if uid is None else uid,
        }

    async def say_goodbye(self, *, limit_seconds: float) -> None:
        """Close every connection with 1001, and reset those whose client has not answered in time."""
        talks = list(self.conversations)
        for talk in talks:
            talk.stop()
        if talks:
            await asyncio.wait([talk.ended for talk in talks], timeout=limit_seconds)
        for talk in list(self.conversations):
            talk.channel.reset()


def own_host_name() -> str:
    """Return the system's name for itself."""
    return socket.gethostname() or "localhost"
