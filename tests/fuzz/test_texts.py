"""Texts of any kind, as httpd, users and saved files may say them: the documented error or a meaning."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.cl.command import parse as parse_command
from backends.cl.messages import CommandError
from backends.contract.faults import FaultError
from backends.contract.faults import parse as parse_backend_fault
from tests import runs
from tests.fuzz.inputs import JSON, NUMBERS, changed, heard, text_of
from tests.unit.load.test_outcome import made
from tests.unit.proxies.apache.advice.test_rules import advice_on
from tests.unit.proxies.apache.test_apache import DEBIAN, DIALECT, STATUS
from wslb.config import read_settings
from wslb.errors import ConfigError, EvidenceError
from wslb.load.disturbance import parse_fault
from wslb.load.saved import read as read_load
from wslb.load.thresholds import parse_limit
from wslb.model import percentiles
from wslb.proxies.apache.balancer_manager import nonce_of, nonces_of
from wslb.proxies.apache.conf.dump import parse_dump, parse_modules
from wslb.reports import json_file
from wslb.wire.naming import NameRule

pytestmark = pytest.mark.slow

LOG_PARTS = ("[", "] ", "[proxy:error] ", "[pid 1:tid 2] ", "[client 127.0.0.1:1] ", "AH00094: ", "AH", "\n", "\r", " ")
ACCESS_PARTS = ("101 ", "- ", "5 ", '"', '" "', "conn-1", "ws://127.0.0.1:80", "/ws", "\n", '\\"')
XML_PARTS = (
    '<?xml version="1.0" encoding="UTF-8" ?>',
    '<!DOCTYPE a [<!ENTITY b "c">]>',
    "<httpd:manager>",
    "<httpd:balancer>",
    "<httpd:name>balancer://mycluster</httpd:name>",
    "<httpd:nonce>",
    "<httpd:worker>",
    "<httpd:elected>",
    "<httpd:loadfactor>",
    "</httpd:loadfactor>",
    "</httpd:elected>",
    "</httpd:worker>",
    "</httpd:balancer>",
    "</httpd:manager>",
    "&b;",
    "<",
    ">",
)
HTML_PARTS = (
    '<a href="',
    "/balancer-manager",
    "?b=",
    "mycluster",
    "&amp;",
    "&",
    "w=",
    "nonce=",
    '"',
    "'",
    ">",
    "\n",
    "&#",
)
CONF_PARTS = (
    "\n",
    " ",
    '"',
    "'",
    "\\\n",
    "\\",
    "#",
    "<",
    ">",
    "</",
    "<Proxy balancer://mycluster>\n",
    "</Proxy>\n",
    "<VirtualHost *:",
    "</VirtualHost>\n",
    '<Location "/ws">\n',
    "</Location>\n",
    "<IfModule !proxy>\n",
    "</IfModule>\n",
    "<Macro m $a>\n",
    "</Macro>\n",
    "Use m ",
    "Define A ",
    "${A}",
    "${",
    "Include ",
    "BalancerMember ws://127.0.0.1:",
    "BalancerMember ",
    "route=",
    " retry=",
    " status=+",
    " loadfactor=",
    "ProxyPass /ws balancer://mycluster",
    "ProxyPass ",
    "ProxyPassMatch ^/(",
    "RewriteRule ^/ws(.*) ws://a$1 [P,L",
    "RewriteCond %{HTTP:Upgrade} ",
    "ProxySet stickysession=",
    " timeout=",
    "Timeout ",
    "ProxyTimeout ",
    'Header add Set-Cookie "',
    "LoadModule proxy_module modules/mod_proxy.so\n",
    "MaxRequestWorkers ",
    "Listen ",
    "SSLProxyEngine ",
    "ServerName [",
)
ARGUMENT_PARTS = (
    "p",
    "99",
    ".",
    ",",
    "<",
    "=",
    ">",
    "ms",
    "us",
    "s",
    "/s",
    "%",
    "errors",
    "echo.p",
    "lag",
    " ",
    ":",
    "@",
)
STATUS_NUMBERS = ("elected", "busy", "lbstatus", "transferred", "read", "loadfactor")


LEVELS = (
    *("emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"),
    *(f"trace{number}" for number in range(1, 9)),
)
"""The manual, core: LogLevel. A line that nobody gave one has none."""


@given(text_of(LOG_PARTS))
def test_error_logs_are_read(text: str) -> None:
    lines = DIALECT.parse_log(text)
    assert len(lines) == sum(bool(line.strip()) for line in text.splitlines())
    for line in lines:
        assert line.level in {"", *LEVELS}
        assert line.text in text


COUNTS = st.tuples(*[st.sampled_from(NUMBERS)] * 3).map(" ".join)


@given(text_of(ACCESS_PARTS) | COUNTS.map(lambda counts: f'101 {counts} "ws://a" "conn-1" "/ws"'))
def test_access_logs_are_read(text: str) -> None:
    lines = DIALECT.parse_access(text)
    assert len(lines) <= len(text.splitlines())
    for line in lines:
        assert line.conn_id in text


@given(text_of(XML_PARTS))
def test_manager_pages_are_read_or_are_no_evidence(text: str) -> None:
    assert heard(EvidenceError, DIALECT.parse_status, text, DEBIAN)
    assert nonce_of(text, "mycluster") in text


@given(st.sampled_from(STATUS_NUMBERS), text_of(("1", ".", "-", " ", "e"), most=3))
def test_numbers_of_a_manager_page_are_read_or_are_no_evidence(name: str, value: str) -> None:
    shown = value.replace("&", "").replace("<", "")
    before, _, rest = STATUS.partition(f"<httpd:{name}>")
    page = f"{before}<httpd:{name}>{shown}<{rest.partition('<')[2]}"
    assert rest
    assert heard(EvidenceError, DIALECT.parse_status, page, DEBIAN)


@given(text_of(HTML_PARTS))
def test_manager_links_are_read(text: str) -> None:
    nonces = nonces_of(text)
    assert list(nonces) == [name.lower() for name in nonces]


@given(
    text_of(
        ("Server version: Apache/2.4.", "Server MPM: ", "Scoreboard: ", "event", "\n", " ", "_W.S", "nginx version: ")
    )
)
def test_what_httpd_says_of_itself_is_read_or_is_no_evidence(text: str) -> None:
    assert heard(EvidenceError, DIALECT.parse_version, text)
    assert DIALECT.parse_threads(text) <= len(text)
    assert len(DIALECT.parse_built_in(text) | parse_modules(text)) <= len(text)


@given(text_of(CONF_PARTS, most=40))
def test_configurations_are_advised_on(text: str) -> None:
    assert "" not in [str(advice) for advice in advice_on(text)]


@given(
    text_of(
        ("# In file: ", "# ", "5:", "\n", "<Proxy *>", "</Proxy>", "ProxyPass / ws://a", "macro 'm' (defined on line ")
    )
)
def test_dumps_of_a_configuration_are_read(text: str) -> None:
    assert len(parse_dump(text).directives) <= len(text.splitlines())


@given(text_of(ARGUMENT_PARTS, most=6))
def test_options_are_understood_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert sorted({*percentiles.parse(text), 0.0, 100.0}) == [0.0, *percentiles.parse(text), 100.0]
    for parse in (parse_limit, lambda text: NameRule(rule=text), lambda text: parse_fault(text, members=("node",))):
        assert heard(ConfigError, parse, text)
    for name in ("connections", "port", "percentiles", "lbmethod", "mpm"):
        assert heard(ConfigError, read_settings, {name: text}, {})


@given(text_of(("WRKSBS", "QSYS/", " ", "(", ")", "'", "''", "*ALL", "OUTPUT", "%", "/")))
def test_commands_are_parsed_or_refused(text: str) -> None:
    with contextlib.suppress(CommandError):
        assert parse_command(text).name


KINDS = st.fixed_dictionaries({"kind": st.sampled_from(["close", "status", "mute", "push", "ping", "fragment"])})
PARAMETERS = ("code", "reason", "status", "times", "messages", "interval_seconds", "payload", "bytes")
OF_KIND = st.builds(lambda kind, more: {**more, **kind}, KINDS, st.dictionaries(st.sampled_from(PARAMETERS), JSON))


@given(JSON | OF_KIND)
def test_faults_are_taken_or_refused(document: object) -> None:
    assert heard(FaultError, parse_backend_fault, document)


REPORT = json.loads(json_file.text(runs.saved(runs.passed(), runs.broken())))
LOAD = json.loads(msgspec.json.encode(made("errors=0", "p95<1ms")))


@given(changed(REPORT))
def test_saved_reports_are_read_or_refused(document: object) -> None:
    assert heard(ValueError, json_file.decode, json.dumps(document))  # msgspec's own errors are ValueErrors


@given(changed(LOAD))
def test_saved_load_runs_are_read_or_are_no_evidence(document: object) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "load.json"
        file.write_text(json.dumps(document), encoding="utf-8")
        assert heard(EvidenceError, read_load, file)
