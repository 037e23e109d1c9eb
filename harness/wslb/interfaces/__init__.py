"""What stands outside, as protocols. Lower layers and scenarios know these, never a concrete class."""

from wslb.interfaces.backend import Backend, BackendInfo, Fault
from wslb.interfaces.backends import Backends
from wslb.interfaces.capabilities import Capabilities, Capability
from wslb.interfaces.changes import BalancerChange, MemberChange
from wslb.interfaces.connector import Connector, ConnectorName, RawConnection, RawConnector, Tunnel
from wslb.interfaces.installation import Installation
from wslb.interfaces.proxy import Dialect, Proxy
from wslb.interfaces.runtime import PRIVATE, STOPPED, Completed, Forwarder, Front, Process, Progress, Runtime

__all__ = [
    "PRIVATE",
    "STOPPED",
    "Backend",
    "BackendInfo",
    "Backends",
    "BalancerChange",
    "Capabilities",
    "Capability",
    "Completed",
    "Connector",
    "ConnectorName",
    "Dialect",
    "Fault",
    "Forwarder",
    "Front",
    "Installation",
    "MemberChange",
    "Process",
    "Progress",
    "Proxy",
    "RawConnection",
    "RawConnector",
    "Runtime",
    "Tunnel",
]
