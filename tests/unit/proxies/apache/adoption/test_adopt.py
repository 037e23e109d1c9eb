"""What adoption changes, line by line, and what it leaves as it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from tests.unit.proxies.apache.adoption.configurations import BROKEN, SOUND, Written, lines_of
from wslb.errors import ConfigError, EvidenceError
from wslb.interfaces import Installation
from wslb.proxies.apache.adoption.adopt import adopt, refused_line
from wslb.proxies.apache.adoption.adopted import Adopted
from wslb.proxies.apache.adoption.original import Original, read_original
from wslb.proxies.apache.conf.vocabulary import USUAL_MODULES

INSTALLATION = Installation(
    binary="/usr/sbin/httpd",
    modules_folder="/usr/lib/httpd/modules",
    version="2.4.71",
    built_in=frozenset({"core", "so", "http", "unixd"}),
    loadable=frozenset(USUAL_MODULES) | {"mpm_event", "mpm_worker", "proxy_connect", "proxy_ftp", "wsgi"},
)

Adopt = Callable[..., Adopted]


@pytest.fixture
def adopted(tmp_path: Path) -> Adopt:
    """Adopts a text; `original` of it is kept on the function."""

    def made(text: str, *, defines: Sequence[str] = (), **values: str) -> Adopted:
        file = tmp_path / "httpd.conf"
        file.write_text(text)
        original = read_original(file, installation=INSTALLATION, defines=defines, values=values)
        return adopt(original, installation=INSTALLATION, as_root=True, readable=lambda path: path == "/srv/www")

    return made


def body(adopted: Adopted) -> list[str]:
    """Lines that come from the user's file."""
    return [line.strip() for line, (file, _) in zip(adopted.lines, adopted.places, strict=True) if file]


UNCHANGED = (
    "ProxyPreserveHost On",
    "ProxyPass /ws !",
    'RewriteCond %{HTTP:Upgrade} "^web socket$" [NC]',
    r"RewriteRule ^/a\.b/(\d+)$ /c\\d/$1 [QSA]",
    'RewriteRule ^/old https://other.example.org:444/ "[R=301,L]"',
    'Header always set X-A "it\'s %{UNIQUE_ID}e"',
    "Require expr %{HTTP_HOST} == 'a b'",
    "Timeout 17",
    "ProxyPass /pool balancer://pool/ws stickysession=ID timeout=5",
    "ServerName app.example.org:8443",
    "MaxRequestWorkers 40",
)


@pytest.mark.parametrize("line", UNCHANGED)
def test_what_decides_about_websockets_stays_as_it_is_written(adopted: Adopt, line: str) -> None:
    made = adopted(f"{line}\n")
    assert body(made) == [line]
    assert made.changes == ()


CHANGED = {
    "Listen 80": "Listen 127.0.0.1:${WSLB_PORT_80}",
    "Listen 443": "Listen 127.0.0.1:${WSLB_PORT_443} https",
    "Listen 192.0.2.1:8443 https": "Listen 127.0.0.11:${WSLB_PORT_8443} https",
    "Listen [::]:80": "Listen 127.0.0.1:${WSLB_PORT_80}",
    "<VirtualHost *:81>\n</VirtualHost>": "<VirtualHost *:${WSLB_PORT_81}>",
    "ProxyPass /ws ws://app:8080/ws retry=0": "ProxyPass /ws ws://${WSLB_MEMBER_1}/ws retry=0",
    "ProxyPass /ws wss://app/ws": "ProxyPass /ws wss://${WSLB_MEMBER_1_TLS}/ws",
    "ProxyPass /ws ws://me:secret@app/ws": "ProxyPass /ws ws://${WSLB_MEMBER_1}/ws",
    "ProxyPass /ws ws://[2001:db8::1]:80/ws": "ProxyPass /ws ws://${WSLB_MEMBER_1}/ws",
    "ProxyPassMatch ^/(.*)$ ws://app:81$1": "ProxyPassMatch ^/(.*)$ ws://${WSLB_MEMBER_1}$1",
    "ProxyPassReverse / http://app:81/": "ProxyPassReverse / http://${WSLB_MEMBER_1}/",
    "RewriteRule ^/(.*) ws://app:81/$1 [P]": "RewriteRule ^/(.*) ws://${WSLB_MEMBER_1}/$1 [P]",
    "RewriteRule ^/(.*) ws://%{HTTP_HOST}:81/$1 [P]": "RewriteRule ^/(.*) ws://${WSLB_MEMBER_1}/$1 [P]",
    "RewriteRule ^/(.*) ws://10.0.0.%{ENV:N}/$1 [P]": "RewriteRule ^/(.*) ws://${WSLB_MEMBER_1}/$1 [P]",
    'SetHandler "proxy:unix:/run/a.sock|ws://localhost/"': "SetHandler proxy:ws://${WSLB_MEMBER_1}/",
    "SSLCertificateFile /a.pem\nSSLCertificateKeyFile /a.key": 'SSLCertificateFile "${RUN}/tls/site-1.pem"',
    "SSLCertificateFile /both.pem": 'SSLCertificateFile "${RUN}/tls/site-1.pem"',
    "SSLProxyCACertificateFile /ca.pem": 'SSLProxyCACertificateFile "${RUN}/tls/ca.pem"',
    "DocumentRoot /srv/gone": 'DocumentRoot "${RUN}/htdocs"',
    "AllowOverride All": "AllowOverride None",
    "SSLAppName APP": 'SSLCertificateFile "${RUN}/tls/site-1.pem"',
    "SSLProxyAppName APP": 'SSLProxyCACertificateFile "${RUN}/tls/ca.pem"',
    "SSLProtocolDisable SSLv2 SSLv3": "SSLProtocol all -SSLv3",
    "SSLProxyVerify 2": "SSLProxyVerify require",
    "LoadModule ssl_module /QSYS.LIB/X.SRVPGM": 'LoadModule ssl_module "/usr/lib/httpd/modules/mod_ssl.so"',
}


@pytest.mark.parametrize(("line", "after"), CHANGED.items(), ids=CHANGED)
def test_what_would_reach_out_of_the_lab_is_changed_and_told(adopted: Adopt, line: str, after: str) -> None:
    made = adopted(f"# first\n{line}\n")
    assert body(made)[0] == after
    assert (made.changes[0].line, made.changes[0].before) == (2, line.partition("\n")[0])
    assert made.changes[0].why


LEFT_OUT = (
    "User www-data",
    "PidFile /run/httpd.pid",
    "ErrorLog |/usr/bin/logger",
    'CustomLog "|/usr/bin/rotatelogs /var/log/a 86400" combined',
    "LogLevel debug",
    "Mutex file:/run/lock",
    "SSLPassPhraseDialog exec:/usr/bin/phrase",
    "SSLUseStapling On",
    "SSLRandomSeed startup exec:/usr/bin/seed",
    "RewriteMap names prg:/usr/bin/names",
    "RewriteRule ^/(.*) ${names:$1} [P]",
    "ProxyRemote * http://outside.example.org:3128",
    "LoadFile /opt/lib/libx.so",
    "LoadModule wsgi_module modules/mod_wsgi.so",
    "LoadModule security2_module modules/mod_security2.so",
    "LoadModule http_module modules/mod_http.so",
)


@pytest.mark.parametrize("line", LEFT_OUT)
def test_what_would_run_or_write_or_ask_outside_is_left_out_and_told(adopted: Adopt, line: str) -> None:
    made = adopted(f"{line}\nTimeout 17\n")
    assert body(made) == ["Timeout 17"]
    assert [(change.before, change.after) for change in made.changes] == [(line, "")]


def test_one_stand_in_for_each_host_and_port(adopted: Adopt) -> None:
    made = adopted("ProxyPass /a ws://app/a\nProxyPass /b wss://APP:80/b\nProxyPass /c ws://app:81\n")
    assert [(s.host, s.port, s.name) for s in made.stand_ins] == [("app", 80, "app-80"), ("app", 81, "app-81")]


def test_certificates_are_for_the_names_of_their_server(adopted: Adopt) -> None:
    made = adopted(
        "<VirtualHost *:443>\nServerName https://a.example.org:443\nServerAlias b.example.org *.c.example.org\n"
        "SSLCertificateFile /a.pem\nSSLCertificateKeyFile /a.key\n</VirtualHost>\n"
        "<VirtualHost *:443>\nServerName d.example.org\nSSLCertificateFile /d.pem\nSSLCertificateKeyFile /d.key\n"
        "</VirtualHost>\n"
    )
    assert [certified.names for certified in made.certificates] == [
        ("a.example.org", "b.example.org", "*.c.example.org"),
        ("d.example.org",),
    ]
    keys = [line for line in body(made) if "KeyFile" in line]
    assert keys == [f'SSLCertificateKeyFile "${{RUN}}/tls/site-{number}.key"' for number in (1, 2)]


def test_a_fragment_gets_the_usual_modules_and_listeners(adopted: Adopt) -> None:
    made = adopted("ProxyPass /ws ws://app/ws\n<VirtualHost *:8443>\n</VirtualHost>\n")
    assert "proxy_wstunnel" in made.modules
    assert {door.told for door in made.doors} == {"*:8443", "*:80"}


def test_a_whole_configuration_gets_no_module_that_it_does_not_load(adopted: Adopt) -> None:
    made = adopted(
        "ServerRoot /srv\nLoadModule mpm_event_module m/mod_mpm_event.so\nLoadModule proxy_module m/mod_proxy.so\n"
    )
    assert not {"proxy_http", "proxy_wstunnel", "rewrite", "ssl"} & set(made.modules)
    assert not any(line.startswith("LoadModule mpm_event") for line in made.lines[: len(made.modules) + 3])


def test_what_health_checks_need_is_supplied_where_the_users_httpd_had_it_built_in(tmp_path: Path) -> None:
    file = tmp_path / "httpd.conf"
    file.write_text("ServerRoot /srv\nLoadModule proxy_hcheck_module m/mod_proxy_hcheck.so\n")
    loadable = replace(INSTALLATION, loadable=INSTALLATION.loadable | {"watchdog", "proxy_hcheck"})
    for installation, supplied in ((loadable, True), (INSTALLATION, False)):
        original = read_original(file, installation=installation)
        made = adopt(original, installation=installation, as_root=False, readable=lambda _: False)
        assert ("watchdog" in made.modules) is supplied


BROUGHT = {
    "RewriteMap m txt:paths.txt": "RewriteMap m txt:${RUN}/files/1",
    "AuthUserFile /etc/users": "AuthUserFile ${RUN}/files/1",
    "SSLOpenSSLConfCmd DHParameters /etc/dh.pem": "SSLOpenSSLConfCmd DHParameters ${RUN}/files/1",
}
LEFT = ("RewriteMap m int:tolower", "RewriteMap m dbm:/srv/map", "SSLOpenSSLConfCmd Curves X25519", "Timeout 3")


def apart(tmp_path: Path, text: str, *, everywhere: str = "") -> Adopted:
    file = tmp_path / "httpd.conf"
    file.write_text(text)
    return adopt(
        read_original(file, installation=INSTALLATION),
        installation=INSTALLATION,
        as_root=False,
        readable=lambda _: False,
        everywhere=everywhere,
        apart=True,
    )


@pytest.mark.parametrize(("line", "after"), BROUGHT.items(), ids=BROUGHT)
def test_what_httpd_reads_is_brought_to_a_container(tmp_path: Path, line: str, after: str) -> None:
    made = apart(tmp_path, f"ServerRoot /srv\n{line}\n{line}\n")
    assert body(made) == [after, after]
    assert [(f.name, f.path) for f in made.files] == [
        ("files/1", str(PurePosixPath("/srv") / line.rsplit(maxsplit=1)[-1].removeprefix("txt:")))
    ]


@pytest.mark.parametrize("line", LEFT)
def test_what_names_no_file_that_can_be_brought_stays(tmp_path: Path, line: str) -> None:
    made = apart(tmp_path, f"{line}\n")
    assert (body(made), made.files) == ([line], ())


def test_behind_published_ports_httpd_listens_everywhere_and_clients_come_to_loopback(tmp_path: Path) -> None:
    text = "Listen 192.0.2.1:80\nListen 127.0.0.2:81\n<VirtualHost 192.0.2.1:80>\n</VirtualHost>\n"
    made = apart(tmp_path, text, everywhere="0.0.0.0")
    assert body(made) == [
        "Listen 0.0.0.0:${WSLB_PORT_80}",
        "Listen 0.0.0.0:${WSLB_PORT_81}",
        "<VirtualHost *:${WSLB_PORT_80}>",
        "</VirtualHost>",
    ]
    assert {door.address for door in made.doors} == {"127.0.0.1"}


def test_published_ports_cannot_tell_addresses_apart(tmp_path: Path) -> None:
    text = "<VirtualHost 192.0.2.1:80>\n</VirtualHost>\n<VirtualHost *:80>\n</VirtualHost>\n"
    with pytest.raises(ConfigError, match=r"\* and 192\.0\.2\.1"):
        apart(tmp_path, text, everywhere="0.0.0.0")


def test_conditions_are_those_of_the_httpd_that_serves(adopted: Adopt) -> None:
    made = adopted(
        "<IfVersion >= 2.4.60>\nTimeout 1\n</IfVersion>\n<IfVersion < 2.4>\nTimeout 2\n</IfVersion>\n"
        "<IfModule !proxy_module>\nTimeout 3\n</IfModule>\n<IfModule mod_nothing.c>\nTimeout 4\n</IfModule>\n"
        "<IfDefine A>\nTimeout 5\n</IfDefine>\n<IfDefine !A>\nTimeout 6\n</IfDefine>\n",
        defines=["A"],
    )
    assert body(made) == ["Timeout 1", "Timeout 5"]


def test_variables_stay_and_get_their_values_from_envvars(tmp_path: Path, adopted: Adopt) -> None:
    (tmp_path / "envvars").write_text(
        "unset HOME\nSUFFIX=\nexport APACHE_RUN_DIR=/run/apache2$SUFFIX # where\nexport APACHE_X=`rm -rf /`\n"
    )
    file = tmp_path / "httpd.conf"
    file.write_text("Define PORT 81\nProxyPass ${PREFIX} /x/${PORT}/${APACHE_RUN_DIR}\n")
    original: Original = read_original(file, installation=INSTALLATION, values={"PREFIX": "/ws"})
    made = adopt(original, installation=INSTALLATION, as_root=False, readable=lambda _: False)
    assert original.defines["APACHE_RUN_DIR"] == "/run/apache2"
    assert original.effect.directives[-1].words == ("/ws", "/x/81//run/apache2")
    assert "ProxyPass ${PREFIX} /x/${PORT}/${APACHE_RUN_DIR}" in made.text({})


def test_a_macro_is_written_out(adopted: Adopt) -> None:
    made = adopted("<Macro M $p>\nProxyPass $p ws://app:8080$p\n</Macro>\nUse M /a\nUse M /b\n")
    assert body(made) == ["ProxyPass /a ws://${WSLB_MEMBER_1}/a", "ProxyPass /b ws://${WSLB_MEMBER_1}/b"]


@pytest.mark.parametrize("text", ["ServerName {{ host }}", "ServerName @@HOST@@", "ProxyPass / ws://<your host>/"])
def test_a_placeholder_without_a_value_is_named(adopted: Adopt, text: str) -> None:
    with pytest.raises(ConfigError) as found:
        adopted(f"Timeout 1\n{text}\n")
    assert "httpd.conf:2" in str(found.value)
    assert found.value.hint.startswith("Give it: --set '")


def test_a_placeholder_gets_its_value(adopted: Adopt) -> None:
    assert body(adopted("ServerName {{ host }}.org\n", host="a.example")) == ["ServerName a.example.org"]


def test_a_section_is_no_placeholder(adopted: Adopt) -> None:
    assert body(adopted("<Location /a>\n</Location>\n")) == ["<Location /a>", "</Location>"]


@pytest.mark.parametrize("content", [b"", b"\0\1", b"# nothing\n"])
def test_what_is_no_configuration_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "httpd.conf"
    file.write_bytes(content)
    with pytest.raises(EvidenceError):
        read_original(file, installation=INSTALLATION)


def test_secrets_are_not_told(adopted: Adopt) -> None:
    made = adopted("ProxyPass / ajp://user:hidden1@app/ secret=hidden2\nBalancerMember ws://a hcpassword=hidden3\n")
    assert len(made.changes) == 2
    assert not any("hidden" in change.told for change in made.changes)


def test_a_refused_section_is_left_out_whole(adopted: Adopt) -> None:
    made = adopted("Timeout 1\n<Strange a>\n<Location /x>\nFoo\n</Location>\n</Strange>\nTimeout 2\n")
    at = next(n for n, line in enumerate(made.lines, 1) if line.strip() == "<Strange a>")
    less = refused_line(made, at + len(made.prelude({"A": "1"})), {"A": "1"}, "nobody knows it")
    assert body(less) == ["Timeout 1", "Timeout 2"]
    assert (less.changes[-1].line, less.changes[-1].before) == (2, "<Strange a>")


@pytest.mark.parametrize("written", [*SOUND.values(), *BROKEN.values()], ids=[*SOUND, *BROKEN])
def test_no_address_of_the_user_is_left(tmp_path: Path, written: Written) -> None:
    file = tmp_path / "site.conf"
    file.write_text(lines_of(written)[0])
    original = read_original(file, installation=INSTALLATION, defines=written.defines, values=written.values)
    made = adopt(original, installation=INSTALLATION, as_root=True, readable=lambda _: False)
    rules = [line for line in body(made) if line.startswith("RewriteRule") and "[P" not in line]
    kept = [line.replace("127.0.0.1:$", "") for line in body(made) if line not in rules and line[:6] != "Define"]
    assert not [line for line in kept if ".internal" in line or "127.0.0.1:" in line]
