"""How the self-test breaks nginx: lines of its nginx.conf, and what else shows otherwise on it than on httpd."""

from __future__ import annotations

from wslb.proxies.own_mutations import HANDS_ON, ConfigMutation, Otherwise, OwnMutations

__all__ = ["MUTATIONS"]

LB = "lb-byrequests"


def within(location: str, line: str) -> tuple[str, str]:
    """A further directive in the locations that fit."""
    return rf"^ +location {location} \{{$", rf"\g<0>\n      {line}"


def in_upstream(line: str) -> tuple[str, str]:
    """A further directive in every upstream, before its servers."""
    return r"^ +zone \S+ 128k;$", rf"\g<0>\n    {line}"


EDITS: tuple[tuple[str, str, str, tuple[str, ...], str, tuple[tuple[str, str], ...]], ...] = (
    (
        "upgrade-not-passed",
        "proxy_set_header Upgrade and Connection are missing",
        LB,
        ("answered_101",),
        "field",
        ((r"^ +proxy_set_header (?:Upgrade|Connection) .*\n", ""),),
    ),
    (
        "elects-by-address",
        "ip_hash elects: all clients of one network are one",
        LB,
        ("alternates", "follows_model", "members_as_claimed"),
        "lbmethod",
        (in_upstream("ip_hash;"),),
    ),
    (
        "elects-at-random",
        "random elects instead of round robin",
        LB,
        ("alternates", "follows_model", "members_as_claimed"),
        "lbmethod",
        (in_upstream("random;"),),
    ),
    (
        "tunnels-limited",
        "each member has max_conns=1 while tunnels are held",
        "lb-byrequests-held",
        ("answered_101", "open_together"),
        "httpd-refused",
        ((r"^ +server \S+:\d+(?=;)", r"\g<0> max_conns=1"),),
    ),
    (
        "every-second-denied",
        "every second connection is answered 403 by nginx itself",
        LB,
        ("answered_101", "alternates"),
        "httpd-refused",
        (within("= /ws", 'if ($http_x_wslb_conn ~ "[02468]$") { return 403; }'),),
    ),
    (
        "mirrored",
        "mirror sends each handshake once more",
        LB,
        ("alternates", "follows_model"),
        "",
        (
            within("= /ws", "mirror /mirrored;"),
            (r"^ +location / \{ return 404; \}$", r"    location /mirrored { proxy_pass http://mycluster; }\n\g<0>"),
        ),
    ),
    (
        "mark-not-passed",
        "the mark that joins the witnesses does not reach the members",
        LB,
        ("witnesses_speak",),
        "lone-witness",
        (within("= /ws", 'proxy_set_header X-Wslb-Conn "";'),),
    ),
    (
        "log-off",
        "access_log is off",
        LB,
        ("witnesses_speak", "elected_counted"),
        "lone-witness",
        ((r"^ +access_log .* wslb;$", "  access_log off;"),),
    ),
    (
        "segments-ignored",
        "location /ws takes every path that begins so",
        "thieves-neighbour",
        ("turns_taken", "alternates"),
        "others",
        ((r"^ +location = /ws \{$", "    location /ws {"),),
    ),
    (
        "nobody-answered",
        "a path that is not mounted is not answered at all (444)",
        "thieves-favicon",
        ("requests_answered",),
        "",
        ((r"location / \{ return 404; \}", "location / { return 444; }"),),
    ),
    (
        "heads-may-be-long",
        "large_client_header_buffers takes what should be refused",
        "thieves-too-long",
        ("requests_answered", "turns_taken"),
        "others",
        ((r"^ +log_format ", r"  large_client_header_buffers 4 32k;\n\g<0>"),),
    ),
    (
        "error-asks-another",
        "proxy_next_upstream goes on to the next server at 503",
        "failover-http-error",
        ("answers",),
        "",
        ((r"^ +log_format ", r"  proxy_next_upstream error timeout http_503;\n\g<0>"),),
    ),
    (
        "no-next-upstream",
        "proxy_next_upstream off: the client of a dead member gets 502",
        "thieves-failover",
        ("answers",),
        "",
        ((r"^ +log_format ", r"  proxy_next_upstream off;\n\g<0>"),),
    ),
    (
        "dead-tried-again",
        "max_fails=0: a dead member is tried at each of its turns",
        "thieves-failover",
        ("turns_taken",),
        "",
        ((r"^ +server \S+:\d+(?=;)", r"\g<0> max_fails=0"),),
    ),
    (
        "failure-forgotten",
        "max_fails=0: who comes back is asked at once, and who is dead again and again",
        "failover-all-down",
        ("answers", "elected_between"),
        "",
        ((r"^ +server \S+:\d+(?=;)", r"\g<0> max_fails=0"),),
    ),
    (
        "refusal-intercepted",
        "proxy_intercept_errors makes 404 of a member's 403",
        "thieves-refused",
        ("answers",),
        "restated",
        (within("= /ws", "proxy_intercept_errors on; error_page 403 =404 /wslb-error;"),),
    ),
    (
        "field-hidden",
        "proxy_hide_header keeps a field of the refusal from the client",
        "handshake-wrong-version",
        ("carries",),
        "field",
        (within("= /ws", "proxy_hide_header Sec-WebSocket-Version;"),),
    ),
    (
        "agent-rewritten",
        "proxy_set_header sets another User-Agent",
        "handshake-backend-wrong-accept",
        ("arrived_intact",),
        "accept",
        (within("= /ws", "proxy_set_header User-Agent bot;"),),
    ),
    (
        "host-of-the-members",
        "proxy_set_header Host gives the name of the upstream",
        "headers-handshake",
        ("host_kept",),
        "forwarded",
        ((r"Host \$http_host;", "Host $proxy_host;"),),
    ),
    (
        "client-told",
        "proxy_set_header tells the client's address in X-Forwarded-For",
        "headers-subprotocol",
        ("host_kept",),
        "forwarded",
        (within("= /ws", "proxy_set_header X-Forwarded-For $remote_addr;"),),
    ),
    (
        "answer-added-to",
        "add_header adds a field to every answer",
        "headers-wss",
        ("answer_but",),
        "field",
        (within("= /wss", "add_header X-Own 1 always;"),),
    ),
    (
        "hop-field-taken-off",
        "proxy_set_header takes off what Connection names",
        "headers-hop-fields",
        ("hop_fields_through",),
        "",
        (within("= /ws", "proxy_set_header X-Hop '';"),),
    ),
    (
        "errors-unlogged",
        "error_log takes what is critical alone",
        "failover-refused",
        ("log_tells",),
        "",
        ((r"^(error_log \S+) notice;$", r"\g<1> crit;"),),
    ),
    (
        "tunnels-cut",
        "proxy_read_timeout ends tunnels before their backends do",
        "timeouts-backend-idle",
        ("closed_with", "lasted"),
        "",
        ((r"^ +log_format ", r"  proxy_read_timeout 400ms;\n\g<0>"),),
    ),
    (
        "members-believed",
        "proxy_ssl_verify off: any certificate of a member is believed",
        "lb-wss-byrequests",
        ("stranger_refused",),
        "",
        ((r"proxy_ssl_verify on;", "proxy_ssl_verify off;"),),
    ),
    (
        "http2-off",
        "http2 is not on: the client is not told what nginx offers, but refused",
        "carrier-h2-unoffered",
        ("not_offered",),
        "",
        ((r"^  http2 on;\n| http2(?=;$)", ""),),
    ),
    (
        "chain-unverified",
        "proxy_ssl_verify off: a member is believed whose certificate nobody knows has signed",
        "tls-untrusted",
        ("served_by", "log_tells"),
        "",
        ((r"proxy_ssl_verify on;", "proxy_ssl_verify off;"),),
    ),
    (
        "other-name-asked",
        "proxy_ssl_name names the host of the certificate that should be refused",
        "tls-wrong-name",
        ("served_by", "elected_between"),
        "",
        ((r"proxy_ssl_name localhost;", "proxy_ssl_name elsewhere.example;"),),
    ),
    (
        "member-spoken-to-plain",
        "the only backend of /wss is reached on its plain port",
        "article-listing5-liberty-wss",
        ("encrypted",),
        "",
        ((r"proxy_pass https://<wss://liberty>", "proxy_pass http://<ws://liberty>"),),
    ),
    (
        "address-ignored",
        "ip_hash is missing: the clients of one address take turns",
        "sticky-address",
        ("all_on_one",),
        "",
        ((r"^ +ip_hash;\n", ""),),
    ),
    (
        "key-ignored",
        "hash is missing: clients with a cookie of their own take turns",
        "sticky-hash",
        ("one_member_each",),
        "",
        ((r"^ +hash \S+ consistent;\n", ""),),
    ),
    (
        "key-for-all",
        "hash has something to hash of clients without the cookie, too",
        "sticky-hash",
        ("free_alternate",),
        "",
        ((r"hash \$cookie_CLIENT ", "hash $cookie_CLIENT$host "),),
    ),
    (
        "cookie-renamed",
        "sticky gives a cookie of another name",
        "sticky-given",
        ("cookie_given", "served_by"),
        "",
        ((r"sticky cookie SRV ", "sticky cookie OTHER "),),
    ),
    (
        "parameter-unheard",
        "sticky route reads the cookie alone, not the parameter behind the path",
        "sticky-path-parameter",
        ("elected_between",),
        "",
        ((r"sticky route \S+ ", "sticky route "),),
    ),
    (
        "answer-awaited-briefly",
        "proxy_read_timeout is a tenth of what it should be",
        "timeouts-silent-handshake",
        ("waited",),
        "",
        ((r"proxy_read_timeout 1s;", "proxy_read_timeout 100ms;"),),
    ),
    (
        "turns-the-other-way",
        "the servers are listed the other way round: another member gets free first",
        "limits-max-conns",
        ("reached",),
        "members",
        ((r"^( +server <ws://liberty> .*\n)( +server <ws://node> .*\n)", r"\g<2>\g<1>"),),
    ),
    (
        "marked-down",
        "node is marked as down in both generations",
        "restart-graceful-busy",
        ("busy_at",),
        "member-out",
        ((r"^( +server <ws://node>);", r"\g<1> down;"),),
    ),
    (
        "reload-refused",
        "what it includes was good once: the reload fails, and the old worker goes on",
        "restart-graceful",
        ("restarted",),
        "",
        ((r"^pid (\S+);$", r"\g<0>\ninclude \g<1>*;"),),
    ),
)
"""Name, what is broken, the scenario, the checks that must go red, the rule that names it, and the edits."""

_SHOWN_NOWHERE = "what was changed is a directive that nothing of nginx shows"

MUTATIONS = OwnMutations(
    edits=tuple(
        ConfigMutation(
            name=name,
            what=what,
            scenario=scenario,
            checks=checks,
            edits=edits,
            cause=cause,
            unnamed="" if cause else _SHOWN_NOWHERE,
        )
        for name, what, scenario, checks, cause, edits in EDITS
    ),
    otherwise={
        **HANDS_ON,
        "member-dead": Otherwise(
            why="its log has whole seconds, so no line is of the moment of a break",
            checks=("members_as_claimed", "alternates", "follows_model", "log_is_clean"),
            cause="members",
        ),
        "backend-hangs-up": Otherwise(
            why="nginx asks the next server, and leaves the one that hung up alone for fail_timeout",
            checks=("alternates", "log_is_clean"),
        ),
        "proxied-reset": Otherwise(
            why="nginx asks the next server, and leaves the one that was lost alone for fail_timeout",
            checks=("alternates", "log_is_clean"),
        ),
        "tunnel-of-another": Otherwise(
            why="an election is in its log when the tunnel has ended",
            checks=("nothing_left_open",),
            cause="busy",
        ),
        "tunnel-outlives-httpd": Otherwise(why="TERM ends nginx at once, whatever is open"),
    },
    asked_in={"idleness-disturbed": "timeouts-other-limits", "pongs-lost": "timeouts-idle-pings"},
    unbroken={
        "has_ended": "TERM ends nginx at once, whatever is open, and to stop its master is a failure of the lab",
    },
)
