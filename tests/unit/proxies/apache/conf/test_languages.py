"""What is no configuration of httpd is called by its name."""

from __future__ import annotations

import time

import pytest

from tests.unit.proxies.apache.adoption.configurations import BROKEN as TRIED_BROKEN
from tests.unit.proxies.apache.adoption.configurations import SOUND as TRIED_SOUND
from tests.unit.proxies.apache.adoption.configurations import lines_of
from tests.unit.proxies.apache.advice.cases import BROKEN, SOUND
from wslb.proxies.apache.conf.languages import another_language

OTHERS = {
    "nginx": (
        "upstream ws {\n  server 192.0.2.1:8888;\n}\nserver {\n  listen 80;\n  location /ws {\n"
        "    proxy_pass http://ws;\n    proxy_set_header Upgrade $http_upgrade;\n  }\n}\n",
        "location /ws { proxy_pass http://192.0.2.1; }\n",
        "server\n{\n    listen 80; # <all>\n    location / {\n        proxy_pass http://192.0.2.1:3000;\n    }\n}\n",
    ),
    "HAProxy": (
        "# edge\ndefaults\n  mode http\n\nfrontend www\n  bind :80\n  default_backend ws\n\nbackend ws\n"
        "  server one 192.0.2.1:8888 check\n",
        "listen web\n  bind :80\n  server one 192.0.2.1:80\n",
    ),
    "Caddy": (
        "www.example.org {\n  encode gzip\n  reverse_proxy /ws 192.0.2.1:8888 192.0.2.2:8888\n}\n",
        "www.example.org\n\nreverse_proxy 192.0.2.1:3000\n",
    ),
    "YAML": (
        "http:\n  routers:\n    ws:\n      rule: PathPrefix(`/ws`)\n      service: ws\n  services:\n    ws:\n"
        "      loadBalancer:\n        servers:\n          - url: http://192.0.2.1:8888\n",
        'services:\n  web:\n    image: httpd:2.4\n    ports:\n      - "80:80"\n',
    ),
    "TOML or INI": ('[http.routers.ws]\nrule = "Path(`/ws`)"\nservice = "ws"\n', "[server]\nport = 80\nhost = a\n"),
    "JSON": ('{\n "server": "www.example.org",\n "port": 80\n}\n',),
    "lighttpd": ('$HTTP["url"] =~ "^/ws" {\n  proxy.server = ( "" => ( ( "host" => "192.0.2.1" ) ) )\n}\n',),
    "VCL of Varnish": (
        'vcl 4.1;\nbackend default {\n  .host = "192.0.2.1";\n}\nsub vcl_recv {\n  return (pipe);\n}\n',
    ),
    "Squid": ("http_port 3128\nacl all src 192.0.2.0/24\nhttp_access allow all\n",),
    "XML": ('<?xml version="1.0"?>\n<a/>\n', '<Server port="8005">\n  <Connector port="8080"/>\n</Server>\n'),
    "a web.config of IIS": (
        '<configuration>\n <system.webServer>\n  <webSocket enabled="true" />\n </system.webServer>\n',
    ),
    "HTML": ("<!DOCTYPE html>\n<html>\n<body>x</body>\n</html>\n",),
    "JavaScript": (
        "const http = require('http');\nconst app = http.createServer((req, res) => {\n  res.end('x');\n});\n",
        "import { createServer } from 'http';\nexport function serve(port: number): void {\n  listen(port);\n}\n",
    ),
    "Python": (
        "import asyncio\n\nasync def main():\n    print('x')\n",
        '"""Doc."""\nfrom a.b import c\nx = "<b>x</b>"\n',
    ),
    "PHP": ("<?php\n$x = 1;\necho $x;\n",),
    "Java": ("package a;\nimport java.io.*;\npublic class A {\n  int x = 1;\n}\n",),
    "Go": ('package main\n\nimport "fmt"\n\nfunc main() {\n\tfmt.Println()\n}\n',),
    "a shell script": ("set -e\nif [ -f x ]; then\n  echo y\nfi\n", "export APACHE_RUN_USER=www-data\n"),
    "a program (/bin/sh)": ("#!/bin/sh\nexec apachectl -k graceful\n",),
    "a Dockerfile": ("FROM httpd:2.4\nCOPY httpd.conf /usr/local/apache2/conf/\nEXPOSE 80\n",),
    "Markdown": (
        "# Proxy\n\nWrite this:\n\n```apache\n<VirtualHost *:80>\nProxyPass / http://x/\n</VirtualHost>\n```\n",
    ),
    "a patch": ("--- a/a.conf\n+++ b/a.conf\n@@ -1 +1,2 @@\n Listen 80\n+ProxyPass /ws ws://a/ws\n",),
    "a log": (
        "[Wed Nov 25 19:27:28.747689 2026] [so:warn] [pid 1:tid 1] AH01574: module proxy_module is already loaded\n",
        '192.0.2.1 - - [25/Nov/2026:13:55:36 +0000] "GET / HTTP/1.1" 200 12\n',
    ),
    "a certificate or a key": ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",),
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in OTHERS.items() for text in texts])
def test_other_languages_are_named(name: str, text: str) -> None:
    assert another_language(text) == name


HTTPD = [
    *(case.text for case in (*BROKEN.values(), *SOUND.values())),
    *(lines_of(written)[0] for written in (*TRIED_BROKEN.values(), *TRIED_SOUND.values())),
    "Define SERVER {\nListen 80\n",
    "KeepAlive On\nUseCanonicalName Off\n",
    "# server {\n#   listen 80;\n# }\nTimeout 60\n",
    "RewriteCond %{HTTP:Upgrade} =websocket [NC]\n",
    'SetEnvIf Host "a;" b;\nListen 80\n',
    "global Off\n",
    "listen 80\n",
]


@pytest.mark.parametrize("text", HTTPD)
def test_a_configuration_of_httpd_is_taken_for_nothing_else(text: str) -> None:
    assert another_language(text) is None


@pytest.mark.parametrize("text", ["", "Listen 80\n", "Define NAME {\n", "# only: this\nTimeout 60\n"])
def test_short_texts_are_not_judged(text: str) -> None:
    assert another_language(text) is None


@pytest.mark.parametrize("head", ["", "global", "server", "FROM a\n", "a [", "class A", "if [", "<"])
@pytest.mark.parametrize("rest", ["\n", " ", " \n", "x", "{", "a ", "location "])
def test_no_text_takes_time_of_the_square(head: str, rest: str) -> None:
    """Measured against half of it: twice the text, at most about twice the time."""

    def seconds(length: int) -> float:
        text = head + rest * (length // len(rest))
        begin = time.process_time()
        another_language(text)
        return time.process_time() - begin

    assert min(seconds(100_000) for _ in range(2)) < 12 * min(seconds(25_000) for _ in range(3)) + 0.02
