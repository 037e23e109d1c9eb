"""How the self-test breaks HAProxy: lines of its haproxy.cfg, and what else shows otherwise on it than on httpd."""

from __future__ import annotations

from wslb.proxies.own_mutations import HANDS_ON, ConfigMutation, Otherwise, OwnMutations, Row, mutations_of

__all__ = ["MUTATIONS"]

LB = "lb-byrequests"
TURNS = ("alternates", "follows_model")


def in_backends(line: str) -> tuple[str, str]:
    """A further line in every backend."""
    return r"^  balance \S+$", rf"\g<0>\n  {line}"


def in_frontends(line: str) -> tuple[str, str]:
    """A further line in every frontend, before a mount is chosen."""
    return r"^  http-request set-log-level silent .*$", rf"\g<0>\n  {line}"


def balance(method: str) -> tuple[str, str]:
    """Another method elects in every backend."""
    return r"^  balance \S+$", f"  balance {method}"


def to_servers(words: str) -> tuple[str, str]:
    """Further words on every server."""
    return r"^  server .*$", rf"\g<0> {words}"


EDITS: tuple[Row, ...] = (
    (
        "upgrade-not-passed",
        "http-request del-header takes Upgrade off",
        LB,
        ("answered_101",),
        "field",
        (in_backends("http-request del-header upgrade"),),
    ),
    (
        "elects-by-address",
        "balance source elects: one client, one server",
        LB,
        (*TURNS, "members_as_claimed"),
        "lbmethod",
        (balance("source"),),
    ),
    (
        "elects-at-random",
        "balance random elects instead of roundrobin",
        LB,
        (*TURNS, "members_as_claimed"),
        "lbmethod",
        (balance("random(1)"),),
    ),
    (
        "cookie-made-up",
        "a cookie that pins every connection to node is added on its way",
        LB,
        TURNS,
        "sticky",
        (
            in_frontends("http-request set-header cookie SRV=node"),
            in_backends("cookie SRV"),
            (r"^  server (\S+) .*$", r"\g<0> cookie \g<1>"),
        ),
    ),
    (
        "tunnels-limited",
        "each server has maxconn 1 while tunnels are held",
        "lb-byrequests-held",
        ("answered_101", "open_together"),
        "httpd-refused",
        (to_servers("maxconn 1"), in_backends("timeout queue 100ms")),
    ),
    (
        "every-second-denied",
        "every second connection is answered 403 by HAProxy itself",
        LB,
        ("answered_101", "alternates"),
        "httpd-refused",
        (in_frontends("http-request deny if { req.hdr(x-wslb-conn) -m end 0 2 4 6 8 }"),),
    ),
    (
        "mark-not-passed",
        "the mark that joins the witnesses does not reach the servers",
        LB,
        ("witnesses_speak",),
        "lone-witness",
        (in_backends("http-request del-header x-wslb-conn"),),
    ),
    (
        "log-off",
        "what is passed on is not logged",
        LB,
        ("witnesses_speak",),
        "lone-witness",
        (in_backends("http-request set-log-level silent"),),
    ),
    (
        "segments-ignored",
        "path_beg takes every path that begins like the mounted one",
        "thieves-neighbour",
        ("turns_taken", "alternates"),
        "others",
        ((r"\{ path /ws \}", "{ path_beg /ws }"),),
    ),
    (
        "nobody-answered",
        "a path that is not mounted is not answered at all",
        "thieves-favicon",
        ("requests_answered",),
        "",
        ((r"http-request return status 404 if", "http-request reject if"),),
    ),
    (
        "heads-must-be-short",
        "tune.bufsize refuses what the backend should get",
        "thieves-too-long",
        ("requests_answered", "turns_taken"),
        "",
        ((r"^  nbthread 1$", r"\g<0>\n  tune.bufsize 8192"),),
    ),
    (
        "error-asks-another",
        "retry-on asks another server at 503",
        "failover-http-error",
        ("answers",),
        "",
        (in_backends("retry-on 503\n  retries 1"),),
    ),
    (
        "no-redispatch",
        "without option redispatch the client of a dead server gets 503",
        "thieves-failover",
        ("answers",),
        "",
        ((r"^  option redispatch 1$", "  retries 0"),),
    ),
    (
        "dead-found-out",
        "check takes a dead server out, so that its backup steps in",
        "failover-standby",
        ("answers", "waited", "elected_between"),
        "",
        (to_servers("check inter 100ms"),),
    ),
    (
        "fields-may-be-many",
        "tune.http.maxhdr takes more fields than it should",
        "handshake-field-count",
        ("answered",),
        "",
        ((r"^  nbthread 1$", r"\g<0>\n  tune.http.maxhdr 300"),),
    ),
    (
        "refusal-restated-by-it",
        "http-response set-status makes 404 of a server's 403",
        "thieves-refused",
        ("answers",),
        "restated",
        (in_backends("http-response set-status 404 if { status 403 }"),),
    ),
    (
        "field-hidden",
        "http-response del-header keeps a field of the refusal from the client",
        "handshake-wrong-version",
        ("carries",),
        "field",
        (in_backends("http-response del-header sec-websocket-version"),),
    ),
    (
        "agent-rewritten",
        "http-request set-header sets another User-Agent",
        "handshake-backend-wrong-accept",
        ("arrived_intact",),
        "accept",
        (in_backends("http-request set-header user-agent bot"),),
    ),
    (
        "tunnels-cut",
        "timeout tunnel ends tunnels before their backends do",
        "timeouts-backend-idle",
        ("closed_with", "lasted"),
        "",
        ((r"^  timeout tunnel 1h$", "  timeout tunnel 400ms"),),
    ),
    (
        "orders-refused",
        "the statistics socket takes no orders (level operator)",
        "manager-drain",
        ("shown_at", "served_by"),
        "",
        ((r" level admin$", " level operator"),),
    ),
    (
        "members-believed",
        "verify none: any certificate of a server is believed",
        "lb-wss-byrequests",
        ("stranger_refused",),
        "",
        ((r"verify required verifyhost localhost sni str\(localhost\) ca-file \S+", "verify none sni str(localhost)"),),
    ),
    (
        "connect-offered",
        "the workaround is missing: extended CONNECT is offered",
        "carrier-h2-withheld",
        ("not_offered", "answers"),
        "",
        ((r"^  h2-workaround-bogus-websocket-clients\n", ""),),
    ),
    (
        "accept-hidden",
        "http-response del-header takes the accept off",
        "carrier-h2-native",
        ("opened_with_accept",),
        "",
        (in_backends("http-response del-header sec-websocket-accept"),),
    ),
    (
        "one-key-for-all",
        "http-request set-header gives each backend the same key",
        "carrier-h2-native",
        ("bridged_to_http1",),
        "",
        (in_backends("http-request set-header sec-websocket-key dGhlIHNhbXBsZSBub25jZQ=="),),
    ),
    (
        "chain-unverified",
        "verify none: a server is believed whose certificate nobody knows has signed",
        "tls-untrusted",
        ("served_by", "elected_between", "log_tells"),
        "",
        ((r"verify required verifyhost localhost sni str\(localhost\) ca-file \S+", "verify none"),),
    ),
    (
        "name-unchecked",
        "without verifyhost and sni a certificate for any name is believed",
        "tls-wrong-name",
        ("answers", "log_tells"),
        "",
        ((r" verifyhost localhost sni str\(localhost\)", ""),),
    ),
    (
        "member-spoken-to-plain",
        "the only backend of /wss is reached on its plain port",
        "article-listing5-liberty-wss",
        ("encrypted",),
        "",
        ((r"<wss://liberty> weight 1 ssl .*$", "<ws://liberty> weight 1"),),
    ),
    (
        "address-ignored",
        "balance source is missing: the clients of one address take turns",
        "sticky-address",
        ("all_on_one",),
        "",
        ((r"^  balance source\n", ""),),
    ),
    (
        "key-ignored",
        "balance hash is missing: clients with a cookie of their own take turns",
        "sticky-hash",
        ("one_member_each",),
        "",
        ((r"^  balance hash .*\n", ""),),
    ),
    (
        "key-for-all",
        "who comes without the cookie is given one on the way",
        "sticky-hash",
        ("free_alternate",),
        "",
        (in_frontends("http-request set-header cookie CLIENT=c0 unless { req.cook(CLIENT) -m found }"),),
    ),
    (
        "host-of-its-own",
        "http-request set-header gives another Host",
        "headers-subprotocol",
        ("host_kept",),
        "forwarded",
        (in_backends("http-request set-header host other.example"),),
    ),
    (
        "client-told",
        "option forwardfor tells the client's address in X-Forwarded-For",
        "headers-handshake",
        ("host_kept",),
        "forwarded",
        (in_backends("option forwardfor"),),
    ),
    (
        "answer-added-to",
        "http-response set-header adds a field to every answer",
        "headers-wss",
        ("answer_but",),
        "field",
        (in_backends("http-response set-header x-own 1"),),
    ),
    (
        "hop-field-taken-off",
        "http-request del-header takes off what Connection names",
        "headers-hop-fields",
        ("hop_fields_through",),
        "",
        (in_backends("http-request del-header x-hop"),),
    ),
    (
        "attempts-unlogged",
        "log-format leaves out how a server was reached",
        "failover-refused",
        ("log_tells",),
        "",
        ((r" %ts/%rc ", " --/0 "),),
    ),
    (
        "cookie-renamed",
        "a cookie of another name is inserted",
        "sticky-given",
        ("cookie_given", "served_by"),
        "",
        ((r"^  cookie SRV insert ", "  cookie OTHER insert "),),
    ),
    (
        "parameter-heard",
        "the parameter behind the path becomes the cookie that pins",
        "sticky-path-parameter",
        ("elected_between",),
        "",
        (in_frontends('http-request set-header cookie "ROUTEID=%[path,field(2,=)]" if { path -m sub ;routeid= }'),),
    ),
    (
        "answer-awaited-briefly",
        "timeout server is a tenth of what it should be",
        "timeouts-silent-handshake",
        ("waited",),
        "",
        ((r"^  timeout server 1s$", "  timeout server 100ms"),),
    ),
    (
        "turns-the-other-way",
        "the servers are listed the other way round: another member gets free first",
        "limits-queue-timeout",
        ("reached",),
        "",
        ((r"^(  server liberty .*\n)(  server node .*\n)", r"\g<2>\g<1>"),),
    ),
    (
        "reload-refused",
        "the configuration can be loaded once: the reload fails, and the old worker goes on",
        "restart-graceful",
        ("restarted",),
        "",
        ((r"^defaults$", ".if defined(HAPROXY_MWORKER_REEXEC)\n.alert once\n.endif\n\\g<0>"),),
    ),
)
PROGRAM = """program lingering
  command sh -c "trap '' TERM; exec sleep 30"
  no option start-on-reload
"""
"""Runs beside the worker, and does not end with it."""

_SHOWN_NOWHERE = "what was changed is a line that nothing of HAProxy shows"

MUTATIONS = OwnMutations(
    edits=(
        *mutations_of(EDITS, unnamed=_SHOWN_NOWHERE),
        ConfigMutation(
            name="program-outlives",
            what="a program that the master has started ignores TERM, and the master waits for it",
            scenario="restart-term-idle",
            checks=("has_ended",),
            edits=((r"^defaults$", rf"{PROGRAM}\g<0>"),),
            unnamed=_SHOWN_NOWHERE,
            known_before=(3, 1),
        ),
    ),
    otherwise={
        **HANDS_ON,
        "request-key-short": Otherwise(
            why="HAProxy itself refuses a key of another length", checks=("answered_101",), cause="httpd-refused"
        ),
        "member-dead": Otherwise(
            why="its log has no times, so no line is of the moment of a break",
            checks=("members_as_claimed", *TURNS, "log_is_clean"),
            cause="members",
        ),
        "proxied-reset": Otherwise(
            why="HAProxy answers 502 where a server is lost",
            checks=("answered_101", "alternates"),
            cause="httpd-refused",
        ),
        "tunnel-outlives-httpd": Otherwise(why="TERM ends HAProxy at once, whatever is open"),
    },
    asked_in={"idleness-disturbed": "timeouts-idle-pings", "pongs-lost": "timeouts-idle-pings"},
)
