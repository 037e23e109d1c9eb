"""Which clients stay with which member: by what they send, and by the cookie that the proxy itself gives them."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

from wslb.checks.judging import About, judged, no_evidence, sequence
from wslb.model.cookies import cookie_set
from wslb.model.handshake import one_header
from wslb.model.results import Check, Claim, Record, Verdict

__all__ = ["all_on_one", "cookie_given", "free_alternate", "one_member_each"]


def one_member_each(field: str, *, values: int, members: int) -> Check:
    """Requests with the same value of this header field all reach one member, and all values together so many."""

    def kept(record: Record) -> Verdict:
        name = About(check="one_member_each", phrase="clients changed the member", claims=Claim.SHARE)
        expected = f"each of {values} values of {field} keeps to one member, and they use {members}"
        served: defaultdict[str, list[str | None]] = defaultdict(list)
        for handshake in record.handshakes:
            if value := one_header(handshake.request, field):
                served[value].append(record.route_of(handshake))
        if len(served) != values or any(len(routes) < 2 for routes in served.values()):
            told = f"{len(served)} values were sent, each twice or more" if served else f"nobody sent {field}"
            return no_evidence(name, expected=expected, lacking=told)
        strays = [value for value, routes in served.items() if None in routes or len(set(routes)) > 1]
        used = {route for routes in served.values() for route in routes}
        return judged(
            name,
            holds=not strays and len(used) == members,
            expected=expected,
            observed=f"{len(served) - len(strays)} of {len(served)} do, {len(used)} members used",
            evidence=strays,
        )

    return kept


def free_alternate(field: str, *, count: int) -> Check:
    """So many connections come without this header field, and no member serves two of them in a row."""

    def free(record: Record) -> Verdict:
        expected = f"{count} connections without {field} take strict turns"
        routes = [record.route_of(h) for h in record.handshakes if one_header(h.request, field) is None]
        if not routes:
            return no_evidence("free_alternate", expected=expected, lacking=f"every connection had {field}")
        holds = len(routes) == count and None not in routes and all(a != b for a, b in pairwise(routes))
        return judged("free_alternate", holds=holds, expected=expected, observed=sequence(routes))

    return free


def all_on_one(count: int) -> Check:
    """So many connections, all of which one member serves."""

    def one(record: Record) -> Verdict:
        name = About(check="all_on_one", phrase="clients changed the member", claims=Claim.SHARE)
        expected = f"{count} connections, all on one member"
        if not record.handshakes:
            return no_evidence(name, expected=expected, lacking="no connection was opened")
        seen = record.elections
        holds = len(seen) == count and None not in seen and len(set(seen)) == 1
        return judged(name, holds=holds, expected=expected, observed=sequence(seen))

    return one


def cookie_given(name: str, *seqs: int) -> Check:
    """Exactly these connections are given a cookie of this name, on the 101 itself."""

    def given(record: Record) -> Verdict:
        expected = f"the 101 of connections {', '.join(map(str, seqs))} sets the cookie {name}, no other does"
        if not record.accepted:
            return no_evidence("cookie_given", expected=expected, lacking="no handshake was accepted")
        having = [h.seq for h in record.accepted if cookie_set(h.response, name)]
        told = f"connections {', '.join(map(str, having))}" if having else "none does"
        return judged("cookie_given", holds=bool(seqs) and having == [*seqs], expected=expected, observed=told)

    return given
