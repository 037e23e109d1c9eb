"""Surroundings that a machine or a user may give to a run: small limits, odd folders, hidden or missing parts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["SURROUNDINGS", "Surrounding"]

NEITHER = "works, or is refused in one sentence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrounding:
    """One of them.

    Attributes:
        name: of the test.
        before: lines of bash that run first, in an empty folder, with ``$TMPDIR`` the folder for temporary files.
        environ: variables; an empty value takes one away.
        apart: options of unshare(1), for what must not be done to this machine.
        nobody: as an unprivileged user.
        code: exit code that it must have; None: 0, or 3 with one sentence.
        told: what stderr must say.
        sentences: how many, where it does not work: of what has no room, and of the report that has none either.
    """

    name: str
    before: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    apart: str = ""
    nobody: bool = False
    code: int | None = 0
    told: str = ""
    sentences: int = 1


def _folder(name: str, text: str) -> Surrounding:
    """A folder for temporary files that is called so."""
    return Surrounding(name=f"tmpdir {name}", before='mkdir -p -- "$TMPDIR"', environ={"TMPDIR": f"{{place}}/{text}"})


NON_UTF8 = os.fsdecode(b"caf\xe9")

SURROUNDINGS: tuple[Surrounding, ...] = (
    *(Surrounding(name=f"umask {mask}", before=f"umask {mask}") for mask in ("000", "027", "077", "777")),
    *(Surrounding(name=f"umask {mask} nobody", before=f"umask {mask}", nobody=True) for mask in ("027", "077")),
    _folder("with spaces", "two  words "),
    _folder("with quotes", 'it\'s "quoted"'),
    _folder("with a variable of httpd", "${SRVROOT}"),
    _folder("with half a variable", "${"),
    _folder("with a section of httpd", "<IfModule x>"),
    _folder("with percent and hash", "100% #1 &;|*?[a]"),
    _folder("with a backslash", "a\\b\\"),
    _folder("with a newline", "two\nlines"),
    _folder("with a tab", "a\tb"),
    _folder("with a control character", "a\x1bb"),
    _folder("with a dash", "-rf"),
    _folder("in another language", "временный 一時"),
    _folder("that is not UTF-8", NON_UTF8),
    _folder("of 400 characters", "/".join(["x" * 98] * 4)),
    _folder("of 3000 characters", "/".join(["y" * 199] * 15)),
    Surrounding(name="tmpdir that does not exist", environ={"TMPDIR": "{place}/nowhere"}),
    Surrounding(name="tmpdir that is a file", before='touch "$TMPDIR"', environ={"TMPDIR": "{place}/file"}),
    Surrounding(name="tmpdir relative", before="mkdir here", environ={"TMPDIR": "here"}),
    Surrounding(name="tmpdir by a link", before='mkdir real; ln -s real "$TMPDIR"', environ={"TMPDIR": "{place}/link"}),
    Surrounding(name="tmpdir closed to others", before='chmod 700 "$TMPDIR"'),
    Surrounding(name="tmpdir read-only", before='mount -t tmpfs -o ro none "$TMPDIR"', apart="--mount"),
    Surrounding(
        name="every folder for temporary files read-only",
        before='for d in "$TMPDIR" /tmp /var/tmp /usr/tmp; do [ ! -d $d ] || mount -t tmpfs -o ro none $d; done',
        apart="--mount",
        code=3,
        told="no folder for temporary files can be used",
    ),
    Surrounding(
        name="tmpdir full",
        before='mount -t tmpfs -o size=16k none "$TMPDIR"; head -c 100k /dev/zero >"$TMPDIR/full" 2>/dev/null || true',
        apart="--mount",
    ),
    *(
        Surrounding(
            name=f"tmpdir of {size}", before=f'mount -t tmpfs -o size={size} none "$TMPDIR"', apart="--mount", code=None
        )
        for size in ("16k", "40k", "64k", "80k", "88k", "92k", "96k", "100k", "256k")
    ),
    Surrounding(
        name="tmpdir of 8 files", before='mount -t tmpfs -o nr_inodes=9 none "$TMPDIR"', apart="--mount", code=None
    ),
    Surrounding(
        name="report folder without room",
        before="mkdir out; mount -t tmpfs -o size=4k none out",
        apart="--mount",
        code=4,
        told="Cannot write out/report.json: no space left on device",
    ),
    Surrounding(
        name="report folder read-only",
        before="mkdir out; mount -t tmpfs -o ro none out",
        apart="--mount",
        code=2,
        told="--report is 'out', but must be a folder that can be written (read-only file system)",
    ),
    Surrounding(name="home missing", environ={"HOME": ""}),
    Surrounding(name="home not there", environ={"HOME": "/nowhere"}),
    Surrounding(name="home not writable", environ={"HOME": "/proc"}),
    Surrounding(name="home and user unknown", environ={"HOME": "", "USER": "", "LOGNAME": ""}, nobody=True),
    *(Surrounding(name=f"ulimit -n {most}", before=f"ulimit -n {most}", code=None) for most in (12, 16, 24, 32, 48)),
    Surrounding(name="ulimit -n 64", before="ulimit -n 64", code=None),
    Surrounding(name="ulimit -n 256", before="ulimit -n 256"),
    *(
        Surrounding(name=f"ulimit -v {most}", before=f"ulimit -v {most}", code=None)
        for most in (100_000, 200_000, 300_000, 500_000)
    ),
    *(
        Surrounding(name=f"ulimit -u {most} nobody", before=f"ulimit -u {most}", nobody=True, code=None)
        for most in (1, 4, 16)
    ),
    Surrounding(name="ulimit -f 0", before="ulimit -f 0", code=2, told="file too large"),
    Surrounding(name="ulimit -f 4", before="ulimit -f 4", code=3, sentences=2),
    Surrounding(name="ulimit -s 128", before="ulimit -s 128", code=None),
    Surrounding(name="ulimit -l 0", before="ulimit -l 0"),
    Surrounding(name="no core files, no nice", before="ulimit -c 0 -e 0"),
    Surrounding(
        name="proc of others hidden",
        before="mount -t proc -o hidepid=2 proc /proc",
        apart="--mount --pid --fork --mount-proc",
    ),
    Surrounding(name="proc empty", before="mount -t tmpfs none /proc", apart="--mount", code=None),
    Surrounding(name="sys empty", before="mount -t tmpfs none /sys", apart="--mount"),
    Surrounding(name="no shared memory", before="mount -t tmpfs -o ro none /dev/shm", apart="--mount", code=None),
    Surrounding(
        name="shared memory full", before="mount -t tmpfs -o size=4k none /dev/shm", apart="--mount", code=None
    ),
    Surrounding(
        name="no user nobody",
        before="grep -v ^nobody: /etc/passwd >passwd; mount --bind passwd /etc/passwd",
        apart="--mount",
        code=None,
    ),
    Surrounding(
        name="user without a name",
        before="grep -v ^nobody: /etc/passwd >passwd; mount --bind passwd /etc/passwd",
        apart="--mount",
        nobody=True,
    ),
    Surrounding(
        name="no names of hosts", before="touch none; mount --bind none /etc/hosts", apart="--mount", code=None
    ),
    Surrounding(name="network of its own", before="ip link set lo up", apart="--net"),
    Surrounding(name="loopback down", apart="--net", code=3),
    *(
        Surrounding(
            name=f"{most} free ports",
            before=f"ip link set lo up; echo 40000 {40000 + most - 1} >/proc/sys/net/ipv4/ip_local_port_range",
            apart="--net",
            code=None,
        )
        for most in (1, 3, 12)
    ),
    Surrounding(
        name="no IPv6", before="echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6", apart="--net --mount", code=3
    ),
    Surrounding(name="no stdin", before="exec <&-"),
    Surrounding(name="all streams closed", before="exec <&- >&- 2>&-"),
    Surrounding(name="PATH empty", environ={"PATH": ""}),
    Surrounding(name="PATH leads nowhere", environ={"PATH": "/nowhere"}),
    Surrounding(name="ASCII only", environ={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    Surrounding(name="a locale that is not there", environ={"LC_ALL": "xx_XX.utf8"}),
    Surrounding(name="a terminal of one column", environ={"COLUMNS": "1", "LINES": "1", "FORCE_COLOR": "1"}),
    Surrounding(name="an unknown terminal", environ={"TERM": "none-such"}),
    Surrounding(name="an unknown time zone", environ={"TZ": "Nowhere/None"}),
    Surrounding(
        name="proxies in the environment",
        environ={
            "http_proxy": "http://127.0.0.1:1",
            "https_proxy": "http://127.0.0.1:1",
            "ALL_PROXY": "socks5://[::1]:1",
        },
    ),
    Surrounding(name="certificates elsewhere", environ={"SSL_CERT_FILE": "/nowhere", "SSL_CERT_DIR": "/nowhere"}),
    Surrounding(name="Python without asserts", environ={"PYTHONOPTIMIZE": "2"}),
    Surrounding(name="Python with warnings", environ={"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"}),
    Surrounding(name="a file in the way of a module", before="echo 1/0 >json.py; echo 1/0 >ssl.py"),
    Surrounding(name="working folder removed", before='mkdir gone; cd gone; rmdir "$PWD"', code=2),
    Surrounding(
        name="working folder read-only", before="mkdir ro; mount -t tmpfs -o ro none ro; cd ro", apart="--mount", code=2
    ),
    Surrounding(name="ignored SIGCHLD, SIGPIPE and SIGTERM", before="trap '' CHLD PIPE TERM"),
    Surrounding(name="blocked signals", before='set -- /usr/bin/env --block-signal "$@"'),
    Surrounding(name="ignored SIGINT, SIGHUP and SIGQUIT", before="trap '' INT HUP QUIT"),
)
