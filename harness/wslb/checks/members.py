"""The members over time: states, tunnels and elections, as balancer-manager showed them."""

from __future__ import annotations

from collections.abc import Mapping

from wslb.checks.judging import judged, no_evidence
from wslb.model.results import Check, Record, Verdict

__all__ = ["busy_at", "changed_nothing", "elected_between", "probe_answers", "probed", "shown_after", "shown_at"]


def shown_after(**words: str) -> Check:
    """At the end each of these members is in this state, such as ``node="Init Err"``."""

    def ended_so(record: Record) -> Verdict:
        name = "shown_after"
        expected = "at the end " + ", ".join(f"{route} is {status}" for route, status in words.items())
        if not record.after:
            return no_evidence(name, expected=expected, lacking="balancer-manager was not read at the end")
        seen = {status.route: status.status for status in record.after}
        wrong = [route for route, status in words.items() if seen.get(route) != status]
        return judged(
            name,
            holds=bool(words) and not wrong,
            expected=expected,
            observed=", ".join(f"{route} is {status}" for route, status in seen.items()),
            evidence=wrong,
        )

    return ended_so


def shown_at(label: str, **words: str) -> Check:
    """At a moment that the scenario observed, members are in these states."""
    return _at("shown_at", label, "status", words)


def busy_at(label: str, **counts: int) -> Check:
    """At a moment that the scenario observed, members have so many tunnels open."""
    return _at("busy_at", label, "busy", counts)


def _at(name: str, label: str, key: str, wanted: Mapping[str, object]) -> Check:
    def at_moment(record: Record) -> Verdict:
        expected = f"{label}: " + ", ".join(f"{route} {key} {value}" for route, value in wanted.items())
        moment = next((e for e in record.events if e.kind == "status" and e.data.get("label") == label), None)
        if moment is None:
            return no_evidence(name, expected=expected, lacking="the moment was not observed")
        members = moment.data["members"]
        wrong = [route for route, value in wanted.items() if members.get(route, {}).get(key) != value]
        return judged(name, holds=bool(wanted) and not wrong, expected=expected, observed=moment.text, evidence=wrong)

    return at_moment


def elected_between(route: str, least: int, most: int, *, reason: str) -> Check:
    """``elected`` of one member rose by a number within bounds, where the exact one depends on something unseen."""

    def within(record: Record) -> Verdict:
        name = "elected_between"
        expected = f"{route} elected {least} to {most} times ({reason})"
        before = {status.route: status.elected for status in record.before}
        after = {status.route: status.elected for status in record.after}
        if route not in before or route not in after:
            return no_evidence(name, expected=expected, lacking=f"balancer-manager did not show {route}")
        rise = after[route] - before[route]
        return judged(name, holds=least <= rise <= most, expected=expected, observed=f"{rise} times")

    return within


def changed_nothing(count: int) -> Check:
    """So many forms were answered 200 by balancer-manager, and none changed a member or the balancer.

    That they were ignored for what was wrong with them is known only when one of the same kind was obeyed: the control.
    """

    def ignored(record: Record) -> Verdict:
        name = "changed_nothing"
        expected = f"{count} forms answered 200, and the XML shows no change; the control is obeyed"
        sent = [event for event in record.events if event.kind == "attempt"]
        attempts = [event for event in sent if not event.data.get("control")]
        if not attempts:
            return no_evidence(name, expected=expected, lacking="no form was sent")
        wrong = [event for event in attempts if event.data["changed"] or event.data["status"] != 200]
        if not wrong and not any(event.data["changed"] for event in sent if event.data.get("control")):
            return no_evidence(name, expected=expected, lacking="no form was obeyed, not even the right one")
        return judged(
            name,
            holds=count > 0 and len(attempts) == count and not wrong,
            expected=expected,
            observed=f"{len(attempts)} forms, {len(wrong)} otherwise"
            + (f", first: {wrong[0].text}, changed: {wrong[0].data['changed']}" if wrong else ""),
            evidence=[event.text for event in wrong],
        )

    return ignored


def probed(least: int) -> Check:
    """The proxy's own health probes reached every member at least so often, by the backends' journals."""

    def often(record: Record) -> Verdict:
        name = "probed"
        expected = f"{least} or more probes of every member"
        moment = next((event for event in record.events if event.kind == "probes"), None)
        if moment is None or record.balancer is None:
            return no_evidence(name, expected=expected, lacking="no probe was looked for")
        counts = {member.route: moment.data["counts"].get(member.backend, 0) for member in record.balancer.members}
        return judged(
            name,
            holds=bool(counts) and min(counts.values()) >= least,
            expected=expected,
            observed=", ".join(f"{route}: {count}" for route, count in counts.items()),
        )

    return often


def probe_answers(**answers: str) -> Check:
    """What each backend answered to the proxy's own health probes, every time, by its journal.

    Args:
        answers: by backend, target and status, such as ``/WSConsole/CLRunner 426``; empty where no probe may reach an
            endpoint, which a journal alone knows. One at least must have been reached.
    """

    def same_each_time(record: Record) -> Verdict:
        name = "probe_answers"
        expected = "every probe: " + ", ".join(f"{backend} {answer or 'none'}" for backend, answer in answers.items())
        moment = next((event for event in record.events if event.kind == "probes"), None)
        if moment is None or not moment.data["answers"]:
            return no_evidence(name, expected=expected, lacking="no probe was seen by any backend")
        seen: dict[str, set[str]] = {backend: set() for backend in answers}
        for backend, answer in moment.data["answers"]:
            seen.setdefault(backend, set()).add(answer)
        wrong = [backend for backend, answer in answers.items() if seen[backend] != {answer} - {""}]
        told = ", ".join(f"{backend} {' or '.join(sorted(found)) or 'none'}" for backend, found in seen.items())
        return judged(name, holds=any(answers.values()) and not wrong, expected=expected, observed=told, evidence=wrong)

    return same_each_time
