"""Clients that open WebSockets. `CONNECTORS` names every one."""

from __future__ import annotations

from wslb.connectors.http2 import Http2Connector
from wslb.connectors.streams import StreamConnector
from wslb.connectors.websocket import WebSocketConnector
from wslb.interfaces import Connector, ConnectorName

__all__ = ["CONNECTORS", "StreamConnector", "WebSocketConnector"]

CONNECTORS: dict[ConnectorName, type[Connector]] = {
    "websockets": WebSocketConnector,
    "http2": Http2Connector,
}
