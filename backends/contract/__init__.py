"""What every backend shares by the contract of README.md: options, journal, faults, control port, dialogue."""

import re
import sys
from importlib import metadata


def numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: `(3, 14, 2)` of `3.14.2rc1`."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def demand(name: str, *, lowest: str, below: str) -> None:
    """End the program, before anything of it is imported, where a library is not `lowest` <= version < `below`.

    Raises:
        SystemExit: 3, as for every program that cannot start; standard error has one sentence, and what to type.
    """
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        found = ""
    if not numbers(lowest) <= numbers(found) < numbers(below):
        here = f"{name} {found} is installed" if found else f"{name} is not installed"
        sys.stderr.write(
            f"error: {here}, and this stand-in needs {lowest} or newer, below {below}: "
            f"pip install '{name}>={lowest},<{below}'\n"
        )
        raise SystemExit(3)
