"""``wslb try FILE``: what became of each upgrade, in the user's own lines."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from wslb.errors import LabError
from wslb.lab.trial import Trial
from wslb.model.handshake import Arrival, Handshake, one_header
from wslb.model.results import JudgedAdvice, Outcome, ScenarioResult, Standing
from wslb.model.topics import Topic
from wslb.proxies.adopting import disclosed, told_changes
from wslb.proxies.apache.adoption.questions import Question, questions, stand_in_of
from wslb.proxies.apache.adoption.traced import Taken, line_that_took
from wslb.proxies.apache.advice.adviser import advice_for, advise_file, configuration_of
from wslb.proxies.apache.advice.proofs import Sighting, judged, judged_at_start
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.order import lines_of
from wslb.proxies.apache.conf.urls import scheme_of
from wslb.reports.document import Document
from wslb.scenarios.conf import asking
from wslb.scenarios.conf_asking import Asking
from wslb.scenarios.scenario import Scenario

__all__ = ["MOST_QUESTIONS", "Attempt"]

MOST_QUESTIONS = 12
_FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Server")
_SEEN = ("Host", "Origin", "Upgrade", "Connection", *_FORWARDED)
_STRANGER = "the lab asks from 127.0.0.1, without a name or password"
_OF_PROXY = frozenset({"AH01144", "AH00961", "AH01961"})
"""Numbers of what mod_proxy says of a request that it has, also where httpd is too old to tell which line gave it."""

_NO_TLS = "this httpd has no mod_ssl: name one that has it, --httpd FILE"
_STALL = (
    "mod_proxy_wstunnel stalls over TLS 1.3: SSLProxyProtocol TLSv1.2 in the same server, or let mod_proxy_http carry "
    "(httpd 2.4.47 and later)"
)
_ACCESS = ("require", "authtype", "deny", "order")
_NO_TUNNEL = {"ajp": "AJP", "fcgi": "FastCGI", "scgi": "SCGI", "uwsgi": "uwsgi", "ftp": "FTP"}


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One run of ``wslb try``: from the trial to its words.

    Attributes:
        paths: named by the user.
        options: of the command that asks one path again.
        keep: file that the adopted text is written to; None keeps none.
        tell_all: tell each line that was changed; otherwise how many for which reason.
        topics: what is asked further than upgrades and turns.
        wait_seconds: longest time that is waited for as it is written.
        unasked: how many further paths there were.
    """

    paths: Sequence[str] = ()
    options: Sequence[str] = ()
    keep: Path | None = None
    tell_all: bool = False
    topics: Collection[Topic] = ()
    wait_seconds: float = 15
    unasked: int = 0
    _trial: Trial | None = None
    _askings: dict[str, Asking] = field(default_factory=dict)
    _sightings: list[Sighting] = field(default_factory=list)

    def begin(self, trial: Trial) -> None:
        """Find out what is to be asked of a configuration that is served."""
        self._trial = trial
        found = questions(trial.original.conf, trial.adopted, paths=self.paths)
        self.unasked = max(0, len(found) - MOST_QUESTIONS)
        askings = asking(trial, found[:MOST_QUESTIONS], topics=self.topics, wait_seconds=self.wait_seconds)
        self._askings = {one.scenario.name: one for one in askings}
        if self.keep is not None:
            self.keep.parent.mkdir(parents=True, exist_ok=True)
            self.keep.touch(mode=0o600)
            self.keep.write_text(trial.proxy.config, encoding="utf-8")

    @property
    def asked(self) -> tuple[Asking, ...]:
        """What is asked, in order, with where it comes from."""
        return tuple(self._askings.values())

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """What is asked, in order."""
        return tuple(one.scenario for one in self._askings.values())

    def worded(self, result: ScenarioResult) -> ScenarioResult:
        """The result with what it means for the user's file."""
        trial, one = self._trial, self._askings.get(result.name)
        if trial is None or one is None:
            return result
        reproduce = shlex.join(["wslb", "try", str(trial.original.file), *self.options, "--path", one.question.path])
        if one.tunnel and not result.record.handshakes and not result.reason:
            reason = f"no upgrade of {one.question.path} opens a tunnel"
            return replace(result, reproduce=reproduce, outcome=Outcome.SKIPPED, reason=reason, verdicts=())
        if one.tunnel or not result.record.handshakes:
            told = one.tells(result) if one.tells and result.verdicts else ()
            return replace(result, reproduce=reproduce, explanation="\n".join(told))
        self._sightings += _sightings(trial, one.question, result)
        words = _Words(trial, one.question, result)
        return replace(result, reproduce=reproduce, explanation=words.explanation())

    def advice(self) -> tuple[JudgedAdvice, ...]:
        """What the doctor says of the file, and what the upgrades of this run make of each advice."""
        if self._trial is None:
            return ()
        original, adopted = self._trial.original, self._trial.adopted
        left_out = frozenset((change.file, change.line) for change in adopted.changes if not change.after)
        conf = configuration_of(original.effect, version=original.conf.version)  # its own modules, not those of the lab
        found = (judged(advice, self._sightings, left_out=left_out) for advice in advice_for(conf))
        return tuple(replace(one, file=original.named(one.file), what=disclosed(one.what)) for one in found)

    def table(self, document: Document) -> Iterator[str]:
        """Lines for the end: each path with the line that took it, and what was changed to run the file here."""
        for scenario in document.scenarios:
            if scenario.explanation:
                asked = scenario.question.split()[4] if scenario.name.endswith("-upgrade") else scenario.question
                yield f"{'✔' if scenario.outcome is Outcome.PASSED else '✖'} {asked}"
                yield from (f"    {line}" for line in scenario.explanation.splitlines())
        if self.unasked:
            yield f"{self.unasked} further paths were not asked; name them: --path PATH"
        yield from _advised(document.advice, tell_all=self.tell_all)
        if self._trial is not None:
            yield from self._trial.original.told
            yield from told_changes(self._trial.adopted.changes, each=self.tell_all)
            if self.keep is not None:
                yield f"served: {self.keep}"


def _sightings(trial: Trial, question: Question, result: ScenarioResult) -> Iterator[Sighting]:
    """Each upgrade of a path with the lines that it met."""
    lines = lines_of(trial.original.conf, question.scope)
    made = result.record.handshakes
    for number, handshake in enumerate(made):
        taken = line_that_took(result.record.log, lines, number=number)
        arrived = handshake.arrival.backend if handshake.arrival else ""
        members = question.balancer.members if question.balancer else ()
        places = ((member, stand_in_of(member, trial.adopted.stand_ins)) for member in members)
        yield Sighting(
            scenario=result.name,
            number=number + 1,
            path=question.path,
            scope=question.scope,
            handshake=handshake,
            meant=question.mounting,
            told=taken is not None or (handshake.status == 404 and handshake.arrival is None),
            taken=taken.at if taken else None,
            balancer=question.balancer,
            member=next((member for member, place in places if place and place.name == arrived), None),
            others=any(one.accepted for one in made),
            tls=question.door in trial.tls,
        )


async def advice_at_start(
    error: LabError, file: Path, *, defines: Sequence[str], values: Mapping[str, str]
) -> tuple[JudgedAdvice, ...]:
    """What the doctor says of a file with which httpd does not start.

    Args:
        error: with what httpd said.
        file: as the user named it.
        defines, values: that it was read with.
    """
    complaint = "\n".join((str(error), *error.log_tail)).replace(str(file.absolute()), str(file))
    found = (await advise_file(file, defines=defines, values=values)).advice
    return tuple(replace(judged_at_start(advice, complaint), what=disclosed(advice.what)) for advice in found)


class _Words:
    """One upgrade, told with the lines of the file that it met."""

    def __init__(self, trial: Trial, question: Question, result: ScenarioResult) -> None:
        self._trial = trial
        self._question = question
        self._result = result
        made = result.record.handshakes
        number = next((number for number, handshake in enumerate(made) if not handshake.accepted), 0)
        self._others = number > 0
        self._first: Handshake = made[number]
        lines = lines_of(trial.original.conf, question.scope)
        self._taken = line_that_took(result.record.log, lines, number=number)
        proxied = self._first.arrivals or any(line.code in _OF_PROXY for line in result.record.log)
        if self._taken is None and question.mounting and proxied:
            self._taken = Taken(at=question.mounting.directive, how="proxied")

    def explanation(self) -> str:
        """Line, cause and cure of a red one; line, member and what the backend saw of a green one."""
        if self._first.accepted:
            return "\n".join((self._line("took it"), *self._seen()))
        return "\n".join((*self._cause(), *self._of_this_client()))

    def _of_this_client(self) -> Iterator[str]:
        """What is special about a client that is refused where another was served."""
        if self._others:
            agent = (one_header(self._first.request, "User-Agent") or "").rpartition(" ")[2]
            yield f"so to {agent}, which says Connection: {one_header(self._first.request, 'Connection')}; others pass"

    def _at(self) -> Directive | None:
        return self._taken.at if self._taken else None

    def _line(self, did: str) -> str:
        at = self._at()
        if at is None:
            return f"httpd does not tell which line {did}"
        return f"{self._place(at)}: {disclosed(str(at))} {did}"

    def _place(self, at: Directive) -> str:
        return f"{self._trial.original.named(at.file)}:{at.line}"

    def _back(self, text: str) -> str:
        """Addresses of stand-ins as the configuration has them."""
        for stand_in in self._trial.adopted.stand_ins:
            for tls in (True, False):
                text = text.replace(self._trial.proxy.members[stand_in.variable(tls=tls)], stand_in.authority)
        return text

    def _seen(self) -> Iterator[str]:
        arrival = self._first.arrival
        if arrival is None:
            return
        where = next(s.authority for s in self._trial.adopted.stand_ins if s.name == arrival.backend)
        fields = (f"{name}: {value}" for name in _SEEN if (value := one_header(arrival.headers, name)))
        yield f"{where} saw {arrival.method} {arrival.target}; {self._back('; '.join(fields))}"
        yield from self._notes(arrival)

    def _notes(self, arrival: Arrival) -> Iterator[str]:
        host, origin = one_header(arrival.headers, "Host") or "", one_header(arrival.headers, "Origin") or ""
        if origin and urlsplit(origin).netloc.lower() != host.lower():
            yield "a backend that compares Origin with Host would refuse it, unless ProxyPreserveHost is On"
        if "//" in arrival.target.partition("?")[0]:
            yield f"a slash doubles on the way: the backend is asked for {arrival.target}"

    def _cause(self) -> Iterator[str]:
        status, taken, at = self._first.status, self._taken, self._at()
        arrivals = self._first.arrivals
        if status is None and (taken is None or at is None or taken.how != "proxied"):
            yield f"no answer: {self._first.error}"
        elif taken is not None and at is not None and taken.how == "excluded":
            yield self._line(f"excludes the path, so httpd itself answers {status}")
            yield self._too_late() or "put the ProxyPass of the path before it"
        elif taken is not None and at is not None and taken.how == "redirected":
            yield self._line(f"answers {status}: a WebSocket client follows no redirect")
            yield self._too_late() or "let the rule of the WebSocket path, with [P], stand before it"
        elif taken is not None and at is not None and taken.how == "answered":
            yield self._line(f"answers {status}")
        elif arrivals and not any(arrival.upgrade for arrival in arrivals):
            yield self._line("takes it as plain HTTP: the Upgrade field does not reach the backend")
            yield self._too_late() or (
                "add upgrade=websocket to the line (httpd 2.4.47 and later), or lead the path to ws://"
            )
        elif taken is not None and at is not None and taken.how == "proxied":
            yield from self._unproxied(taken, "no answer" if status is None else str(status))
        elif status is not None and 300 <= status < 400:
            yield self._answered_before(status, ("redirect", "redirectmatch", "redirectpermanent", "redirecttemp"))
            yield "a WebSocket client follows no redirect: keep the WebSocket path out of it"
        elif any(line.code == "AH10508" for line in self._result.record.log):
            yield f"a RewriteRule would make the path's %3F a question mark, which httpd refuses since 2.4.60: {status}"
            yield "let clients write ? there, or put [UnsafeAllow3F] behind the rule"
        elif status in {401, 403}:
            yield self._answered_before(status, _ACCESS)
            yield _STRANGER
        else:
            yield f"no ProxyPass, ProxyPassMatch or RewriteRule takes this path: httpd itself answers {status}"
            yield f"add: ProxyPass {self._question.path} ws://HOST:PORT{self._question.path.partition('?')[0]}"
        yield from self._logged()

    def _too_late(self) -> str:
        """What to do where the line that is meant for the path never gets it."""
        meant = self._question.mounting.directive if self._question.mounting and self._question.meant else None
        if meant is None or meant is self._at():
            return ""
        return f"put {self._place(meant)} before that line: {disclosed(str(meant))} never gets the path"

    def _unproxied(self, taken: Taken, status: str) -> Iterator[str]:
        """A line leads to mod_proxy, and nothing came of it."""
        scheme = scheme_of(taken.member or taken.target)
        if (own := self._own_answer()) is not None:
            where = next(s.authority for s in self._trial.adopted.stand_ins if s.name == own.backend)
            yield self._line(f"takes it, and {where} itself answers {own.status} to {own.method} {own.target}")
            yield from self._notes(own)
            return
        codes = {line.code for line in self._result.record.log}
        if scheme in _NO_TUNNEL:
            yield self._line(f"leads to {_NO_TUNNEL[scheme]}, which carries no WebSocket: {status}")
            yield "lead the WebSocket path to ws:// or http:// with upgrade=websocket, in a line before it"
        elif "AH01144" in codes:
            yield self._line(f"finds no module for {scheme}:// : {status}")
            wanted = "proxy_wstunnel" if scheme in {"ws", "wss"} else f"proxy_{scheme.removesuffix('s')}"
            yield f"load mod_{wanted}" if scheme in {"ws", "http"} or self._speaks_tls else _NO_TLS
        elif "AH00961" in codes or "AH01961" in codes:
            yield self._line(f"leads to TLS, which this server does not speak to backends: {status}")
            yield "SSLProxyEngine On in the same server" if self._speaks_tls else _NO_TLS
        elif status in {"401", "403"}:
            yield self._answered_before(status, _ACCESS)
            yield _STRANGER
        elif status == "no answer" and self._stalls():
            yield self._line("takes it, a member gets it over TLS, and its answer does not come back")
            yield _STALL
        elif status == "503" and self._at_a_balancer():
            yield self._line("leads to a balancer of which no member can be elected: 503")
            yield "give it members in the same server, under its own name, and none that is disabled or stopped"
        elif "AH00025" in codes:
            yield self._line(f"takes it, but nobody decides who may ask, so httpd answers {status}")
            yield "load mod_authz_core"
        else:
            yield self._line(f"takes it, and {status} comes back")

    def _own_answer(self) -> Arrival | None:
        """What a backend was asked, where it refused by itself."""
        arrival = self._first.arrival
        if arrival is None or arrival.accepted or not arrival.upgrade or arrival.status != self._first.status:
            return None
        return arrival

    @property
    def _speaks_tls(self) -> bool:
        return bool(self._trial.proxy.installation.has("ssl"))

    def _stalls(self) -> bool:
        """Whether mod_proxy_wstunnel has reached a member over TLS, and so waits for what it has read already."""
        by = self._trial.original.conf.carrier(self._question.scope)
        return by == "proxy_wstunnel" and any(arrival.listener == "wss" for arrival in self._first.arrivals)

    def _at_a_balancer(self) -> bool:
        at = self._at()
        return at is not None and any(scheme_of(word) == "balancer" for word in at.words)

    def _answered_before(self, status: int | str, keys: Sequence[str]) -> str:
        scope = self._question.scope
        servers = [scope, *([scope.main] if scope.main else [])]
        found = [placed.directive for server in servers for placed in server.all(*keys)]
        found = [at for at in found if at.words[:2] != ("all", "granted")]
        if not found:
            return f"httpd itself answers {status}, before any line of mod_proxy"
        return f"{self._place(found[0])}: {disclosed(str(found[0]))}: httpd itself answers {status}"

    def _logged(self) -> Iterator[str]:
        alarming = [line for line in self._result.record.log if line.alarming]
        if alarming:
            yield f"httpd's log: {self._back(re.sub(r'^(?:[a-z_]+[.]c[(][0-9]+[)]: )?', '', alarming[0].text))}"


def _advised(advice: Sequence[JudgedAdvice], *, tell_all: bool) -> Iterator[str]:
    """Advice of the doctor with what was seen of it; notes that nothing was seen of are counted."""
    counts = Counter(one.standing for one in advice)
    if advice:
        told = ", ".join(f"{counts[standing]} {standing}" for standing in Standing if counts[standing])
        yield f"the doctor's advice: {told}"
    for one in advice:
        if tell_all or one.standing is not Standing.NOT_TRIED or one.severity != "note":
            yield f"    {one.file}:{one.line}: {one.severity} {one.rule} {one.what}"
            yield f"        {one.standing}: {one.because}"
            yield f"        cure: {one.cure}"
