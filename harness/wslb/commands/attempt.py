"""``wslb try FILE``: what became of each upgrade, in the user's own lines."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from wslb.lab.trial import Trial
from wslb.model.handshake import Arrival, Handshake, one_header
from wslb.model.results import Outcome, ScenarioResult
from wslb.proxies.apache.adoption.adopted import disclosed
from wslb.proxies.apache.adoption.questions import Question, questions
from wslb.proxies.apache.adoption.traced import Taken, line_that_took
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.mounting import Mounting, Way
from wslb.proxies.apache.conf.urls import scheme_of
from wslb.reports.document import Document
from wslb.scenarios.conf import Asking, asking
from wslb.scenarios.scenario import Scenario

__all__ = ["MOST_QUESTIONS", "Attempt"]

MOST_QUESTIONS = 12
_FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Server")
_SEEN = ("Host", "Origin", "Upgrade", "Connection", *_FORWARDED)
_STRANGER = "the lab asks from 127.0.0.1, without a name or password"
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
        unasked: how many further paths there were.
    """

    paths: Sequence[str] = ()
    options: Sequence[str] = ()
    keep: Path | None = None
    tell_all: bool = False
    unasked: int = 0
    _trial: Trial | None = None
    _askings: dict[str, Asking] = field(default_factory=dict)

    def begin(self, trial: Trial) -> None:
        """Find out what is to be asked of a configuration that is served."""
        self._trial = trial
        found = questions(trial.original.conf, trial.adopted, paths=self.paths)
        self.unasked = max(0, len(found) - MOST_QUESTIONS)
        self._askings = {one.scenario.name: one for one in asking(trial, found[:MOST_QUESTIONS])}
        if self.keep is not None:
            self.keep.parent.mkdir(parents=True, exist_ok=True)
            self.keep.touch(mode=0o600)
            self.keep.write_text(trial.proxy.config, encoding="utf-8")

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
        if one.balancer and not result.record.handshakes and not result.reason:
            reason = f"no upgrade of {one.question.path} opens a tunnel"
            return replace(result, reproduce=reproduce, outcome=Outcome.SKIPPED, reason=reason, verdicts=())
        if one.balancer or not result.record.handshakes:
            return replace(result, reproduce=reproduce)
        words = _Words(trial, one.question, result)
        return replace(result, reproduce=reproduce, explanation=words.explanation())

    def table(self, document: Document) -> Iterator[str]:
        """Lines for the end: each path with the line that took it, and what was changed to run the file here."""
        for scenario in document.scenarios:
            if scenario.name.endswith("-upgrade") and scenario.explanation:
                yield f"{'✔' if scenario.outcome is Outcome.PASSED else '✖'} {scenario.question.split()[4]}"
                yield from (f"    {line}" for line in scenario.explanation.splitlines())
        if self.unasked:
            yield f"{self.unasked} further paths were not asked; name them: --path PATH"
        if self._trial is not None:
            changes = self._trial.adopted.changes
            yield f"{len(changes)} lines are served otherwise than they are written" + ("" if self.tell_all else ":")
            if self.tell_all:
                yield from (f"    {change.told}" for change in changes)
            else:
                counts = Counter(change.why for change in changes)
                yield from (f"    {count} {'line' if count == 1 else 'lines'}: {why}" for why, count in counts.items())
                yield "    each of them: -v, or the environment of the report"
            if self.keep is not None:
                yield f"served: {self.keep}"


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
        self._taken = line_that_took(result.record.log, self._mountings(), number=number)
        if self._taken is None and question.mounting and self._first.arrivals:
            self._taken = Taken(at=question.mounting.directive, how="proxied")

    def _mountings(self) -> list[Mounting]:
        conf, scope = self._trial.original.conf, self._question.scope
        main = [m for m in conf.mountings_in(conf.main) if m.way is not Way.REWRITE] if scope.main else []
        own = conf.mountings_in(scope)
        # Those of <Location> go first, then the inherited ones, then the server's own in order (`conf.trace`).
        return [*(m for m in own if m.location), *main, *(m for m in own if not m.location)]

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
        codes = {line.code for line in self._result.record.log}
        if scheme in _NO_TUNNEL:
            yield self._line(f"leads to {_NO_TUNNEL[scheme]}, which carries no WebSocket: {status}")
            yield "lead the WebSocket path to ws:// or http:// with upgrade=websocket, in a line before it"
        elif "AH01144" in codes:
            yield self._line(f"finds no module for {scheme}:// : {status}")
            wanted = "proxy_wstunnel" if scheme in {"ws", "wss"} else f"proxy_{scheme.removesuffix('s')}"
            yield f"load mod_{wanted}"
        elif "AH00961" in codes or "AH01961" in codes:
            yield self._line(f"leads to TLS, which this server does not speak to backends: {status}")
            yield "SSLProxyEngine On in the same server"
        elif status in {"401", "403"}:
            yield self._answered_before(status, _ACCESS)
            yield _STRANGER
        else:
            yield self._line(f"takes it, and {status} comes back")

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
