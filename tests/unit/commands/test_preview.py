from __future__ import annotations

import re
from pathlib import Path

import pytest

from wslb.commands.preview import compose_configuration
from wslb.model.balancer import LbMethod

ROOT = Path(__file__).parents[3]
FILES = {
    LbMethod.BYREQUESTS: "httpd.conf",
    LbMethod.BYBUSYNESS: "httpd.bybusyness.conf",
    LbMethod.BYTRAFFIC: "httpd.bytraffic.conf",
}


@pytest.mark.parametrize("lbmethod", FILES)
def test_the_committed_configuration_is_the_template_s_rendering(
    lbmethod: LbMethod, pytestconfig: pytest.Config
) -> None:
    path = ROOT / "apache" / FILES[lbmethod]
    text = compose_configuration(lbmethod)
    if pytestconfig.getoption("--update-golden"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"wslb config --compose --lbmethod {lbmethod} > apache/{path.name}"


def test_the_services_of_the_configuration_are_those_of_compose() -> None:
    _, _, text = (ROOT / "compose.yaml").read_text(encoding="utf-8").partition("\nservices:\n")
    services = re.findall(r"^  ([a-z]+):$", text, re.MULTILINE)
    hosts = set(re.findall(r"BalancerMember wss?://([a-z]+):", compose_configuration()))
    assert hosts == {"liberty", "node"}
    assert {*hosts, "certs", "apache"} == set(services)


def test_the_backends_image_names_packages_that_are_pinned() -> None:
    names = (ROOT / "backends" / "image" / "requirements.txt").read_text(encoding="utf-8").split()
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert names == sorted(names)
    for name in names:
        assert re.search(rf"^{re.escape(name)}==\S+", lock, re.MULTILINE), name
