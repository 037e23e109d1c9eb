"""The tests of this folder once more, on demand, with inputs that atheris chooses by what they cover: ``make fuzz``.

Each test has a process of its own for ``WSLB_FUZZ_SECONDS``; what it cannot bear ends it, and the input is printed.
"""

from __future__ import annotations

import importlib
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

MODULES = [path.stem for path in sorted(Path(__file__).parent.glob("test_*.py"))]
SECONDS = os.environ.get("WSLB_FUZZ_SECONDS", "60")


def inputs() -> Iterator[tuple[str, Callable[[bytes], object]]]:
    """Name of each test with what runs it on an input of bytes."""
    for module in MODULES:
        for name, test in vars(importlib.import_module(f"tests.fuzz.{module}")).items():
            if name.startswith("test_") and hasattr(test, "hypothesis"):
                yield name, test.hypothesis.fuzz_one_input


def guide(name: str, folder: str) -> None:
    """Run one test until its time is over; ends this process."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["wslb", "backends"]):
        run = dict(inputs())[name]
    for number in range(
        32
    ):  # shorter inputs than a strategy draws from are none, and libFuzzer begins with none at all
        (Path(folder) / str(number)).write_bytes(random.Random(number).randbytes(32 * (number + 1)))  # noqa: S311
    options = ["-len_control=0", f"-max_total_time={SECONDS}", "-rss_limit_mb=2048", f"-artifact_prefix={folder}/"]
    atheris.Setup([name, *options, folder], lambda data: run(data) and None)
    atheris.Fuzz()


def say(text: str) -> None:
    """One line of the outcome, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Guide every test, or those whose names hold a word of the command line; 1 when any found something."""
    words, lost = sys.argv[1:], []
    names = [name for name, _ in inputs() if not words or any(word in name for word in words)]
    for name in names:
        with tempfile.TemporaryDirectory(prefix="wslb-fuzz-") as folder:
            code = f"from tests.fuzz.guided import guide; guide({name!r}, {folder!r})"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        lines = done.stderr.splitlines()
        tried = next((line.split()[1] for line in reversed(lines) if line.startswith("Done ")), "?")
        say(f"{name}: {tried} inputs, {'lost' if done.returncode else 'none lost'}")
        if done.returncode:
            lost.append(name)
            say("\n".join((done.stdout.splitlines() + lines)[-60:]))
    say(f"{len(names)} tests, {len(lost)} lost")
    return 1 if lost or not names else 0


if __name__ == "__main__":
    sys.exit(main())
