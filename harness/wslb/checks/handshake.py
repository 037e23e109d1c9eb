"""The opening handshake, at each of its four stations, against RFC 6455 and what the proxy may change."""

from __future__ import annotations

from wslb.checks.judging import About, told_field, told_status
from wslb.checks.judging import each as _each
from wslb.model.handshake import Arrival, Handshake, Headers, accept_for, header_values, one_header, tokens, valid_key
from wslb.model.hops import FieldChange, changes
from wslb.model.results import Check, Claim, Record, Verdict

__all__ = [
    "accept_is_right",
    "answer_reaches_client",
    "answered_101",
    "arrived_at",
    "arrived_intact",
    "forwarded_headers",
    "listing_seven",
    "only_known_changes",
    "subprotocol_chosen",
]


def answered_101(record: Record) -> Verdict:
    """The client receives ``101 Switching Protocols`` with Upgrade and Connection (RFC 6455 section 4.2.2, item 5)."""

    def wrong(handshake: Handshake) -> str:
        if handshake.status != 101:
            return told_status(handshake)
        if handshake.error:
            return handshake.error
        if "websocket" not in tokens(handshake.response, "Upgrade"):
            return f"Upgrade is {told_field(handshake.response, 'Upgrade')}"
        if "upgrade" not in tokens(handshake.response, "Connection"):
            return f"Connection is {told_field(handshake.response, 'Connection')}"
        return ""

    return _each(
        About(check="answered_101", phrase="a handshake was not answered 101", claims=Claim.OPENING),
        record,
        expected="101 with Upgrade: websocket and Connection: Upgrade",
        wrong=wrong,
        accepted_only=False,
    )


def accept_is_right(record: Record) -> Verdict:
    """``Sec-WebSocket-Accept`` is base64(SHA-1(key + GUID)), once (RFC 6455 section 4.2.2, item 5.4)."""

    def wrong(handshake: Handshake) -> str:
        key = one_header(handshake.request, "Sec-WebSocket-Key") or ""
        values = header_values(handshake.response, "Sec-WebSocket-Accept")
        want = accept_for(key)
        return "" if values == (want,) else f"the key {key} wants {want}, but {', '.join(values) or 'nothing'} came"

    return _each(
        About(check="accept_is_right", phrase="Sec-WebSocket-Accept is wrong", claims=Claim.FIELDS),
        record,
        expected="Sec-WebSocket-Accept recomputed from the key equals the one received",
        wrong=wrong,
    )


def arrived_intact(record: Record) -> Verdict:
    """The backend receives a valid opening handshake with the client's own key (RFC 6455 section 4.2.1)."""

    def wrong(handshake: Handshake) -> str:
        arrival = handshake.arrival
        if arrival is None:
            return "no backend saw it"
        if arrival.method != "GET" or arrival.http_version != "1.1":
            return f"it arrived as {arrival.method} HTTP/{arrival.http_version}"
        if "websocket" not in tokens(arrival.headers, "Upgrade"):
            return f"it arrived with Upgrade {told_field(arrival.headers, 'Upgrade')}"
        if "upgrade" not in tokens(arrival.headers, "Connection"):
            return f"it arrived with Connection {told_field(arrival.headers, 'Connection')}"
        return _same_fields(handshake.request, arrival.headers)

    return _each(
        About(check="arrived_intact", phrase="the handshake arrived damaged", claims=Claim.FIELDS),
        record,
        expected="GET, HTTP/1.1, Upgrade and Connection; key, version, Origin and User-Agent as the client sent them",
        wrong=wrong,
        or_arrived=True,
    )


def _same_fields(sent: Headers, received: Headers) -> str:
    if not valid_key(one_header(received, "Sec-WebSocket-Key") or ""):
        return "the key that arrived is not base64 of 16 bytes"
    for name in ("Sec-WebSocket-Key", "Sec-WebSocket-Version", "Origin", "User-Agent", "Sec-WebSocket-Protocol"):
        if header_values(sent, name) != header_values(received, name):
            return f"{name} was sent as {header_values(sent, name)} and arrived as {header_values(received, name)}"
    if header_values(received, "Sec-WebSocket-Version") != ("13",):
        return "Sec-WebSocket-Version is not 13"
    return ""


def forwarded_headers(record: Record) -> Verdict:
    """Host is the member's; X-Forwarded-For, -Host, -Server tell the client's side (mod_proxy, ProxyAddHeaders).

    The proxy appends its own word to what the request already had.
    """

    def wrong(handshake: Handshake) -> str:
        arrival = handshake.arrival
        if arrival is None:
            return "no backend saw it"
        member = record.addresses.get(f"{arrival.listener}://{arrival.backend}", "")
        asked = record.asked(handshake)
        own = {
            "X-Forwarded-For": record.client or _one_address(arrival.headers),
            "X-Forwarded-Host": one_header(asked, "Host") or "",
            "X-Forwarded-Server": "localhost",
        }
        wants = {name: ", ".join((*header_values(asked, name), value)) for name, value in own.items()}
        for name, want in {"Host": member, **wants}.items():
            got = header_values(arrival.headers, name)
            if got != (want,):
                return f"{name} should be {want!r}, but is {', '.join(map(repr, got)) or 'absent'}"
        return ""

    return _each(
        About(check="forwarded_headers", phrase="the forwarded headers are wrong", claims=Claim.FORWARDED),
        record,
        expected="Host is the member's address; X-Forwarded-For, -Host and -Server name the client's side",
        wrong=wrong,
        or_arrived=True,
    )


def _one_address(headers: Headers) -> str:
    """The last address of the X-Forwarded-For that came: behind some engines' NAT nobody knows which it must be."""
    return ", ".join(header_values(headers, "X-Forwarded-For")).rpartition(",")[2].strip() or "one address"


_KNOWN = {
    "host": "rewritten",
    "upgrade": "re-created",
    "connection": "re-created",
    "x-forwarded-for": "added",
    "x-forwarded-host": "added",
    "x-forwarded-server": "added",
}


def only_known_changes(record: Record) -> Verdict:
    """Between client and backend the proxy changes Host, re-creates Upgrade and Connection, adds X-Forwarded-*."""
    expected = "rewritten: Host; re-created: Upgrade, Connection; added: X-Forwarded-For, -Host, -Server; nothing else"

    def wrong(handshake: Handshake) -> str:
        if handshake.arrival is None:
            return "no backend saw it"
        found = changes(record.asked(handshake), handshake.arrival.headers)
        odd = [change for change in found if not _known(change)]
        return "; ".join(f"{change.name} was {change.what}" for change in odd)

    return _each(
        About(check="only_known_changes", phrase="the proxy changed an unexpected header", claims=Claim.FIELDS),
        record,
        expected=expected,
        wrong=wrong,
        or_arrived=True,
    )


def _known(change: FieldChange) -> bool:
    name = change.name.lower()
    extended = name.startswith("x-forwarded-") and change.what == "rewritten"  # a list with one more (mod_proxy)
    return change.what == "unchanged" or _KNOWN.get(name) == change.what or extended


def answer_reaches_client(record: Record) -> Verdict:
    """Every field of the backend's answer reaches the client; Upgrade and Connection are the hop's own."""

    def wrong(handshake: Handshake) -> str:
        arrival = handshake.arrival
        if arrival is None or arrival.status != handshake.status:
            return f"the backend answered {arrival.status if arrival else 'nothing'}, the client got {handshake.status}"
        odd = [
            change
            for change in changes(arrival.response, handshake.response)
            if change.what not in {"unchanged", "re-created"}
        ]
        return "; ".join(f"{change.name} was {change.what} on the way back" for change in odd)

    return _each(
        About(check="answer_reaches_client", phrase="the answer changed on its way", claims=Claim.FIELDS),
        record,
        expected="the backend's fields arrive, none added or lost",
        wrong=wrong,
    )


LISTING_SEVEN = ("Upgrade", "Connection", "Sec-WebSocket-Accept", "Origin")


def names_but_ours(response: Headers) -> tuple[str, ...]:
    """Names of an answer's fields in their order, but for the one that a stand-in adds."""
    return tuple(name for name, _ in response if name.lower() != "x-backend")


def listing_seven(record: Record) -> Verdict:
    """Each 101 is the article's Listing 7 as printed: its fields, in its order, with the Origin that the client sent.

    X-Backend may follow, which a stand-in adds.
    """
    told = ", ".join(LISTING_SEVEN)

    def wrong(handshake: Handshake) -> str:
        names = names_but_ours(handshake.response)
        if names != LISTING_SEVEN:
            return f"the fields are {', '.join(names) or 'none'}"
        sent, came = (header_values(fields, "Origin") for fields in (handshake.request, handshake.response))
        return "" if sent == came else f"Origin was sent as {', '.join(sent) or 'nothing'} and came as {came[0]}"

    return _each(
        About(check="listing_seven", phrase="the answer is not Listing 7", claims=Claim.FIELDS),
        record,
        expected=f"{told}, in this order and no others but X-Backend; Origin as the client sent it",
        wrong=wrong,
    )


def subprotocol_chosen(name: str) -> Check:
    """The offer reaches the backend, and the backend's choice the client (RFC 6455 section 4.2.2, item 5.5)."""

    def chosen(record: Record) -> Verdict:
        def wrong(handshake: Handshake) -> str:
            arrival: Arrival | None = handshake.arrival
            offered = header_values(handshake.request, "Sec-WebSocket-Protocol")
            received = header_values(arrival.headers, "Sec-WebSocket-Protocol") if arrival else ()
            if not offered or offered != received:
                return f"{offered} was offered, {received} arrived"
            answered = header_values(handshake.response, "Sec-WebSocket-Protocol")
            if answered != (name,) or handshake.subprotocol != name:
                return f"{answered or 'nothing'} was chosen"
            return ""

        return _each(
            About(check="subprotocol_chosen", phrase="the subprotocol got lost", claims=Claim.FIELDS),
            record,
            expected=f"{name} offered, received and chosen",
            wrong=wrong,
        )

    return chosen


def arrived_at(target: str) -> Check:
    """Each backend received the request on its own path (mod_proxy appends the balancer's path to the member's).

    Args:
        target: of the balancer, with the query; each member's own path stands before it.
    """

    def arrived(record: Record) -> Verdict:
        members = record.balancer.members if record.balancer else ()
        paths = {member.backend: f"{member.path}{target}" for member in members}
        told = ", ".join(f"{backend}: {path}" for backend, path in paths.items())

        def wrong(handshake: Handshake) -> str:
            arrival = handshake.arrival
            if arrival is None:
                return "no backend saw it"
            want = paths.get(arrival.backend)
            return "" if arrival.target == want else f"{arrival.backend} saw {arrival.target}, not {want}"

        return _each(
            About(check="arrived_at", phrase="the request arrived on another path"),
            record,
            expected=told,
            wrong=wrong,
            or_arrived=True,
        )

    return arrived
