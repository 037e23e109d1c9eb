"""What was said on the tunnels: greeting, replies and listings, in the article's form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import combinations

from wslb.checks.judging import About, called, each, judged, no_evidence
from wslb.model.handshake import Handshake
from wslb.model.results import Check, Claim, Record, Verdict, Witness

__all__ = ["greeted", "in_order", "listed", "told_apart", "unlike"]

END = "* * * * *  E N D  O F  L I S T I N G  * * * * *"

_TITLES = {"WRKSYSSTS": "System Status Information", "WRKSBS": "Work with Subsystems"}
_COLUMNS = {
    "WRKSYSSTS": ("Pool", "Reserved", "Max", "Paging"),
    "WRKSBS": ("Subsystem", "Number", "Jobs", "Status", "Storage"),
}


def greeted(record: Record) -> Verdict:
    """Every accepted connection on a CL endpoint is greeted in its backend's own form.

    Of real servers that do not all greet (`Record.silent`), what identifies them (``--identify``) or else the
    recorder's journal must say who served it instead.
    """
    name = About(check="greeted", phrase="the greeting did not come", claims=Claim.GREETING)
    greets = Witness.GREETING not in record.silent
    expected = "[From Server] Connected to … as the first message of every connection"
    if not greets:
        expected = "these servers do not all greet: every connection is one whose server is told otherwise"
    if not record.accepted:
        return no_evidence(name, expected=expected, lacking="no handshake was accepted")
    wrong = [h for h in record.accepted if not (h.greeters if greets else h.backend)]
    first = wrong[0] if wrong else None
    return judged(
        name,
        holds=first is None,
        expected=expected,
        observed=f"{called(first)} got {first.greeting!r}"
        if first
        else f"all {len(record.accepted)} {'greeted' if greets else 'told'}",
        evidence=[h.conn_id for h in wrong],
    )


def listed(command: str) -> Check:
    """Every run of this command was answered, with the listing of the article's figures, end line included."""

    def listing(record: Record) -> Verdict:
        name = About(check="listed", phrase="a listing is not as printed", claims=Claim.MESSAGES)
        expected = f"{command}: heading {_TITLES[command]!r}, the figure's columns, date, page and end line"
        answers = [(h, answer) for h in record.accepted for answer in _answers(h, command)]
        if not answers:
            return no_evidence(name, expected=expected, lacking=f"no {command} was answered")
        silent = next((h for h in record.accepted if len(_answers(h, command)) < _times_sent(h, command)), None)
        if silent:
            return judged(
                name,
                holds=False,
                expected=expected,
                observed=f"{called(silent)}: {command} was not answered",
                evidence=[silent.conn_id],
            )
        for handshake, answer in answers:
            fault = _layout(command, answer)
            if fault:
                return judged(
                    name,
                    holds=False,
                    expected=expected,
                    observed=f"{called(handshake)}: {fault}",
                    evidence=[handshake.conn_id],
                )
        return judged(name, holds=True, expected=expected, observed=f"all {len(answers)} answers in the layout")

    return listing


def unlike(command: str, answer: str) -> str:
    """What an answer lacks to be that of a CL command; empty where nothing is wrong.

    It is the listing as printed, whatever stands in front; of a command without one here, anything that is no error.
    """
    name = command.split("(", maxsplit=1)[0].split(maxsplit=1)[0].upper() if command.strip() else ""
    if name in _TITLES:
        return _layout(name, answer)
    if not answer.strip():
        return "it is empty"
    error = re.search(r"\bCP[ADF][0-9A-F]{4}\b", answer)
    return f"it is the message {error[0]}" if error else ""


def _layout(command: str, text: str) -> str:
    if _TITLES[command] not in text:
        return f"no heading {_TITLES[command]!r}"
    if not re.search(r"\b\d{1,2}/\d{2}/\d{2} +\d{1,2}:\d{2}:\d{2}\b.*Page +0001", text):
        return "no date, time and page number"
    lacking = [column for column in _COLUMNS[command] if column not in text]
    if lacking:
        return f"no column {lacking[0]}"
    return "" if text.rstrip().endswith(END) else "no end line"


def in_order(*commands: str) -> Check:
    """On every connection exactly these commands, each followed by its own listing and by nothing else."""
    expected = f"on each connection {', '.join(commands)}, each with its listing behind it"

    def rule(handshake: Handshake) -> str:
        said = [exchange for exchange in handshake.exchanges if exchange.text != handshake.greeting]
        told = [exchange.text if exchange.sent else f"the listing of {_command_of(exchange.text)}" for exchange in said]
        wanted = [word for command in commands for word in (command, f"the listing of {command}")]
        return "" if told == wanted else f"it went {', '.join(told) or 'without a word'}"

    about = About(check="in_order", phrase="commands and listings do not pair", claims=Claim.MESSAGES)
    return lambda record: each(about, record, expected=expected, wrong=rule)


def _command_of(answer: str) -> str:
    return next((command for command, title in _TITLES.items() if title in answer), "nothing known")


def told_apart(command: str) -> Check:
    """Two backends answer the same command with values of their own, Node.js with its address in front.

    A value that changes from one answer of a backend to its next, such as a load, names nobody: what stays is compared.
    """

    def apart(record: Record) -> Verdict:
        name = About(check="told_apart", phrase="the backends answered alike", claims=Claim.IDENTITY)
        expected = f"{command} answered differently by each backend"
        answers: dict[str, list[list[str]]] = {}
        for handshake in record.accepted:
            for answer in _answers(handshake, command):
                answers.setdefault(handshake.backend or "nobody", []).append(_body(answer).split())
        if len(answers) < 2:
            return no_evidence(name, expected=expected, lacking=f"only {', '.join(answers) or 'nobody'} answered")
        kept = [_kept(told) for told in answers.values()]
        alike = [all(one[at] == other[at] for at in one.keys() & other.keys()) for one, other in combinations(kept, 2)]
        return judged(
            name,
            holds=not any(alike),
            expected=expected,
            observed=f"{'the same answer' if any(alike) else 'different answers'} from {', '.join(sorted(answers))}",
        )

    return apart


def _kept(answers: Sequence[Sequence[str]]) -> Mapping[int, str]:
    """Words that are the same in every answer, by their place; no date or time of day."""
    same = (set(words) for words in zip(*answers, strict=False))
    found = ((at, words.pop()) for at, words in enumerate(same) if len(words) == 1)
    return {at: word for at, word in found if not re.fullmatch(r"[\d/]*\d/\d\d|[\d:]*\d:\d\d", word)}


def _body(text: str) -> str:
    """Answer without the line that Node.js puts in front."""
    return text.partition("\n")[2] if text.startswith("[From Server]") else text


def _times_sent(handshake: Handshake, command: str) -> int:
    return sum(exchange.sent and exchange.text == command for exchange in handshake.exchanges)


def _answers(handshake: Handshake, command: str) -> list[str]:
    """Messages that followed each sending of the command."""
    found: list[str] = []
    for sent, answer in zip(handshake.exchanges, handshake.exchanges[1:], strict=False):
        if sent.sent and sent.text == command and not answer.sent:
            found.append(answer.text)
    return found
