"""Many command lines in one process: each in a child of its own, which finds everything imported.

Reads JSON from stdin, a list of ``[words, folder, user id, seconds]``; writes a list of what came of each to stdout.
The seconds are those of the processor, of each process: on a busy machine the wall clock judges the neighbours.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import signal
import sys
import tempfile
import time
from importlib import import_module
from typing import Any

from wslb.cli import COMMANDS, loaded
from wslb.cli.main import main

BEFORE = (
    "wslb.cli.running",
    "wslb.cli.loading",
    "wslb.commands.check",
    "wslb.commands.doctor",
    "wslb.commands.compare",
)

WAITING = 6
"""How much longer than it may compute a command may take, which would else wait for ever."""


def asked(words: list[str], folder: str, user: int, seconds: int) -> dict[str, Any]:
    """Exit code (negative: the signal), what was said, seconds, bytes of memory at most; out of time, where it was."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.monotonic()
        child = os.fork()
        if not child:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
            signal.alarm(WAITING * seconds)
            os.chdir(folder)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            for late in (signal.SIGXCPU, signal.SIGALRM):  # where it was, before it ends
                faulthandler.register(late, chain=True)
            if user:
                os.seteuid(user)
            sys.argv = ["wslb", *words]
            code: object = 4
            try:
                main()
                code = 0
            except SystemExit as exc:
                code = exc.code
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code if isinstance(code, int) else 0)
        _, status, usage = os.wait4(child, 0)
        told = {}
        for name, file in (("out", out), ("err", err)):
            file.seek(0)
            told[name] = file.read(100_000).decode(errors="replace")
        return {
            **told,
            "code": os.waitstatus_to_exitcode(status),
            "seconds": time.monotonic() - begin,
            "memory": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        }


if __name__ == "__main__":
    for name in BEFORE:
        import_module(name)
    for command in COMMANDS:
        loaded(command)
    json.dump([asked(*one) for one in json.load(sys.stdin)], sys.stdout)
