"""Clients that keep their cookies: what each was given, and to which backend it belongs."""

from __future__ import annotations

from wslb.load.shards.link import UNKNOWN
from wslb.load.tally import Tally
from wslb.model.cookies import cookies_given
from wslb.model.handshake import Headers
from wslb.wire.naming import ABSENT, NameRule

__all__ = ["Homes"]


class Homes:
    """The clients of one shard, each of which opens again and again; counts whether it is kept where it was.

    Each client opens twice in a row before the next one's turn: were they asked one by one, a balancer without any
    stickiness would bring each of two clients to the same of two members every time.
    """

    def __init__(self, clients: int, rule: NameRule, tally: Tally) -> None:
        self._clients = clients
        self._tally = tally
        self._by_cookie = rule.kind in {"cookie", "route"}
        self._jars: dict[int, dict[str, str]] = {}
        self._homes: dict[int, str] = {}
        self._expected: dict[int, str] = {}
        self._given: dict[int, dict[str, str]] = {}

    def _client(self, number: int) -> int:
        return number // 2 % self._clients

    def sent(self, number: int) -> str:
        """Cookies that this open sends, as the value of the field; empty where its client has none yet."""
        client = self._client(number)
        if client in self._homes:
            self._expected[number] = self._homes[client]
        return "; ".join(f"{name}={value}" for name, value in self._jars.get(client, {}).items())

    def given(self, number: int, response: Headers) -> None:
        """The answer to this open sets these cookies; they are the client's once it is open."""
        self._given[number] = cookies_given(response)

    def came(self, number: int, name: str) -> None:
        """This open came to that backend; a proxy sends its cookie once, so its absence moves nobody."""
        client, home = self._client(number), self._expected.pop(number, "")
        cookies = self._given.pop(number, {})
        if name == UNKNOWN or (not home and client in self._homes):
            return  # nothing is known, or it began before the client had a home
        self._jars.setdefault(client, {}).update(cookies)
        if self._by_cookie and name == ABSENT:
            self._tally.kept += bool(home)
            return
        if home:
            self._tally.kept += name == home
            self._tally.moved += name != home
        self._homes[client] = name
