"""What is opened in a folder that strangers can write to: our own user's, no link, no fifo, nothing large."""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

__all__ = ["MOST_BYTES", "file_of", "opened", "our_users", "text_of"]

MOST_BYTES = 65_536
"""Of a file that is read, unless more are allowed."""


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[int | None]:
    """Descriptor of a directory that is our own user's and no link; None for anything else."""
    try:
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        yield None
        return
    try:
        yield directory if os.fstat(directory).st_uid == os.geteuid() else None
    finally:
        os.close(directory)


def file_of(directory: int, name: str, *, most: int = MOST_BYTES) -> int | None:
    """Descriptor of a small regular file of our own user in a directory, opened without waiting; None otherwise."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return None
    there = os.fstat(descriptor)
    if stat.S_ISREG(there.st_mode) and there.st_uid == os.geteuid() and there.st_size <= most:
        return descriptor
    os.close(descriptor)
    return None


def text_of(directory: int, name: str, *, most: int = MOST_BYTES) -> str | None:
    """Text of a small regular file of our own user in a directory; None for anything else."""
    descriptor = file_of(directory, name, most=most)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return file.read(most).decode("utf-8", "replace")


def our_users() -> set[int]:
    """Ourselves, and for root the user that servers become."""
    return {os.geteuid()} | ({pwd.getpwnam("nobody").pw_uid} if os.geteuid() == 0 else set())
