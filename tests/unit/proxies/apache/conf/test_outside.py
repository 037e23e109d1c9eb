"""What a configuration gets from outside: placeholders of every kind, ``-D``, ``--set``, ``envvars``, its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from wslb.proxies.apache.conf.outside import FilledFiles, outside_of, root_of

PLACEHOLDERS = {
    "ServerName {{ host }}": "host",
    "ServerName {{host}}": "host",
    "ProxyPass /ws ws://{{ .Values.backend.host }}/": ".Values.backend.host",
    "ProxyPass /ws ws://{{ backend | default('x') }}/": "backend | default('x')",
    "ServerName @@HOST@@": "HOST",
    "ServerName <%= @host %>": "@host",
    "ServerName __HOST_NAME__": "HOST_NAME",
    "ProxyPass /ws ws://<your server>/ws": "your server",
    "<VirtualHost {{ address }}:80>": "address",
}


@pytest.mark.parametrize(("line", "name"), PLACEHOLDERS.items(), ids=PLACEHOLDERS)
def test_a_placeholder_is_named_and_filled(line: str, name: str) -> None:
    files = FilledFiles(values={})
    kept = files.kept(f"# {line}\n{line}\n", "a.conf")
    assert [(flaw.line, flaw.text) for flaw in files.open_places] == [(2, name)]
    assert len(kept.splitlines()[1].split()) <= 3, "it is one word, whatever stands in it"
    filled = FilledFiles(values={name: "VALUE"})
    assert "VALUE" in filled.kept(f"{line}\n", "a.conf")
    assert filled.open_places == []
    assert list(filled.changed) == ["a.conf"]


@pytest.mark.parametrize(
    "line",
    [
        "  <RequireAll>",
        '<Location "/a">',
        "RewriteCond %{HTTP:Upgrade} =websocket",
        r"RewriteRule ^/a{2}$ /__a__ [L]",
        "Header set X-A %{__init__}e",
        "<If \"%{HTTP_HOST} == 'a' && 1 <2\">",
        "ProxyPass /ws ws://${HOST}/",
    ],
)
def test_what_httpd_understands_is_no_placeholder(line: str) -> None:
    files = FilledFiles(values={"RequireAll": "x", "Location": "x"})
    assert files.kept(f"{line}\n", "a.conf") == f"{line}\n"
    assert files.open_places == []


def test_many_placeholders_take_no_time_of_the_square() -> None:
    files = FilledFiles(values={"a": "b"})
    assert files.kept("{{ a }} <" * 50_000, "a.conf").startswith("b <b <")


def test_what_is_given_goes_before_what_lies_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "envvars").write_text(
        "export APACHE_A=1 # one\nexport APACHE_B=${APACHE_A}2\nAPACHE_C='x'\nPATH=/bin\n"
    )
    file = tmp_path / "sites-available" / "site.conf"
    file.parent.mkdir()
    found = outside_of(file, defines=["PRODUCTION", "APACHE_A=7", "X=a=b"], values={"APACHE_C": "y"})
    assert found.variables == {"APACHE_A": "7", "APACHE_B": "12", "APACHE_C": "y", "X": "a=b"}
    assert (found.flags, found.told) == (("PRODUCTION",), (f"variables from {tmp_path / 'envvars'}",))
    assert found.defines["PRODUCTION"] == ""


@pytest.mark.parametrize(
    ("file", "root"),
    [
        ("etc/apache2.conf", "etc"),
        ("etc/sites-available/site.conf", "etc"),
        ("etc/conf.d/vhosts/site.conf", "etc"),
        ("other/site.conf", "other"),
    ],
)
def test_relative_paths_count_from_the_tree_that_a_file_lies_in(tmp_path: Path, file: str, root: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "apache2.conf").touch()
    assert root_of(tmp_path / file) == str(tmp_path / root)


@pytest.mark.parametrize(
    ("name", "within"), [(".htaccess", True), (".ht-override", True), (".htpasswd", False), ("htaccess", False)]
)
def test_a_file_of_a_folder_counts_within_it(name: str, within: bool) -> None:
    assert outside_of(Path("/srv/site") / name).folder == ("/srv/site" if within else "")
