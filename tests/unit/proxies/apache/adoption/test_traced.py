"""Which line took a request, from lines as httpd writes them at trace level."""

from __future__ import annotations

import pytest

from tests.unit.proxies.apache.adoption.test_adopt import INSTALLATION
from wslb.model.results import LogLine
from wslb.proxies.apache.adoption.traced import Taken, line_that_took
from wslb.proxies.apache.adoption.written import _filled
from wslb.proxies.apache.conf.configuration import Configuration, Modules
from wslb.proxies.apache.conf.directives import tree_of

CONF = Configuration(
    directives=tree_of(
        "RewriteRule ^/a ws://x/1 [P]\n"
        "RewriteRule ^/a ws://x/2 [P]\n"
        r"RewriteRule ^/b\. /c [R]"
        "\nProxyPass /ws !\n"
        "ProxyPass / ws://x/\n",
        "site.conf",
    ).directives,
    modules=Modules(),
    whole=False,
    version=INSTALLATION.version,
)


def told(*texts: str, port: int = 1) -> list[LogLine]:
    return [
        LogLine(at="", module="", level="trace2", code="", text=f"mod.c(1): [client 127.0.0.1:{port}] {text}")
        for text in texts
    ]


RULE = "applying pattern '^/a' to uri '/a'"
LAST = "AH03461: attempting to match URI path '/x' against prefix '/' for proxying"
FIRST = "AH03461: attempting to match URI path '/x' against prefix '/ws' for proxying"
TAKEN = "AH03464: URI path '/x' matches proxy handler 'proxy:ws://x/x'"


@pytest.mark.parametrize(
    ("log", "line", "how"),
    [
        (told(RULE, "forcing proxy-throughput with ws://x/1"), 1, "proxied"),
        (told(RULE, RULE, "forcing proxy-throughput with ws://x/2"), 2, "proxied"),
        (
            told(r"applying pattern '^/b\\.' to uri '/b.'", "explicitly forcing redirect with http://h/c"),
            3,
            "redirected",
        ),
        (told(RULE, "implicitly forcing redirect (rc=302 with ws://x/1"), 1, "redirected"),
        (told(RULE, "forcing responsecode 403 for /a"), 1, "answered"),
        (told(RULE, FIRST, "AH03463: proxying is explicitly disabled for URI path '/x'; declining"), 4, "excluded"),
        (told(FIRST, LAST, TAKEN), 5, "proxied"),
        (told(FIRST, LAST, TAKEN, RULE, "go-ahead with proxy request proxy:ws://x/1 [OK]"), 1, "proxied"),
        (told(FIRST, LAST), None, "nobody"),
        (told(RULE), None, "nobody"),
    ],
)
def test_the_last_line_that_was_tried_took_it(log: list[LogLine], line: int | None, how: str) -> None:
    taken = line_that_took(log, CONF.mountings)
    assert taken is not None
    assert (taken.at.line if taken.at else None, taken.how) == (line, how)


def test_each_client_has_lines_of_its_own() -> None:
    log = [*told(FIRST, LAST, TAKEN, port=1), *told(RULE, "forcing responsecode 403 for /a", port=2)]
    second = line_that_took(log, CONF.mountings, number=1)
    assert second is not None
    assert second.how == "answered"
    assert line_that_took(log, CONF.mountings, number=2) is None


def test_a_log_that_tells_nothing_is_no_evidence() -> None:
    assert line_that_took((), CONF.mountings) is None
    assert line_that_took(told("AH00957: attempt to connect failed"), CONF.mountings) is None


def test_the_elected_member_is_told() -> None:
    elected = 'AH10123: proxy: byrequests selected worker "ws://127.0.0.1:9" : busy 0 : lbstatus 100'
    taken = line_that_took(told(FIRST, LAST, TAKEN, elected), CONF.mountings)
    assert taken == Taken(at=taken.at if taken else None, how="proxied", target="ws://x/x", member="ws://127.0.0.1:9")


@pytest.mark.parametrize(
    ("written", "resolved", "same"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("${X}", "anything", True),
        ("/a${X}/b${Y}c", "/a1/b2c", True),
        ("/a${X}/b${Y}c", "/a1/c2c", False),
        ("/a${X}a", "/a", False),
        ("$path", "/ws", False),
    ],
)
def test_a_word_with_variables_is_known_again(written: str, resolved: str, same: bool) -> None:
    assert _filled(written, resolved) is same
