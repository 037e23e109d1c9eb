"""What a proxy that rewrites little makes of the opening handshake: nginx and HAProxy, as they come."""

from __future__ import annotations

from collections.abc import Mapping

from wslb.checks.judging import About, told_field
from wslb.checks.judging import each as _each
from wslb.model.handshake import Handshake, header_values, one_header
from wslb.model.hops import FieldChange, changes
from wslb.model.results import Check, Claim, Record, Verdict

__all__ = ["answer_but", "hop_fields_through", "host_kept"]

_FORWARDED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Server", "X-Forwarded-Proto", "Forwarded")


def host_kept(record: Record) -> Verdict:
    """Host arrives as the client sent it, and the proxy tells nothing of the client's side by itself."""

    def wrong(handshake: Handshake) -> str:
        arrival = handshake.arrival
        if arrival is None:
            return "no backend saw it"
        asked = record.asked(handshake)
        for name in ("Host", *_FORWARDED):
            sent, came = header_values(asked, name), header_values(arrival.headers, name)
            if sent != came:
                return (
                    f"{name} was sent as {', '.join(sent) or 'nothing'} and arrived as {', '.join(came) or 'nothing'}"
                )
        return ""

    return _each(
        About(check="host_kept", phrase="Host or the forwarded headers are wrong", claims=Claim.FORWARDED),
        record,
        expected="Host is the client's; no X-Forwarded-For, -Host, -Server, -Proto and no Forwarded is added",
        wrong=wrong,
        or_arrived=True,
    )


def answer_but(*, writes: Mapping[str, str] | None = None, drops: tuple[str, ...] = ()) -> Check:
    """The backend's fields reach the client, but for those that the proxy always writes itself or always drops.

    Args:
        writes: fields with what their value begins with; each is in every answer.
        drops: fields that are in no answer.
    """
    own = writes or {}
    told = [f"{', '.join(own)} {'is' if len(own) == 1 else 'are'} the proxy's" if own else ""]
    told += [f"no {', '.join(drops)}" if drops else ""]
    apart = {name.lower() for name in (*own, *drops)}

    def but(record: Record) -> Verdict:
        def foreseen(change: FieldChange) -> bool:
            return change.what in {"unchanged", "re-created"} or change.name.lower() in apart

        def wrong(handshake: Handshake) -> str:
            arrival = handshake.arrival
            if arrival is None or arrival.status != handshake.status:
                return f"the backend answered {arrival.status if arrival else 'nothing'}, not {handshake.status}"
            for name, begins in own.items():
                value = one_header(handshake.response, name)
                if value is None or not value.startswith(begins):
                    return f"{name} is {told_field(handshake.response, name)}"
            there = [name for name in drops if header_values(handshake.response, name)]
            odd = [
                f"{one.name} was {one.what}"
                for one in changes(arrival.response, handshake.response)
                if not foreseen(one)
            ]
            return "; ".join([*(f"{name} reached the client" for name in there), *odd])

        return _each(
            About(check="answer_but", phrase="the answer changed on its way", claims=Claim.FIELDS),
            record,
            expected=f"the backend's fields arrive; {'; '.join(filter(None, told))}; nothing else is added or lost",
            wrong=wrong,
        )

    return but


def hop_fields_through(*names: str, behind: tuple[str, ...] = ()) -> Check:
    """Of the fields of the client's own connection these reach the backend, and those of `behind` do not.

    RFC 9110 section 7.6.1 wants none of them to: it is a fact about the proxy, not a virtue.
    """

    def through(record: Record) -> Verdict:
        def wrong(handshake: Handshake) -> str:
            arrival = handshake.arrival
            if arrival is None:
                return "no backend saw it"
            unsent = [name for name in (*names, *behind) if not header_values(handshake.request, name)]
            if unsent:
                return f"{', '.join(unsent)} was not sent"
            kept = [name for name in names if not header_values(arrival.headers, name)]
            came = [name for name in behind if header_values(arrival.headers, name)]
            return "; ".join(
                [f"{name} stayed behind" for name in kept] + [f"{name} reached the backend" for name in came]
            )

        return _each(
            About(check="hop_fields_through", phrase="other hop-by-hop fields reached the backend"),
            record,
            expected=f"{', '.join(names)} reach the backend" + (f"; {', '.join(behind)} do not" if behind else ""),
            wrong=wrong,
        )

    return through
