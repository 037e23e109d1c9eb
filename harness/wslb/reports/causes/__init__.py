"""The rules that name a likely cause, each with the evidence that must be there; the first that matches speaks.

To add one, write a function from a scenario of the saved document and its turns to a `Cause` or None, put it into
`RULES` at its place, and a row into the table of tests/unit/reports/causes/test_likely.py.
"""

from __future__ import annotations

from wslb.reports.causes.answers import (
    died,
    dropped_upgrade,
    end_lost,
    ended_early,
    hung_up,
    not_upgraded,
    refused,
    restated,
    silent_over_tls,
    unacceptable,
    untrusted,
)
from wslb.reports.causes.cause import Cause, Rule
from wslb.reports.causes.headers import changed_field, forwarded, kept_field, other_carrier, other_path, wrong_accept
from wslb.reports.causes.messages import spoilt_message
from wslb.reports.causes.server import (
    another_lbmethod,
    another_loadfactor,
    another_setting,
    bypassed,
    member_out,
    nobody_left,
    other_members,
    unread,
)
from wslb.reports.causes.traffic import interleaved, others_used_it, refused_then_failed_over, sticky, still_busy
from wslb.reports.causes.witnesses import (
    accepted_twice,
    alike,
    crowded,
    impostor,
    logged,
    lone_witness,
    misgreeted,
    not_greeted,
    unmarked,
)

__all__ = ["RULES", "Cause"]

RULES: tuple[Rule, ...] = (
    unread,
    another_lbmethod,
    another_loadfactor,
    another_setting,
    crowded,
    refused_then_failed_over,
    nobody_left,
    other_members,
    untrusted,
    bypassed,
    member_out,
    impostor,
    sticky,
    wrong_accept,
    other_carrier,
    changed_field,
    kept_field,
    forwarded,
    other_path,
    silent_over_tls,
    dropped_upgrade,
    restated,
    not_upgraded,
    refused,
    hung_up,
    unacceptable,
    died,
    spoilt_message,
    ended_early,
    end_lost,
    unmarked,
    misgreeted,
    accepted_twice,
    lone_witness,
    not_greeted,
    alike,
    interleaved,
    others_used_it,
    still_busy,
    logged,
)
"""In this order: what the server says of itself, then what happened to single connections, then circumstances."""
