"""The saved document of a run, ``report.json``: made, written, and read again.

Its types are in `wslb.reports.document`. Secrets are taken out here, before anything is written.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from wslb.checks.distribution import predicted
from wslb.errors import EvidenceError
from wslb.model.balancer import Balancer, Site
from wslb.model.disclosure import field_value, redacted_all
from wslb.model.handshake import Arrival, Close, Exchange, Handshake, Headers, WireView
from wslb.model.hops import FieldChange, changes
from wslb.model.results import Outcome, Report, ScenarioResult
from wslb.reports.document import (
    EARLIER,
    SCHEMA,
    Counts,
    Document,
    SavedBalancer,
    SavedChange,
    SavedChanges,
    SavedConnection,
    SavedMember,
    SavedMembers,
    SavedMount,
    SavedScenario,
    SavedWitnesses,
    plain,
)
from wslb.reports.folded import REFERENCE, Folder, or_reference, unfolded
from wslb.reports.measured import measured
from wslb.resources import document_bytes

__all__ = ["decode", "document", "json_schema", "line", "load", "redacted", "text"]

MOST_IN_FULL = 20
"""Scenarios that did not pass whose connections ``report.json`` has as they are; of the others nothing is lost."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def document(report: Report) -> Document:
    """The run as it is saved: equal to what `load` reads back."""
    scenarios = tuple(_scenario(result) for result in report.results)
    made = Document(
        verdict=report.outcome,
        exit_code=report.exit_code,
        started=report.started,
        seconds=round(report.seconds, 3),
        command=report.command,
        interrupted=report.interrupted,
        error=report.error,
        planned=report.planned,
        counts=Counts(**{outcome.value: report.count(outcome) for outcome in Outcome}),
        environment=dict(report.environment),
        percentiles=report.percentiles,
        comparison=measured(report.comparison, scenarios) if report.comparison else None,
        advice=report.advice,
        scenarios=scenarios,
    )
    return msgspec.convert(redacted_all(plain(made)), Document)


def text(document: Document) -> str:
    """Text of ``report.json``; the same document gives the same bytes, and lone surrogates become question marks.

    A line is a connection, an entry of the table of shared values, or a part of the run. Connections of scenarios that
    passed are folded (`wslb.reports.folded`); those of the first `MOST_IN_FULL` others are in full.
    """
    folder = Folder()
    full = {s.name for s in [s for s in document.scenarios if s.outcome != "passed"][:MOST_IN_FULL]}
    numbers = [
        None if scenario.name in full else [folder.number(connection) for connection in scenario.connections]
        for scenario in document.scenarios
    ]
    scenarios = []
    for scenario, mine in zip(document.scenarios, numbers, strict=True):
        connections = (
            plain(scenario.connections)
            if mine is None
            else [_row(folder.fold(number), one) for one, number in zip(scenario.connections, mine, strict=True)]
        )
        less = plain(msgspec.structs.replace(scenario, connections=()))
        parts = [f"{_json(key)}:{_json(value)}" for key, value in less.items() if key != "connections"]
        scenarios.append("{" + ",\n".join([*parts, f'"connections":{_lines(map(_json, connections))}']) + "}")
    run = plain(msgspec.structs.replace(document, scenarios=()))
    parts = [f"{_json(key)}:{_json(value)}" for key, value in run.items() if key != "scenarios"]
    parts += [f'"shared":{_lines(map(_json, folder.table))}', f'"scenarios":{_lines(scenarios)}']
    return ("{" + ",\n".join(parts) + "}\n").encode("utf-8", "replace").decode()


def line(document: Document) -> str:
    """The document as one line, for another program: nothing folded, nothing left out; the line end is not in it."""
    return json.dumps(plain(document), ensure_ascii=False).encode("utf-8", "replace").decode()


def decode(text: str | bytes) -> Document:
    """The document that a text holds, also one of the schema before.

    Raises:
        ValueError: it is not JSON, of another schema, or not of these types.
    """
    found = msgspec.json.decode(text)
    told = found.get("schema") if isinstance(found, dict) else None
    if not isinstance(told, str) or told not in {SCHEMA, EARLIER}:
        older = isinstance(told, str) and told.startswith(SCHEMA.partition("/")[0])
        raise ValueError(
            f"it is a document of schema {told}, written by another version of wslb"
            if older
            else "it is no report.json"
        )
    shared = found.pop("shared", [])
    if shared:
        _unfold(found, shared)
    return msgspec.convert({**found, "schema": SCHEMA}, Document)


def _unfold(found: dict[str, object], shared: object) -> None:
    """Put in full what the connections of a document refer to."""
    scenarios = found.get("scenarios")
    if not isinstance(shared, list) or not isinstance(scenarios, list):
        raise ValueError("its shared values or its scenarios are no list")
    owners = [one for one in scenarios if isinstance(one, dict) and "connections" in one]
    whole = unfolded([owner["connections"] for owner in owners], shared)
    for owner, connections in zip(owners, whole, strict=True):
        owner["connections"] = connections


def _row(folded: dict[str, object], connection: SavedConnection) -> dict[str, object]:
    """A folded connection in which who served it, and who should have, can be read without the table."""
    named = {"backend": connection.backend, "expected": connection.expected}
    return {**folded, **{key: value for key, value in named.items() if value is not None}}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _lines(items: Iterable[str]) -> str:
    return "[" + ",".join(f"\n{item}" for item in items) + "]"


def load(path: Path) -> Document:
    """A saved document.

    Raises:
        EvidenceError: it cannot be read, is not JSON, or not of this schema.
    """
    try:
        return decode(document_bytes(path))
    except OSError as exc:
        raise EvidenceError(path=path, detail=(exc.strerror or str(exc)).lower(), hint="Name a report.json.") from exc
    except RecursionError as exc:
        raise EvidenceError(path=path, detail="it is nested too deeply", hint="Name a report.json.") from exc
    except msgspec.ValidationError as exc:
        raise EvidenceError(path=path, detail=str(exc), hint=f"It must be a document of schema {SCHEMA}.") from exc
    except msgspec.DecodeError as exc:
        raise EvidenceError(path=path, detail=f"it is not JSON ({exc})", hint="Name a report.json.") from exc
    except ValueError as exc:
        hint = f"It must be a document of schema {SCHEMA}: run wslb test again."
        raise EvidenceError(path=path, detail=str(exc), hint=hint) from exc


def json_schema() -> str:
    """JSON Schema of the saved document, one definition a line: the text of ``report.schema.json``."""
    found = msgspec.json.schema(Document)
    definitions = found["$defs"]
    for one in definitions.values():
        one["description"] = inspect.cleandoc(one["description"])  # Python 3.13 and later have done it
    for kind in (SavedConnection, SavedWitnesses, SavedChanges, SavedChange, Arrival, Exchange, Close, WireView):
        own = definitions[kind.__name__]["properties"]
        own.update({name: or_reference(part) for name, part in own.items()})
    definitions["Reference"] = REFERENCE
    definitions["Document"]["properties"]["shared"] = {"type": "array", "default": []}
    head = json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": found["$ref"]})
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(one)}" for name, one in definitions.items())
    return f'{head[:-1]}, "$defs": {{\n{lines}\n}}}}\n'


def _scenario(result: ScenarioResult) -> SavedScenario:
    record = result.record
    expected = predicted(record)
    return SavedScenario(
        name=result.name,
        family=result.family,
        question=result.question,
        limit=result.limit,
        outcome=result.outcome,
        seconds=round(result.seconds, 3),
        reason=result.reason,
        reproduce=result.reproduce,
        explanation=result.explanation,
        balancer=_balancer(record.balancer),
        carrier=record.carrier,
        mounts=_mounts(result.site),
        verdicts=result.verdicts,
        connections=tuple(_connection(handshake, expected) for handshake in record.handshakes),
        members=SavedMembers(before=record.before, after=record.after),
        events=tuple(replace(event, at=round(event.at, 4)) for event in record.events),
        log=tuple(replace(line, text=_CONTROL.sub("\ufffd", line.text)) for line in record.log),
        addresses=dict(record.addresses),
        front=dict(record.front),
        served=None if result.outcome is Outcome.PASSED else record.served,
        proxy=result.proxy,
        signature=record.signature,
    )


def _balancer(balancer: Balancer | None) -> SavedBalancer | None:
    if balancer is None:
        return None
    return SavedBalancer(
        name=balancer.name,
        lbmethod=balancer.lbmethod,
        stickysession=balancer.stickysession,
        members=tuple(
            SavedMember(
                route=member.route,
                backend=member.backend,
                url=member.url,
                loadfactor=member.loadfactor,
                state=member.state.name.lower(),
            )
            for member in balancer.members
        ),
    )


def _mounts(site: Site | None) -> tuple[SavedMount, ...]:
    return tuple(
        SavedMount(
            path=mount.path,
            listener=mount.listener,
            target=mount.target
            if isinstance(mount.target, str)
            else f"balancer://{mount.target.name}{mount.target_path}",
        )
        for mount in (site.mounts if site else ())
    )


def _connection(handshake: Handshake, expected: Mapping[str, str]) -> SavedConnection:
    arrival = handshake.arrival
    return SavedConnection(
        seq=handshake.seq,
        conn_id=handshake.conn_id,
        url=_without_query(handshake.url),
        accepted=handshake.accepted,
        status=handshake.status,
        reason=handshake.reason,
        backend=handshake.backend,
        expected=expected.get(handshake.conn_id),
        elapsed_seconds=round(handshake.elapsed_seconds, 6),
        error=handshake.error,
        opened_at=round(handshake.opened_at, 4),
        closed_at=None if handshake.closed_at is None else round(handshake.closed_at, 4),
        greeting=handshake.greeting,
        subprotocol=handshake.subprotocol,
        witnesses=SavedWitnesses(
            greeting=handshake.greeted_by,
            greeting_shared_by=handshake.greeters if len(handshake.greeters) > 1 else (),
            header=handshake.signed_by,
            journal=tuple(arrival.backend for arrival in handshake.arrivals if arrival.accepted),
            access_log=handshake.logged_by,
            access_log_status=handshake.logged_status,
        ),
        request=redacted(handshake.request),
        response=redacted(handshake.response),
        arrivals=tuple(_arrival(arrival) for arrival in handshake.arrivals),
        changes=SavedChanges(
            request=_changes(changes(handshake.request, arrival.headers)),
            response=_changes(changes(arrival.response, handshake.response)),
        )
        if arrival
        else None,
        exchanges=tuple(_exchange(exchange) for exchange in handshake.exchanges),
        closed=handshake.closed,
        wire=handshake.wire,
    )


def _changes(found: tuple[FieldChange, ...]) -> tuple[SavedChange, ...]:
    return tuple(SavedChange(name=change.name, what=change.what) for change in found)


def _arrival(arrival: Arrival) -> Arrival:
    return replace(
        arrival,
        target=_without_query(arrival.target),
        headers=redacted(arrival.headers),
        response=redacted(arrival.response),
    )


def _exchange(exchange: Exchange) -> Exchange:
    """The message; its digest is kept where the text is only its beginning."""
    kept = len(exchange.text) // 2 if exchange.binary else len(exchange.text.encode())
    return replace(exchange, at=round(exchange.at, 4), sha256=exchange.sha256 if kept < exchange.size else "")


def redacted(headers: Headers) -> Headers:
    """Header fields with the values of those that carry secrets taken out."""
    return tuple((name, field_value(name, value)) for name, value in headers)


def _without_query(url: str) -> str:
    """URL or target whose query keeps its names and loses its values, which may be tokens."""
    path, mark, query = url.partition("?")
    return path + mark + "&".join(part.partition("=")[0] + "=…" for part in query.split("&")) if mark else path
