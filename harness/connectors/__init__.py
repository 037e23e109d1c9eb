"""Clients that open WebSockets. `CONNECTORS` names every one."""

from __future__ import annotations

from harness.connectors.http2 import Http2Connector
from harness.connectors.lean import LeanConnector
from harness.connectors.raw import RawConnector
from harness.connectors.websocket import WebSocketConnector
from harness.interfaces import Connector

__all__ = ["CONNECTORS", "RawConnector"]

CONNECTORS: dict[str, type[Connector]] = {
    "websockets": WebSocketConnector,
    "http2": Http2Connector,
    "lean": LeanConnector,
}
