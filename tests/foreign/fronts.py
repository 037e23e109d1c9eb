"""Proxies in front of servers that are not ours: for each, how it is started as it would be found in the wild."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.foreign import provide
from tests.foreign.manners import LIBRARIES
from tests.live.command import wait_for

__all__ = ["APACHE", "apache", "folder", "free_port", "members", "running"]

APACHE = next(filter(None, map(shutil.which, ("apache2", "httpd"))), "")
"""Program of the local httpd; empty without one."""

_MODULES = ("mpm_event", "authz_core", "proxy", "proxy_http", "proxy_wstunnel", "proxy_balancer", "slotmem_shm",
            "lbmethod_byrequests", "headers", "authn_core", "authn_file", "authz_user", "authz_host", "auth_basic",
            "rewrite", "alias", "ratelimit")  # fmt: skip


@contextlib.contextmanager
def members(kind: str, names: Sequence[str]) -> Iterator[list[int]]:
    """Servers of this kind, one a name; their ports."""
    here = Path(__file__).parent
    if kind in LIBRARIES:
        made = [str(provide.environment() / "bin" / "python"), str(here / "libraries.py")]
    else:
        made = [sys.executable, "-m", "tests.foreign.manners"]
    argv = [*made, kind, *names]
    process = subprocess.Popen(
        argv, cwd=here.parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def knows(port: int, path: str) -> bool:
    """Whether a plain GET is answered with anything but 404: Traefik opens its port before it has routes."""
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        asked.request("GET", path)
        return asked.getresponse().status != 404
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()


@contextlib.contextmanager
def running(argv: Sequence[str], folder: Path, port: int, *, path: str = "") -> Iterator[int]:
    """A proxy until the block ends, from when its port is open and this path is known; the port."""
    log = folder / "output"
    with log.open("wb") as output:
        process = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        wait_for(lambda: answers(port) or process.poll() is not None, what=f"port {port} of {argv[0]}", seconds=30)
        assert process.poll() is None, log.read_text(errors="replace")
        wait_for(lambda: not path or knows(port, path), what=f"{path} at {argv[0]}", seconds=30)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """A folder that an unprivileged program can read and write."""
    with tempfile.TemporaryDirectory(prefix="wslb-front-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


def modules(*extra: str) -> str:
    """Lines that load what the tests' httpd needs, where it is not compiled in."""
    place = next(
        (one for one in ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules")
         if Path(one).is_dir()), ""
    )  # fmt: skip
    return "\n".join(
        f"<IfModule !{name}_module>\nLoadModule {name}_module {place}/mod_{name}.so\n</IfModule>"
        for name in (*_MODULES, *extra)
    )


@contextlib.contextmanager
def apache(ports: Sequence[int], *, lines: str = "", member: str = "", extra: Sequence[str] = ()) -> Iterator[int]:
    """Apache in front of these members by byrequests; further lines come last.

    Args:
        ports: of the members.
        lines: further directives.
        member: further parameters of each member.
        extra: further modules.
    """
    with folder() as run:
        port = free_port()
        body = "\n".join(f"BalancerMember http://127.0.0.1:{one} upgrade=websocket {member}" for one in ports)
        file = run / "httpd.conf"
        file.write_text(
            f"{modules(*extra)}\nServerRoot {run}\nServerName localhost\nListen 127.0.0.1:{port}\nPidFile {run}/pid\n"
            f"ErrorLog {run}/error.log\nDefaultRuntimeDir {run}\n<IfModule unixd_module>\nUser nobody\n</IfModule>\n"
            "StartServers 1\nThreadsPerChild 64\nMaxRequestWorkers 64\n"  # one child: byrequests is exact
            f"<Proxy balancer://mycluster>\n{body}\n</Proxy>\n{lines}\n"
            "ProxyPass / balancer://mycluster/\n"
        )
        with running([APACHE, "-f", str(file), "-DFOREGROUND"], run, port):
            yield port
