"""What is no configuration of httpd is called by its name."""

from __future__ import annotations

import pytest

from tests.unit.proxies.apache.advice.cases import BROKEN, SOUND
from wslb.proxies.apache.conf.languages import another_language

OTHERS = {
    "nginx": "upstream ws {\n  server 192.0.2.1:8888;\n}\nserver {\n  listen 80;\n  location /ws {\n"
    "    proxy_pass http://ws;\n    proxy_set_header Upgrade $http_upgrade;\n  }\n}\n",
    "HAProxy": "# edge\ndefaults\n  mode http\n\nfrontend www\n  bind :80\n  default_backend ws\n\nbackend ws\n"
    "  server one 192.0.2.1:8888 check\n",
    "Caddy": "www.example.org {\n  encode gzip\n  reverse_proxy /ws 192.0.2.1:8888 192.0.2.2:8888\n}\n",
    "YAML": "http:\n  routers:\n    ws:\n      rule: PathPrefix(`/ws`)\n      service: ws\n  services:\n    ws:\n"
    "      loadBalancer:\n        servers:\n          - url: http://192.0.2.1:8888\n",
    "JSON": '{\n "server": "www.example.org",\n "port": 80\n}\n',
    "a program (/bin/sh)": "#!/bin/sh\nexec apachectl -k graceful\n",
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_languages_are_named(name: str) -> None:
    assert another_language(OTHERS[name]) == name


@pytest.mark.parametrize("text", [case.text for case in (*BROKEN.values(), *SOUND.values())])
def test_a_configuration_of_httpd_is_taken_for_nothing_else(text: str) -> None:
    assert another_language(text) is None


@pytest.mark.parametrize("text", ["", "Listen 80\n", "Define NAME {\n", "# only: this\nTimeout 60\n"])
def test_short_texts_are_not_judged(text: str) -> None:
    assert another_language(text) is None
