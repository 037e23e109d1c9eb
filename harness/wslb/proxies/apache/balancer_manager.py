"""balancer-manager, spoken to over HTTP: its XML, its forms, and the two locks on them.

It answers 200 whatever happens (mod_proxy_balancer, AH10187 in the log at most): that a form did something is only
known from the XML afterwards. The locks are the nonce of the balancer and a Referer that names the server itself.

Measured: before 2.4.49 it answers in XML only who names a balancer and its nonce; before 2.4.68 the XML shows no nonce.
The links of the HTML page hold both in every version.
"""

from __future__ import annotations

import html
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from wslb.errors import ContractError, plain
from wslb.interfaces import BalancerChange, MemberChange

__all__ = ["BalancerManager", "form_of", "nonce_of", "nonces_of"]

_LINK = re.compile(r"""href=["'][^"'?]*\?b=([^&"']+)&(?:amp;)?(?:w=[^"']*?&(?:amp;)?)?nonce=([^"'&]+)["']""")
"""A balancer's link, as 2.4.12 writes it (no ``&amp;``), 2.4.23 to 2.4.39 (single quotes) and 2.4.46 and later."""

_GENERATIONS = 8
"""Answers by another child than the nonce's: each graceful restart makes new nonces, and old children answer on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancerManager:
    """The page of one side of one httpd.

    Attributes:
        base: ``http://host:port`` of the side that serves it.
        path: of the page.
        trust: what its certificate is verified with.
        named: host of the Referer that it wants, where that is not the one it is asked at (UseCanonicalName).
    """

    session: aiohttp.ClientSession
    base: str
    path: str
    trust: ssl.SSLContext
    named: str = ""

    @property
    def own_referer(self) -> str:
        """The Referer that a browser sends which has just read the page."""
        return f"{self.base.partition('://')[0]}://{self.named}/" if self.named else f"{self.base}/"

    async def page(self, *, fresh: bool = False) -> str:
        """The page as XML; without the Referer it would be HTML.

        Args:
            fresh: do not keep the connection, so that the next request may reach another child.

        Raises:
            ContractError: httpd does not answer.
        """
        page = await self._get({"xml": "1"}, fresh=fresh)
        for _ in range(_GENERATIONS):
            if page.startswith("<?xml") or not (nonces := nonces_of(page)):
                break
            name, nonce = next(iter(nonces.items()))
            page = await self._get({"xml": "1", "b": name, "nonce": nonce}, fresh=fresh)
        return page

    async def nonce(self, balancer: str) -> str:
        """The key to the forms of a balancer.

        Raises:
            ContractError: httpd does not answer, or shows none: then no form would be evidence of anything.
        """
        nonce = nonce_of(await self.page(), balancer) or nonces_of(await self._get({})).get(balancer.lower(), "")
        if not nonce:
            raise ContractError(backend="Apache httpd", detail=f"balancer-manager shows no nonce of {balancer}")
        return nonce

    async def _get(self, query: Mapping[str, str], *, fresh: bool = False) -> str:
        headers = {"Referer": self.own_referer} | ({"Connection": "close"} if fresh else {})
        url = f"{self.base}{self.path}"
        try:
            async with self.session.get(url, params=query, headers=headers, ssl=self.trust) as response:
                return (await response.text(errors="replace")).lstrip()
        except (aiohttp.ClientError, TimeoutError) as exc:
            why = plain(exc)
            raise ContractError(backend="Apache httpd", detail=f"balancer-manager did not answer ({why})") from exc

    async def post(self, form: Mapping[str, str], *, referer: str | None) -> int:
        """Send a form; its status, which is 200 also where the form was ignored.

        Raises:
            ContractError: httpd does not answer.
        """
        headers = {} if referer is None else {"Referer": referer}
        try:
            async with self.session.post(
                f"{self.base}{self.path}", data=dict(form), headers=headers, ssl=self.trust
            ) as response:
                await response.read()
                return response.status
        except (aiohttp.ClientError, TimeoutError) as exc:
            why = plain(exc)
            raise ContractError(backend="Apache httpd", detail=f"balancer-manager did not answer ({why})") from exc


def nonce_of(page: str, balancer: str) -> str:
    """Nonce of a balancer in the XML; empty when the page shows none."""
    name = re.escape(balancer)
    found = re.search(rf"(?i)<httpd:name>balancer://{name}</httpd:name>\s*<httpd:nonce>([^<]*)", page)
    return found[1] if found else ""


def nonces_of(page: str) -> dict[str, str]:
    """Nonces in the links of the HTML page, by balancer, whose names Apache shows in lower case."""
    return {html.unescape(name).lower(): html.unescape(nonce) for name, nonce in _LINK.findall(page)}


def form_of(change: MemberChange | BalancerChange, *, member_url: str = "") -> dict[str, str]:
    """Fields of the form that makes this change, without the balancer's name and nonce."""
    if isinstance(change, BalancerChange):
        return {"b_lbm": change.lbmethod}
    form = {"w": member_url}
    if change.state is not None:
        form[f"w_status_{change.state.value}"] = "1" if change.on else "0"
    if change.loadfactor is not None:
        form["w_lf"] = f"{change.loadfactor:g}"
    return form
