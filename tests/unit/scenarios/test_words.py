"""What a product other than httpd is asked is said in its own words."""

from __future__ import annotations

import re

import pytest

from wslb.interfaces import Capabilities
from wslb.proxies.registry import PROXIES
from wslb.scenarios import SCENARIOS

OTHERS = {
    name: product.dialect for name, product in PROXIES.items() if product.dialect.capabilities.measured is not None
}
OF_HTTPD = re.compile(r"httpd|Apache|balancer-manager|\bmod_\w+|\bAH\d{5}")


@pytest.mark.parametrize("name", OTHERS)
def test_no_claim_that_is_asked_of_it_speaks_of_httpd(name: str) -> None:
    can: Capabilities = OTHERS[name].capabilities
    asked = [scenario for scenario in SCENARIOS if can.claimed(scenario.name)]
    said = {scenario.name: (can.named(scenario.question), can.named(scenario.limit)) for scenario in asked}
    assert len(said) > 90
    assert {scenario: texts for scenario, texts in said.items() if OF_HTTPD.search(" ".join(texts))} == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no warning in httpd's log but AH01114, AH01084, AH00957", "no warning in {}'s log but {refused}"),
        ("no warning in httpd's log but AH00957, AH02452, AH01114", "no warning in {}'s log but {refused}"),
        ("no warning in httpd's log but AH02452, AH01114", "no warning in {}'s log"),
        ("2 of 2: 426 by a backend; mod_proxy_wstunnel: 426 by httpd itself", "2 of 2: 426 by a backend"),
        ("mod_proxy_http: 502 (AH01084); mod_proxy_wstunnel: 101; 2 of 2", "502; 2 of 2"),
        ("2 of 2 with 302; mod_proxy_http: with the proxy's", "2 of 2 with 302"),
    ],
)
@pytest.mark.parametrize("name", OTHERS)
def test_what_only_modules_of_httpd_do_or_log_is_left_out(name: str, text: str, told: str) -> None:
    dialect = OTHERS[name]
    refused = dialect.capabilities.words["AH00957"]
    assert dialect.capabilities.named(text) == told.format(dialect.title, refused=refused)


def test_httpd_is_asked_as_it_is_written() -> None:
    text = "mod_proxy_http: 502 (AH00898); mod_proxy_wstunnel: 101; 2 of 2"
    assert PROXIES["apache"].dialect.capabilities.named(text) == text
