"""The saved document of a run, ``report.json``: the only source of every other report.

Its shape is described by ``reports/report.schema.json``. Secrets are taken out here, before anything is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jsonschema

from wslb.checks.distribution import predicted
from wslb.errors import EvidenceError
from wslb.model import percentiles
from wslb.model.balancer import Balancer, Site
from wslb.model.handshake import Arrival, Close, Exchange, Handshake, Headers
from wslb.model.hops import FieldChange, changes
from wslb.model.results import SCHEMA, LogLine, MemberStatus, Outcome, Record, Report, ScenarioResult, Verdict
from wslb.reports.measured import measured
from wslb.resources import resource

__all__ = ["document", "load", "redacted", "render", "text", "validate"]

_SECRET = frozenset({"authorization", "cookie", "set-cookie", "proxy-authorization"})
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def render(report: Report) -> str:
    """Text of ``report.json``; the same report gives the same bytes."""
    return text(document(report))


def text(document: Mapping[str, Any]) -> str:
    """Text of a document as it is saved."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def document(report: Report) -> dict[str, Any]:
    """The run as plain values."""
    scenarios = [_scenario(result) for result in report.results]
    return {
        "schema": SCHEMA,
        "verdict": report.outcome.value,
        "exit_code": report.exit_code,
        "started": report.started,
        "seconds": round(report.seconds, 3),
        "command": report.command,
        "interrupted": report.interrupted,
        "error": report.error,
        "planned": list(report.planned),
        "counts": {outcome.value: report.count(outcome) for outcome in Outcome},
        "environment": dict(report.environment),
        **({"percentiles": percentiles.plain(report.percentiles)} if report.percentiles else {}),
        **({"comparison": measured(report.comparison, scenarios)} if report.comparison else {}),
        "scenarios": scenarios,
    }


def _scenario(result: ScenarioResult) -> dict[str, Any]:
    record = result.record
    return {
        "name": result.name,
        "family": result.family,
        "question": result.question,
        "limit": result.limit,
        "outcome": result.outcome.value,
        "seconds": round(result.seconds, 3),
        "reason": result.reason,
        "reproduce": result.reproduce,
        "explanation": result.explanation,
        "balancer": _balancer(record.balancer),
        "carrier": record.carrier.value,
        "mounts": _mounts(result.site),
        "verdicts": [_verdict(verdict) for verdict in result.verdicts],
        "connections": _connections(record),
        "members": {
            "before": [_member_status(status) for status in record.before],
            "after": [_member_status(status) for status in record.after],
        },
        "events": [
            {"at": round(event.at, 4), "kind": event.kind, "text": event.text, "data": dict(event.data)}
            for event in record.events
        ],
        "log": [_log_line(line) for line in record.log],
        "addresses": dict(record.addresses),
        "front": dict(record.front),
    }


def _balancer(balancer: Balancer | None) -> dict[str, Any] | None:
    if balancer is None:
        return None
    return {
        "name": balancer.name,
        "lbmethod": balancer.lbmethod.value,
        "stickysession": balancer.stickysession,
        "members": [
            {
                "route": member.route,
                "backend": member.backend,
                "url": member.url,
                "loadfactor": member.loadfactor,
                "state": member.state.name.lower(),
            }
            for member in balancer.members
        ],
    }


def _mounts(site: Site | None) -> list[dict[str, str]]:
    if site is None:
        return []
    return [
        {
            "path": mount.path,
            "listener": mount.listener.value,
            "target": mount.target
            if isinstance(mount.target, str)
            else f"balancer://{mount.target.name}{mount.target_path}",
        }
        for mount in site.mounts
    ]


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "check": verdict.check,
        "outcome": verdict.outcome.value,
        "expected": verdict.expected,
        "observed": verdict.observed,
        "evidence": list(verdict.evidence),
        "grade": verdict.grade.value,
    }


def _connections(record: Record) -> list[dict[str, Any]]:
    expected = predicted(record)
    return [_connection(handshake, expected.get(handshake.conn_id)) for handshake in record.handshakes]


def _connection(handshake: Handshake, expected: str | None) -> dict[str, Any]:
    arrival = handshake.arrival
    return {
        "seq": handshake.seq,
        "conn_id": handshake.conn_id,
        "url": _without_query(handshake.url),
        "status": handshake.status,
        "reason": handshake.reason,
        "backend": handshake.backend,
        "expected": expected,
        "elapsed_seconds": round(handshake.elapsed_seconds, 6),
        "error": handshake.error,
        "opened_at": round(handshake.opened_at, 4),
        "closed_at": None if handshake.closed_at is None else round(handshake.closed_at, 4),
        "greeting": handshake.greeting,
        "subprotocol": handshake.subprotocol,
        "witnesses": {
            "greeting": handshake.greeted_by,
            **({"greeting_shared_by": list(handshake.greeters)} if len(handshake.greeters) > 1 else {}),
            "header": handshake.signed_by,
            "journal": [arrival.backend for arrival in handshake.arrivals if arrival.accepted],
            "access_log": handshake.logged_by,
            "access_log_status": handshake.logged_status,
        },
        "request": redacted(handshake.request),
        "response": redacted(handshake.response),
        "arrivals": [_arrival(arrival) for arrival in handshake.arrivals],
        "changes": {
            "request": [_change(change) for change in changes(handshake.request, arrival.headers)],
            "response": [_change(change) for change in changes(arrival.response, handshake.response)],
        }
        if arrival
        else None,
        "exchanges": [_exchange(exchange) for exchange in handshake.exchanges],
        "closed": _close(handshake.closed),
        **({"wire": asdict(handshake.wire)} if handshake.wire else {}),
    }


def _change(change: FieldChange) -> dict[str, str]:
    return {"name": change.name, "what": change.what}


def _arrival(arrival: Arrival) -> dict[str, Any]:
    return {
        "backend": arrival.backend,
        "seq": arrival.seq,
        "at": arrival.at,
        "listener": arrival.listener,
        "method": arrival.method,
        "target": _without_query(arrival.target),
        "http_version": arrival.http_version,
        "upgrade": arrival.upgrade,
        "headers": redacted(arrival.headers),
        "accepted": arrival.accepted,
        "status": arrival.status,
        "response": redacted(arrival.response),
        "subprotocol": arrival.subprotocol,
        "closed": _close(arrival.closed),
    }


def _close(close: Close | None) -> dict[str, Any] | None:
    return None if close is None else {"code": close.code, "reason": close.reason, "by": close.by, "clean": close.clean}


def _exchange(exchange: Exchange) -> dict[str, Any]:
    return {
        "sent": exchange.sent,
        "at": round(exchange.at, 4),
        "text": exchange.text,
        "size": exchange.size,
        "binary": exchange.binary,
        **({"sha256": exchange.sha256} if _is_cut(exchange) else {}),
    }


def _is_cut(exchange: Exchange) -> bool:
    """Whether the text is only the beginning of the message."""
    kept = len(exchange.text) // 2 if exchange.binary else len(exchange.text.encode())
    return bool(exchange.sha256) and kept < exchange.size


def _member_status(status: MemberStatus) -> dict[str, Any]:
    return {name: getattr(status, name) for name in MemberStatus.__dataclass_fields__}


def _log_line(line: LogLine) -> dict[str, str]:
    return {
        "at": line.at,
        "module": line.module,
        "level": line.level,
        "code": line.code,
        "text": _CONTROL.sub("�", line.text),
    }


def redacted(headers: Headers) -> list[list[str]]:
    """Header fields as lists, with the values of those that carry secrets taken out."""
    return [[name, "(redacted)" if name.lower() in _SECRET else value] for name, value in headers]


def _without_query(url: str) -> str:
    """URL or target whose query keeps its names and loses its values, which may be tokens."""
    path, mark, query = url.partition("?")
    return path + mark + "&".join(part.partition("=")[0] + "=…" for part in query.split("&")) if mark else path


def load(path: Path) -> dict[str, Any]:
    """A saved document.

    Raises:
        EvidenceError: it cannot be read, is not JSON, or not of this schema.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise EvidenceError(path=path, detail=(exc.strerror or str(exc)).lower(), hint="Name a report.json.") from exc
    except ValueError as exc:
        raise EvidenceError(path=path, detail=f"it is not JSON ({exc})", hint="Name a report.json.") from exc
    fault = validate(found)
    if fault:
        raise EvidenceError(path=path, detail=fault, hint=f"It must be a document of schema {SCHEMA}.")
    document: dict[str, Any] = found
    return document


def validate(found: Any) -> str:
    """What is wrong with a document by the JSON Schema that ships with the package; empty when nothing is."""
    schema: Mapping[str, Any] = json.loads(resource("reports/report.schema.json"))
    errors = sorted(jsonschema.Draft202012Validator(schema).iter_errors(found), key=lambda error: list(error.path))
    if not errors:
        return ""
    place = "/".join(str(part) for part in errors[0].path) or "its top level"
    return f"{place}: {errors[0].message[:200]}"
