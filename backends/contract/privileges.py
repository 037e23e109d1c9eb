"""Give up root for good, once everything that needs it is done."""

import os
import pwd

# The installation may be out of reach for the user that we become (under /root with mode 0700), so
# what the standard library imports only when first used is imported here, while it still can be.
import concurrent.futures.thread  # isort: skip  # loop.run_in_executor
import asyncio.subprocess  # isort: skip
import encodings.ascii
import encodings.idna
import encodings.latin_1
import encodings.unicode_escape
import linecache
import stringprep
import traceback
import unicodedata
from dataclasses import dataclass

from backends.contract.options import StartFailure

PRELOADED = (
    concurrent.futures.thread, asyncio.subprocess, encodings.ascii, encodings.idna, encodings.latin_1,
    encodings.unicode_escape, linecache, stringprep, traceback, unicodedata,
)  # fmt: skip
"""Modules that must be in memory before the drop; named so that no clean-up takes the imports away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The user to become."""

    name: str
    uid: int
    gid: int


def find(user: str | None) -> Account | None:
    """Look up the user of `--user`, by name or number; None stays None.

    Raises:
        StartFailure: There is no such user, or only root could become it.
    """
    if user is None:
        return None
    try:
        entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
        account = Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)
    except (KeyError, OverflowError) as error:
        if not user.isdecimal() or int(user) >= 2**31:
            raise StartFailure(
                what=f"cannot become user {user}",
                why="this system has no such user",
                hint="give a name or number that `id` knows",
            ) from error
        # A number needs no entry: containers run as bare numbers.
        account = Account(name=user, uid=int(user), gid=int(user))
    if os.geteuid() not in (0, account.uid):
        raise StartFailure(
            what=f"cannot become user {user}",
            why=f"only root can, and this process is user {os.geteuid()}",
            hint="start as root, or leave --user out",
        )
    return account


def become(account: Account | None) -> None:
    """Become this user for good: groups first, then the group, then the user, and check that there is no way back."""
    if account is None or os.geteuid() == account.uid:
        return
    os.setgroups([])
    os.setgid(account.gid)
    os.setuid(account.uid)
    os.chdir("/")
    try:
        os.setuid(0)
    except PermissionError:
        return
    raise StartFailure(
        what=f"cannot become user {account.name}",
        why="the system gave root back",
        hint="start as that user instead of with --user",
    )
