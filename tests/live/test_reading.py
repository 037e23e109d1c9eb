"""How httpd itself reads a user's configuration for us: with what we add, in its own place, and why it refuses one."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.test_trace import Backend, asked, served
from tests.live.test_try import debian
from wslb.config import RuntimeChoice, Settings
from wslb.interfaces import Installation
from wslb.lab.launch import discover
from wslb.proxies.apache.advice.adviser import advise_file
from wslb.proxies.apache.conf.directives import walk
from wslb.proxies.apache.conf.dump import Reading, Submitted, consult

pytestmark = pytest.mark.live

PROXYING = "ProxyPass /ws ws://192.0.2.1:8888/ws\n"


@pytest.fixture(scope="module")
async def installation() -> Installation:
    return (await discover(Settings(runtime=RuntimeChoice.LOCAL))).installation


async def reading(installation: Installation, file: Path, *, whole: bool = False) -> Reading:
    return await consult(installation, Submitted(file=str(file), whole=whole, loaded=frozenset()))


def built_in_after_all(installation: Installation, folder: Path) -> Installation:
    more = installation.loadable | installation.built_in
    return replace(installation, built_in=frozenset(), loadable=more)


def with_a_broken_module(installation: Installation, folder: Path) -> Installation:
    """Modules of which one is for another machine."""
    for file in Path(installation.modules_folder).glob("mod_*.so"):
        (folder / file.name).symlink_to(file)
    (folder / "mod_headers.so").unlink()
    (folder / "mod_headers.so").write_bytes(b"\x7fELF of another machine")
    return replace(installation, modules_folder=str(folder))


def as_it_is(installation: Installation, folder: Path) -> Installation:
    return installation


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (built_in_after_all, ""),
        (with_a_broken_module, ""),
        (as_it_is, "LoadModule mpm_prefork_module @MODULES@/mod_mpm_prefork.so\n"),
        (as_it_is, "LoadModule mpm_event_module @MODULES@/mod_mpm_event.so\n"),
        (as_it_is, "LoadModule proxy_module @MODULES@/mod_proxy.so\n"),
        (as_it_is, "LoadModule info_module @MODULES@/mod_info.so\n"),
    ],
    ids=["built in", "of another machine", "another MPM", "the same MPM", "proxy", "info"],
)
async def test_what_we_add_never_makes_httpd_refuse(
    installation: Installation, tmp_path: Path, found: Callable[[Installation, Path], Installation], line: str
) -> None:
    """Whatever the text of the file does not tell us of the modules."""
    file = tmp_path / "site.conf"
    file.write_text(line.replace("@MODULES@", installation.modules_folder) + PROXYING)
    (tmp_path / "modules").mkdir()
    told = await reading(found(installation, tmp_path / "modules"), file)
    assert told.complaint is None, told.sentence
    assert told.tree is not None
    assert [d.name for d in walk(told.tree.directives) if d.file == str(file)] == ["ProxyPass"]


async def test_a_whole_configuration_without_an_mpm_is_read(installation: Installation, tmp_path: Path) -> None:
    """It is of a httpd that has it built in."""
    file = tmp_path / "httpd.conf"
    lines = [f'LoadModule {n}_module "{installation.modules_folder}/mod_{n}.so"' for n in ("authz_core", "proxy")]
    file.write_text("\n".join((f'ServerRoot "{tmp_path}"', *lines, "Listen 127.0.0.1:9", PROXYING)))
    told = await reading(installation, file, whole=True)
    assert told.complaint is None, told.sentence
    assert {"proxy", "authz_core"} <= told.modules


async def test_the_reason_is_told_and_not_that_there_is_one(installation: Installation, tmp_path: Path) -> None:
    """AH00014 stands last, AH02291 before it."""
    file = tmp_path / "site.conf"
    host = f"<VirtualHost *:80>\nErrorLog {tmp_path}/nowhere/a.log\n{PROXYING}</VirtualHost>\n"
    file.write_text(host)
    told = await reading(installation, file)
    assert told.complaint is not None
    assert "AH02291" in told.sentence
    assert f"the folder {tmp_path}/nowhere/ of that log is not on this machine" in told.sentence
    assert f"defined at {file}:1" in told.sentence
    assert "AH00014" not in told.sentence
    answer = await advise_file(file, installation=installation)
    assert [advice.rule for advice in answer.advice if advice.severity.value == "error"] == [], "it is of this machine"


async def test_a_complaint_is_shown_in_full(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "site.conf"
    file.write_text(f"{PROXYING}ProxyPass /x ws://192.0.2.1/{'y' * 300} lbset=100\n")
    told = await reading(installation, file)
    assert told.complaint is not None
    assert (told.complaint.file, told.complaint.line) == (str(file), 2)
    assert told.complaint.text.lower() == "proxypass lbset must be between 0 and 99"
    (found,) = (await advise_file(file, installation=installation)).advice
    assert (found.rule, found.line) == ("WSLB-C000", 2)
    assert "must be between 0 and 99" in found.why


async def test_a_tree_elsewhere_is_read_with_its_own_files(installation: Installation, tmp_path: Path) -> None:
    """Its relative paths lead to files beside it, not to those of this machine's own httpd; dots change nothing."""
    (tmp_path / "etc" / "more").mkdir(parents=True)
    (tmp_path / "etc" / "more" / "ws.conf").write_text("ProxyPass /ws \\\n  ws://192.0.2.1:8888/ws\n")
    (tmp_path / "etc" / "apache2.conf").write_text("IncludeOptional none/*.conf\nInclude more/../more/ws.conf\n")
    for name in ("etc/apache2.conf", "etc/more/../apache2.conf"):
        answer = await advise_file(tmp_path / name, installation=installation, paths=["/ws/1"])
        assert answer.source.startswith("read by httpd"), answer.source
        (end,) = answer.paths[0].ends
        assert end.at is not None
        assert (end.at.file, end.at.line) == (str(tmp_path / "etc/more/ws.conf"), 1)
        assert answer.files == 2


async def test_a_tree_of_debian_is_read_with_its_variables(installation: Installation, tmp_path: Path) -> None:
    """Whether it is asked for as a whole or by one site of it."""
    main = debian(tmp_path / "etc", 8080)
    site = main.parent / "sites-enabled" / "site.conf"
    for name, count in (main, 13), (main.parent / "sites-available" / "site.conf", 1):
        answer = await advise_file(name, installation=installation, paths=["/ws"])
        if name == main and "AH02291" in answer.source:  # its log's folder is not on this machine
            assert "/var/log/apache2" in answer.source
        assert answer.source.endswith(f", with variables from {main.parent / 'envvars'}")
        assert answer.files >= count
        assert not any("APACHE_" in advice.what for advice in answer.advice), "each variable has a value"
        ends = [end for traced in answer.paths for end in traced.ends if end.at]
        assert {(end.at.line, end.carries) for end in ends if end.at} == {(9, False)}
        assert {end.at.file for end in ends if end.at} == {str(site if name == main else name)}


async def test_a_macro_and_what_is_defined_are_read_as_httpd_reads_them(
    installation: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "site.conf"
    file.write_text(
        "Define BACK 192.0.2.1\n<Macro Ws $path $port>\n  ProxyPass $path ws://${BACK}:$port$path\n</Macro>\n"
        "Use Ws /a 81\n<IfDefine MORE>\nUse Ws /b 82\n</IfDefine>\n"
    )
    for reader in (None, installation):
        for defines, port in ((), None), (("MORE",), 82):
            answer = await advise_file(file, installation=reader, paths=["/a/1", "/b/1"], defines=defines)
            urls = [traced.ends[-1].url for traced in answer.paths]
            assert urls == ["ws://192.0.2.1:81/a/1", f"ws://192.0.2.1:{port}/b/1" if port else ""]
            assert {end.at.line for traced in answer.paths for end in traced.ends if end.at} == {3}


async def test_a_file_named_with_dots_keeps_its_name(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "site.conf").write_text("ProxyPass / \\\n http://192.0.2.9/\n" + PROXYING)
    monkeypatch.chdir(tmp_path / "a")
    answer = await advise_file(Path("../site.conf"), installation=installation)
    assert answer.source.startswith("read by httpd"), answer.source
    assert [(a.rule, a.file, a.line) for a in answer.advice] == [("WSLB-C050", "../site.conf", 3)]
    assert "of line 1" in answer.advice[0].what


async def test_what_was_filled_in_is_what_httpd_reads(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "site.conf"
    file.write_text("ProxyPass /ws ws://{{ host }}:${PORT}/ws\nProxyTimeout {{ seconds }}\n")
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "copies"))
    values = {"host": "192.0.2.1", "seconds": "many"}
    answer = await advise_file(file, installation=installation, values=values, defines=["PORT=81"])
    assert ("WSLB-C000", str(file), 2) in [(a.rule, a.file, a.line) for a in answer.advice], answer.source
    answer = await advise_file(file, installation=installation, values={**values, "seconds": "9"}, defines=["PORT=81"])
    assert answer.source.startswith("read by httpd"), answer.source
    assert list((tmp_path / "copies").iterdir()) == []


HTACCESS = {
    "without the slash": ("RewriteRule ^ws/(.*)$ ws://@A@/there/$1 [P]", 101, set[str]()),
    "with the slash": ("RewriteRule ^/ws/(.*)$ ws://@A@/there/$1 [P]", 404, {"WSLB-C145"}),
    "ProxyPass": ("ProxyPass /ws ws://@A@/there", 500, {"WSLB-C143"}),
    "ProxyPreserveHost": ("ProxyPreserveHost On", 500, {"WSLB-C143"}),
    "Location": ("<Location /ws>\n</Location>", 500, {"WSLB-C143"}),
}


@pytest.mark.parametrize(("lines", "status", "rules"), HTACCESS.values(), ids=HTACCESS)
async def test_a_file_of_a_folder_is_judged_as_httpd_takes_it(
    installation: Installation, tmp_path: Path, lines: str, status: int, rules: set[str]
) -> None:
    backend = Backend()
    async with await asyncio.start_server(backend.answer, "127.0.0.1", 0) as server:
        text = f"RewriteEngine On\n{lines}\n".replace("@A@", f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        allowed = f'<Directory "{tmp_path}/htdocs">\nAllowOverride FileInfo\nRequire all granted\n</Directory>'
        async with served(allowed, tmp_path, installation) as port:
            (tmp_path / "htdocs" / ".htaccess").write_text(text)
            assert await asked(port, "/ws/1") == status
    answer = await advise_file(tmp_path / "htdocs" / ".htaccess", installation=installation, paths=["/ws/1"])
    assert {a.rule for a in answer.advice if a.severity.value == "error"} == rules, answer.source
    assert any(end.carries for traced in answer.paths for end in traced.ends) is (status == 101)
    needed = [a for a in answer.advice if a.rule == "WSLB-C144"]
    assert [a.cure for a in needed] == ["AllowOverride FileInfo in the <Directory> of the server's own configuration."]


@pytest.mark.parametrize(
    ("override", "status"),
    [("AllowOverride FileInfo", 101), ("AllowOverride None", 404), ("AllowOverride AuthConfig", 500), ("", 500)],
)
async def test_without_its_override_a_file_of_a_folder_is_unread_or_refused(
    installation: Installation, tmp_path: Path, override: str, status: int
) -> None:
    backend = Backend()
    async with await asyncio.start_server(backend.answer, "127.0.0.1", 0) as server:
        text = f"RewriteEngine On\nRewriteRule ^ws$ ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws [P]\n"
        lines = f'<Directory "{tmp_path}/htdocs">\n{override}\nRequire all granted\n</Directory>'
        async with served(lines, tmp_path, installation) as port:
            (tmp_path / "htdocs" / ".htaccess").write_text(text)
            assert await asked(port, "/ws") == status
