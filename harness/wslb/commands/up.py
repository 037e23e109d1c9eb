"""A lab that stays up for a person: prints where everything is, and every connection as it comes."""

from __future__ import annotations

import asyncio
import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from wslb.config import Settings
from wslb.errors import StartError
from wslb.interfaces import Progress
from wslb.lab.conversation import Conversation
from wslb.lab.lab import Lab
from wslb.lab.launch import open_lab
from wslb.lab.placement import silent
from wslb.lab.trial import Trial, open_trial
from wslb.model.balancer import Listener
from wslb.model.results import Witness
from wslb.model.sites import wide
from wslb.proxies.apache.adoption.questions import questions

__all__ = ["stand", "stand_for"]

_LOOK_SECONDS = 0.5
_MOST_PATHS = 12


async def stand(settings: Settings, *, say: Callable[[str], None], progress: Progress = silent) -> None:
    """Open the lab on the article's ports and keep it until cancelled.

    Raises:
        LabError: it could not be brought up, or a part of it ended.
    """
    begin = time.monotonic()
    async with open_lab(settings, progress=progress) as lab:
        tls, real = lab.proxy.installation.has("ssl") is not False, lab.fleet.real
        site = wide(settings.lbmethod, tls=tls, backends=real or None)
        await lab.begin("up", site, balancer=site.balancers[0])
        opened = await lab.open_in_turn(max(2, len(real)))
        if real:
            journal = [arrival for arrival in await lab.fleet.journal() if arrival.accepted]
            seen = sorted({arrival.backend for arrival in journal})
            if settings.identify:
                signs = Witness.SIGNATURE not in lab.fleet.silent
                _refuse_wrong_names(opened, {one.conn_id: one.backend for one in journal}, signs=signs)
        else:
            seen = sorted({conversation.backend or "nobody" for conversation in opened})
        if seen != sorted(lab.fleet):
            raise StartError(
                name="The lab",
                reason=f"{len(opened)} connections should reach {', '.join(lab.fleet)}, but reached {', '.join(seen)}",
                log_tail=await lab.proxy.log_tail(),
            )
        status, _, _ = await lab.proxy.fetch("/WSConsole.html")
        known = await _known(lab)
        _introduce(lab, time.monotonic() - begin, len(opened), say, page=status == HTTPStatus.OK)
        await _watch(lab, known, say)


def _refuse_wrong_names(opened: Sequence[Conversation], journalled: Mapping[str | None, str], *, signs: bool) -> None:
    """Stop where what identifies a server is not that of the server that the connection was passed to."""
    for one in opened:
        named = one.handshake.signed_by if signs else one.handshake.greeted_by
        passed = journalled.get(one.handshake.conn_id)
        if named != passed:
            raise StartError(
                name="The lab",
                reason=f"connection {one.seq} was passed to {passed or 'no server'}, but --identify finds "
                f"{named or 'nobody'} in the answer",
                hint="Something on the way changes what the servers say, or a server does not always say the same.",
            )


async def stand_for(
    file: Path,
    settings: Settings,
    *,
    defines: Sequence[str] = (),
    values: Mapping[str, str] | None = None,
    say: Callable[[str], None],
    progress: Progress = silent,
) -> None:
    """Serve a configuration of the user's, as ``wslb try`` does, and keep it until cancelled.

    Raises:
        ConfigError, EvidenceError: it cannot be read.
        LabError: it could not be brought up, or a part of it ended.
    """
    begin = time.monotonic()
    opening = open_trial(settings, file, defines=defines, values=values, page=True, progress=progress, say=say)
    async with opening as trial:
        known = await _known(trial.lab)
        _introduce_trial(trial, time.monotonic() - begin, say)
        await _watch(trial.lab, known, say)


def _introduce_trial(trial: Trial, seconds: float, say: Callable[[str], None]) -> None:
    lab, proxy = trial.lab, trial.proxy
    for stand_in in trial.adopted.stand_ins:
        backend = lab.fleet[stand_in.name].info
        told = f"{stand_in.authority:<22} ws://{backend.address}:{backend.ws}  wss://{backend.address}:{backend.wss}"
        say(f"✔ {told}  pid {backend.pid}")
    say(f"✔ {proxy.dialect.title:<22} {lab.environment['proxy']}  pid {proxy.pid}  {trial.original.file}")
    changed = len(trial.adopted.changes)
    say(f"✔ ready in {seconds:.2f} s; {changed} lines are changed for the lab (wslb try -v tells them)")
    say("")
    asked = questions(trial.original.conf, trial.adopted)
    # A browser opens wss:// only where it trusts the authority of the run.
    first = next((trial.url(q) for q in asked if q.door not in trial.tls), trial.url(asked[0]))
    say(f"  console    {trial.page}?uri={quote(first, safe='')}")
    for question in asked[:_MOST_PATHS]:
        url = trial.url(question)
        say(f"  WebSocket  {url}  for {question.host(tls=question.door in trial.tls)} on {question.door.told}")
    if len(asked) > _MOST_PATHS:
        say(f"  and {len(asked) - _MOST_PATHS} further paths")
    if trial.tls:
        say(f"  authority  {lab.fleet.folder}/tls/ca.pem")
    say(f"  config     {proxy.runtime.where('httpd.conf')}")
    say(f"  log        {proxy.runtime.where(proxy.dialect.error_log)}")
    say("")
    say("Ctrl+C stops all.")


def _introduce(lab: Lab, seconds: float, opened: int, say: Callable[[str], None], *, page: bool) -> None:
    front = lab.proxy.front
    for name, backend in lab.fleet.items():
        wss = f"  wss://{lab.addresses[f'wss://{name}']}" if f"wss://{name}" in lab.addresses else ""
        say(f"✔ {name:<9} ws://{lab.addresses[f'ws://{name}']}{wss}  pid {backend.info.pid}")
    dialect, served = lab.proxy.dialect, lab.proxy.served(lab.site) if lab.site else None
    method = lab.site.balancers[0].lbmethod.value if lab.site and dialect.manager_path else ""  # its names are httpd's
    say(f"✔ {dialect.title:<9} {lab.environment['proxy']}  pid {lab.proxy.pid}  {method}".rstrip())
    for name, url in lab.fleet.real.items():
        say(f"  {name:<9} records what passes to {url}")
    each = ", one on each backend" if len(lab.fleet) > 1 else ""
    say(f"✔ ready in {seconds:.2f} s (checked: {opened} opens{each})")
    say("")
    if page:
        say(f"  console    http://{front.host}:{front.plain}/WSConsole.html")
    say(f"  WebSocket  {front.url(Listener.PLAIN, '/ws')}")
    if front.tls:
        say(f"  over TLS   {front.url(Listener.TLS, '/wss')}  (authority: {lab.fleet.folder}/tls/ca.pem)")
    if dialect.manager_path:
        say(f"  balancer   http://{front.host}:{front.plain}{dialect.manager_path}")
    if served:
        say(f"  config     {lab.proxy.runtime.where(served.name)}")
    say(f"  log        {lab.proxy.runtime.where(dialect.error_log)}")
    say("")
    say("Ctrl+C stops all.")


async def _known(lab: Lab) -> set[tuple[str, int]]:
    """Return name and number of what the journals hold already: asked before anybody is told where to connect to."""
    return {(name, entry.seq) for name, backend in lab.fleet.items() for entry in await backend.journal()}


async def _watch(lab: Lab, seen: set[tuple[str, int]], say: Callable[[str], None]) -> None:
    """Tell every connection that reaches a backend, until cancelled or until a part of the lab ends."""
    count = 0
    while True:
        await asyncio.sleep(_LOOK_SECONDS)  # pace of a display for people; nothing waits for it
        if not lab.proxy.running:
            raise StartError(name=lab.proxy.dialect.title, reason="it ended", log_tail=await lab.proxy.log_tail())
        # What came while one journal was read after the other waits for the next look: else a later one could be first.
        now = time.time()
        fresh = [
            (entry.at, name, entry)
            for name, backend in lab.fleet.items()
            for entry in await backend.journal()
            if (name, entry.seq) not in seen and entry.at <= now
        ]
        for at, name, entry in sorted(fresh, key=lambda item: item[0]):
            count += 1
            seen.add((name, entry.seq))
            clock = datetime.datetime.fromtimestamp(at).astimezone().strftime("%H:%M:%S")
            what = "open" if entry.accepted else f"refused with {entry.status}" if entry.upgrade else entry.method
            say(f"{clock}  {what}  #{count} → {name}")
