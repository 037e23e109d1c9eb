"""Control language: what runs the commands that arrive on the CL endpoint."""

import os

from backends.cl.emulator import Emulator
from backends.cl.host import Host
from backends.cl.interpreter import Caller, Interpreter
from backends.cl.own import with_own_commands
from backends.cl.system import System

__all__ = ["Caller", "Interpreter", "choose"]


def choose(kind: str, *, program: str, host_name: str, name: str, address: str) -> Interpreter:
    """Return the runner for `--cl`: `emulator`, `system`, or `auto` for the system's own where this is IBM i."""
    if kind == "auto":
        kind = "system" if os.uname().sysname == "OS400" else "emulator"
    runner = System(program=program) if kind == "system" else Emulator(Host(name=host_name, instance=name))
    return with_own_commands(runner, host=Host(name=host_name, instance=name), backend=name, address=address)
