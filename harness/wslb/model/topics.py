"""What a user's own configuration is asked about, further than its upgrades and turns."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Topic"]


class Topic(StrEnum):
    """A topic of ``wslb try --ask``."""

    TURNS = "turns"
    """Whom a cookie leads to, and which other requests take turns."""
    FAILURE = "failure"
    """A backend that refuses, hangs or answers 503."""
    TIME = "time"
    """When an idle tunnel ends."""
    ROOM = "room"
    """How many tunnels fit."""
    RELOAD = "reload"
    """Whether open tunnels survive a graceful restart."""
