"""Broken and sound configurations. In a broken one, ``»`` marks the line that the rule must name."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BROKEN", "SOUND", "Broken", "marked"]

MARK = "» "


@dataclass(frozen=True)
class Broken:
    """A configuration with one trap in it.

    Attributes:
        rule: that must name the marked line.
        text: of the file.
        httpd: what ``httpd -t`` 2.4.71 says: ``refuses`` it, ``accepts`` it, or is not asked (``""``).
        tunnels: given with ``--tunnels``.
        version: of the httpd that the file is for, where the trap is none for every httpd.
        name: of the file, where it decides how it is read.
    """

    rule: str
    text: str
    httpd: str = "accepts"
    tunnels: int | None = None
    version: str = ""
    name: str = "httpd.conf"


def marked(text: str) -> tuple[str, int]:
    """Text without the mark, and the number of the line that had it."""
    lines = text.lstrip("\n").split("\n")
    line = next(number for number, content in enumerate(lines, 1) if content.startswith(MARK))
    return "\n".join(content.removeprefix(MARK) for content in lines), line


BALANCER = """
<Proxy balancer://cluster>
  BalancerMember ws://192.0.2.1:10000/WSConsole
  BalancerMember ws://192.0.2.2:8888
</Proxy>
"""

MODULES = (
    "mpm_event",
    "authz_core",
    "authz_host",
    "proxy",
    "slotmem_shm",
    "proxy_balancer",
    "lbmethod_byrequests",
    "proxy_wstunnel",
    "proxy_http",
)


MARKED_BALANCER = BALANCER.replace("<Proxy", f"{MARK}<Proxy")
ALL_CHILDREN = (
    "StartServers 4\nServerLimit 4\nThreadsPerChild 25\nMaxRequestWorkers 100\nMinSpareThreads 1\nMaxSpareThreads 100\n"
)


def whole(text: str, *, without: str = "", more: tuple[str, ...] = (), listen: str = "Listen 127.0.0.1:8080") -> str:
    """A complete configuration around these lines."""
    names = [name for name in (*MODULES, *more) if name != without]
    loads = "\n".join(f"LoadModule {name}_module @MODULES@/mod_{name}.so" for name in names)
    head = '\nServerRoot "@RUN@"\nPidFile "@RUN@/httpd.pid"\nErrorLog "@RUN@/error.log"\nServerName localhost\n'
    return f"{head}{listen}\n{loads}\nProxyWebsocketFallbackToProxyHttp On\n{text}"


def of_carrier(carrier: str, text: str, *, more: tuple[str, ...] = ()) -> str:
    """A complete configuration in which this module carries the tunnels."""
    conf = whole(text, more=more)
    return conf.replace("ToProxyHttp On", "ToProxyHttp Off") if carrier == "wstunnel" else conf


PASS = "ProxyPass /ws balancer://cluster/CLRunner"
MARKED_BALANCER = BALANCER.replace("<Proxy", MARK + "<Proxy")
MARKED_MEMBER = BALANCER.replace("  BalancerMember ws://192.0.2.1", MARK + "  BalancerMember ws://192.0.2.1")


def with_member(parameters: str) -> str:
    """The balancer with parameters on its first member, which is marked."""
    return PASS + MARKED_MEMBER.replace("/WSConsole", f"/WSConsole {parameters}")


def with_set(line: str) -> str:
    """The balancer with one more line in it, which is marked."""
    return PASS + BALANCER.replace("</Proxy>", f"{MARK}  {line}\n</Proxy>")


def secure(lines: str, *, members: str = "app.example:8889", more: str = "") -> str:
    """Two ``wss://`` members, and lines of the server before them."""
    return (
        f"{lines}\n{PASS}\n<Proxy balancer://cluster>\n"
        f"  BalancerMember wss://{members}\n  BalancerMember wss://two.example:8889\n{more}</Proxy>\n"
    )


TLS = "SSLProxyEngine on\nSSLProxyVerify optional\nSSLProxyProtocol TLSv1.2"

BROKEN: dict[str, Broken] = {
    "two-balancers-of-one-name": Broken(
        "WSLB-C038",
        f"{PASS}{BALANCER}<VirtualHost *:8081>\n  ProxyPassInherit Off\n  ProxyPass /own balancer://cluster/x\n"
        f"{MARKED_BALANCER.lstrip().replace('192.0.2', '198.51.100')}</VirtualHost>",
    ),
    "no-websocket-at-all": Broken("WSLB-C063", f"{MARK}ProxyPass / http://192.0.2.9/"),
    "no-websocket-behind-a-balancer": Broken(
        "WSLB-C063",
        f"{MARK}ProxyPass /app balancer://web\n<Proxy balancer://web>\n  BalancerMember http://192.0.2.1:8080 retry=0\n"
        "  BalancerMember http://192.0.2.2:8080 timeout=5\n  ProxySet lbmethod=bytraffic\n</Proxy>",
    ),
    "no-websocket-by-a-rule": Broken(
        "WSLB-C063", f"RewriteEngine On\n{MARK}RewriteRule ^/(.*) http://192.0.2.9/$1 [P,L]"
    ),
    "dollar-for-percent": Broken(
        "WSLB-C064",
        f"RewriteEngine On\n{MARK}RewriteCond ${{HTTP:Upgrade}} websocket [NC]\n"
        "RewriteRule ^/(.*) ws://192.0.2.1:8888/$1 [P,L]",
    ),
    "rule-for-everything-first": Broken(
        "WSLB-C065",
        "RewriteEngine On\nRewriteRule ^/(.*) http://192.0.2.9/$1 [P,L]\nRewriteCond %{HTTP:Upgrade} websocket [NC]\n"
        f"{MARK}RewriteRule ^/ws/(.*) ws://192.0.2.1:8888/$1 [P,L]",
    ),
    "no-group-for-the-rule": Broken(
        "WSLB-C066", f"RewriteEngine On\n{MARK}RewriteRule ^/ws/ ws://192.0.2.1:8888/end/$1 [P]"
    ),
    "no-group-for-the-match": Broken("WSLB-C066", f"{MARK}ProxyPassMatch ^/ws/.* ws://192.0.2.1:8888/end/$1"),
    "group-in-a-plain-line": Broken("WSLB-C066", f"{MARK}ProxyPass /ws ws://192.0.2.1:8888/end$1"),
    "no-byrequests": Broken("WSLB-C001", whole(PASS + MARKED_BALANCER, without="lbmethod_byrequests")),
    "no-slotmem": Broken("WSLB-C002", whole(PASS + MARKED_BALANCER, without="slotmem_shm")),
    "no-proxy-balancer": Broken("WSLB-C003", whole(PASS + MARKED_BALANCER, without="proxy_balancer")),
    "no-authz-core": Broken(
        "WSLB-C004",
        whole(f"{MARK}{PASS}{BALANCER}", without="authz_core").replace(
            "LoadModule authz_host_module @MODULES@/mod_authz_host.so\n", ""
        ),
    ),
    "no-carrier": Broken(
        "WSLB-C005",
        whole(PASS + MARKED_MEMBER, without="proxy_http")
        .replace("LoadModule proxy_wstunnel_module @MODULES@/mod_proxy_wstunnel.so\n", "")
        .replace("ProxyWebsocketFallbackToProxyHttp On\n", ""),
    ),
    "no-lbmethod-module": Broken("WSLB-C006", whole(with_set("ProxySet lbmethod=bybusyness")), "refuses"),
    "no-such-lbmethod": Broken("WSLB-C007", with_set("ProxySet lbmethod=roundrobin"), "refuses"),
    "no-ssl-module": Broken("WSLB-C008", whole(f"{MARK}ProxyPass /wss wss://app.example:8889/CLRunner")),
    "no-hcheck-module": Broken("WSLB-C009", whole(with_member("hcmethod=TCP")), "refuses"),
    "heartbeat-without-monitor": Broken("WSLB-C010", with_set("ProxySet lbmethod=heartbeat")),
    "no-proxy-module": Broken("WSLB-C011", whole(f"{MARK}ProxyPass /ws ws://192.0.2.1/x", without="proxy"), ""),
    "no-http-module": Broken(
        "WSLB-C012", whole(f"{MARK}ProxyPass /app http://192.0.2.1:8080/app", without="proxy_http")
    ),
    "foreign-scheme": Broken("WSLB-C013", f"{MARK}ProxyPass /ws websocket://192.0.2.1:8888/x"),
    "one-slash": Broken("WSLB-C013", f"{MARK}ProxyPass /ws ws:/192.0.2.1:8888/x", "refuses"),
    "upgrade-on-balancer-line": Broken("WSLB-C020", f"{MARK}{PASS} upgrade=websocket{BALANCER}", "refuses"),
    "retry-by-proxyset": Broken("WSLB-C020", with_set("ProxySet retry=5"), "refuses"),
    "lbmethod-on-member": Broken("WSLB-C021", with_member("lbmethod=bybusyness"), "refuses"),
    "stickysession-on-member": Broken("WSLB-C021", with_member("stickysession=ROUTEID"), "refuses"),
    "misspelt-parameter": Broken("WSLB-C022", with_member("timout=5"), "refuses"),
    "loadfactor-zero": Broken("WSLB-C023", with_member("loadfactor=0"), "refuses"),
    "loadfactor-too-high": Broken("WSLB-C023", with_member("loadfactor=101"), "refuses"),
    "hcheck-cping": Broken("WSLB-C037", with_member("hcmethod=CPING"), ""),
    "hcheck-unknown": Broken("WSLB-C023", with_member("hcmethod=PING"), "refuses"),
    "undefined-balancer": Broken("WSLB-C024", whole(f"{MARK}ProxyPass /ws balancer://clutser/CLRunner{BALANCER}")),
    "empty-balancer": Broken("WSLB-C024", whole(f"{MARK}{PASS}\n<Proxy balancer://cluster>\n</Proxy>")),
    "balancer-of-another-host": Broken(
        "WSLB-C024",
        whole(f"<VirtualHost 127.0.0.1:8080>{BALANCER}</VirtualHost>\n{MARK}{PASS}"),
    ),
    "lone-member": Broken(
        "WSLB-C025", f"{PASS}\n<Proxy balancer://cluster>\n{MARK}  BalancerMember ws://192.0.2.1:10000\n</Proxy>"
    ),
    "member-twice": Broken("WSLB-C026", with_set("BalancerMember ws://192.0.2.2:8888")),
    "http-member-beside-ws": Broken("WSLB-C027", with_set("BalancerMember http://192.0.2.3:8888")),
    "http-members-on-ws-path": Broken("WSLB-C027", f"{MARK}ProxyPass /websocket http://192.0.2.3:8888/websocket"),
    "upgrade-any": Broken("WSLB-C028", with_member("upgrade=ANY")),
    "shared-settings": Broken(
        "WSLB-C029",
        f"ProxyPass /ws ws://192.0.2.1:8888/a timeout=30\n{MARK}ProxyPass /other ws://192.0.2.1:8888/a/b timeout=5",
    ),
    "two-balancers-one-backend": Broken(
        "WSLB-C030",
        f"{PASS}{BALANCER}ProxyPass /app balancer://web\n<Proxy balancer://web>\n"
        f"{MARK}  BalancerMember http://192.0.2.2:8888\n  BalancerMember http://192.0.2.3:8888\n</Proxy>",
    ),
    "bytraffic-for-tunnels": Broken("WSLB-C031", with_set("ProxySet lbmethod=bytraffic")),
    "all-disabled": Broken(
        "WSLB-C032",
        PASS + MARKED_MEMBER.replace("/WSConsole", "/WSConsole status=+D").replace(":8888", ":8888 status=+D"),
    ),
    "retry-zero": Broken("WSLB-C033", with_member("retry=0")),
    "forcerecovery-off": Broken("WSLB-C034", with_set("ProxySet forcerecovery=Off")),
    "failonstatus-over-wstunnel": Broken("WSLB-C035", of_carrier("wstunnel", with_set("ProxySet failonstatus=503"))),
    "member-outside": Broken("WSLB-C036", f"{MARK}BalancerMember ws://192.0.2.1:8888\n{PASS}{BALANCER}", "refuses"),
    "hcheck-over-http": Broken("WSLB-C037", with_member("hcmethod=GET hcuri=/")),
    "sticky-without-routes": Broken("WSLB-C040", with_set("ProxySet stickysession=ROUTEID")),
    "sticky-with-one-route": Broken(
        "WSLB-C040",
        PASS
        + MARKED_MEMBER.replace(":8888", ":8888 route=b").replace(
            "</Proxy>", "ProxySet stickysession=ROUTEID\n</Proxy>"
        ),
    ),
    "routes-without-sticky": Broken("WSLB-C041", with_member("route=a")),
    "route-twice": Broken(
        "WSLB-C042",
        PASS
        + BALANCER.replace("/WSConsole", "/WSConsole route=a")
        .replace("  BalancerMember ws://192.0.2.2:8888", f"{MARK}  BalancerMember ws://192.0.2.2:8888 route=a")
        .replace("</Proxy>", "ProxySet stickysession=ROUTEID\n</Proxy>"),
    ),
    "dotted-route": Broken(
        "WSLB-C043",
        PASS
        + MARKED_MEMBER.replace("/WSConsole", "/WSConsole route=a.1")
        .replace(":8888", ":8888 route=b")
        .replace("</Proxy>", "ProxySet stickysession=ROUTEID\n</Proxy>"),
    ),
    "cookie-recipe": Broken(
        "WSLB-C044",
        f'{MARK}Header add Set-Cookie "ROUTEID=.%{{BALANCER_WORKER_ROUTE}}e; path=/" env=BALANCER_ROUTE_CHANGED\n'
        + PASS
        + BALANCER.replace("/WSConsole", "/WSConsole route=a")
        .replace(":8888", ":8888 route=b")
        .replace("</Proxy>", "ProxySet stickysession=ROUTEID\n</Proxy>"),
    ),
    "root-before-websocket": Broken("WSLB-C050", f"ProxyPass / http://192.0.2.9/\n{MARK}{PASS}{BALANCER}"),
    "same-path-twice": Broken("WSLB-C050", f"ProxyPass /ws http://192.0.2.9/ws\n{MARK}{PASS}{BALANCER}"),
    "location-overrules": Broken(
        "WSLB-C051", f"{MARK}{PASS}{BALANCER}<Location />\n  ProxyPass http://192.0.2.9/\n</Location>"
    ),
    "slash-at-one-end": Broken("WSLB-C052", f"{MARK}ProxyPass /ws/ ws://192.0.2.1:8888"),
    "balancer-without-path": Broken("WSLB-C053", f"{MARK}ProxyPass /ws balancer://cluster{BALANCER}"),
    "member-with-slash": Broken("WSLB-C054", PASS + MARKED_MEMBER.replace("/WSConsole", "/WSConsole/")),
    "path-in-location": Broken("WSLB-C055", f"<Location /ws>\n{MARK}  {PASS}\n</Location>{BALANCER}", "refuses"),
    "pattern-in-proxypass": Broken("WSLB-C056", f"{MARK}ProxyPass ^/ws$ balancer://cluster/CLRunner{BALANCER}"),
    "match-without-group": Broken("WSLB-C057", f"{MARK}ProxyPassMatch ^/ws ws://192.0.2.1:8888/CLRunner"),
    "rewrite-without-p": Broken(
        "WSLB-C058", f"RewriteEngine On\n{MARK}RewriteRule ^/ws(.*) ws://192.0.2.1:8888/CLRunner$1 [L]"
    ),
    "rewrite-redirects": Broken(
        "WSLB-C058", f"RewriteEngine On\n{MARK}RewriteRule ^/ws(.*) ws://192.0.2.1:8888/CLRunner$1 [R,L]"
    ),
    "rewrite-drops-path": Broken("WSLB-C059", f"RewriteEngine On\n{MARK}RewriteRule .* ws://192.0.2.1:8888 [P]"),
    "rewrite-engine-off": Broken("WSLB-C060", f"{MARK}RewriteRule ^/ws(.*) ws://192.0.2.1:8888$1 [P]"),
    "firefox-connection": Broken(
        "WSLB-C061",
        f"RewriteEngine On\n{MARK}RewriteCond %{{HTTP:Connection}} ^Upgrade$\nRewriteRule ^(.*) ws://192.0.2.1$1 [P]",
    ),
    "spelling-of-websocket": Broken(
        "WSLB-C062",
        f"RewriteEngine On\n{MARK}RewriteCond %{{HTTP:Upgrade}} =websocket\nRewriteRule ^(.*) ws://192.0.2.1:88$1 [P]",
    ),
    "no-ssl-proxy-engine": Broken("WSLB-C070", f"{MARK}ProxyPass /wss wss://app.example:8889/CLRunner"),
    "tls13-over-wstunnel": Broken(
        "WSLB-C071",
        of_carrier(
            "wstunnel",
            "SSLProxyEngine on\nSSLProxyVerify optional\n" + f"{MARK}ProxyPass /wss wss://app.example:8889/CLRunner",
            more=("ssl",),
        ),
        "",
    ),
    "address-over-wss": Broken("WSLB-C072", f"{TLS}\n{MARK}ProxyPass /wss wss://192.0.2.1:8889/CLRunner"),
    "verify-none": Broken(
        "WSLB-C073", f"SSLProxyEngine on\n{MARK}SSLProxyVerify none\nProxyPass /wss wss://app.example:8889/CLRunner"
    ),
    "name-check-off": Broken(
        "WSLB-C073", f"{TLS}\n{MARK}SSLProxyCheckPeerName off\nProxyPass /wss wss://app.example:8889/CLRunner"
    ),
    "issuer-unchecked": Broken("WSLB-C074", f"SSLProxyEngine on\n{MARK}ProxyPass /wss wss://app.example:8889/CLRunner"),
    "require-without-ca": Broken(
        "WSLB-C075", f"SSLProxyEngine on\n{MARK}SSLProxyVerify require\nProxyPass /wss wss://app.example:8889/CLRunner"
    ),
    "preserved-host-over-wss": Broken(
        "WSLB-C076", f"{TLS}\n{MARK}ProxyPreserveHost On\nProxyPass /wss wss://app.example:8889/CLRunner"
    ),
    "half-in-the-clear": Broken(
        "WSLB-C077", TLS + "\n" + PASS + MARKED_MEMBER.replace("ws://192.0.2.2", "wss://b.example")
    ),
    "open-manager": Broken("WSLB-C080", f"<Location /bm>\n{MARK}  SetHandler balancer-manager\n</Location>"),
    "manager-for-all": Broken(
        "WSLB-C081", f"<Location /bm>\n  SetHandler balancer-manager\n{MARK}  Require all granted\n</Location>"
    ),
    "nonce-none": Broken("WSLB-C082", with_set("ProxySet nonce=None")),
    "manager-behind-proxypass": Broken(
        "WSLB-C083",
        f"<Location /bm>\n{MARK}  SetHandler balancer-manager\n  Require local\n</Location>\nProxyPass / http://192.0.2.9/",
    ),
    "stale-state": Broken("WSLB-C084", f"{MARK}BalancerPersist On\n{PASS}{BALANCER}"),
    "forward-proxy": Broken("WSLB-C085", f"{MARK}ProxyRequests On\n{PASS}{BALANCER}"),
    "proxy-denied": Broken("WSLB-C086", f"<Proxy *>\n{MARK}  Require all denied\n</Proxy>\n{PASS}{BALANCER}"),
    "timeout-cannot-win": Broken("WSLB-C090", of_carrier("http", with_member("timeout=5"))),
    "proxytimeout-cannot-win": Broken("WSLB-C090", of_carrier("http", f"{MARK}ProxyTimeout 10\n{PASS}{BALANCER}")),
    "timeout-over-wstunnel": Broken("WSLB-C091", of_carrier("wstunnel", with_member("timeout=300"))),
    "timeout-zero": Broken("WSLB-C092", f"{MARK}Timeout 0\n{PASS}{BALANCER}"),
    "timeout-short": Broken("WSLB-C093", of_carrier("http", f"{MARK}Timeout 5\n{PASS}{BALANCER}")),
    "idle-timeout-of-trunk": Broken("WSLB-C094", f"{MARK}ProxyWebsocketIdleTimeout 60\n{PASS}{BALANCER}", ""),
    "fallback-without-module": Broken(
        "WSLB-C095",
        whole(f"{PASS}{BALANCER}", without="proxy_wstunnel").replace("ProxyWebsocket", f"{MARK}ProxyWebsocket"),
        "refuses",
    ),
    "carrier-undecided": Broken(
        "WSLB-C096", whole(PASS + MARKED_MEMBER).replace("ProxyWebsocketFallbackToProxyHttp On\n", "")
    ),
    "too-few-threads": Broken("WSLB-C100", f"{MARK}MaxRequestWorkers 100\n{PASS}{BALANCER}", tunnels=2000),
    "too-few-by-default": Broken("WSLB-C100", whole(f"{MARK}{PASS}{BALANCER}"), tunnels=401),
    "workers-cut-down": Broken("WSLB-C101", f"ServerLimit 4\nThreadsPerChild 25\n{MARK}MaxRequestWorkers 1000"),
    "prefork": Broken("WSLB-C102", whole(f"{MARK}{PASS}{BALANCER}").replace("mpm_event", "mpm_prefork"), tunnels=100),
    "children-come": Broken("WSLB-C103", f"{PASS}{MARKED_BALANCER}", version="2.4.57"),
    "children-go": Broken(
        "WSLB-C103", f"{ALL_CHILDREN}MaxConnectionsPerChild 1000\n{PASS}{MARKED_BALANCER}", version="2.4.57"
    ),
    "upgrade-unset": Broken("WSLB-C110", f"{MARK}RequestHeader unset Upgrade\n{PASS}{BALANCER}"),
    "origin-unset": Broken("WSLB-C111", f"{MARK}RequestHeader unset Origin\n{PASS}{BALANCER}"),
    "http10-to-backends": Broken("WSLB-C112", f"{MARK}SetEnv force-proxy-request-1.0 1\n{PASS}{BALANCER}"),
    "no-listen": Broken("WSLB-C120", whole(f"{PASS}{BALANCER}", listen="").replace("ServerRoot", f"{MARK}ServerRoot")),
    "no-server-name": Broken(
        "WSLB-C121",
        whole(f"{PASS}{BALANCER}").replace("ServerName localhost\n", "").replace("ServerRoot", f"{MARK}ServerRoot"),
    ),
    "nobody-listens": Broken("WSLB-C122", whole(f"{MARK}<VirtualHost *:8443>\n{PASS}{BALANCER}</VirtualHost>")),
    "include-missing": Broken("WSLB-C123", f"{MARK}Include conf.d/balancer.conf\n{PASS}{BALANCER}", ""),
    "section-not-closed": Broken("WSLB-C124", f"{MARK}<Location /ws>\nProxyPass ws://192.0.2.1:8888/x\n", ""),
    "section-closes-nothing": Broken("WSLB-C124", f"{PASS}{BALANCER}{MARK}</VirtualHost>", ""),
    "comment-takes-line": Broken("WSLB-C125", f"{PASS}\n{MARK}# the members \\\n# here\n{BALANCER}"),
    "unknown-macro": Broken("WSLB-C126", f"{MARK}Use Balancer cluster\n{PASS}{BALANCER}", "refuses"),
    "macro-in-itself": Broken(
        "WSLB-C126",
        f"<Macro Balancer $name>\n{MARK}Use Balancer $name\n</Macro>\nUse Balancer x\n{PASS}{BALANCER}",
        "refuses",
    ),
    "undefined-variable": Broken("WSLB-C127", f"{MARK}ProxyPass /ws balancer://cluster/${{ENDPOINT}}{BALANCER}", ""),
    "misspelt-directive": Broken("WSLB-C128", f"{MARK}ProxyPas /ws balancer://cluster/CLRunner{BALANCER}", ""),
    # how the file is read
    **{
        f"comment-behind-{name}": Broken("WSLB-C140", text, told)
        for name, text, told in (
            ("path", f"{MARK}ProxyPass /ws ws://192.0.2.1/ws # live updates", "refuses"),
            ("path-at-once", f"{MARK}ProxyPass /ws ws://192.0.2.1/ws #live", "refuses"),
            ("member", "<Proxy balancer://c>\n" + MARK + "BalancerMember ws://192.0.2.1 # first\n</Proxy>", "refuses"),
            ("seconds", f"{MARK}ProxyTimeout 60 # seconds", "refuses"),
            ("value", f"{MARK}RequestHeader set X-A b # why", "refuses"),
            ("short-rule", f"{MARK}RewriteRule ^/a /b # why", "refuses"),
            ("grant", f"<Location /x>\n{MARK}Require all granted # why\n</Location>", "refuses"),
            ("switch", f"{MARK}ProxyPreserveHost On # why", "accepts"),
            ("rule", f"{MARK}RewriteRule ^/a ws://192.0.2.1/b [P] # why", "accepts"),
            ("condition", f"{MARK}RewriteCond %{{HTTP:Upgrade}} websocket [NC] # why", "accepts"),
            ("host", f"{MARK}<VirtualHost *:80> # why\nServerName a.example.org\n</VirtualHost> # end", "accepts"),
            (
                "name",
                f"<VirtualHost *:80>\nServerName a.example.org\n{MARK}ServerAlias b # c\n</VirtualHost>",
                "accepts",
            ),
        )
    },
    "waits-for-a-name": Broken(
        "WSLB-C141", f"{MARK}<IfDefine PRODUCTION>\nProxyPass /ws ws://192.0.2.1/ws\n</IfDefine>"
    ),
    "placeholder": Broken("WSLB-C142", f"{MARK}ProxyPass /ws ws://{{{{ BACKEND }}}}/ws", ""),
    "proxypass-in-htaccess": Broken("WSLB-C143", f"{MARK}ProxyPass /ws ws://192.0.2.1/ws", "refuses", name=".htaccess"),
    "host-in-htaccess": Broken("WSLB-C143", f"RewriteEngine On\n{MARK}ProxyPreserveHost On", "", name=".htaccess"),
    "htaccess": Broken(
        "WSLB-C144", f"{MARK}RewriteEngine On\nRewriteRule ^ws$ ws://192.0.2.1/ws [P]", name=".htaccess"
    ),
    "slash-in-htaccess": Broken(
        "WSLB-C145", f"RewriteEngine On\n{MARK}RewriteRule ^/ws(.*) ws://192.0.2.1/ws$1 [P]", name=".htaccess"
    ),
    "slash-in-a-folder": Broken(
        "WSLB-C145",
        f"<Directory /srv/www>\nRewriteEngine On\n{MARK}RewriteRule ^/ws ws://192.0.2.1/ws [P]\n</Directory>",
    ),
    "a-value-longer-than-is-read": Broken(
        "WSLB-C146",
        "Define A0 x\n"
        + "".join(f"Define A{n} ${{A{n - 1}}}${{A{n - 1}}}\n" for n in range(1, 14))
        + f"{MARK}Define A14 ${{A13}}${{A13}}",
    ),
    "a-section-in-more-than-are-read": Broken(
        "WSLB-C146",
        "<IfModule !none>\n" * 60
        + f"{MARK}<IfModule !none>\n<IfModule !none>\nHeader set A b\n"
        + "</IfModule>\n" * 62,
    ),
    "fast-cgi-on-a-websocket-path": Broken("WSLB-C039", f"{MARK}ProxyPass /websocket fcgi://192.0.2.1:9000/websocket"),
    "ajp-on-a-websocket-path": Broken("WSLB-C039", f"{MARK}ProxyPass /app/ws ajp://192.0.2.1:8009/app/ws"),
    "ajp-beside-websockets": Broken("WSLB-C039", with_set("BalancerMember ajp://192.0.2.3:8009")),
    "ajp-alone": Broken("WSLB-C063", f"{MARK}ProxyPass / ajp://192.0.2.1:8009/"),
    "upgrade-before-its-time": Broken(
        "WSLB-C027", f"{MARK}ProxyPass /live http://192.0.2.1:8888/live upgrade=websocket", version="2.4.46"
    ),
    "upgrade-of-another-protocol": Broken("WSLB-C027", f"{MARK}ProxyPass /ws http://192.0.2.1:88/ws upgrade=h2c"),
    "upgrade-none": Broken("WSLB-C027", f"{MARK}ProxyPass /live ws://192.0.2.1:88/live upgrade=NONE"),
    "no-scheme": Broken("WSLB-C013", f"{MARK}ProxyPass /ws 192.0.2.1:8888/ws", "refuses"),
    "name-for-a-scheme": Broken("WSLB-C013", f"{MARK}ProxyPass /ws localhost:8888", "refuses"),
    "a-path-of-its-own": Broken("WSLB-C013", f"{MARK}ProxyPass /ws /other", "refuses"),
    "no-host": Broken("WSLB-C013", f"{MARK}ProxyPass /ws ws://:8888/ws", "refuses"),
    "word-for-a-port": Broken("WSLB-C013", f"{MARK}ProxyPass /ws ws://192.0.2.1:PORT/ws", "refuses"),
    "no-scheme-in-a-rule": Broken("WSLB-C013", f"RewriteEngine On\n{MARK}RewriteRule ^/ws 192.0.2.1:8888/ws [P]"),
    "word-for-a-port-in-a-rule": Broken(
        "WSLB-C013", f"RewriteEngine On\n{MARK}RewriteRule ^/ws(.*) ws://192.0.2.1:port/ws$1 [P]"
    ),
    "polling-in-turns": Broken(
        "WSLB-C045",
        f"{MARK}ProxyPass /socket.io/ balancer://io/socket.io/\n<Proxy balancer://io>\n"
        "  BalancerMember http://192.0.2.1:3000 upgrade=websocket\n"
        "  BalancerMember http://192.0.2.2:3000 upgrade=websocket\n</Proxy>",
    ),
    "negotiation-in-turns": Broken(
        "WSLB-C045",
        f"RewriteEngine On\n{MARK}RewriteRule ^/signalr/(.*) balancer://hub/signalr/$1 [P]\n<Proxy balancer://hub>\n"
        "  BalancerMember ws://192.0.2.1:5000\n  BalancerMember ws://192.0.2.2:5000\n</Proxy>",
    ),
    "pattern-overruled-by-a-wider-location": Broken(
        "WSLB-C051",
        f'<LocationMatch "^/(ws|chat)/">\n{MARK}  ProxyPassMatch ws://192.0.2.1:8888\n</LocationMatch>\n'
        "<Location />\n  ProxyPass http://192.0.2.9/\n</Location>",
    ),
    "tilde-overruled-by-a-wider-pattern": Broken(
        "WSLB-C051",
        f"<Location ~ ^/ws>\n{MARK}  ProxyPassMatch ws://192.0.2.1:8888\n</Location>\n"
        '<LocationMatch "^/.*">\n  ProxyPassMatch http://192.0.2.9\n</LocationMatch>',
    ),
    "root-without-slash": Broken("WSLB-C052", f"{MARK}ProxyPass / balancer://cluster{BALANCER}"),
    "slash-behind-a-websocket": Broken("WSLB-C052", f"{MARK}ProxyPass /socket.io ws://192.0.2.1:3000/"),
    "plain-line-in-a-pattern": Broken(
        "WSLB-C056", f'<LocationMatch "^/ws">\n{MARK}  ProxyPass ws://192.0.2.1:8888\n</LocationMatch>'
    ),
    "group-of-no-condition": Broken(
        "WSLB-C066", f"RewriteEngine On\n{MARK}RewriteRule ^/ws/(.*) ws://192.0.2.1:8888/end%3Froom=$1 [P]"
    ),
    "query-in-a-match": Broken("WSLB-C067", f"{MARK}ProxyPassMatch ^/ws\\?id=(.*)$ ws://192.0.2.1:8888/ws/$1"),
    "query-in-a-rule": Broken(
        "WSLB-C067", f"RewriteEngine On\n{MARK}RewriteRule ^/ws[?]id=(.*)$ ws://192.0.2.1:8888/ws/$1 [P]"
    ),
    "anchored-rule-in-a-location": Broken(
        "WSLB-C131",
        f"<Location /ws>\nRewriteEngine On\n{MARK}RewriteRule ^/ws(.*) ws://192.0.2.1:8888/ws$1 [P]\n</Location>",
    ),
    "every-path-in-a-location": Broken(
        "WSLB-C131",
        f"<Location />\nRewriteEngine On\n{MARK}RewriteRule /(.*) ws://192.0.2.1:8888/$1 [P]\n</Location>",
    ),
    "flag-before-its-time": Broken(
        "WSLB-C130",
        f"RewriteEngine On\n{MARK}RewriteRule ^/ws/(.*) ws://192.0.2.1:8888/$1 [P,UnsafeAllow3F]",
        version="2.4.54",
    ),
    "double-slash-of-a-rule": Broken(
        "WSLB-C068", f"RewriteEngine On\n{MARK}RewriteRule ^(/socket.io/.*)$ ws://192.0.2.1:3000/$1 [P]"
    ),
    "or-on-the-last": Broken(
        "WSLB-C069",
        f"RewriteEngine On\n{MARK}RewriteCond %{{HTTP:Upgrade}} websocket [NC,OR]\n"
        "RewriteRule ^/?(.*) ws://192.0.2.1:8888/$1 [P]",
    ),
    "either-of-two-spellings": Broken(
        "WSLB-C069",
        "RewriteEngine On\nRewriteCond %{HTTP:Upgrade} !=websocket [OR]\n"
        f"{MARK}RewriteCond %{{HTTP:Upgrade}} !=WebSocket\n"
        "RewriteRule ^/?(.*) http://192.0.2.9/$1 [P]\nProxyPass /ws ws://192.0.2.1:8888/ws",
    ),
    "path-or-upgrade": Broken(
        "WSLB-C069",
        f"RewriteEngine On\n{MARK}RewriteCond %{{REQUEST_URI}} ^/socket.io [NC,OR]\n"
        "RewriteCond %{HTTP:Upgrade} websocket [NC]\nRewriteRule ^/?(.*) ws://192.0.2.1:8888/$1 [P]",
    ),
    "https-without-engine": Broken(
        "WSLB-C070", f"{MARK}ProxyPass /live https://app.example:8889/live upgrade=websocket"
    ),
    "https-by-its-address": Broken(
        "WSLB-C072", f"{TLS}\n{MARK}ProxyPass /live https://192.0.2.1:8889/live upgrade=websocket"
    ),
    "https-beside-http": Broken(
        "WSLB-C077",
        f"{TLS}\nProxyPass /live balancer://live/live\n<Proxy balancer://live>\n"
        f"{MARK}  BalancerMember http://a.example:80 upgrade=websocket\n"
        "  BalancerMember https://b.example:443 upgrade=websocket\n</Proxy>",
    ),
    "port-443-in-the-clear": Broken("WSLB-C078", f"{MARK}<VirtualHost *:443>\n{PASS}{BALANCER}</VirtualHost>"),
    "certificate-without-engine": Broken(
        "WSLB-C078", f"{MARK}<VirtualHost *:8443>\nSSLCertificateFile @CA@\n{PASS}{BALANCER}</VirtualHost>"
    ),
    "port-of-the-client": Broken(
        "WSLB-C087", f"RewriteEngine On\n{MARK}RewriteRule ^/p/(\\d+)/(.*) ws://%{{SERVER_NAME}}:$1/$2 [P]"
    ),
    "host-behind-an-at-sign": Broken("WSLB-C087", f"{MARK}ProxyPass / ws://192.0.2.1:3000"),
    "origin-and-another-host": Broken(
        "WSLB-C113", f"{MARK}ProxyPass /jupyter/api/kernels/ ws://192.0.2.1:8888/jupyter/api/kernels/"
    ),
    # the same traps where the text makes them hard to see
    "behind-continuation": Broken(
        "WSLB-C020",
        f"{MARK}ProxyPass /ws \\\n  balancer://cluster/CLRunner \\\n  upgrade=websocket{BALANCER}",
        "refuses",
    ),
    "in-quotes-and-capitals": Broken(
        "WSLB-C022",
        f'{PASS}\n<proxy "balancer://cluster">\n{MARK}  BALANCERMEMBER "ws://192.0.2.1:10000/a" Timout=5\n</PROXY>',
        "refuses",
    ),
    "in-ifmodule": Broken(
        "WSLB-C050", f"<IfModule proxy_module>\nProxyPass / http://192.0.2.9/\n{MARK}{PASS}\n</IfModule>{BALANCER}"
    ),
    "by-definition": Broken(
        "WSLB-C024", whole(f"Define NAME nobody\n{MARK}ProxyPass /ws balancer://${{NAME}}/CLRunner{BALANCER}")
    ),
    "in-macro": Broken(
        "WSLB-C022",
        f"<Macro Member $host>\n{MARK}  BalancerMember ws://$host:8888 timout=5\n</Macro>\n{PASS}\n"
        "<Proxy balancer://cluster>\n  Use Member 192.0.2.1\n  Use Member 192.0.2.2\n</Proxy>",
        "refuses",
    ),
}

SOUND: dict[str, Broken] = {
    "smallest": Broken("", whole(f"{PASS}{BALANCER}")),
    "fragment": Broken("", f"{PASS}{BALANCER}"),
    "virtual-host-fragment": Broken(
        "",
        f"<VirtualHost *:80>\n  ServerName app.example\n  {PASS}{BALANCER}  ProxyPass / http://192.0.2.9:8080/\n"
        "  ProxyPassReverse / http://192.0.2.9:8080/\n</VirtualHost>",
    ),
    "balancer-in-main-server": Broken("", whole(f"{BALANCER}<VirtualHost 127.0.0.1:8080>\n{PASS}\n</VirtualHost>")),
    "sticky": Broken(
        "",
        PASS
        + BALANCER.replace("/WSConsole", "/WSConsole route=a")
        .replace(":8888", ":8888 route=b")
        .replace("</Proxy>", "  ProxySet stickysession=ROUTEID|routeid\n</Proxy>"),
    ),
    "bybusyness-with-manager": Broken(
        "",
        whole(
            PASS
            + BALANCER.replace("</Proxy>", "  ProxySet lbmethod=bybusyness\n</Proxy>")
            + "<Location /balancer-manager>\n  SetHandler balancer-manager\n  Require ip 192.0.2.0/24\n</Location>",
            more=("lbmethod_bybusyness",),
        ),
        tunnels=300,
    ),
    "manager-kept-from-proxypass": Broken(
        "",
        "<Location /bm>\n  SetHandler balancer-manager\n  Require local\n</Location>\nProxyPass /bm !\n"
        "ProxyPass /ws ws://192.0.2.1:8888/ws\nProxyPass / http://192.0.2.9/",
    ),
    "wss-members": Broken(
        "",
        secure("SSLProxyEngine on\nSSLProxyVerify require\nSSLProxyCACertificateFile @CA@\nSSLProxyProtocol TLSv1.2"),
        "",
    ),
    "rewrite-as-documented": Broken(
        "",
        "RewriteEngine On\nRewriteCond %{HTTP:Upgrade} websocket [NC]\nRewriteCond %{HTTP:Connection} upgrade [NC]\n"
        'RewriteRule ^/?(.*) "ws://192.0.2.1:8888/$1" [P,L]',
    ),
    "http-members-with-upgrade": Broken(
        "",
        "ProxyPass /ws balancer://cluster/CLRunner\n<Proxy balancer://cluster>\n"
        "  BalancerMember http://192.0.2.1:10000 upgrade=websocket\n"
        "  BalancerMember http://192.0.2.2:8888 upgrade=websocket\n</Proxy>",
    ),
    "location-in-order": Broken(
        "",
        "<Location />\n  ProxyPass http://192.0.2.9/\n</Location>\n<Location /ws>\n  ProxyPass ws://192.0.2.1:8888/ws\n"
        "</Location>",
    ),
    "capacity-as-measured": Broken(
        "",
        whole(
            "ServerLimit 21\nStartServers 21\nThreadLimit 500\nThreadsPerChild 500\nMaxRequestWorkers 10500\n"
            f"MinSpareThreads 10500\nMaxSpareThreads 10500\n{PASS}{BALANCER}"
        ),
        tunnels=10000,
    ),
    "all-children-from-the-start": Broken("", f"{ALL_CHILDREN}{PASS}{BALANCER}", version="2.4.57"),
    "either-condition-knows-an-upgrade": Broken(
        "",
        "RewriteEngine On\nRewriteCond %{HTTP:Upgrade} websocket [NC,OR]\n"
        "RewriteCond %{HTTP:Connection} ^upgrade$ [NC]\n"
        "RewriteRule ^/?(.*) ws://192.0.2.1:8888/$1 [P,L]",
    ),
    "modules-of-the-proxy-alone": Broken(
        "",
        "".join(
            f"LoadModule {name}_module @MODULES@/mod_{name}.so\n" for name in ("proxy", "proxy_http", "proxy_wstunnel")
        )
        + "ProxyWebsocketFallbackToProxyHttp On\nProxyPass /ws ws://192.0.2.1:8888/ws",
    ),
    "rule-for-everything-last": Broken(
        "",
        "RewriteEngine On\nRewriteCond %{HTTP:Upgrade} websocket [NC]\n"
        "RewriteRule ^/(.*) ws://192.0.2.1:8888/$1 [P,L]\nRewriteRule ^/(.*) http://192.0.2.9/$1 [P,L]",
    ),
    "macro": Broken(
        "",
        "<Macro Balanced $path $end>\n  ProxyPass $path balancer://cluster$end\n</Macro>\nUse Balanced /ws /CLRunner"
        + BALANCER,
    ),
}
