"""What an upgrade in the lab makes of an advice: it confirms it, refutes it, or says nothing of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

import pytest

from tests.unit.proxies.apache.advice.cases import MARK
from tests.unit.proxies.apache.advice.test_rules import NoFiles
from wslb.model.handshake import Arrival, Handshake, Headers
from wslb.model.results import Standing
from wslb.proxies.apache.advice.adviser import configuration_of
from wslb.proxies.apache.advice.proofs import PROOFS, Sighting, judged, judged_at_start
from wslb.proxies.apache.advice.rule import Advice, Severity
from wslb.proxies.apache.advice.rules import RULES
from wslb.proxies.apache.conf.directives import tree_of
from wslb.proxies.apache.conf.effect import resolve
from wslb.proxies.apache.conf.urls import host_of, scheme_of

CONFIRMED, REFUTED, NOT_TRIED = Standing.CONFIRMED, Standing.REFUTED, Standing.NOT_TRIED


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One upgrade of a configuration, whose advised line is marked.

    Attributes:
        taken: line that took it; None where no line of the proxy did.
        target: path that a backend was asked for; None where none was.
        member: number of the balancer's member that was reached, from 1.
        meant: line that the path was derived from.
    """

    rule: str
    text: str
    path: str = "/ws"
    meant: int | None = None
    taken: int | None = None
    status: int = 101
    target: str | None = None
    upgrade: bool = True
    member: int = 0
    sent: Headers = ()
    arrived: Headers = ()
    response: Headers = ()
    others: bool = False
    tls: bool = False
    what: str = ""
    listener: str = "ws"
    standing: Standing


PLAIN = f"{MARK}ProxyPass / http://a.example/\nProxyPass /ws ws://a.example/ws"
LATE = f"ProxyPass / http://a.example/\n{MARK}ProxyPass /ws ws://a.example/ws"
CLUSTER = "<Proxy balancer://c>\nBalancerMember ws://a.example/one\nBalancerMember http://b.example\n</Proxy>\n"
SECOND = CLUSTER.replace("BalancerMember http", f"{MARK}BalancerMember http")
FIRST = CLUSTER.replace("BalancerMember ws", f"{MARK}BalancerMember ws")
STICKY = CLUSTER.replace("</Proxy>", "ProxySet stickysession=S\n</Proxy>")
TO_IT = f"{CLUSTER}ProxyPass /ws balancer://c/x"
ADVISED = f"{CLUSTER}{MARK}ProxyPass /ws balancer://c"
RULE = "RewriteEngine On\nRewriteCond %{HTTP:Connection} ^Upgrade$\nRewriteRule ^/ws ws://a.example/end/$1 [P]"
CONDITION = RULE.replace("RewriteCond", f"{MARK}RewriteCond")
TARGET = RULE.replace("RewriteRule", f"{MARK}RewriteRule")
FIELD = f"{MARK}RequestHeader set Origin x\nProxyPass /ws ws://a.example/ws"
COOKIE = f"{MARK}Header add Set-Cookie S=x\n{STICKY}ProxyPass /ws balancer://c/x"
NAMESAKE = (
    f"{CLUSTER}<VirtualHost *>\n{FIRST.replace(MARK, '').replace('<Proxy', f'{MARK}<Proxy').strip()}\n</VirtualHost>"
)
SECURE = f"{MARK}SSLProxyVerify require\nProxyPass /ws wss://a.example/ws"
LIST: Headers = (("Connection", "keep-alive, Upgrade"),)
CONDITIONED = TARGET.replace("%{HTTP:Connection} ^Upgrade$", "%{HTTP_HOST} ^a$")
SECTION = f"{MARK}<VirtualHost *:443>\nProxyPass /ws ws://a.example/ws\n</VirtualHost>"
ZERO = f"{MARK}Timeout 0\nProxyPass /ws ws://a.example/ws"
DOUBLED = "/ws asks the backend for //ws"
HOST: Headers = (("Host", "me.example"),)
ORIGIN: Headers = (("Origin", "http://me.example"),)

NOWHERE = tuple(f"WSLB-C{number}" for number in ("003", "005", "008", "010", "012", "013", "024", "032", "070"))

ROWS = (
    *(
        row
        for rule in NOWHERE
        for row in (
            Seen(rule=rule, text=FIRST + "ProxyPass /ws balancer://c/x", taken=5, status=503, standing=CONFIRMED),
            Seen(rule=rule, text=FIRST + "ProxyPass /ws balancer://c/x", taken=5, member=1, standing=REFUTED),
            Seen(rule=rule, text=FIRST + "ProxyPass /ws balancer://c/x", taken=5, status=404, standing=NOT_TRIED),
            Seen(rule=rule, text=f"{MARK}ProxyPass /x ws://b.example\n{TO_IT}", taken=6, standing=NOT_TRIED),
        )
    ),
    Seen(rule="WSLB-C004", text=PLAIN, taken=None, status=500, standing=CONFIRMED),
    Seen(rule="WSLB-C004", text=PLAIN, taken=1, standing=REFUTED),
    *(
        row
        for rule in ("WSLB-C027", "WSLB-C063")
        for row in (
            Seen(rule=rule, text=PLAIN, taken=1, status=200, target="/ws", upgrade=False, standing=CONFIRMED),
            Seen(rule=rule, text=PLAIN, taken=1, target="/ws", standing=REFUTED),
            Seen(rule=rule, text=PLAIN, taken=2, target="/ws", standing=NOT_TRIED),
            Seen(rule=rule, text=PLAIN, taken=1, status=403, standing=NOT_TRIED),
        )
    ),
    Seen(
        rule="WSLB-C027",
        text=f"{SECOND}ProxyPass /ws balancer://c",
        taken=5,
        target="/",
        upgrade=False,
        member=2,
        standing=CONFIRMED,
    ),
    Seen(rule="WSLB-C027", text=f"{SECOND}ProxyPass /ws balancer://c", taken=5, target="/", member=2, standing=REFUTED),
    Seen(
        rule="WSLB-C027", text=f"{SECOND}ProxyPass /ws balancer://c", taken=5, target="/", member=1, standing=NOT_TRIED
    ),
    Seen(rule="WSLB-C038", text=NAMESAKE, taken=None, target="/", member=1, standing=CONFIRMED),
    Seen(rule="WSLB-C038", text=NAMESAKE, taken=None, target="/", member=-1, standing=REFUTED),
    Seen(rule="WSLB-C044", text=COOKIE, taken=7, target="/x", member=1, standing=CONFIRMED),
    Seen(
        rule="WSLB-C044",
        text=COOKIE,
        taken=7,
        target="/x",
        member=1,
        response=(("Set-Cookie", "S=.a"),),
        standing=REFUTED,
    ),
    Seen(rule="WSLB-C044", text=COOKIE, taken=7, status=503, standing=NOT_TRIED),
    *(
        row
        for rule in ("WSLB-C050", "WSLB-C051", "WSLB-C060", "WSLB-C064", "WSLB-C065")
        for row in (
            Seen(rule=rule, text=LATE, meant=2, taken=1, status=200, standing=CONFIRMED),
            Seen(rule=rule, text=LATE, meant=2, taken=None, status=404, standing=CONFIRMED),
            Seen(rule=rule, text=LATE, meant=2, taken=2, standing=REFUTED),
            Seen(rule=rule, text=LATE, taken=2, standing=REFUTED),
            Seen(rule=rule, text=LATE, taken=1, status=200, standing=CONFIRMED),
            Seen(rule=rule, text=LATE, path="/ws/room", taken=1, status=200, standing=CONFIRMED),
            Seen(rule=rule, text=LATE, path="/wsx", taken=1, status=200, standing=NOT_TRIED),
            Seen(rule=rule, text=CONDITIONED, path="/ws/room", taken=None, status=404, standing=NOT_TRIED),
            Seen(rule=rule, text=LATE, meant=2, taken=-1, status=500, standing=NOT_TRIED),
        )
    ),
    Seen(rule="WSLB-C064", text=CONDITION, meant=3, taken=3, standing=REFUTED),
    Seen(rule="WSLB-C064", text=CONDITION, meant=3, taken=None, status=404, standing=CONFIRMED),
    Seen(rule="WSLB-C052", text=LATE, path="/ws/a", meant=2, taken=2, target="/ws//a", standing=CONFIRMED),
    Seen(rule="WSLB-C052", text=LATE, path="/ws/a", meant=2, taken=2, target="/ws/a", standing=REFUTED),
    Seen(rule="WSLB-C052", text=LATE, meant=2, taken=2, target="/ws", standing=NOT_TRIED),
    Seen(rule="WSLB-C053", text=ADVISED, meant=5, taken=5, target="/one/", member=1, standing=CONFIRMED),
    Seen(rule="WSLB-C053", text=ADVISED, meant=5, taken=5, target="/one", member=1, standing=REFUTED),
    Seen(rule="WSLB-C053", text=ADVISED, path="/ws/a", meant=5, taken=5, target="/one/a", member=1, standing=NOT_TRIED),
    Seen(rule="WSLB-C054", text=ADVISED, taken=5, target="/one//x", member=1, standing=CONFIRMED),
    Seen(rule="WSLB-C054", text=ADVISED, taken=5, target="/one/x", member=1, standing=REFUTED),
    Seen(rule="WSLB-C057", text=LATE, taken=2, target="/end/ws", standing=CONFIRMED),
    Seen(rule="WSLB-C057", text=LATE, taken=2, target="/end", standing=REFUTED),
    Seen(rule="WSLB-C058", text=TARGET, taken=3, status=302, standing=CONFIRMED),
    Seen(rule="WSLB-C058", text=TARGET, taken=3, standing=REFUTED),
    Seen(rule="WSLB-C058", text=TARGET, taken=None, status=404, standing=NOT_TRIED),
    Seen(rule="WSLB-C059", text=TARGET, taken=3, target="/", standing=CONFIRMED),
    Seen(rule="WSLB-C059", text=TARGET, taken=3, target="/ws", standing=REFUTED),
    Seen(rule="WSLB-C059", text=TARGET, path="/", taken=3, target="/", standing=NOT_TRIED),
    Seen(
        rule="WSLB-C061",
        text=CONDITION,
        meant=3,
        taken=None,
        status=404,
        sent=LIST,
        others=True,
        standing=CONFIRMED,
    ),
    Seen(rule="WSLB-C061", text=CONDITION, meant=3, taken=3, sent=LIST, standing=REFUTED),
    Seen(rule="WSLB-C061", text=CONDITION, meant=3, taken=None, status=404, sent=LIST, standing=NOT_TRIED),
    Seen(rule="WSLB-C061", text=CONDITION, meant=3, taken=3, standing=NOT_TRIED),
    Seen(rule="WSLB-C066", text=TARGET, taken=3, target="/end/", standing=CONFIRMED),
    Seen(rule="WSLB-C066", text=TARGET, taken=3, target="/end/room", standing=REFUTED),
    Seen(rule="WSLB-C075", text=SECURE, taken=2, status=500, standing=CONFIRMED),
    Seen(rule="WSLB-C075", text=SECURE, taken=2, standing=REFUTED),
    Seen(rule="WSLB-C075", text=SECURE.replace("wss:", "ws:"), taken=2, standing=NOT_TRIED),
    *(
        row
        for rule in ("WSLB-C110", "WSLB-C112")
        for row in (
            Seen(rule=rule, text=FIELD, taken=2, status=426, target="/ws", upgrade=False, standing=CONFIRMED),
            Seen(rule=rule, text=FIELD, taken=2, target="/ws", standing=REFUTED),
            Seen(rule=rule, text=FIELD, taken=2, status=403, standing=NOT_TRIED),
        )
    ),
    Seen(rule="WSLB-C111", text=FIELD, taken=2, target="/ws", sent=ORIGIN, standing=CONFIRMED),
    Seen(rule="WSLB-C111", text=FIELD, taken=2, target="/ws", sent=ORIGIN, arrived=ORIGIN, standing=REFUTED),
    Seen(
        rule="WSLB-C111",
        text=f"<Location /other>\n{MARK}RequestHeader unset Origin\n</Location>\nProxyPass /ws ws://a.example/ws",
        taken=4,
        target="/ws",
        sent=ORIGIN,
        standing=NOT_TRIED,
    ),
    *(
        row
        for rule, line, path in (
            ("WSLB-C056", "ProxyPass ^/ws$ ws://a.example/ws", "/ws"),
            ("WSLB-C056", "ProxyPass /ws?room=1 ws://a.example/ws", "/ws?room=1"),
            ("WSLB-C067", "ProxyPassMatch ^/ws\\?room=(.*)$ ws://a.example/$1", "/ws?room=7"),
            ("WSLB-C131", "RewriteRule ^/ws/(.*) ws://a.example/$1 [P]", "/ws/room"),
            ("WSLB-C145", "RewriteRule ^/ws/(.*) ws://a.example/$1 [P]", "/ws/room"),
        )
        for row in (
            Seen(rule=rule, text=MARK + line, path=path, taken=None, status=404, standing=CONFIRMED),
            Seen(rule=rule, text=MARK + line, path=path, taken=1, standing=REFUTED),
            Seen(rule=rule, text=MARK + line, path="/other", taken=None, status=404, standing=NOT_TRIED),
        )
    ),
    Seen(rule="WSLB-C068", text=LATE, taken=2, target="//ws", standing=CONFIRMED),
    Seen(rule="WSLB-C068", text=LATE, taken=2, target="/ws", what=DOUBLED, standing=REFUTED),
    Seen(rule="WSLB-C068", text=LATE, path="/", taken=2, target="/", what=DOUBLED, standing=NOT_TRIED),
    Seen(
        rule="WSLB-C077", text=FIRST + "ProxyPass /ws balancer://c", taken=5, target="/", member=1, standing=CONFIRMED
    ),
    Seen(
        rule="WSLB-C077",
        text=FIRST + "ProxyPass /ws balancer://c",
        taken=5,
        target="/",
        member=1,
        listener="wss",
        standing=REFUTED,
    ),
    Seen(
        rule="WSLB-C077", text=FIRST + "ProxyPass /ws balancer://c", taken=5, target="/", member=2, standing=NOT_TRIED
    ),
    Seen(rule="WSLB-C078", text=SECTION, taken=2, target="/ws", standing=CONFIRMED),
    Seen(rule="WSLB-C078", text=SECTION, taken=2, target="/ws", tls=True, standing=REFUTED),
    Seen(rule="WSLB-C078", text=SECTION, taken=2, status=400, standing=NOT_TRIED),
    Seen(rule="WSLB-C092", text=ZERO, taken=2, status=503, standing=CONFIRMED),
    Seen(rule="WSLB-C092", text=ZERO, taken=2, target="/ws", standing=REFUTED),
    Seen(rule="WSLB-C092", text=ZERO, taken=None, status=404, standing=NOT_TRIED),
    Seen(rule="WSLB-C113", text=LATE, taken=2, target="/ws", sent=HOST, standing=CONFIRMED),
    Seen(rule="WSLB-C113", text=LATE, taken=2, target="/ws", sent=HOST, arrived=HOST, standing=REFUTED),
    Seen(rule="WSLB-C113", text=LATE, taken=1, target="/ws", sent=HOST, standing=NOT_TRIED),
    Seen(rule="WSLB-C022", text=LATE, taken=1, standing=REFUTED),
    Seen(rule="WSLB-C090", text=LATE, taken=2, standing=NOT_TRIED),
)


def sighting_of(seen: Seen) -> tuple[int, Sighting]:
    """Advised line, and the upgrade."""
    marked = next(number for number, line in enumerate(seen.text.split("\n"), 1) if line.startswith(MARK))
    effect = resolve(tree_of(seen.text.replace(MARK, ""), "httpd.conf"), "httpd.conf", NoFiles(values={}))
    conf = configuration_of(effect)
    scope = conf.scopes[-1]
    placed = {p.directive.line: p.directive for one in conf.scopes for p in one.placed}
    mountings = {m.directive.line: m for m in conf.mountings}
    taken = placed[seen.taken] if seen.taken and seen.taken > 0 else None
    leads = next((word for word in taken.words if scheme_of(word) == "balancer"), "") if taken else "balancer://c"
    balancer = conf.balancer_in(scope, host_of(leads)) if leads else None
    own = next((one for one in conf.balancers if one.scope is scope), None)
    reached = own if seen.member < 0 else balancer
    arrival = Arrival(
        backend="a",
        seq=1,
        at=0.0,
        listener=seen.listener,
        method="GET",
        target=seen.target or "",
        http_version="1.1",
        upgrade=seen.upgrade,
        headers=seen.arrived,
        accepted=seen.status == 101,
        status=seen.status,
        response=(),
    )
    handshake = Handshake(
        seq=1,
        conn_id="1",
        url=f"ws://localhost{seen.path}",
        request=seen.sent,
        status=seen.status,
        response=seen.response,
        arrivals=(arrival,) if seen.target is not None else (),
    )
    return marked, Sighting(
        scenario="conf-1-upgrade",
        number=1,
        path=seen.path,
        scope=scope,
        handshake=handshake,
        meant=mountings[seen.meant] if seen.meant else None,
        told=seen.taken != -1,
        taken=taken,
        balancer=balancer,
        member=reached.members[abs(seen.member) - 1] if reached and seen.member else None,
        others=seen.others,
        tls=seen.tls,
    )


def advice(rule: str, line: int, why: str = "", what: str = "", severity: Severity = Severity.ERROR) -> Advice:
    return Advice(rule=rule, severity=severity, file="httpd.conf", line=line, what=what, why=why, cure="")


@pytest.mark.parametrize("seen", ROWS, ids=lambda seen: f"{seen.rule}-{seen.standing}")
def test_an_upgrade_shows_whether_an_advice_is_right(seen: Seen) -> None:
    line, sighting = sighting_of(seen)
    assert judged(advice(seen.rule, line, what=seen.what), [sighting]).standing is seen.standing


def test_every_proof_can_confirm_and_refute() -> None:
    rows = sorted(ROWS, key=lambda row: row.rule)
    shown = {rule: {row.standing for row in of} for rule, of in groupby(rows, key=lambda row: row.rule)}
    at_start = {rule for rule in PROOFS if PROOFS[rule] is PROOFS["WSLB-C022"]}
    assert {rule for rule in PROOFS if not {CONFIRMED, REFUTED} <= shown.get(rule, set())} == at_start
    assert PROOFS.keys() <= {rule.id for rule in RULES}


def test_a_rule_that_says_httpd_does_not_start_has_that_for_a_proof() -> None:
    """Save where the lab mends what is wrong (it writes the text anew, and listens for a fragment) or builds differ."""
    says = {rule.id for rule in RULES if "does not start" in rule.why or "the start ends" in rule.why}
    mended = {"WSLB-C120", "WSLB-C124", "WSLB-C126", "WSLB-C130"}
    by_its_words = {"WSLB-C140"}
    assert (says - mended) | by_its_words == {rule for rule in PROOFS if PROOFS[rule] is PROOFS["WSLB-C022"]}


@pytest.mark.parametrize("rule", ["WSLB-C131", "WSLB-C140"])
def test_a_warning_that_the_line_is_understood_otherwise_is_not_refuted_where_it_is(rule: str) -> None:
    _, sighting = sighting_of(Seen(rule=rule, text=f"{MARK}{TARGET.replace(MARK, '')}", taken=3, standing=NOT_TRIED))
    assert judged(advice(rule, 3, severity=Severity.WARNING), [sighting]).standing is NOT_TRIED
    assert judged(advice(rule, 3), [sighting]).standing is REFUTED


def test_one_upgrade_that_refutes_weighs_more_than_those_that_confirm() -> None:
    found = {row.standing: sighting_of(row)[1] for row in ROWS if (row.rule, row.text) == ("WSLB-C063", PLAIN)}
    told = judged(advice("WSLB-C063", 1), [found[CONFIRMED], found[REFUTED], found[CONFIRMED]])
    assert (told.standing, told.scenario, told.connection) == (REFUTED, "conf-1-upgrade", 1)
    assert told.because == "connection 1 of conf-1-upgrade: /ws got 101, taken by line 1, the backend saw /ws"


def test_what_is_left_out_or_met_by_nothing_is_not_tried() -> None:
    left_out = frozenset({("httpd.conf", 1)})
    assert judged(advice("WSLB-C022", 1), (), left_out=left_out).because == "the lab leaves this line out"
    assert judged(advice("WSLB-C022", 1), ()).because == "no request of this run met it"


@pytest.mark.parametrize(
    ("found", "complaint", "standing"),
    [
        (advice("WSLB-C022", 3), "httpd.conf:3: unknown parameter", CONFIRMED),
        (advice("WSLB-C022", 3), "httpd.conf:30: unknown parameter", NOT_TRIED),
        (advice("WSLB-C001", 3, "the start ends with AH01183."), "AH01183: Cannot share balancer", CONFIRMED),
        (advice("WSLB-C050", 3), "httpd.conf:3: unknown parameter", NOT_TRIED),
    ],
)
def test_what_httpd_says_when_it_does_not_start(found: Advice, complaint: str, standing: Standing) -> None:
    assert judged_at_start(found, complaint).standing is standing
