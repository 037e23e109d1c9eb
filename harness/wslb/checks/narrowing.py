"""Judging a part of a record: the connections of one path, as if nothing else had happened."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from wslb.model.balancer import Balancer
from wslb.model.results import Check, Claim, Record, Verdict

__all__ = ["on"]


def on(path: str, balancer: Balancer, check: Check) -> Check:
    """The check, on the handshakes of one path and another balancer than the scenario's.

    Counters of balancer-manager are of the scenario's balancer, so they are left out; each scenario starts a fresh
    httpd, so a model starts from zero. Use it for checks that look at handshakes only. The verdict claims nothing of
    the whole sequence, which is the one that is drawn.
    """

    def narrowed(record: Record) -> Verdict:
        part = tuple(handshake for handshake in record.handshakes if urlsplit(handshake.url).path == path)
        verdict = check(replace(record, balancer=balancer, handshakes=part, before=(), after=()))
        return replace(verdict, check=f"{verdict.check} on {path}", claims=Claim.NONE, tolerance=None)

    return narrowed
