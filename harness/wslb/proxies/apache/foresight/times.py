"""Times that decide about a tunnel, each with the line that sets it: which limit wins, by carrier and version. Pure.

Measured on 2.4.71 and written in the manual: core, Timeout; mod_proxy, ProxyTimeout and the parameters timeout and
retry. These take whole seconds, and what stands behind the digits is dropped without a word;
connectiontimeout knows units.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from wslb.proxies.apache.conf.configuration import Configuration
from wslb.proxies.apache.conf.directives import Directive
from wslb.proxies.apache.conf.scope import Scope
from wslb.proxies.apache.foresight.destinations import Destination, ParameterLine

__all__ = [
    "DEFAULT_RETRY",
    "DEFAULT_TIMEOUT",
    "Foreseen",
    "answer_limit",
    "carrier_to",
    "connect_limit",
    "idle_limit",
    "retry",
    "written_limits",
]

DEFAULT_TIMEOUT = 60
DEFAULT_RETRY = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """A time that a configuration sets.

    Attributes:
        seconds: whole ones, save of ``connectiontimeout``.
        name: directive or parameter, as the manual writes it.
        at: the line; None for httpd's own default.
    """

    seconds: float
    name: str
    at: Directive | None = None


def carrier_to(conf: Configuration, scope: Scope, destination: Destination) -> str | None:
    """``proxy_http`` or ``proxy_wstunnel``: who carries a tunnel to this URL; None when unknown."""
    return "proxy_http" if destination.scheme in {"http", "https"} else conf.carrier(scope)


def idle_limit(conf: Configuration, scope: Scope, destination: Destination) -> Foreseen | None:
    """When a tunnel without a byte is ended; None: never, as mod_proxy_wstunnel has no such limit.

    The larger of the client's limit and the backend's counts; before 2.4.53 the smaller (CHANGES, PR 65886).
    """
    if carrier_to(conf, scope, destination) != "proxy_http":
        return None
    client, backend = _timeout(scope), _of_backend(scope, destination)
    smaller = conf.older_than(2, 4, 53)
    wins = backend.seconds < client.seconds if smaller else backend.seconds > client.seconds
    return backend if wins else client


def answer_limit(conf: Configuration, scope: Scope, destination: Destination) -> Foreseen | None:
    """When a backend that does not answer the handshake is given up; None: mod_proxy_wstunnel never does so."""
    return _of_backend(scope, destination) if carrier_to(conf, scope, destination) == "proxy_http" else None


def connect_limit(scope: Scope, destination: Destination) -> Foreseen:
    """When a connect that nobody answers is given up, whoever carries: ``connectiontimeout``, else the backend's limit.

    Its units are those of ap_timeout_parameter_parse; seconds where none is written.
    """
    written = destination.parameters.get("connectiontimeout")
    found = re.fullmatch(r"(\d{1,9})(ms|s|mi\w*|h)?", written.text, re.IGNORECASE) if written else None
    if written is None or found is None:
        return _of_backend(scope, destination)
    digits, unit = int(found[1]), (found[2] or "s").lower()[:2]
    seconds = digits / 1000 if unit == "ms" else digits * {"s": 1, "mi": 60, "h": 3600}[unit]
    return Foreseen(seconds=seconds, name="connectiontimeout", at=written.at)


def retry(destination: Destination) -> Foreseen | None:
    """How long a member that refused a connect is left alone; None: outside a balancer nobody is.

    Measured on 2.4.71: a single backend is tried at every request, whatever its ``retry`` says.
    """
    if not destination.balanced:
        return None
    return _seconds(destination.parameters.get("retry"), "retry") or Foreseen(seconds=DEFAULT_RETRY, name="retry")


def written_limits(scope: Scope, destination: Destination) -> tuple[Foreseen, ...]:
    """Every time that somebody may take for the idle limit, whether or not it is."""
    proxy = scope.setting("proxytimeout")
    texts = (
        (destination.parameters.get("timeout"), "timeout"),
        (ParameterLine(text=proxy.first, at=proxy) if proxy else None, "ProxyTimeout"),
    )
    return (_timeout(scope), *(found for text, name in texts if (found := _seconds(text, name))))


def _timeout(scope: Scope) -> Foreseen:
    found = scope.setting("timeout")
    written = ParameterLine(text=found.first, at=found) if found else None
    return _seconds(written, "Timeout") or Foreseen(seconds=DEFAULT_TIMEOUT, name="Timeout")


def _of_backend(scope: Scope, destination: Destination) -> Foreseen:
    found = scope.setting("proxytimeout")
    written = ParameterLine(text=found.first, at=found) if found else None
    own = _seconds(destination.parameters.get("timeout"), "timeout")
    return own or _seconds(written, "ProxyTimeout") or _timeout(scope)


def _seconds(written: ParameterLine | None, name: str) -> Foreseen | None:
    digits = re.match(r"\d{1,9}", written.text) if written else None
    return Foreseen(seconds=int(digits[0]), name=name, at=written.at) if written and digits else None
