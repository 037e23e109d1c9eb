"""What stands outside, as protocols. Lower layers and scenarios know these, never a concrete class."""

from wslb.interfaces.client import Connector, Opened, RawConnector, Tunnel, Wire
from wslb.interfaces.place import PRIVATE, Completed, Forwarder, Front, Process, Progress, Runtime
from wslb.interfaces.proxy import BalancerChange, Dialect, Installation, MemberChange
from wslb.interfaces.report import Reporter
from wslb.interfaces.server import Backend, BackendInfo, Fault

__all__ = [
    "PRIVATE",
    "Backend",
    "BackendInfo",
    "BalancerChange",
    "Completed",
    "Connector",
    "Dialect",
    "Fault",
    "Forwarder",
    "Front",
    "Installation",
    "MemberChange",
    "Opened",
    "Process",
    "Progress",
    "RawConnector",
    "Reporter",
    "Runtime",
    "Tunnel",
    "Wire",
]
