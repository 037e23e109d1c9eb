"""What a version of httpd is too old for. That the table is right is asked of real ones (test_versions.py)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wslb.interfaces import Installation
from wslb.model.balancer import Carrier, MemberState, Site
from wslb.model.sites import CLUSTER, LIBERTY, NODE, balanced, cluster, with_parameters
from wslb.proxies.apache.since import too_old_for

PLAIN = balanced(CLUSTER)


def httpd(version: str) -> Installation:
    return Installation(
        binary="httpd", modules_folder="modules", version=version, built_in=frozenset(), loadable=frozenset()
    )


@pytest.mark.parametrize(
    ("site", "carrier", "version", "word"),
    [
        (PLAIN, Carrier.HTTP, "2.4.48", "dependable upgrades over mod_proxy_http (httpd 2.4.49 and later)"),
        (replace(PLAIN, carrier=Carrier.HTTP), Carrier.WSTUNNEL, "2.4.46", "upgrades over mod_proxy_http"),
        (replace(PLAIN, directives=("h2websockets on",)), Carrier.WSTUNNEL, "2.4.57", "h2websockets (httpd 2.4.58"),
        (replace(PLAIN, tls_directives=("H2WebSockets on",)), Carrier.WSTUNNEL, "2.4.57", "H2WebSockets"),
        (
            replace(PLAIN, directives=("<Location /x>\n  ProxyWebsocketFallbackToProxyHttp Off\n</Location>",)),
            Carrier.WSTUNNEL,
            "2.4.47",
            "ProxyWebsocketFallbackToProxyHttp (httpd 2.4.48 and later)",
        ),
        (balanced(cluster(with_parameters(LIBERTY, hcmethod="GET11"), NODE)), Carrier.WSTUNNEL, "2.4.54", "GET11"),
        (
            balanced(cluster(LIBERTY, NODE, replace(LIBERTY, route="r", state=MemberState.SPARE))),
            Carrier.WSTUNNEL,
            "2.4.33",
            "hot spares",
        ),
    ],
)
def test_a_site_is_too_new_below_the_version_that_knows_it(
    site: Site, carrier: Carrier, version: str, word: str
) -> None:
    (told,) = too_old_for(site, carrier, httpd(version))
    assert word in told
    first = told.partition("httpd ")[2].partition(" ")[0]
    assert too_old_for(site, carrier, httpd(first)) == ()


@pytest.mark.parametrize(
    ("version", "numbers"), [("2.4.71", (2, 4, 71)), ("2.4.71-dev", (2, 4, 71)), ("2.4", (2, 4)), ("nightly", ())]
)
def test_a_version_is_read_as_numbers(version: str, numbers: tuple[int, ...]) -> None:
    assert httpd(version).numbers == numbers
