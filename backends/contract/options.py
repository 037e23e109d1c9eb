"""The command line of a backend, and the one exception that ends it before it serves."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from backends.contract import access
from backends.contract.profile import Profile

NO_LISTENER = -1


class StartFailure(Exception):
    """A backend cannot start.

    Args:
        what: What could not be done.
        why: The cause, as the system told it.
        hint: What the user can do about it.
    """

    def __init__(self, *, what: str, why: str, hint: str) -> None:
        super().__init__(what, why, hint)
        self.what = what
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}: {self.why}; {self.hint}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of one backend process; the README's table tells what each means.

    `host` is None when the default address shall be tried. A port of -1 means no such listener.
    """

    name: str
    host: str | None
    host_name: str | None
    port: int
    tls_port: int
    control_host: str
    control_port: int
    tls_cert: Path | None
    tls_key: Path | None
    idle_seconds: float | None
    subprotocols: tuple[str, ...]
    origins: tuple[tuple[str, str], ...]
    cl: str
    cl_program: str
    user: str | None
    announce: Path | None
    exit_with_parent: bool
    anywhere: Literal["", "echo", "cl"] = ""
    plain_headers: bool = False
    at_root: bool = False


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port; allowed are 0 to 65535")
    return port


def _port_or_none(text: str) -> int:
    return NO_LISTENER if text == "-1" else _port(text)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is not a time; allowed are seconds above 0")
    return seconds


def _origin(text: str) -> tuple[str, str]:
    found = access.origin(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text} is no origin; allowed are http://HOST[:PORT] and https://HOST[:PORT]")
    return found


def parser(profile: Profile) -> argparse.ArgumentParser:
    """Return the argument parser of a program."""
    parse = argparse.ArgumentParser(
        prog=f"python -m backends.{profile.program}",
        description=profile.summary,
        epilog="backends/README.md is the contract: endpoints, control port, journal, faults.",
    )
    add = parse.add_argument
    add("--name", default=profile.program, help="name in X-Backend, the journal and the log (default: %(default)s)")
    add("--host", metavar="ADDRESS", help=f"address to listen on (default: {profile.address}, else 127.0.0.1)")
    add("--host-name", metavar="NAME", help="host name that greeting and CL output tell (default: the system's)")
    add("--port", type=_port_or_none, default=profile.port, metavar="N",
        help="plain port; 0 chooses a free one, -1 listens on TLS only (default: %(default)s)")  # fmt: skip
    add("--tls-port", type=_port_or_none, metavar="N",
        help=f"TLS port; 0 chooses a free one, -1 plain only ({profile.tls_port} with a certificate)")  # fmt: skip
    add("--control-host", default="127.0.0.1", metavar="ADDRESS", help="address of the control port (%(default)s)")
    add("--control-port", type=_port, default=profile.control_port, metavar="N",
        help="port for health, journal and faults; 0 chooses a free one (default: %(default)s)")  # fmt: skip
    add("--tls-cert", type=Path, metavar="FILE", help="PEM certificate chain of the TLS listener")
    add("--tls-key", type=Path, metavar="FILE", help="PEM key of the TLS listener")
    add("--idle-seconds", type=_seconds, metavar="S",
        help="close a WebSocket after so much silence (default: what the original does)")  # fmt: skip
    add("--subprotocol", action="append", metavar="NAME", dest="subprotocols",
        help="subprotocol to choose when offered; may be repeated (default: wsconsole)")  # fmt: skip
    add("--origin", action="append", type=_origin, metavar="ORIGIN", dest="origins",
        help="pages of this origin may run CL commands too, such as https://example.org; may be repeated")  # fmt: skip
    add("--cl", choices=("auto", "emulator", "system"), default="auto",
        help="what runs CL commands; auto: the system utility on IBM i, else the emulator")  # fmt: skip
    add("--cl-program", default="/usr/bin/system", metavar="FILE", help="the system utility (default: %(default)s)")
    add("--user", metavar="USER", help="started as root: become this user (name or number) after binding")
    add("--announce", type=Path, metavar="FILE", help="write the answer of /healthz to FILE once listening")
    add("--anywhere", nargs="?", const="echo", choices=("echo", "cl"), default="",
        help="every path is an endpoint, of echo or of CL, and answers a plain request with 200")  # fmt: skip
    add("--at-root", action="store_true",
        help="endpoints and page are found without the path of their application too")  # fmt: skip
    add("--plain-headers", action="store_true", help="send no X-Backend: heads are the original's, field by field")
    add("--exit-with-parent", action="store_true", help="stop when standard input reaches its end")
    return parse


def parse(arguments: Sequence[str], *, profile: Profile) -> Options:
    """Read a command line.

    Raises:
        StartFailure: The options contradict each other.
        SystemExit: argparse printed its own answer (`--help`, a malformed value).
    """
    given = vars(parser(profile).parse_args(arguments))
    if (given["tls_cert"] is None) != (given["tls_key"] is None):
        missing = "--tls-key" if given["tls_key"] is None else "--tls-cert"
        raise StartFailure(what="cannot listen on TLS", why=f"{missing} is not given", hint="give both files")
    if given["tls_port"] is None:
        given["tls_port"] = profile.tls_port if given["tls_cert"] else NO_LISTENER
    if given["tls_port"] != NO_LISTENER and given["tls_cert"] is None:
        raise StartFailure(
            what=f"cannot listen on TLS port {given['tls_port']}",
            why="there is no certificate",
            hint="give --tls-cert and --tls-key, or --tls-port -1",
        )
    if given["port"] == NO_LISTENER and given["tls_port"] == NO_LISTENER:
        raise StartFailure(
            what="nothing to listen on",
            why="both the plain and the TLS port are switched off",
            hint="give --port N, or --tls-cert and --tls-key",
        )
    given["subprotocols"] = tuple(given["subprotocols"] or ("wsconsole",))
    given["origins"] = tuple(given["origins"] or ())
    return Options(**given)
