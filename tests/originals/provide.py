"""Fetches the programs that the stand-ins stand in for, and Autobahn's test suite, by the registries' own clients.

``python -m tests.originals.provide`` says what cannot be had here and why; with WSLB_REQUIRE_ORIGINALS=1 that fails.
All lies in ${WSLB_ORIGINALS_CACHE:-${XDG_CACHE_HOME:-~/.cache}/wslb/originals}, each thing in a folder that appears
only when it is whole. All is pinned by hash: packages of npm and pip in the files beside this one, Maven's here.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

__all__ = ["CLIENTS", "Missing", "autobahn", "liberty", "main", "node"]

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wslb" / "originals"

LIBERTY = "io.openliberty:openliberty-runtime:24.0.0.12:zip"
LIBERTY_SHA256 = "65d807b3657c4fb3c12edc64a25470ab6bdd7546b6a9b444b3d53502f5f801d9"
MAVEN_GET = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:get"
JAVAEE = ("com.ibm.websphere.javaee.websocket.1.1_*.jar",)
"""What our endpoints are compiled against; it comes with the runtime."""

PYTHON2 = ("python2.7", "python2", str(Path.home() / ".pyenv/versions/2.7.18/bin/python2.7"))
"""Autobahn's test suite has been brought to no later Python."""

FETCH_SECONDS = 400


class Missing(Exception):
    """An original cannot be had here; the text is a clause that says why."""


def node() -> Path:
    """The Node.js project with its packages: a folder for ``node index.js``."""
    program("node", "npm")

    def fill(folder: Path) -> None:
        for file in (HERE / "nodejs").iterdir():
            if file.is_file():
                shutil.copy(file, folder)
        run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)

    return cached("node", [HERE / "nodejs" / "package-lock.json", HERE / "nodejs" / "index.js"], fill)


def liberty() -> Path:
    """Open Liberty: a folder with ``wlp``, the runtime, and ``WSConsole.war``, our endpoints in it."""
    program("java", "javac", "mvn")
    sources = sorted((HERE / "liberty" / "src").rglob("*.java"))

    def fill(folder: Path) -> None:
        repository = folder / "repository"
        run(
            "mvn",
            "-q",
            "-B",
            MAVEN_GET,
            f"-Dartifact={LIBERTY}",
            "-Dtransitive=false",
            f"-Dmaven.repo.local={repository}",
        )
        archive = next(repository.rglob("openliberty-runtime-*.zip"))
        with archive.open("rb") as file:
            if (found := hashlib.file_digest(file, "sha256").hexdigest()) != LIBERTY_SHA256:
                raise Missing(f"{LIBERTY} has the SHA-256 {found}, not the pinned one")
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
        shutil.rmtree(repository)
        api = [str(next((folder / "wlp/dev/api/spec").glob(pattern))) for pattern in JAVAEE]
        classes = folder / "WSConsole.war" / "WEB-INF" / "classes"
        run("javac", "--release", "8", "-nowarn", "-cp", os.pathsep.join(api), "-d", str(classes), *map(str, sources))

    return cached("liberty", [Path(__file__), *sources], fill)


def autobahn() -> tuple[str, Path]:
    """Autobahn's test suite: a Python 2.7, and the folder with its packages (add it as a site directory)."""
    python = next((found for name in PYTHON2 if (found := shutil.which(name)) and answers(found)), None)
    if python is None:
        raise Missing("Autobahn's test suite wants Python 2.7 with pip, and there is none")
    wanted = HERE / "autobahn.txt"

    def fill(folder: Path) -> None:
        options = ("--disable-pip-version-check", "--require-hashes", "--target", str(folder), "-r", str(wanted))
        run(python, "-m", "pip", "install", "--quiet", *options)

    return python, cached("autobahn", [wanted], fill)


CLIENTS: Mapping[str, Callable[[], object]] = {"node": node, "liberty": liberty, "autobahn": autobahn}
"""What can be fetched, by name."""


def program(*names: str) -> None:
    """Assert that programs are on PATH.

    Raises:
        Missing: one is not.
    """
    for name in names:
        if shutil.which(name) is None:
            raise Missing(f"there is no {name} here")


@cache
def answers(python: str) -> bool:
    """Whether this is a Python 2.7 with pip: a shim of pyenv may be on PATH and lead nowhere."""
    code = "import sys, pip; sys.exit(sys.version_info[:2] != (2, 7))"
    asked = subprocess.run([python, "-c", code], capture_output=True, timeout=30, check=False)
    return asked.returncode == 0


def run(*command: str, cwd: Path | None = None) -> None:
    """Run a client to its end, unless WSLB_ORIGINALS_FETCHED=1 says that all was tried before.

    Raises:
        Missing: it failed, or took too long; its first line says why.
    """
    if os.environ.get("WSLB_ORIGINALS_FETCHED") == "1":
        raise Missing(f"{Path(command[0]).name} could not provide it")
    environ = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "PYTHONHOME"}}
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=FETCH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise Missing(f"{command[0]} took more than {FETCH_SECONDS} s") from exc
    if done.returncode:
        said = next((line for line in done.stdout.splitlines() if line.strip()), "it said nothing")
        raise Missing(f"{Path(command[0]).name} failed: {said.strip()[:300]}")


def cached(name: str, made_of: Sequence[Path], fill: Callable[[Path], None]) -> Path:
    """A folder of the cache; it is made anew when what it is made of has changed, and appears only when it is whole."""
    root = Path(os.environ.get("WSLB_ORIGINALS_CACHE") or CACHE)
    root.mkdir(parents=True, exist_ok=True)
    mark = hashlib.sha256(b"\0".join(file.read_bytes() for file in made_of)).hexdigest()
    place = root / name
    with (root / f".lock-{name}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with_mark = place / ".made-of"
        if not with_mark.is_file() or with_mark.read_text() != mark:
            shutil.rmtree(place, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=f".making-{name}.", dir=root) as making:
                folder = Path(making) / name
                folder.mkdir()
                fill(folder)
                (folder / ".made-of").write_text(mark)
                folder.rename(place)
    return place


def main() -> int:
    """Fetch everything; 0 also where something cannot be had, 3 where it is required."""
    code = 0
    for name, fetch in CLIENTS.items():
        try:
            fetch()
        except Missing as why:
            sys.stderr.write(f"The tests of {name} will be skipped: {why}.\n")
            code = 3 if os.environ.get("WSLB_REQUIRE_ORIGINALS") == "1" else 0
    return code


if __name__ == "__main__":
    sys.exit(main())
