"""The control port: health, journal and faults, on a listener of its own that never passes the balancer.

It has a thread and a loop of its own, so that it answers whatever clients flood the tunnels with: a library takes all
frames of a piece of 256 KiB in one callback, tens of thousands of empty ones, and one message may fill a core for
seconds. What is asked is done between two callbacks of the tunnels, in the order of what they saw; only where they
leave no room for `PATIENCE_SECONDS` it is done beside them.
"""

import asyncio
import concurrent.futures
import json
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler

from backends.contract import access, faults
from backends.contract.stand_in import StandIn

BODY_LIMIT = 64 * 1024

PATIENCE_SECONDS = 0.2
"""How long the control port waits for its turn among the tunnels."""

_Done = TypeVar("_Done")


def _json(document: object, *, status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(document).encode(), status=status, content_type="application/json")


class Control:
    """The control server of one backend, on aiohttp in both programs."""

    def __init__(self, backend: StandIn, *, token: str | None) -> None:
        self._backend = backend
        self._token = token
        app = web.Application(client_max_size=BODY_LIMIT, middlewares=[self._let_in])
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/journal", self._read_journal)
        app.router.add_delete("/journal", self._clear_journal)
        app.router.add_get("/fault", self._read_faults)
        app.router.add_post("/fault", self._add_fault)
        app.router.add_delete("/fault", self._clear_faults)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.2)
        self._own = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._own.run_forever, name="control", daemon=True)
        self._tunnels: asyncio.AbstractEventLoop = self._own

    async def start(self, listener: socket.socket) -> None:
        """Serve on a bound socket; call it on the loop of the tunnels."""
        self._tunnels = asyncio.get_running_loop()
        self._thread.start()
        await self._there(self._serve(listener))

    async def stop(self) -> None:
        """Stop serving."""
        await self._there(self._runner.cleanup())
        self._own.call_soon_threadsafe(self._own.stop)
        await asyncio.to_thread(self._thread.join)
        self._own.close()

    async def _there(self, work: Coroutine[Any, Any, None]) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._own))

    async def _serve(self, listener: socket.socket) -> None:
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def _in_turn(self, call: Callable[[], _Done]) -> _Done:
        """Return what a call returns, made once: by the loop of the tunnels, or here when it does not get to it."""
        made: concurrent.futures.Future[_Done] = concurrent.futures.Future()

        def make() -> None:
            if made.set_running_or_notify_cancel():
                made.set_result(call())

        self._tunnels.call_soon_threadsafe(make)
        waiting = asyncio.wrap_future(made)
        await asyncio.wait({waiting}, timeout=PATIENCE_SECONDS)
        return call() if made.cancel() else await waiting

    @web.middleware
    async def _let_in(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse whoever is not the run that started this program, before a route is looked at."""
        refused = access.control_refusal(
            host=request.headers.get("Host"),
            origins=request.headers.getall("Origin", ()),
            authorization=request.headers.get("Authorization", ""),
            token=self._token,
            open_to_all=request.path == "/healthz",
            names=self._backend.own_names,
        )
        if refused is None and request.method == "POST" and request.content_type != "application/json":
            # A page may send text/plain anywhere without asking first (Fetch, "CORS-safelisted request-header").
            refused = 415, "The body must be application/json."
        if refused is None:
            return await handler(request)
        answer = _json({"error": refused[1]}, status=refused[0])
        if refused[0] == 401:
            answer.headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 section 15.5.2
        return answer

    async def _health(self, _request: web.Request) -> web.Response:
        return _json(await self._in_turn(self._backend.health))

    async def _read_journal(self, _request: web.Request) -> web.Response:
        name, entries = self._backend.name, await self._in_turn(self._backend.journal.entries)

        def body() -> bytes:
            return json.dumps({"backend": name, "entries": [entry.as_json() for entry in entries]}).encode()

        # 10,000 entries take a while to write down; a thread lets the connections go on meanwhile.
        return web.Response(body=await asyncio.to_thread(body), content_type="application/json")

    async def _clear_journal(self, _request: web.Request) -> web.Response:
        await self._in_turn(self._backend.journal.clear)
        return web.Response(status=204)

    async def _read_faults(self, _request: web.Request) -> web.Response:
        return _json({"faults": await self._in_turn(self._backend.faults.as_json)})

    async def _add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = faults.parse(json.loads(await request.read()), self._backend.profile.faults)
        except faults.FaultError as error:
            return _json({"error": str(error)}, status=400)
        except (ValueError, RecursionError) as error:
            return _json({"error": f"The body is not JSON: {error}."}, status=400)
        understood = fault.as_json()
        await self._in_turn(lambda: self._backend.faults.add(fault))
        self._tunnels.call_soon_threadsafe(self._backend.log.info, "fault %s", json.dumps(understood))
        return _json(understood, status=201)

    async def _clear_faults(self, _request: web.Request) -> web.Response:
        await self._in_turn(self._backend.faults.clear)
        return web.Response(status=204)
