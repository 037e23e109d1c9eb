"""What a lab must not carry out of a user's configuration, each directive and module with why."""

from __future__ import annotations

__all__ = ["LEFT_OUT", "OURS", "RUNS_CODE"]

OURS = "the lab has its own"

LEFT_OUT = {
    **dict.fromkeys(
        ("user", "group", "chrootdir", "suexecusergroup", "assignuserid"), "the lab's httpd is an ordinary user"
    ),
    **dict.fromkeys(
        ("pidfile", "lockfile", "scoreboardfile", "coredumpdirectory", "defaultruntimedir", "scriptsock", "mutex"),
        f"{OURS} folder for it",
    ),
    **dict.fromkeys(
        (
            "errorlog",
            "customlog",
            "transferlog",
            "globallog",
            "forensiclog",
            "errorlogformat",
            "bufferedlogs",
            "loglevel",
            "scriptlog",
            "secauditlog",
            "secdebuglog",
            "logiotrackttfb",
            "rewritelog",
            "rewriteloglevel",
        ),
        f"{OURS} log",
    ),
    **dict.fromkeys(
        (
            "sslcertificatechainfile",
            "sslpassphrasedialog",
            "sslcarevocationfile",
            "sslcarevocationpath",
            "sslcarevocationcheck",
            "sslproxycarevocationfile",
            "sslproxycarevocationpath",
            "sslproxycarevocationcheck",
            "sslcadnrequestfile",
            "sslcadnrequestpath",
            "sslsessionticketkeyfile",
            "sslsrpverifierfile",
            "sslsrpunknownuserseed",
            "sslproxymachinecertificatefile",
            "sslproxymachinecertificatepath",
            "sslproxymachinecertificatechainfile",
        ),
        "certificates are the run's own",
    ),
    **dict.fromkeys(
        (
            "sslusestapling",
            "sslstaplingcache",
            "sslocspenable",
            "sslocspdefaultresponder",
            "sslocspoverrideresponder",
            "sslocsprespondercertificatefile",
            "sslocspproxyurl",
            "mdomain",
            "mdcertificateagreement",
        ),
        "the lab asks no server outside it",
    ),
    **dict.fromkeys(
        ("proxyremote", "proxyremotematch", "proxysourceaddress", "heartbeataddress", "heartbeatlisten"),
        "it would lead out of the lab",
    ),
    **dict.fromkeys(("balancerpersist", "heartbeatstorage", "davlockdb"), "it would write outside the lab"),
    **dict.fromkeys(("cacheroot", "cacheenable"), "the lab keeps no cache, so each request reaches a backend"),
    "loadfile": "the lab loads modules of its httpd only",
}
"""Directives that a lab must not carry out, each with why."""

RUNS_CODE = frozenset(
    {"wsgi", "perl", "passenger", "python", "php", "mono", "md", "heartmonitor", "heartbeat", "lua"}
) | {"ldap", "authnz_ldap", "dbd", "authn_dbd", "authz_dbd", "authnz_fcgi"}
"""Modules that run a user's programs or talk to other servers by themselves."""
