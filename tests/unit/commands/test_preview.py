from __future__ import annotations

import re
from pathlib import Path

import pytest

from wslb.commands.preview import compose_configuration
from wslb.model.balancer import LbMethod
from wslb.proxies.registry import PROXIES

ROOT = Path(__file__).parents[3]
FILES = {
    "apache/httpd.conf": ("apache", LbMethod.BYREQUESTS),
    "apache/httpd.bybusyness.conf": ("apache", LbMethod.BYBUSYNESS),
    "apache/httpd.bytraffic.conf": ("apache", LbMethod.BYTRAFFIC),
    "harness/wslb/proxies/nginx/nginx.conf": ("nginx", None),
    "harness/wslb/proxies/haproxy/haproxy.cfg": ("haproxy", None),
}
"""What compose.yaml mounts."""

_, _, SERVICES = (ROOT / "compose.yaml").read_text(encoding="utf-8").partition("\nservices:\n")


@pytest.mark.parametrize("name", FILES)
def test_the_committed_configuration_is_the_template_s_rendering(name: str, pytestconfig: pytest.Config) -> None:
    proxy, lbmethod = FILES[name]
    text = compose_configuration(lbmethod, proxy=proxy)
    if pytestconfig.getoption("--update-golden"):
        (ROOT / name).write_text(text, encoding="utf-8")
    assert (ROOT / name).read_text(encoding="utf-8") == text, "pytest --update-golden writes it anew"


def test_compose_mounts_the_committed_configurations_and_no_other() -> None:
    plain = SERVICES.replace("${LBMETHOD:+.${LBMETHOD:-}}", "")
    mounted = set(re.findall(r"source: \./(\S+\.(?:conf|cfg))$", plain, re.MULTILINE))
    assert mounted == {name for name, (_, lbmethod) in FILES.items() if lbmethod in {None, LbMethod.BYREQUESTS}}


@pytest.mark.parametrize("proxy", PROXIES)
def test_the_services_of_the_configuration_are_those_of_compose(proxy: str) -> None:
    services = set(re.findall(r"^  ([a-z]+):$", SERVICES, re.MULTILINE))
    assert services == {"liberty", "node", "certs", *PROXIES}
    members = re.findall(r"(?:BalancerMember wss?://|server (?:\w+ )?)(\w+):\d+", compose_configuration(proxy=proxy))
    assert sorted(members) == ["liberty"] * 2 + ["node"] * 2


def test_each_proxy_has_a_profile_and_compose_starts_apache_by_itself() -> None:
    assert re.findall(r"^    profiles: \[(.+)\]$", SERVICES, re.MULTILINE) == list(PROXIES)
    chosen = (ROOT / ".env").read_text(encoding="utf-8").splitlines()[-1]
    assert chosen == f"COMPOSE_PROFILES={next(iter(PROXIES))}"


def test_the_backends_image_names_packages_that_are_pinned() -> None:
    names = (ROOT / "backends" / "image" / "requirements.txt").read_text(encoding="utf-8").split()
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert names == sorted(names)
    for name in names:
        assert re.search(rf"^{re.escape(name)}==\S+", lock, re.MULTILINE), name
