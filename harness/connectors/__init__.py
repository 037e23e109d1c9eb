"""Clients that open WebSockets. `CONNECTORS` names every one."""

from __future__ import annotations

from harness.connectors.raw import RawConnector
from harness.connectors.websocket import WebSocketConnector

__all__ = ["CONNECTORS", "RawConnector"]

CONNECTORS = {"websockets": WebSocketConnector}
