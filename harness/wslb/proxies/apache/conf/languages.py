"""Whether a text is the configuration of something else than httpd, or none at all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["another_language"]

_LOOKED_AT = 100_000
"""Characters: no language hides longer."""

_LONGEST = 300
"""Characters of a line."""

_HTTPD = re.compile(
    r"</?(?:VirtualHost|Location|Proxy|Directory|Files|If|Else|Macro|Limit|Require)\w*\b"
    r"|(?:Proxy[PRS]\w+|BalancerMember|LoadModule|Rewrite\w+|ServerRoot|ServerName|ServerAlias|DocumentRoot|Listen"
    r"|SSL\w+|Timeout|Include\w*|Define|Header|RequestHeader)\s"
)
"""Begin of a line that httpd has, and no other language without a semicolon or a brace at its end."""


_WHOEVER_QUOTES = {
    "a patch": re.compile(r"@@ -\d+"),
    "Markdown": re.compile(r"```"),
    "a log": re.compile(r"\[\w{3} \w{3} \d\d [^\]]+\] \[\w*:?\w+\] |\S+ \S+ \S+ \[[^\]]+\] \"[A-Z]+ "),
    "a certificate or a key": re.compile(r"-----BEGIN [A-Z ]+-----$"),
}
"""A line of texts that may have lines of an httpd configuration in them, and are none."""

_FIRST = {
    "PHP": re.compile(r"<\?php\b"),
    "HTML": re.compile(r"<(?:!doctype )?html\b", re.IGNORECASE),
    "XML": re.compile(r"<(?:\?xml|Server|beans|project)\b"),
    "Go": re.compile(r"package \w+$"),
    "Java": re.compile(r"package [\w.]+;"),
}
"""How their first line begins."""

_ANY = {
    "a web.config of IIS": re.compile(r"<system\.webServer\b"),
    "VCL of Varnish": re.compile(r"vcl \d|sub vcl_\w+ \{"),
    "lighttpd": re.compile(r"server\.(?:modules|port|document-root)\s*\+?=|\$HTTP\["),
    "Java": re.compile(r"import [\w.]+(?:\.\*)?;$"),
    "JavaScript": re.compile(
        r"(?:export )?(?:const|let|var) [\w{]|import .* from ['\"]|(?:export )?(?:async )?function \w*\("
    ),
    "Python": re.compile(r"import \w[\w.]*$|from [\w.]+ import |(?:async )?def \w+\(|class \w+.*:$"),
    "a shell script": re.compile(r"(?:set -\w+|if \[.*|fi|done|export [A-Z_]+=.*)$"),
    "Squid": re.compile(r"http_port \d|http_access (?:allow|deny) "),
    "Caddy": re.compile(r"(?:reverse_proxy|file_server|php_fastcgi|handle_path)\b[^;]*$"),
    "nginx": re.compile(r"(?:server|events|http|(?:location|upstream)[ \t][^{}<>]+)\s*\{|proxy_pass\s+\S+;"),
}
"""A line that no other has, the surest first."""

_BOTH = {
    "a Dockerfile": (
        re.compile(r"FROM [\w./:@-]+(?: AS \w+)?$"),
        re.compile(r"(?:RUN|COPY|CMD|ENTRYPOINT|EXPOSE|ENV) "),
    ),
    "HAProxy": (
        re.compile(r"(?:global|defaults|(?:frontend|backend|listen)\s+[A-Za-z_][\w.-]*)\s*(?:#.*)?$"),
        re.compile(r"(?:bind|server|mode|balance|default_backend|timeout) "),
    ),
    "nginx": (re.compile(r"(?:server|http)$"), re.compile(r"\{$")),
}
"""Two lines that only together say it."""

_YAML = re.compile(r"^\s*(?:- )?[\"']?[\w./-]+[\"']?:(?:\s|$)|^\s*- |^---$")
_SETTING = re.compile(r"^(?:\[\[?[\w.\"'-]+\]\]?|[\w.\"-]+\s*=\s*\S.*)$")


def another_language(text: str) -> str | None:
    """Name of the language, such as ``nginx``; None where the text may be httpd's, which has no such lines."""
    if text.startswith("#!"):
        return f"a program ({text.splitlines()[0][2:].strip()[:60]})"
    raw = text[:_LOOKED_AT].removeprefix("\ufeff").splitlines()
    lines = [line for written in raw if (line := written.strip()[:_LONGEST])]
    if quoted := _named(_WHOEVER_QUOTES, lines):
        return quoted
    if any(_HTTPD.match(line) and line[-1] not in ";{" for line in lines):
        return None
    code = [line for line in lines if not line.startswith("#")]
    if not code:
        return None
    if found := _named(_FIRST, code[:1]) or _named(_ANY, code):
        return found
    most = len(code) * 2
    signs = {
        **{name: all(any(map(sign.match, code)) for sign in both) for name, both in _BOTH.items()},
        "JSON": code[0] in {"{", "["} and code[-1] in {"}", "]"} and any('":' in line for line in code),
        "YAML": sum(bool(_YAML.match(line)) for line in code) * 3 >= most,
        "TOML or INI": len(code) > 1 and sum(bool(_SETTING.match(line)) for line in code) * 3 >= most,
    }
    return next((name for name, seen in signs.items() if seen), None)


def _named(signs: Mapping[str, re.Pattern[str]], lines: Sequence[str]) -> str | None:
    return next((name for name, sign in signs.items() if any(map(sign.match, lines))), None)
