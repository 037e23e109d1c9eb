"""Builds of httpd: where their modules lie, which they can load, how they serve, and what is no httpd 2.4 at all."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.command import Place, place
from wslb.config import Mpm
from wslb.errors import RuntimeUnavailable
from wslb.interfaces import Installation
from wslb.proxies.apache.dialect import MPMS, ApacheDialect
from wslb.proxies.apache.discovery import find_httpd
from wslb.runtimes.local.local_runtime import LocalRuntime

pytestmark = pytest.mark.live


async def found(binary: Path | str | None, folder: Path, **asked: str) -> Installation:
    return await find_httpd(LocalRuntime(folder), ApacheDialect(), binary=str(binary) if binary else None, **asked)


@pytest.fixture
async def real(tmp_path: Path) -> Installation:
    return await found(None, tmp_path)


def linked(real: Installation, folder: Path) -> Path:
    """A folder with a link to every module of the real httpd."""
    folder.mkdir(parents=True)
    for file in Path(real.modules_folder).glob("mod_*.so"):
        (folder / file.name).symlink_to(file)
    return folder


def spoilt(real: Installation, folder: Path, *names: str) -> Path:
    """The same, but for files that are no modules."""
    linked(real, folder)
    for name in names:
        (folder / f"mod_{name}.so").unlink()
        (folder / f"mod_{name}.so").write_text("no module")
    return folder


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def moved(real: Installation, path: Path, root: Path) -> Path:
    """The real httpd, built as it were for another HTTPD_ROOT."""
    says = rf's|HTTPD_ROOT=.*|HTTPD_ROOT="{root}"|; s|SERVER_CONFIG_FILE=.*|SERVER_CONFIG_FILE="conf/httpd.conf"|'
    return program(path, f"""[ "$*" = -V ] || exec {real.binary} "$@"\n{real.binary} -V 2>/dev/null | sed '{says}'""")


@pytest.mark.parametrize(
    ("binary", "modules"),
    [
        pytest.param("usr/sbin/httpd", "usr/lib/apache2", id="Alpine"),
        pytest.param("usr/sbin/httpd-event", "usr/lib64/apache2-event", id="openSUSE"),
        pytest.param("usr/sbin/httpd", "usr/lib64/apache2", id="openSUSE before"),
        pytest.param("usr/sbin/httpd", "usr/lib64/httpd/modules", id="Fedora"),
        pytest.param("usr/bin/httpd", "usr/lib/httpd/modules", id="Arch"),
        pytest.param("local/sbin/httpd", "local/libexec/apache24", id="FreeBSD"),
        pytest.param("opt/httpd/bin/httpd", "opt/httpd/modules", id="own"),
    ],
)
async def test_modules_are_found_beside_their_program(
    binary: str, modules: str, real: Installation, tmp_path: Path
) -> None:
    program(tmp_path / binary, f'exec {real.binary} "$@"')
    folder = linked(real, tmp_path / modules)
    installation = await found(tmp_path / binary, tmp_path)
    assert (installation.modules_folder, installation.broken) == (str(folder), {})


async def test_modules_are_found_where_the_programs_own_configuration_loads_them(
    real: Installation, tmp_path: Path
) -> None:
    root = tmp_path / "server"
    odd = linked(real, root / "odd place")
    (root / "conf.d").mkdir()
    (root / "conf").mkdir()
    (root / "conf" / "httpd.conf").write_text(f'ServerRoot "{root}"\nIncludeOptional conf.d/*.conf\n')
    (root / "conf.d" / "proxy.conf").write_text('LoadModule proxy_module "odd place/mod_proxy.so"\n')
    binary = moved(real, tmp_path / "bin" / "httpd", root)
    assert (await found(binary, tmp_path)).modules_folder == str(odd)


async def test_modules_are_found_where_apxs_says(real: Installation, tmp_path: Path) -> None:
    folder = linked(real, tmp_path / "elsewhere")
    binary = moved(real, tmp_path / "bin" / "httpd", tmp_path / "nowhere")
    program(tmp_path / "bin" / "apxs", f'[ "$*" = "-q LIBEXECDIR" ] && echo {folder}')
    assert (await found(binary, tmp_path)).modules_folder == str(folder)


async def test_a_folder_of_modules_that_do_not_load_is_passed_over(real: Installation, tmp_path: Path) -> None:
    spoilt(real, tmp_path / "modules", "proxy", "mpm_event", "mpm_worker", "mpm_prefork")
    good = linked(real, tmp_path / "lib" / "apache2")
    binary = program(tmp_path / "bin" / "httpd", f'exec {real.binary} "$@"')
    assert (await found(binary, tmp_path)).modules_folder == str(good)


async def test_a_program_may_be_named_from_where_one_stands(
    real: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = linked(real, tmp_path / "modules")
    binary = program(tmp_path / "bin" / "httpd", f'exec {real.binary} "$@"')
    monkeypatch.chdir(tmp_path)
    for named, modules in (("bin/httpd", None), ("./bin/httpd", "modules")):
        installation = await find_httpd(LocalRuntime(tmp_path), ApacheDialect(), binary=named, modules=modules)
        assert (installation.binary, installation.modules_folder) == (str(binary), str(folder))


@pytest.mark.parametrize("mpm", MPMS)
async def test_an_mpm_is_taken_when_asked_for_or_when_no_better_one_loads(
    mpm: str, real: Installation, tmp_path: Path
) -> None:
    assert (await found(real.binary, tmp_path, mpm=mpm)).mpm == mpm
    better = [f"mpm_{name}" for name in MPMS[: MPMS.index(mpm)]]
    folder = spoilt(real, tmp_path / "m", *better) if better else linked(real, tmp_path / "m")
    assert (await found(real.binary, tmp_path, modules=str(folder))).mpm == mpm


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("echo 'nginx version: nginx/1.24.0' >&2", "it is nginx/1.24.0, not Apache httpd 2.4"),
        ("echo 'Server version: Apache/2.2.34 (Unix)'", r"it is Apache/2.2.34 \(Unix\), not Apache httpd 2.4"),
        ("echo 'Server version: Apache/2.0.65'", "it is Apache/2.0.65, not Apache httpd 2.4"),
        ("echo 'Server version: Apache/3.1.4 (Unix)'", r"it is Apache/3.1.4 \(Unix\), not"),
        ("echo 'Server version: Apache/2.4'", "it is Apache/2.4, not"),
        ("printf 'x\\033[31m\\000y\\n'; exit 3", r"it answers 'x\[31my', no version of Apache httpd"),
        ("yes rubbish", "it answers 'rubbish', no version"),
        ("exit 1", "it prints nothing"),
    ],
)
async def test_what_is_no_httpd_is_named(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(RuntimeUnavailable, match=f"not a working Apache httpd: {told}"):
        await found(program(tmp_path / "bin" / "httpd", text), tmp_path)


async def test_a_program_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    (tmp_path / "httpd").write_bytes(b"\x7fELF and no more")
    (tmp_path / "httpd").chmod(0o755)
    with pytest.raises(RuntimeUnavailable, match="it cannot be started: exec format error"):
        await found(tmp_path / "httpd", tmp_path)


async def test_the_loader_is_quoted_when_a_library_of_the_program_is_missing(
    real: Installation, tmp_path: Path
) -> None:
    code = Path(real.binary).resolve().read_bytes()
    assert b"libaprutil-1.so" in code, "another way to take a library away is needed here"
    (tmp_path / "httpd").write_bytes(code.replace(b"libaprutil-1.so", b"libaprutil-7.so"))
    (tmp_path / "httpd").chmod(0o755)
    with pytest.raises(RuntimeUnavailable, match=r"it does not start: libaprutil-7\.so\.0: cannot open shared object"):
        await found(tmp_path / "httpd", tmp_path)


async def test_another_program_is_looked_for_where_the_first_one_is_none(
    real: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin" / "httpd", "echo rubbish")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}")
    assert (await found(None, tmp_path)).binary == real.binary


@pytest.fixture
def here() -> Iterator[Place]:
    with place() as opened:
        yield opened
        assert opened.leftovers() == []


def test_a_module_that_does_not_load_costs_its_scenarios_and_not_the_run(here: Place, real: Installation) -> None:
    folder = spoilt(real, here.folder / "m", "ssl", "rewrite")
    ended = here.run(
        "test", "lb-byrequests", "lb-wss-byrequests", "carrier-rewrite-condition", "--modules", "m", "--json"
    )
    assert ended.code == 0, ended.out + ended.err
    results = {result["name"]: result for result in json.loads(ended.out)["scenarios"]}
    assert results["lb-byrequests"]["outcome"] == "passed"
    for name, module in (("lb-wss-byrequests", "ssl"), ("carrier-rewrite-condition", "rewrite")):
        assert results[name]["outcome"] == "skipped"
        assert f"has no mod_{module} ({folder}/mod_{module}.so: " in results[name]["reason"]


def test_without_a_module_of_the_main_job_there_is_no_lab(here: Place, real: Installation) -> None:
    folder = spoilt(real, here.folder / "m", "proxy_balancer")
    ended = here.run("test", "lb", "--modules", str(folder))
    assert ended.code == 3, ended.out
    assert f"has no mod_proxy_balancer ({folder}/mod_proxy_balancer.so: " in ended.err


@pytest.mark.parametrize("mpm", [mpm.value for mpm in Mpm if mpm is not Mpm.EVENT])
def test_the_main_job_holds_under(mpm: str, here: Place) -> None:
    ended = here.run("test", "lb-byrequests", "lb-bybusyness", "headers", "article-listing8", "--mpm", mpm, "--json")
    assert ended.code == 0, ended.out[-4000:] + ended.err
    document = json.loads(ended.out)
    assert document["environment"]["mpm"] == mpm
    assert document["counts"]["passed"] == len(document["planned"]) >= 4


def test_doctor_says_what_will_be_skipped_and_why(here: Place, real: Installation) -> None:
    folder = spoilt(real, here.folder / "m", "ssl", "rewrite")
    ended = here.run("doctor", "--modules", "m", "--mpm", "prefork")
    assert ended.code == 0, ended.out + ended.err
    assert "MPM prefork" in ended.out
    assert f"{folder}; httpd -t accepts what a lab would serve" in ended.out
    skipped = int(re.findall(r"(\d+) will be skipped", ended.out)[0])
    told = re.findall(
        r"(\d+) because this httpd \([\d.]+\) has no (.*): (\w+ \d+(?:, \w+ \d+)*)$", ended.out, re.MULTILINE
    )
    assert sum(int(number) for number, _, _ in told) == skipped
    assert all(sum(map(int, re.findall(r"\d+", families))) == int(number) for number, _, families in told)
    reasons = [reason for _, reason, _ in told]
    assert "mod_http2 (MPM prefork serves no HTTP/2)" in reasons
    assert any(reason.startswith(f"mod_ssl ({folder}/mod_ssl.so: ") for reason in reasons)
    assert any(reason.startswith("threads: under MPM prefork") for reason in reasons)


def test_doctor_quotes_the_loader_where_a_module_of_the_main_job_does_not_load(here: Place, real: Installation) -> None:
    folder = spoilt(real, here.folder / "m", "proxy_wstunnel")
    ended = here.run("doctor", "--modules", "m")
    assert ended.code == 3, ended.out
    assert f"has no mod_proxy_wstunnel ({folder}/mod_proxy_wstunnel.so: " in ended.out
