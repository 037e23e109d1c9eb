"""One witness tells something else than the others."""

from __future__ import annotations

from wslb.model.handshake import one_header
from wslb.model.results import Claim, Witness
from wslb.proxies.apache import ah_numbers
from wslb.reports.causes.cause import HTTPD, Cause, failed
from wslb.reports.document import SavedScenario, SavedWitnesses
from wslb.reports.sequences import Turns

__all__ = [
    "accepted_twice",
    "alike",
    "crowded",
    "impostor",
    "logged",
    "lone_witness",
    "misgreeted",
    "not_greeted",
    "unmarked",
]


def impostor(scenario: SavedScenario, _: Turns) -> Cause | None:
    """A backend's greeting names another backend than the journals do."""
    for c in scenario.connections:
        told, journals = c.witnesses.greeting, c.witnesses.journal
        if told and journals and told not in journals:
            sentence = (
                f"{journals[0]} greets as {told}: two backends run with one name, or one of them is misconfigured"
            )
            return Cause(rule="impostor", sentence=sentence, evidence=(f"connection #{c.seq}: {c.greeting}",))
    return None


def misgreeted(scenario: SavedScenario, _: Turns) -> Cause | None:
    """What should have been a greeting came, but not as one: twice, as binary, or in nobody's words."""
    if not failed(scenario) & {Claim.GREETING, Claim.WITNESSES}:
        return None
    for c in scenario.connections:
        received = [exchange for exchange in c.exchanges if not exchange.sent]
        if not c.accepted or not received:
            continue
        first, who = received[0], c.witnesses.journal[0] if c.witnesses.journal else "the backend"
        times = sum(exchange.text == c.greeting for exchange in received)
        if first.binary:
            sentence = f"{who}'s first message came as binary: its opcode was changed on its way (RFC 6455 section 5.6)"
        elif c.greeting and not c.witnesses.greeting:
            sentence = f"what came first from {who} is no backend's greeting: it was changed or put in on its way"
        elif times > 1:
            sentence = f"{who}'s greeting came {times} times: something between repeats frames"
        else:
            continue
        return Cause(rule="misgreeted", sentence=sentence, evidence=(f"connection #{c.seq}: {first.text[:80]!r}",))
    return None


def accepted_twice(scenario: SavedScenario, _: Turns) -> Cause | None:
    """Several journals' entries of one connection say that it was accepted."""
    if Claim.WITNESSES not in failed(scenario):
        return None
    for c in scenario.connections:
        accepted = [arrival.backend for arrival in c.arrivals if arrival.accepted]
        if len(accepted) > 1:
            return Cause(
                rule="accepted-twice",
                sentence=(
                    f"connection #{c.seq} was accepted {len(accepted)} times ({' and '.join(accepted)}): something "
                    "between sent the handshake more than once, such as a mirror"
                ),
                evidence=tuple(f"journal of {who}: accepted connection #{c.seq}" for who in accepted),
            )
    return None


def unmarked(scenario: SavedScenario, _: Turns) -> Cause | None:
    """A tunnel of which neither the journals nor the access log know: its mark did not get as far as httpd."""
    if Claim.WITNESSES not in failed(scenario):
        return None
    for c in scenario.connections:
        told = c.witnesses
        if c.accepted and told.greeting and not told.journal and told.access_log_status is None:
            return Cause(
                rule="unmarked",
                sentence=(
                    f"{told.greeting} greeted connection #{c.seq}, but no journal and no access log knows it: "
                    "the field X-Wslb-Conn was lost or changed before httpd, or another way leads to the backends"
                ),
                evidence=(f"connection #{c.seq}: greeting {told.greeting}, journals nothing, access log nothing",),
            )
    return None


def lone_witness(scenario: SavedScenario, _: Turns) -> Cause | None:
    """Greeting, signature, journal and access log agree on a connection but for one of them."""
    if Claim.WITNESSES not in failed(scenario):
        return None
    for c in scenario.connections:
        said = _said(scenario, c.witnesses)
        names = [name for name in said.values() if name]
        if not c.accepted or not names:
            continue
        most = max(set(names), key=names.count)
        odd = [witness for witness, name in said.items() if name != most]
        if len(odd) != 1 or names.count(most) < len(said) - 1:
            continue
        (witness,) = odd
        if witness == "X-Backend" and not said[witness] and (signed := one_header(c.response, "X-Backend")):
            return Cause(
                rule="lone-witness",
                sentence=f"X-Backend says {signed!r}, which names no backend, everything else says {most}",
                evidence=(f"connection #{c.seq}: X-Backend {signed}",),
            )
        if witness == "access log" and not said[witness] and c.witnesses.access_log_status is not None:
            return Cause(
                rule="no-member-logged",
                sentence=(
                    f"httpd's access log has connection #{c.seq}, but names no member of the balancer for it: a "
                    "ProxyPass or RewriteRule [P] leads past the balancer"
                ),
                evidence=(f"connection #{c.seq}: access log status {c.witnesses.access_log_status}, no member",),
            )
        return Cause(
            rule="lone-witness",
            sentence=_WHY.get((witness, bool(said[witness])), _OF_SERVERS[bool(said[witness])]).format(
                witness=witness, most=most, other=said[witness], seq=c.seq
            ),
            evidence=(
                f"connection #{c.seq}: "
                + ", ".join(f"{witness} {name or 'nothing'}" for witness, name in said.items()),
            ),
        )
    return None


_WHY = {
    ("greeting", False): "{most} accepted connection #{seq}, but its greeting did not reach the client",
    ("greeting", True): "the greeting names {other}, everything else {most}: a wrong name in {most}'s settings",
    (
        "X-Backend",
        False,
    ): "{most}'s answer to connection #{seq} lost its X-Backend: look for Header unset (mod_headers)",
    ("X-Backend", True): (
        "X-Backend says {other}, everything else says {most}: {most} signs with a wrong name, or Header set rewrites it"
    ),
    ("journal", False): (
        "{most}'s journal lacks connection #{seq}, which all others give to {most}: it was cleared or restarted, or "
        "the field X-Wslb-Conn did not reach it"
    ),
    ("journal", True): "the journal of {other} has connection #{seq}, everything else says {most}",
    ("access log", False): (
        "httpd's access log lacks connection #{seq}: its line is written when the tunnel ends, so it is still open for "
        "httpd, or the log was moved away"
    ),
    ("access log", True): (
        "httpd's access log gives connection #{seq} to {other}, everything else to {most}: the log names the member "
        "that was elected first, and Apache may have failed over"
    ),
}


_OF_SERVERS = {
    False: (
        "{most}'s answer to connection #{seq} names no server by {witness}: it was lost or changed on its way, or the "
        "server answers otherwise than at the start"
    ),
    True: (
        "{witness} says {other}, everything else says {most}: something on the way rewrites it, or {most} answers "
        "otherwise than at the start"
    ),
}
"""Of what identifies real servers (``--identify``)."""


def _said(scenario: SavedScenario, witnesses: SavedWitnesses) -> dict[str, str]:
    """What each witness says; servers that are known by a signature of their own need not greet."""
    journal = list(dict.fromkeys(witnesses.journal))
    greets = witnesses.greeting or scenario.signature == Witness.SIGNATURE
    return {
        **({"greeting": witnesses.greeting or ""} if greets else {}),
        scenario.signature: witnesses.header or "",
        "journal": journal[0] if len(journal) == 1 else "",
        "access log": witnesses.access_log or "",
    }


def not_greeted(scenario: SavedScenario, turns: Turns) -> Cause | None:
    """A tunnel without a greeting: its backend is known from its journal."""
    if not failed(scenario) & {Claim.GREETING, Claim.TURNS, Claim.ORDER, Claim.WITNESSES}:
        return None
    for i in turns.unserved:
        c = scenario.connections[i]
        if c.accepted and c.witnesses.journal:
            who = c.witnesses.journal[0]
            return Cause(
                rule="not-greeted",
                sentence=f"{who} accepted connection #{c.seq}, but its greeting did not reach the client",
                evidence=(f"connection #{c.seq}: greeting {c.greeting or 'none'}, in the journal of {who}",),
            )
    return None


def alike(scenario: SavedScenario, _: Turns) -> Cause | None:
    """Different backends gave one and the same answer."""
    if Claim.IDENTITY not in failed(scenario):
        return None
    answers = {c.backend: tuple(e.text for e in c.exchanges if not e.sent) for c in scenario.connections}
    if len(answers) < 2 or len(set(answers.values())) != 1 or not next(iter(answers.values())):
        return None
    return Cause(
        rule="alike",
        sentence=f"{' and '.join(map(str, answers))} answered alike: one program answers for both, or a cache does",
        evidence=(f"first words of every answer: {next(iter(answers.values()))[0][:80]}",),
    )


def crowded(scenario: SavedScenario, _: Turns) -> Cause | None:
    """Connections were not answered, and httpd's log has, unannounced, that all its threads or children were taken."""
    if Claim.LOG not in failed(scenario) or all(c.status is not None for c in scenario.connections):
        return None
    line = next((line for line in scenario.log if line.code in _CROWDED), None)
    number = ah_numbers.look_up(line.code) if line and line.code else None
    if line is None or number is None:
        return None
    unanswered = sum(c.status is None for c in scenario.connections)
    return Cause(
        rule="crowded",
        sentence=f"{number.means} {number.do} ({number.code})",
        evidence=(line.text, f"{unanswered} of {len(scenario.connections)} connections were not answered"),
    )


_CROWDED = frozenset({"AH00484", "AH00286", "AH00161"})
"""The MPMs' own word that MaxRequestWorkers is reached: event, worker, prefork."""


def logged(scenario: SavedScenario, _: Turns) -> Cause | None:
    """Only the error log is wrong: its first unexpected number, explained."""
    wrong = [verdict for verdict in scenario.verdicts if not verdict.holds]
    if [verdict.claims for verdict in wrong] != [Claim.LOG]:
        return None
    evidence = wrong[0].evidence[:1]
    if scenario.proxy != HTTPD and evidence:
        return Cause(
            rule="logged", sentence="the traffic is as claimed; only Apache's log is not clean", evidence=evidence
        )
    code = next((line.code for line in scenario.log if line.told in evidence), "")
    number = ah_numbers.look_up(code) if code else None
    if number is None or not number.means:
        return None
    sentence = f"the traffic is as claimed; only Apache's log is not clean. {number.code}: {number.means} {number.do}"
    return Cause(rule="logged", sentence=sentence.strip(), evidence=evidence)
