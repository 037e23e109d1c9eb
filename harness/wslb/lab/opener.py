"""The lab's own client: every connection that it opens carries a correlation id and is kept in the ledger."""

from __future__ import annotations

import base64
import secrets
import ssl
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from wslb.config import Timeouts
from wslb.interfaces import Backends, Connector, ConnectorName, RawConnector
from wslb.lab.conversation import Conversation
from wslb.lab.ledger import Ledger
from wslb.lab.raw_conversation import RawConversation
from wslb.model.handshake import Handshake, Headers
from wslb.wire.http1 import RawRequest

__all__ = ["Opener"]

CORRELATION = "X-Wslb-Conn"


class Opener:
    """Opens WebSockets and raw connections; a refused one is evidence, not an exception."""

    def __init__(
        self,
        *,
        connectors: Mapping[str, Connector],
        raw_connector: RawConnector,
        trust: ssl.SSLContext | None,
        timeouts: Timeouts,
        backends: Backends,
        ledger: Ledger,
        near: Callable[[], Collection[str]],
    ) -> None:
        self._connectors = connectors
        self._raw_connector = raw_connector
        self._trust = trust
        self._timeouts = timeouts
        self._backends = backends
        self._ledger = ledger
        self._near = near

    async def open(
        self,
        url: str,
        headers: Headers,
        subprotocols: Sequence[str],
        *,
        greeting: bool,
        compress: bool = False,
        via: ConnectorName = "websockets",
        timeout_seconds: float | None = None,
    ) -> Conversation:
        """Open one WebSocket at a URL; `Lab.open` says what the arguments are."""
        seq, conn_id = self._ledger.number()
        at = self._ledger.clock()
        handshake, tunnel = await self._connectors[via].open(
            url,
            headers=(*headers, (CORRELATION, conn_id)),
            subprotocols=subprotocols,
            tls=self._trust if url.startswith("wss") else None,
            timeout_seconds=self._timeouts.handshake if timeout_seconds is None else timeout_seconds,
            compress=compress,
        )
        conversation = Conversation(
            replace(
                handshake,
                conn_id=conn_id,
                seq=seq,
                opened_at=at,
                signers=self._signers(handshake),
            ),
            tunnel,
            clock=self._ledger.clock,
            whose_greeting=self._greeters,
            message_seconds=self._timeouts.message,
            commands=not self._backends.real,
        )
        self._ledger.keep(conversation)
        if greeting and tunnel is not None:
            await conversation.greet()
        return conversation

    async def connect(self, request: RawRequest, url: str, path: str, *, tls: bool) -> RawConversation:
        """Connect for a request; the conversation is kept, whatever becomes of it."""
        seq, conn_id = self._ledger.number()
        authority = url.partition("://")[2].partition("/")[0]
        sent = replace(request, target=request.target or path).filled(
            {
                "host": authority,
                "origin": f"{'https' if tls else 'http'}://{authority}",
                "key": base64.b64encode(secrets.token_bytes(16)).decode(),
            }
        )
        sent = sent.adding((CORRELATION, conn_id))
        handshake = Handshake(conn_id=conn_id, seq=seq, url=url, request=sent.headers, opened_at=self._ledger.clock())
        connection = None
        try:
            connection = await self._raw_connector.connect(
                url, tls=self._trust if tls else None, timeout_seconds=self._timeouts.handshake
            )
        except ConnectionError as exc:
            handshake = replace(handshake, error=str(exc))
        conversation = RawConversation(
            handshake,
            connection,
            request=sent,
            clock=self._ledger.clock,
            whose_greeting=self._greeters,
            signers=self._signers,
            seconds=self._timeouts.handshake,
        )
        self._ledger.keep(conversation)
        return conversation

    def _greeters(self, text: str) -> tuple[str, ...]:
        return self._backends.greeters(text, self._near())

    def _signers(self, handshake: Handshake) -> tuple[str, ...]:
        return self._backends.signers(handshake, self._near())
