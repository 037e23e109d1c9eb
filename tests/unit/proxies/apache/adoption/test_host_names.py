"""Under which host name a line of a configuration can take a request."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.proxies.apache.adoption.test_questions import served
from wslb.proxies.apache.adoption.questions import questions

RULE = "RewriteRule ^/(.*) ws://10.0.0.1:8080/$1 [P]"
ALIASED = "ServerName www.example.org\nServerAlias chat.example.org *.rooms.example.org"


def condition(*words: str) -> str:
    return f"RewriteCond {' '.join(words)}"


def of_host(lines: str, names: str = ALIASED) -> str:
    return f"Listen 80\n<VirtualHost *:80>\n{names}\nRewriteEngine On\n{lines}\n</VirtualHost>\n"


CASES: dict[str, tuple[str, str | None]] = {
    "the-first-name": (of_host(RULE), "www.example.org"),
    "no-name-at-all": (f"Listen 80\nRewriteEngine On\n{RULE}", None),
    "an-alias": (of_host(f"{condition('%{HTTP_HOST}', '^chat')}\n{RULE}"), "chat.example.org"),
    "a-name-of-a-wildcard": (
        of_host(f"{condition('%{HTTP_HOST}', '^blue.rooms.example.org$')}\n{RULE}"),
        "blue.rooms.example.org",
    ),
    "all-but-one": (of_host(f"{condition('%{HTTP_HOST}', '!^www')}\n{RULE}"), "chat.example.org"),
    "equal": (of_host(f"{condition('%{HTTP_HOST}', '=chat.example.org')}\n{RULE}"), "chat.example.org"),
    "whatever-case": (of_host(f"{condition('%{HTTP_HOST}', '^CHAT', '[NC]')}\n{RULE}"), "chat.example.org"),
    "of-several-by-or": (
        of_host(f"{condition('%{HTTP_HOST}', '^talk', '[OR]')}\n{condition('%{HTTP_HOST}', '^chat')}\n{RULE}"),
        "chat.example.org",
    ),
    "any-name-where-another-condition-will-do": (
        of_host(f"{condition('%{HTTP_HOST}', '^chat', '[OR]')}\n{condition('%{REQUEST_URI}', '^/')}\n{RULE}"),
        "www.example.org",
    ),
    "two-conditions": (
        of_host(f"{condition('%{HTTP_HOST}', 'example')}\n{condition('%{HTTP_HOST}', '!^www')}\n{RULE}"),
        "chat.example.org",
    ),
    "a-name-that-the-only-host-gets-too": (
        of_host(f"{condition('%{HTTP_HOST}', '^ws.example.net$')}\n{RULE}"),
        "ws.example.net",
    ),
    "not-one-that-goes-to-another-host": (
        of_host(f"{condition('%{HTTP_HOST}', '^ws.example.net$')}\n{RULE}")
        + "<VirtualHost *:80>\nServerName ws.example.net\n</VirtualHost>",
        "www.example.org",
    ),
    "by-the-server-name": (of_host(f"{condition('%{SERVER_NAME}', '^chat')}\n{RULE}"), "chat.example.org"),
    "by-the-field": (of_host(f"{condition('%{HTTP:Host}', '^chat')}\n{RULE}"), "chat.example.org"),
    "by-an-expression": (
        of_host(f"""{condition("expr", '"%{HTTP_HOST} =~ /^chat/"')}\n{RULE}"""),
        "chat.example.org",
    ),
    "with-a-port": (of_host(f"{condition('%{HTTP_HOST}', '^chat.example.org(:80)?$')}\n{RULE}"), "chat.example.org"),
    "in-an-if": (
        of_host("<If \"%{HTTP_HOST} == 'chat.example.org'\">\nProxyPass /ws ws://10.0.0.1/\n</If>"),
        "chat.example.org",
    ),
    "in-an-if-not": (
        of_host("<If \"%{HTTP_HOST} != 'www.example.org'\">\nProxyPass /ws ws://10.0.0.1/\n</If>"),
        "chat.example.org",
    ),
    "what-nobody-can-tell": (of_host(f"{condition('%{HTTP_HOST}', '-f')}\n{RULE}"), "www.example.org"),
    "only-a-wildcard": (of_host(RULE, "ServerAlias *.rooms.example.org"), "x.rooms.example.org"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_name_is_taken_that_the_line_takes(tmp_path: Path, name: str) -> None:
    text, expected = CASES[name]
    original, adopted = served(tmp_path, text)
    assert {question.server_name for question in questions(original.conf, adopted)} == {expected}


def test_the_certificate_names_what_conditions_ask_for_and_every_host_that_shows_it(tmp_path: Path) -> None:
    shown = "SSLEngine on\nSSLCertificateFile /etc/site.pem\nSSLCertificateKeyFile /etc/site.key"
    text = "".join(
        f"<VirtualHost *:443>\nServerName {name}\n{shown}\nRewriteEngine On\n"
        f"{condition('%{HTTP_HOST}', f'^live.{name}$')}\n{RULE}\n</VirtualHost>\n"
        for name in ("a.example.org", "b.example.org")
    )
    _, adopted = served(tmp_path, text)
    (certified,) = adopted.certificates
    assert set(certified.names) == {"a.example.org", "live.a.example.org", "b.example.org", "live.b.example.org"}
