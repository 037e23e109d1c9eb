"""Which time of a configuration counts for a tunnel, and by which line; and the same configuration made faster."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.proxies.apache.adoption.test_adopt import INSTALLATION
from wslb.proxies.apache.adoption.adopt import adopt
from wslb.proxies.apache.adoption.original import Original, read_original
from wslb.proxies.apache.conf.configuration import Configuration, Modules
from wslb.proxies.apache.conf.directives import tree_of
from wslb.proxies.apache.conf.effect import module_name
from wslb.proxies.apache.foresight.destinations import destinations_of
from wslb.proxies.apache.foresight.hastened import hastened, shorter
from wslb.proxies.apache.foresight.times import Foreseen, answer_limit, connect_limit, idle_limit, retry

BOTH = frozenset({"proxy_http", "proxy_wstunnel"})


def read(text: str, *, modules: frozenset[str] = BOTH, version: str = "2.4.71") -> Configuration:
    directives = tree_of(text, "site.conf").directives
    return Configuration(
        directives=directives,
        modules=Modules(known=True, names=frozenset(map(module_name, modules))),
        whole=False,
        version=version,
    )


def told(found: Foreseen | None) -> str:
    return f"{found.name} {found.seconds} at {found.at.line if found.at else '-'}" if found else "never"


IDLE = {
    "the default": ("ProxyPass /ws ws://a/", "Timeout 60 at -"),
    "Timeout": ("Timeout 9\nProxyPass /ws ws://a/", "Timeout 9 at 1"),
    "the member's is larger": ("Timeout 9\nProxyPass /ws ws://a/ timeout=20", "timeout 20 at 2"),
    "the member's is smaller": ("Timeout 9\nProxyPass /ws ws://a/ timeout=2", "Timeout 9 at 1"),
    "ProxyTimeout is larger": ("Timeout 9\nProxyTimeout 30\nProxyPass /ws ws://a/", "ProxyTimeout 30 at 2"),
    "the member's before ProxyTimeout": (
        "Timeout 9\nProxyTimeout 30\nProxyPass /ws ws://a/ timeout=20",
        "timeout 20 at 3",
    ),
    "the last line counts": ("Timeout 9\nTimeout 8\nProxyPass /ws ws://a/", "Timeout 8 at 2"),
    "a unit is dropped": ("Timeout 9\nProxyPass /ws ws://a/ timeout=500ms", "timeout 500 at 2"),
    "a member of a balancer": (
        "Timeout 9\n<Proxy balancer://b>\nBalancerMember ws://a timeout=20\n</Proxy>\nProxyPass /ws balancer://b",
        "timeout 20 at 3",
    ),
    "timeout of the balancer is another thing": (
        "Timeout 9\n<Proxy balancer://b>\nBalancerMember ws://a\nProxySet timeout=20\n</Proxy>\nProxyPass /ws balancer://b",
        "Timeout 9 at 1",
    ),
    "ProxySet by URL": ("Timeout 9\nProxyPass /ws ws://a/\nProxySet ws://a/ timeout=20", "timeout 20 at 3"),
    "ProxySet in a section": (
        "Timeout 9\nProxyPass /ws ws://a/\n<Proxy ws://a/>\nProxySet timeout=20\n</Proxy>",
        "timeout 20 at 4",
    ),
    "an earlier URL that begins it lends its own": (
        "Timeout 9\nProxyPass /ws ws://a/ws timeout=20\nProxyPass /x ws://a/ timeout=30\n"
        "ProxyPass /ws2 ws://a/ws/2 timeout=40",
        "timeout 20 at 2",
    ),
    "a rule takes a URL that a line has configured": (
        "Timeout 9\nRewriteEngine On\nRewriteRule ^/ws ws://a/ws [P]\nProxyPass /x ws://a/ timeout=30",
        "timeout 30 at 4",
    ),
    "upgrade= is carried by mod_proxy_http": (
        "ProxyWebsocketFallbackToProxyHttp Off\nTimeout 9\nProxyPass /ws http://a/ upgrade=websocket",
        "Timeout 9 at 2",
    ),
    "mod_proxy_wstunnel has none": ("ProxyWebsocketFallbackToProxyHttp Off\nTimeout 9\nProxyPass /ws ws://a/", "never"),
}


@pytest.mark.parametrize(("text", "wanted"), IDLE.values(), ids=IDLE)
def test_the_line_that_ends_an_idle_tunnel(text: str, wanted: str) -> None:
    conf = read(text)
    mounting = next(m for m in reversed(conf.mountings) if m.path.strip("^").startswith("/ws"))
    assert told(idle_limit(conf, conf.main, destinations_of(conf, mounting, conf.main)[0])) == wanted


def test_a_virtual_host_inherits_and_overrides() -> None:
    conf = read("Timeout 9\nProxyTimeout 3\n<VirtualHost *:80>\nTimeout 5\nProxyPass /ws ws://a/\n</VirtualHost>\n")
    (destination,) = destinations_of(conf, conf.mountings[0], conf.scopes[1])
    assert told(idle_limit(conf, conf.scopes[1], destination)) == "Timeout 5 at 4"
    assert told(answer_limit(conf, conf.scopes[1], destination)) == "ProxyTimeout 3 at 2"


def test_the_smaller_limit_counts_before_2_4_53() -> None:
    conf = read("Timeout 9\nProxyPass /ws ws://a/ timeout=2", version="2.4.52")
    assert told(idle_limit(conf, conf.main, destinations_of(conf, conf.mountings[0], conf.main)[0])) == "timeout 2 at 2"


def test_the_limit_of_an_answer() -> None:
    conf = read("Timeout 9\nProxyPass /ws ws://a/ timeout=2")
    assert (
        told(answer_limit(conf, conf.main, destinations_of(conf, conf.mountings[0], conf.main)[0])) == "timeout 2 at 2"
    )
    conf = read("Timeout 9\nProxyPass /ws ws://a/ timeout=2", modules=frozenset({"proxy_wstunnel"}))
    assert told(answer_limit(conf, conf.main, destinations_of(conf, conf.mountings[0], conf.main)[0])) == "never"


def test_retry_is_of_balancers() -> None:
    conf = read(
        "<Proxy balancer://b>\nBalancerMember ws://a retry=7\nBalancerMember ws://c\n</Proxy>\nProxyPass /ws balancer://b"
    )
    assert [told(retry(d)) for d in destinations_of(conf, conf.mountings[0], conf.main)] == [
        "retry 7 at 2",
        "retry 60 at -",
    ]
    conf = read("ProxyPass /ws ws://a/ retry=7")
    assert told(retry(destinations_of(conf, conf.mountings[0], conf.main)[0])) == "never"


def original_of(text: str, folder: Path) -> Original:
    file = folder / "httpd.conf"
    file.write_text(text)
    return read_original(file, installation=INSTALLATION)


WRITTEN = """Define WAIT 90
Timeout 300
ProxyTimeout ${WAIT}
KeepAliveTimeout 5
<Proxy balancer://b>
  BalancerMember ws://a:80 retry=0 connectiontimeout=600ms
  BalancerMember ws://b:80 route=x timeout=${WAIT}
  ProxySet timeout=30 lbmethod=byrequests
</Proxy>
ProxyPass /ws balancer://b timeout=30
ProxyPass /no !
ProxyPass /one ws://c:80/ hcinterval=45
"""


def test_every_time_is_divided_and_defaults_are_written_out(tmp_path: Path) -> None:
    fast = hastened(original_of(WRITTEN, tmp_path), 30)
    adopted = adopt(fast, installation=INSTALLATION, as_root=False, readable=lambda _: False)
    own = [line.strip() for line, (file, _) in zip(adopted.lines, adopted.places, strict=True) if file]
    assert own[own.index("Timeout 10") :] == [
        "Timeout 10",
        "ProxyTimeout 3",
        "KeepAliveTimeout 5",
        "<Proxy balancer://b>",
        "BalancerMember ws://${WSLB_MEMBER_1} retry=0 connectiontimeout=20ms",
        "BalancerMember ws://${WSLB_MEMBER_2} route=x timeout=3 retry=2",
        "ProxySet timeout=30 lbmethod=byrequests",
        "</Proxy>",
        "ProxyPass /ws balancer://b timeout=30",
        "ProxyPass /no !",
        "ProxyPass /one ws://${WSLB_MEMBER_3}/ hcinterval=2 retry=2",
    ]


def test_the_default_of_timeout_is_written_out_and_what_is_slow_enough_stays(tmp_path: Path) -> None:
    original = original_of("ProxyPass /ws ws://a:80/\n", tmp_path)
    assert hastened(original, 1) is original
    fast = hastened(original, 20)
    assert [str(d) for d in fast.conf.directives] == ["Timeout 3", "ProxyPass /ws ws://a:80/ retry=3"]
    assert [shorter(seconds, 20) for seconds in (0, 1, 29, 30, 60)] == [0, 1, 1, 2, 3]


CONNECT = {
    "the default": ("ProxyPass /ws ws://a/", "Timeout 60 at -"),
    "its own": ("Timeout 9\nProxyPass /ws ws://a/ connectiontimeout=5 timeout=20", "connectiontimeout 5 at 2"),
    "milliseconds": ("ProxyPass /ws ws://a/ connectiontimeout=500ms", "connectiontimeout 0.5 at 1"),
    "minutes": ("ProxyPass /ws ws://a/ connectiontimeout=2mi", "connectiontimeout 120 at 1"),
    "the member's": ("Timeout 9\nProxyPass /ws ws://a/ timeout=20", "timeout 20 at 2"),
    "ProxyTimeout": ("Timeout 9\nProxyTimeout 3\nProxyPass /ws ws://a/", "ProxyTimeout 3 at 2"),
}


@pytest.mark.parametrize(("text", "found"), CONNECT.values(), ids=CONNECT)
def test_which_time_bounds_a_connect(text: str, found: str) -> None:
    conf = read(text)
    (destination,) = destinations_of(conf, conf.mountings[0], conf.main)
    assert told(connect_limit(conf.main, destination)) == found
