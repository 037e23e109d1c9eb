"""Clients that open WebSockets. `CONNECTORS` names every one."""

from __future__ import annotations

from harness.connectors.websocket import WebSocketConnector

__all__ = ["CONNECTORS"]

CONNECTORS = {"websockets": WebSocketConnector}
