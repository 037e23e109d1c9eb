"""Faults: what a backend does wrong on purpose, on request of the control port."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

FaultValue = str | int | float


class FaultError(ValueError):
    """A fault that nobody can carry out; its text is the sentence for the caller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultParameter:
    """A parameter of a kind of fault: the test it must pass, and the words for what it must be."""

    valid: Callable[[object], bool]
    must: str
    required: bool = True


@dataclass(slots=True, kw_only=True)
class ActiveFault:
    """An active fault; `left` handshakes to go, or None for all until it is taken back."""

    kind: str
    values: Mapping[str, FaultValue] = field(default_factory=dict)
    left: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the fault in the form of the contract."""
        times = {} if self.left is None else {"times": self.left}
        return {"kind": self.kind, **self.values, **times}


def _whole(low: int, high: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def seconds(value: object) -> bool:
    """A time of an hour at most."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 3600


def _line(value: object) -> bool:
    """One line of header text: a line end in it would let the caller write header fields (RFC 9110 section 5.5)."""
    return isinstance(value, str) and value.isascii() and value.isprintable()


def _close_code(value: object) -> bool:
    """Codes that an endpoint may send (RFC 6455 section 7.4); 1004, 1005, 1006 and 1015 never travel."""
    return isinstance(value, int) and (value in {1000, 1001, 1002, 1003, *range(1007, 1015)} or 3000 <= value <= 4999)


def _close_reason(value: object) -> bool:
    return isinstance(value, str) and len(value.encode("utf-8", "replace")) <= 123


_HEADER_LINE = "must be printable ASCII text"
_COUNT = FaultParameter(valid=_whole(0, 1_000_000), must="must be a whole number from 0 to 1000000")

FaultKinds = Mapping[str, Mapping[str, FaultParameter]]

KINDS: FaultKinds = {
    "impersonate": {
        "name": FaultParameter(valid=_line, must=_HEADER_LINE),
        "greeting": FaultParameter(valid=lambda value: isinstance(value, str), must="must be text"),
    },
    "accept": {"value": FaultParameter(valid=_line, must=_HEADER_LINE)},
    "upgrade": {"value": FaultParameter(valid=_line, must=_HEADER_LINE)},
    "status": {
        "status": FaultParameter(valid=_whole(200, 599), must="must be an HTTP status from 200 to 599"),
        "reason": FaultParameter(valid=_line, must=_HEADER_LINE, required=False),
        "location": FaultParameter(valid=_line, must=_HEADER_LINE, required=False),
    },
    "silent": {},
    "hangup": {},
    "mute": {},
    "forget": {},
    "cut": {"after_messages": _COUNT},
    "push": {
        "messages": _COUNT,
        "interval_seconds": FaultParameter(valid=seconds, must="must be a number from 0 to 3600"),
    },
    "fragment": {"bytes": FaultParameter(valid=_whole(1, 1_000_000), must="must be a whole number from 1 to 1000000")},
    "ping": {"payload": FaultParameter(valid=_close_reason, must="must be text of at most 123 bytes")},
    "close": {
        "code": FaultParameter(
            valid=_close_code, must="must be a close code that a server may send, such as 1000 or 4000"
        ),
        "reason": FaultParameter(valid=_close_reason, must="must be text of at most 123 bytes"),
    },
}
_TIMES = FaultParameter(valid=_whole(1, 1_000_000), must="must be a whole number from 1 to 1000000", required=False)


def parse(document: object, kinds: FaultKinds = KINDS) -> ActiveFault:
    """Understand the body of `POST /fault` of a program that can do these kinds.

    Raises:
        FaultError: The kind or a parameter is unknown, missing or out of range.
    """
    if not isinstance(document, dict):
        raise FaultError("A fault is a JSON object with a kind.")
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise FaultError(f"Unknown kind {kind!r}; known are {', '.join(kinds)}.")
    parameters = {**kinds[kind], "times": _TIMES}
    for key in document.keys() - parameters.keys() - {"kind"}:
        raise FaultError(f"Unknown parameter {key!r} of {kind}; known are {', '.join(parameters)}.")
    values: dict[str, FaultValue] = {}
    for key, parameter in parameters.items():
        if key not in document:
            if parameter.required:
                raise FaultError(f"The parameter {key} of {kind} is missing; it {parameter.must}.")
            continue
        if not parameter.valid(document[key]):
            raise FaultError(f"The parameter {key} of {kind} {parameter.must}, not {document[key]!r}.")
        values[key] = document[key]
    times = values.pop("times", None)
    return ActiveFault(kind=kind, values=values, left=times if isinstance(times, int) else None)


FaultPlan = Mapping[str, Mapping[str, FaultValue]]
"""What one handshake shall suffer: parameters by kind; empty for a backend that behaves."""


class FaultBoard:
    """The active faults, one of each kind at most; the tunnels and the control port may ask at the same time."""

    def __init__(self) -> None:
        self._active: dict[str, ActiveFault] = {}
        self._lock = threading.Lock()

    def add(self, fault: ActiveFault) -> None:
        """Activate a fault; it takes the place of an older one of its kind."""
        with self._lock:
            self._active.pop(fault.kind, None)
            self._active[fault.kind] = fault

    def clear(self) -> None:
        """Behave again."""
        with self._lock:
            self._active.clear()

    def take(self) -> FaultPlan:
        """Return what the next handshake shall suffer, and count it."""
        if not self._active:
            return {}
        with self._lock:
            plan = {kind: fault.values for kind, fault in self._active.items()}
            for fault in list(self._active.values()):
                if fault.left is not None:
                    fault.left -= 1
                    if fault.left == 0:
                        del self._active[fault.kind]
        return plan

    def as_json(self) -> list[dict[str, Any]]:
        """Return the active faults in the form of the contract."""
        with self._lock:
            return [fault.as_json() for fault in self._active.values()]
