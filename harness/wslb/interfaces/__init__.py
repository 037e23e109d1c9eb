"""What stands outside, as protocols. Lower layers and scenarios know these, never a concrete class."""

from wslb.interfaces.backend import Backend, BackendInfo, Fault
from wslb.interfaces.connector import Connector, Opened, RawConnector, Tunnel, Wire
from wslb.interfaces.proxy import BalancerChange, Dialect, Installation, MemberChange
from wslb.interfaces.report import Reporter
from wslb.interfaces.runtime import PRIVATE, Completed, Forwarder, Front, Process, Progress, Runtime

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
