"""What a proxy that hands the handshake on makes of it: each check on a record that keeps it, spoiled ones, none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.evidence import REQUEST, answer, arrival, record, spoiled, turns
from wslb.checks import handed_on
from wslb.model.handshake import Headers
from wslb.model.results import Check, Record

HOPS: Headers = (("X-Hop", "1"), ("Trailer", "X-Sum"), ("TE", "trailers"))
NGINX = handed_on.answer_but(writes={"Server": "nginx", "Date": ""})
HAPROXY = handed_on.answer_but(drops=("Content-Length",))
THROUGH = handed_on.hop_fields_through("X-Hop", "Trailer", behind=("TE",))
OWN: Headers = (("Server", "nginx/1.31.3"), ("Date", "now"))


def seen(
    received: Headers, *, sent: Headers = REQUEST, wrote: Headers | None = None, got: Headers | None = None
) -> Record:
    """A good record whose second connection was received so, and answered so by the backend and to the client."""
    good = record(turns(2))
    one = replace(arrival("node", headers=received), response=answer("node") if wrote is None else wrote)
    return spoiled(good, 2, request=sent, arrivals=(one,), response=answer("node") if got is None else got)


def first_alike(
    found: Record, received: Headers = REQUEST, sent: Headers = REQUEST, got: Headers | None = None
) -> Record:
    """The first connection handed on in the same way."""
    one = arrival("liberty", headers=received)
    return spoiled(found, 1, request=sent, arrivals=(one,), response=got or answer("liberty"))


GOOD: list[tuple[Check, Record]] = [
    (handed_on.host_kept, first_alike(seen(REQUEST))),
    (NGINX, first_alike(seen(REQUEST, got=(*answer("node"), *OWN)), got=(*answer("liberty"), *OWN))),
    (HAPROXY, first_alike(seen(REQUEST, wrote=(*answer("node"), ("Content-Length", "0"))))),
    (
        THROUGH,
        first_alike(seen((*REQUEST, *HOPS[:2]), sent=(*REQUEST, *HOPS)), (*REQUEST, *HOPS[:2]), (*REQUEST, *HOPS)),
    ),
]


@pytest.mark.parametrize(("check", "found"), GOOD, ids=lambda one: getattr(one, "__name__", ""))
def test_what_was_handed_on_passes_and_an_empty_record_fails(check: Check, found: Record) -> None:
    verdict = check(found)
    assert verdict.holds, verdict.observed
    assert not check(Record()).holds
    assert not check(spoiled(found, 2, arrivals=())).holds


BAD: list[tuple[Check, Record, str]] = [
    (
        handed_on.host_kept,
        seen((("Host", "mycluster"), *REQUEST[1:])),
        "Host was sent as 127.0.0.1:8080 and arrived as m",
    ),
    (handed_on.host_kept, seen((*REQUEST, ("X-Forwarded-For", "127.0.0.1"))), "and arrived as 127.0.0.1"),
    (handed_on.host_kept, seen((*REQUEST, ("Forwarded", "for=x"))), "Forwarded was sent as nothing"),
    (NGINX, seen(REQUEST, got=answer("node")), "Server is absent"),
    (NGINX, seen(REQUEST, got=(*answer("node"), ("Server", "Jetty"), OWN[1])), "Server is 'Jetty'"),
    (NGINX, seen(REQUEST, got=(*answer("node"), OWN[0])), "Date is absent"),
    (NGINX, seen(REQUEST, got=(*answer("node"), *OWN, ("Via", "x"))), "Via was added"),
    (HAPROXY, seen(REQUEST, got=(*answer("node"), ("Content-Length", "0"))), "Content-Length reached the client"),
    (HAPROXY, seen(REQUEST, got=answer("node")[:-1]), "X-Backend was removed"),
    (THROUGH, seen(REQUEST), "X-Hop, Trailer, TE was not sent"),
    (THROUGH, seen((*REQUEST, *HOPS), sent=(*REQUEST, *HOPS)), "TE reached the backend"),
    (THROUGH, seen((*REQUEST, HOPS[0]), sent=(*REQUEST, *HOPS)), "Trailer stayed behind"),
]


@pytest.mark.parametrize(("check", "found", "told"), BAD)
def test_what_was_not_is_told(check: Check, found: Record, told: str) -> None:
    lone = replace(found, handshakes=found.handshakes[1:])
    verdict = check(lone)
    assert not verdict.holds
    assert told in verdict.observed
