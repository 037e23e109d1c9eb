"""Makes ``ah_numbers.json`` from the source of Apache httpd: what each AH number says, and how loudly.

Usage::

    python tools/ah_numbers.py SOURCE --program /usr/sbin/apache2 --modules /usr/lib/apache2/modules

SOURCE is an unpacked source tree of httpd 2.4, such as that of Debian's source package. Pages that list AH numbers are
often wrong; the source and the program under test are not. Where the source is a little older than the program, the
program's own strings confirm each message, and numbers that only the program knows are added without a level.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

FILES = (
    "modules/aaa/mod_authz_core.c",
    "modules/proxy/mod_proxy.c",
    "modules/proxy/proxy_util.c",
    "modules/proxy/mod_proxy_balancer.c",
    "modules/proxy/mod_proxy_http.c",
    "modules/proxy/mod_proxy_wstunnel.c",
    "modules/proxy/mod_proxy_hcheck.c",
    "modules/proxy/balancers/*.c",
    "modules/slotmem/mod_slotmem_shm.c",
    "modules/ssl/mod_ssl.c",
    "modules/ssl/ssl_engine_init.c",
    "modules/ssl/ssl_engine_io.c",
    "modules/ssl/ssl_engine_kernel.c",
    "modules/ssl/ssl_scache.c",
    "server/config.c",
    "server/core.c",
    "server/listen.c",
    "server/log.c",
    "server/main.c",
    "server/mpm_unix.c",
    "server/ssl.c",
    "server/util.c",
    "server/vhost.c",
    "server/mpm/*/*.c",
    "os/unix/unixd.c",
    "modules/arch/unix/mod_unixd.c",
)
"""What can speak in the log of a reverse proxy for WebSockets."""

BINARIES = (
    "mod_authz_core.so",
    "mod_proxy.so",
    "mod_proxy_*.so",
    "mod_lbmethod_*.so",
    "mod_slotmem_shm.so",
    "mod_ssl.so",
    "mod_mpm_*.so",
)
NOT_OURS = re.compile(r"mod_proxy_(ajp|connect|express|fcgi|fdpass|ftp|html|http2|scgi|uwsgi)")

_NUMBER = re.compile(r"APLOGNO\(\s*(\d+)\s*\)")
_LITERALS = re.compile(r'\s*((?:"(?:[^"\\]|\\.)*"|[A-Z][A-Z0-9_]+|\s)+)')
_LEVEL = re.compile(r"APLOG_(EMERG|ALERT|CRIT|ERR|WARNING|NOTICE|INFO|DEBUG|TRACE[1-8]|STARTUP)\b")
_WORDS = {"err": "error", "warning": "warn"}
_CONVERSION = re.compile(
    r"%(?:%|[-+ #0]*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:hh|h|ll|l|q|j|z|t|L)?(?:p[a-zA-Z]|[diouxXcsfgeEn]))"
)


def from_source(tree: Path) -> dict[str, dict[str, str]]:
    """Numbers of the source: level (several where the code decides), module and message."""
    found: dict[str, dict[str, str]] = {}
    for pattern in FILES:
        for path in sorted(tree.glob(pattern)):
            text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8", errors="replace"), flags=re.DOTALL)
            for match in _NUMBER.finditer(text):
                code = f"AH{int(match[1]):05d}"
                message = _message(text[match.end() :])
                if message and code not in found:
                    found[code] = {"level": _level(text[: match.start()]), "module": path.stem, "message": message}
    return found


def _message(following: str) -> str:
    literals = _LITERALS.match(following)
    if not literals:
        return ""
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"|([A-Z][A-Z0-9_]+)', literals[1])
    return tidy("".join(text if text or not name else "d" if "FMT" in name else "…" for text, name in parts))


def tidy(text: str) -> str:
    """A format string for people: conversions become an ellipsis, escapes what they stand for."""
    text = text.replace("\\n", " ").replace('\\"', '"').replace("\\t", " ").replace("\\\\", "\\")
    text = _CONVERSION.sub(lambda match: "%" if match[0] == "%%" else "…", text)
    return " ".join(text.split())


def _level(before: str) -> str:
    """Levels named since the beginning of the call; two where a condition chooses."""
    call = before[max(before.rfind("ap_log_"), before.rfind(";"), 0) :]
    variable = re.search(r"APLOG_MARK,\s*([a-z_]\w*)\s*,", call)
    if variable:
        assigned = re.findall(rf"\b{variable[1]}\s*=\s*([^;]*);", before[-4000:])
        call = assigned[-1] if assigned else ""
    names = [_WORDS.get(name.lower(), name.lower()) for name in _LEVEL.findall(call)]
    return " or ".join(dict.fromkeys(name for name in names if name != "startup"))


def from_binaries(program: Path, modules: Path) -> dict[str, tuple[str, str]]:
    """Numbers in the strings of the program and its modules: module and message."""
    files = [program, *(path for pattern in BINARIES for path in sorted(modules.glob(pattern)))]
    found: dict[str, tuple[str, str]] = {}
    for path in files:
        if NOT_OURS.match(path.stem):
            continue
        for raw in re.findall(rb"AH(\d{5}): ([^\x00]*)\x00", path.read_bytes()):
            message = tidy(raw[1].decode("utf-8", "replace"))
            found.setdefault(f"AH{raw[0].decode()}", (path.stem, message))
    return found


def version_of(program: Path) -> str:
    """Version that the program itself names."""
    told = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"Apache/(\S+)", told)
    return match[1] if match else "unknown"


def source_version(tree: Path) -> str:
    """Version of a source tree."""
    text = (tree / "include" / "ap_release.h").read_text(encoding="utf-8")
    parts = [
        re.search(rf"AP_SERVER_{part}_NUMBER\s+(\d+)", text) for part in ("MAJORVERSION", "MINORVERSION", "PATCHLEVEL")
    ]
    return ".".join(part[1] for part in parts if part)


def main() -> int:
    """Write the table and say on stderr how much of it the program confirms."""
    parser = argparse.ArgumentParser(description="Make ah_numbers.json from the source of Apache httpd.")
    parser.add_argument("source", type=Path, help="unpacked source tree of httpd 2.4")
    parser.add_argument("--program", type=Path, required=True, help="httpd or apache2, to confirm the messages")
    parser.add_argument("--modules", type=Path, required=True, help="folder of its modules")
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parents[1] / "harness/wslb/proxies/apache/ah_numbers.json"
    )
    options = parser.parse_args()
    numbers = from_source(options.source)
    known = from_binaries(options.program, options.modules)
    for code, (module, message) in known.items():
        if code in numbers:
            numbers[code]["message"] = message
        elif module.startswith(("mod_proxy", "mod_lbmethod", "mod_slotmem")):
            numbers[code] = {"level": "", "module": module, "message": message}
    gone = sorted(set(numbers) - set(known))
    for code in gone:
        del numbers[code]
    lines = ",\n".join(
        f"{json.dumps(code)}: {json.dumps(entry, ensure_ascii=False)}" for code, entry in sorted(numbers.items())
    )
    versions = json.dumps({"source": source_version(options.source), "confirmed_by": version_of(options.program)})
    options.output.write_text(f'{versions[:-1]}, "numbers": {{\n{lines}\n}}}}\n', encoding="utf-8")
    added = sum(not entry["level"] for entry in numbers.values())
    sys.stderr.write(
        f"{len(numbers)} numbers; {len(gone)} of the source are not in the program; {added} without a level\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
