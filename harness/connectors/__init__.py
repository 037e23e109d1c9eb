"""Clients that open WebSockets. `CONNECTORS` names every one."""

from __future__ import annotations

from harness.connectors.lean import LeanConnector
from harness.connectors.websocket import WebSocketConnector

__all__ = ["CONNECTORS"]

CONNECTORS: dict[str, type[WebSocketConnector] | type[LeanConnector]] = {
    "websockets": WebSocketConnector,
    "lean": LeanConnector,
}
