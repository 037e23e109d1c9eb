"""What a configuration names of its own machine, kind by kind: changed and told, and the real httpd serves the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.live.command import place
from wslb.commands.attempt import Attempt
from wslb.config import RuntimeChoice, Settings
from wslb.lab.launch import discover
from wslb.lab.trial import open_trial
from wslb.model.results import Outcome
from wslb.scenarios import runner

pytestmark = pytest.mark.live

LOG = "left out (the lab has its own log)"
FOLDER = "left out (the lab has its own folder for it)"
OUTSIDE = "left out (the lab asks no server outside it)"
RUNS = "outside the lab)"
GONE = "left out (the file is not here or cannot be read)"
OWN = "left out (certificates are the run's own)"
UNKNOWN = "left out (no module of this httpd knows"
CERTIFIED = ("SSLCertificateFile /gone/a.pem", "SSLCertificateKeyFile /gone/a.key")


def host(*lines: str) -> str:
    return "\n".join(("<VirtualHost *:443>", "ServerName app.example.org", "SSLEngine On", *lines, "</VirtualHost>"))


WS = "ProxyPass /ws ws://app.internal:8080/ws"
WSS = "SSLProxyEngine On\nSSLProxyVerify require\nProxyPass /ws wss://app.internal:8443/ws"

KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "the-process": (
        WS,
        {
            "User www-data": "ordinary user",
            "Group www-data": "ordinary user",
            "PidFile /run/other.pid": FOLDER,
            "ScoreBoardFile /run/score": FOLDER,
            "Mutex file:/run/lock default": FOLDER,
            "DefaultRuntimeDir /run/other": FOLDER,
            "CoreDumpDirectory /run/core": FOLDER,
        },
    ),
    "logs": (
        WS,
        {
            'ErrorLog "|/usr/bin/rotatelogs /var/log/e 86400"': LOG,
            'CustomLog "|$/usr/bin/rotatelogs /var/log/a 86400" combined': LOG,
            "ErrorLog syslog:local1": LOG,
            "CustomLog /var/log/b common env=!quiet": LOG,
            "TransferLog logs/c": LOG,
            "BufferedLogs On": LOG,
        },
    ),
    "a-cache": (
        f"LoadModule cache_module m/mod_cache.so\nLoadModule cache_disk_module m/mod_cache_disk.so\n{WS}",
        {"CacheRoot /var/cache/x": "keeps no cache", "CacheEnable disk /": "keeps no cache"},
    ),
    "files-that-are-gone": (
        f"LoadModule remoteip_module m/mod_remoteip.so\n{WS}",
        {
            "DocumentRoot /srv/gone": 'DocumentRoot "${RUN}/htdocs" (the folder is not here or cannot be read)',
            "RewriteMap m txt:/gone/map": GONE,
            "RemoteIPTrustedProxyList /gone/list": GONE,
        },
    ),
    "keys-and-sessions-of-tls": (
        host(*CERTIFIED, "SSLOpenSSLConfCmd DHParameters /gone/dh.pem", "SSLSessionTicketKeyFile /gone/ticket", WS),
        {
            "SSLSessionCache shmcb:/run/ssl(512000)": "SSLSessionCache none",
            "SSLPassPhraseDialog exec:/usr/bin/ask": OWN,
            "SSLCertificateFile /gone/a.pem": 'SSLCertificateFile "${RUN}/tls/site-1.pem"',
            "SSLCertificateKeyFile /gone/a.key": 'SSLCertificateKeyFile "${RUN}/tls/site-1.key"',
            "SSLOpenSSLConfCmd DHParameters /gone/dh.pem": GONE,
            "SSLSessionTicketKeyFile /gone/ticket": OWN,
        },
    ),
    "what-tls-asks-of-others": (
        host(*CERTIFIED, "SSLUseStapling On", "SSLOCSPEnable On", "SSLOCSPResponderCertificateFile /gone/o.pem", WS),
        {
            "SSLStaplingCache shmcb:/run/st(32768)": OUTSIDE,
            "SSLUseStapling On": OUTSIDE,
            "SSLOCSPEnable On": OUTSIDE,
            "SSLOCSPResponderCertificateFile /gone/o.pem": OUTSIDE,
        },
    ),
    "clients-that-must-show-a-certificate": (
        host(*CERTIFIED, "SSLVerifyClient require", "SSLCACertificatePath /gone", "SSLCADNRequestFile /gone/d", WS),
        {
            "SSLCACertificatePath /gone": 'SSLCACertificateFile "${RUN}/tls/ca.pem"',
            "SSLCADNRequestFile /gone/d": OWN,
        },
    ),
    "certificates-of-members": (
        WSS,
        {
            "SSLProxyCACertificateFile /gone/ca.pem": 'SSLProxyCACertificateFile "${RUN}/tls/ca.pem"',
            "SSLProxyCACertificatePath /gone": 'SSLProxyCACertificateFile "${RUN}/tls/ca.pem"',
            "SSLProxyMachineCertificateFile /gone/m.pem": OWN,
            "SSLProxyCARevocationCheck chain": OWN,
        },
    ),
    "certificates-that-a-module-fetches": (
        host(WS),
        {
            "LoadModule md_module modules/mod_md.so": RUNS,
            "MDomain app.example.org": OUTSIDE,
            "MDPrivateKeys RSA 4096": UNKNOWN,
            "SSLEngine On": "mod_md would fetch a certificate from outside",
        },
    ),
    "modules-that-are-not-to-be-had": (
        f"<Location /admin>\nAuthBasicProvider ldap\nAuthLDAPBindPassword hidden-word\n</Location>\n{WS}",
        {
            "LoadModule security2_module modules/mod_security2.so": "this httpd has no mod_security2",
            "SecRuleEngine On": UNKNOWN,
            "LoadModule php_module modules/libphp.so": RUNS,
            "php_admin_value open_basedir /srv": UNKNOWN,
            "LoadModule authnz_ldap_module modules/mod_authnz_ldap.so": RUNS,
            "AuthBasicProvider ldap": "left out (this httpd has no such provider)",
            "AuthLDAPBindPassword (redacted)": UNKNOWN,
        },
    ),
}


def text_of(kind: str) -> str:
    """The lines that must be told, those of the main server in front of the others."""
    rest, told = KINDS[kind]
    own = "\n".join(line for line in told if line.replace("(redacted)", "hidden-word") not in rest)
    return f"{own}\n{rest}\n"


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_of_the_users_machine_is_told_and_httpd_serves_the_rest(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "site.conf"
    file.write_text(text_of(kind))
    attempt = Attempt()
    async with open_trial(Settings(), file) as trial:
        attempt.begin(trial)
        result = attempt.worded(await runner.run(attempt.scenarios[0], trial.lab))
        told = [change.told.split(": ", 1)[1] for change in trial.adopted.changes]
    assert result.outcome is Outcome.PASSED, (result.first_failure, result.explanation)
    for line, after in KINDS[kind][1].items():
        assert [one for one in told if one.startswith(f"{line} -> ") and after in one], (line, told)


STALLS = """\
ProxyWebsocketFallbackToProxyHttp Off
SSLProxyEngine On
ProxyPass /ws wss://app.internal:8443/ws
"""


STALL_TRIES = 20


async def test_a_tunnel_that_stalls_over_tls_1_3_is_told_with_its_cure(tmp_path: Path) -> None:
    file = tmp_path / "site.conf"
    file.write_text(STALLS)
    attempt = Attempt()
    async with open_trial(Settings(), file) as trial:
        attempt.begin(trial)
        result = attempt.worded(await runner.run(attempt.scenarios[0], trial.lab))
        tries = 1
        while result.outcome is Outcome.PASSED and tries < STALL_TRIES:  # tickets race with the answer
            result = attempt.worded(await runner.run(attempt.scenarios[0], trial.lab))
            tries += 1
    assert result.outcome is Outcome.FAILED
    assert "site.conf:3: ProxyPass /ws wss://app.internal:8443/ws takes it, a member gets it" in result.explanation
    assert "SSLProxyProtocol TLSv1.2" in result.explanation

    file.write_text(f"{STALLS}SSLProxyProtocol TLSv1.2\n")
    async with open_trial(Settings(), file) as trial:
        attempt.begin(trial)
        assert (await runner.run(attempt.scenarios[0], trial.lab)).outcome is Outcome.PASSED


async def test_without_mod_ssl_it_is_told_that_nobody_speaks_tls(tmp_path: Path) -> None:
    installation = (await discover(Settings(runtime=RuntimeChoice.LOCAL))).installation
    folder = tmp_path / "modules"
    folder.mkdir()
    for module in Path(installation.modules_folder).glob("mod_*.so"):
        if module.name != "mod_ssl.so":
            (folder / module.name).symlink_to(module)
    file = tmp_path / "site.conf"
    file.write_text(f"Listen 80\n{WS}\n{host(*CERTIFIED)}\nProxyPass /tls wss://tls.internal/\nSSLProxyEngine On\n")
    attempt = Attempt()
    async with open_trial(Settings(modules=str(folder)), file) as trial:
        attempt.begin(trial)
        results = {asked.name: attempt.worded(await runner.run(asked, trial.lab)) for asked in attempt.scenarios}
        told = [change.told for change in trial.adopted.changes if "no mod_ssl, so neither" in change.told]
    names = {line.split(": ")[1].split()[0] for line in told}
    assert names == {"SSLEngine", "SSLCertificateFile", "SSLCertificateKeyFile", "SSLProxyEngine"}
    words = [result.explanation for result in results.values()]
    assert [one for one in words if "app.internal:8080 saw GET /ws" in one], words
    assert [one for one in words if "this httpd has no mod_ssl: name one that has it" in one], words


SECRETS = """\
RequestHeader set Authorization "Basic aGlkZGVuOmhpZGRlbg=="
RequestHeader set X-Api-Key hidden-1-a1b2c3d4
RequestHeader set X-Auth-Token "hidden-2-a1b2c3d4"
Header always set Set-Cookie "session=hidden-3-a1b2c3d4"
SetEnv DB_PASSWORD hidden-4-a1b2c3d4
SessionCryptoPassphrase hidden-5-a1b2c3d4
DBDParams "host=db password=hidden-6-a1b2c3d4"
RewriteEngine On
RewriteRule ^/ws$ ws://me:hidden-7-a1b2c3d4@app.internal:8080/ws?token=hidden-8-a1b2c3d4&api_key=hidden-9-a1b2c3d4 [P]
ProxyPass /x ws://x.internal:8080/x secret=hidden-10-a1b2c3d4
<VirtualHost *:443>
SSLEngine On
SSLCertificateFile /gone/a.pem
SSLCertificateKeyFile "pkcs11:object=key;pin-value=hidden-11-a1b2c3d4"
ProxyPass /ws ws://app.internal:8080/ws
</VirtualHost>
<Location /admin>
AuthLDAPBindPassword hidden-12-a1b2c3d4
</Location>
"""


def test_no_secret_of_a_configuration_is_told() -> None:
    with place() as here:
        (here.folder / "site.conf").write_text(SECRETS)
        ended = here.run("try", "site.conf", "-vv")
        files = {path.name: path.read_text(errors="replace") for path in (here.folder / "reports/try").iterdir()}
        assert len(json.loads(files["report.json"])["scenarios"]) >= 2, ended.out + ended.err
        files |= {"stdout": ended.out, "stderr": ended.err}
        for name, text in files.items():
            at = max(text.find("hidden-"), text.find("aGlkZGVu"))
            assert at < 0, (name, text[max(0, at - 200) : at + 60])
        assert here.leftovers() == []
