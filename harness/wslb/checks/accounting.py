"""Whether client, backends and proxy tell the same story, and the proxy's books add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from wslb.checks.judging import About, called, judged, no_evidence
from wslb.model.balancer import Balancer, Member, MemberState, resolve_url
from wslb.model.handshake import Handshake
from wslb.model.results import Claim, MemberStatus, Record, Verdict, Witness
from wslb.model.settings import deviations

__all__ = ["bytes_counted", "elected_counted", "members_as_claimed", "nothing_left_open", "witnesses_agree"]


def witnesses_agree(record: Record) -> Verdict:
    """Client, backends and proxy name the same backend for every connection.

    The client has the greeting (or, on an echo endpoint, X-Backend), the backends have their journals, the proxy has
    BALANCER_WORKER_NAME in its access log (mod_proxy_balancer, environment variables). Where no balancer elects, the
    proxy's own word is not needed. A greeting or a signature that several backends share names nobody, and is no
    witness; but it must be one that the backend of the other witnesses sends. What cannot tell (`Record.silent`) has no
    word.
    """
    name = About(check="witnesses_agree", phrase="the witnesses disagree", claims=Claim.WITNESSES)
    expected = f"greeting, {record.signature}, journal and access log name the same backend for every connection"
    if not record.accepted:
        return no_evidence(name, expected=expected, lacking="no handshake was accepted")
    wrong: list[tuple[Handshake, dict[str, str | None]]] = []
    for handshake in record.accepted:
        words = _words(record, handshake)
        if len(set(words.values())) != 1 or None in words.values():
            wrong.append((handshake, words))
    if not wrong:
        return judged(name, holds=True, expected=expected, observed=f"they agree on all {len(record.accepted)}")
    handshake, words = wrong[0]
    told = ", ".join(f"{witness} says {word or 'nothing'}" for witness, word in words.items())
    return judged(
        name,
        holds=False,
        expected=expected,
        observed=f"{called(handshake)}: {told}; {len(wrong)} of {len(record.accepted)} disagree",
        evidence=[h.conn_id for h, _ in wrong],
    )


def _words(record: Record, handshake: Handshake) -> dict[str, str | None]:
    """What each witness says of a handshake."""
    accepted = [arrival.backend for arrival in handshake.arrivals if arrival.accepted]
    words: dict[str, str | None] = {}
    greets = handshake.greeting is not None and Witness.GREETING not in record.silent
    if greets and not _shared(handshake.greeters, accepted):
        words["the greeting"] = " or ".join(handshake.greeters) or None
    if Witness.SIGNATURE not in record.silent and not _shared(handshake.signers, accepted):
        words[record.signature] = " or ".join(handshake.signers) or None
    words["the journals"] = " and ".join(accepted) or None
    if record.balancer is not None:
        words["the access log"] = handshake.logged_by
    return words


def _shared(names: tuple[str, ...], accepted: list[str]) -> bool:
    """Whether several backends answer so, and the one that the journals name is among them."""
    return len(names) > 1 and set(accepted) <= set(names)


def elected_counted(record: Record) -> Verdict:
    """balancer-manager's ``elected`` rose by the number of connections that each member served, and by no other."""
    name = About(check="elected_counted", phrase="the elected counter is off", claims=Claim.ELECTED)
    expected = "elected rises by each member's connections"
    if record.balancer is None or not record.before or not record.after or not record.handshakes:
        return no_evidence(name, expected=expected, lacking="balancer-manager was not read around any connection")
    rise = _rise(record, "elected")
    counts = Counter(record.elections)
    served = {member.route: counts[member.route] for member in record.balancer.members}
    told = ", ".join(f"{route} +{rise.get(route, 0)} for {served[route]} connections" for route in served)
    wrong = [route for route in served if rise.get(route) != served[route]]
    return judged(
        name,
        holds=not wrong,
        expected=expected,
        observed=(f"first wrong: {wrong[0]}; " if wrong else "") + told,
        evidence=wrong,
    )


def members_as_claimed(record: Record) -> Verdict:
    """The proxy runs what the scenario claims: members, URLs, loadfactors, states, lbmethod, and all else it shows."""
    name = About(check="members_as_claimed", phrase="the members differ from the claim")
    if record.balancer is None:
        return no_evidence(name, expected="the claimed members", lacking="the scenario has no balancer")
    claimed = [_claimed(member, record.balancer, record.addresses) for member in record.balancer.members]
    expected = "; ".join(claimed)
    if not record.before:
        return no_evidence(name, expected=expected, lacking="balancer-manager showed no member")
    known = {member.route for member in record.balancer.members if _url(member, record.addresses)}
    shown = [_shown(status, with_url=status.route in known) for status in record.before]
    wrong = [want for want, got in zip(claimed, shown, strict=False) if want != got]
    odd = deviations(record.balancer, record.before, threads=record.threads)
    if claimed == shown and odd:
        expected = f"{expected}; all else as configured"
        return judged(name, holds=False, expected=expected, observed="; ".join(odd), evidence=odd)
    holds = claimed == shown
    first = f"first wrong: {wrong[0]} is not so; " if wrong else ""
    return judged(
        name,
        holds=holds,
        expected=expected,
        observed=("as claimed" if holds else f"{first}balancer-manager shows {'; '.join(shown)}"),
    )


_STATUS_WORDS = {
    MemberState.ENABLED: "Init Ok",
    MemberState.DISABLED: "Init Dis",
    MemberState.STOPPED: "Init Stop",
    MemberState.DRAIN: "Init Drn Ok",
    MemberState.STANDBY: "Init Stby Ok",
    MemberState.SPARE: "Init Spar Ok",
    MemberState.IN_ERROR: "Init Err",
}


def _claimed(member: Member, balancer: Balancer, addresses: Mapping[str, str]) -> str:
    words = f"{member.route} {_STATUS_WORDS[member.state]}, loadfactor {member.loadfactor:g}, {balancer.lbmethod.value}"
    return f"{words}{_url(member, addresses)}"


def _url(member: Member, addresses: Mapping[str, str]) -> str:
    """Where the member leads to, address put in; empty for a backend that has no address in this lab."""
    url = resolve_url(member.url, addresses)
    return f", {url}" if url != member.url else ""


def _shown(status: MemberStatus, *, with_url: bool) -> str:
    words = f"{status.route} {status.status}, loadfactor {status.loadfactor:g}, {status.lbmethod}"
    return f"{words}, {status.url}" if with_url else words


def nothing_left_open(record: Record) -> Verdict:
    """After the last tunnel has ended, the proxy counts none as open."""
    name = About(check="nothing_left_open", phrase="tunnels stayed open", claims=Claim.OPEN)
    expected = "busy is 0 for every member after the last tunnel has ended"
    if not record.after or not record.handshakes:
        return no_evidence(name, expected=expected, lacking="balancer-manager was not read after any connection")
    left = {status.route: status.busy for status in record.after if status.busy}
    told = ", ".join(f"{route} {busy}" for route, busy in left.items())
    return judged(name, holds=not left, expected=expected, observed=f"still busy: {told}" if left else "0 everywhere")


def bytes_counted(record: Record) -> Verdict:
    """``transferred`` rose by exactly the request heads that the backends received: tunnelled bytes are not in it."""
    name = About(check="bytes_counted", phrase="the byte counters are off")
    expected = "transferred rises by the bytes of the request heads and by nothing else"
    if record.balancer is None or not record.before or not record.after or not record.accepted:
        return no_evidence(name, expected=expected, lacking="no accepted connection, or balancer-manager was not read")
    sent: Counter[str] = Counter()
    for handshake in record.handshakes:
        for arrival in handshake.arrivals:
            sent[record.balancer.route_of(arrival.backend) or arrival.backend] += arrival.request_bytes
    rise = _rise(record, "transferred")
    told = ", ".join(f"{route} +{rise.get(route, 0)} for heads of {sent[route]}" for route in sent)
    return judged(
        name, holds=bool(sent) and all(rise.get(r) == sent[r] for r in sent), expected=expected, observed=told
    )


def _rise(record: Record, counter: str) -> dict[str, int]:
    before = {status.route: getattr(status, counter) for status in record.before}
    return {status.route: getattr(status, counter) - before.get(status.route, 0) for status in record.after}
