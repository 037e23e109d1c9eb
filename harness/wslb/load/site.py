"""What httpd must serve for a load run in the lab: both backends behind one balancer, with room for every tunnel."""

from __future__ import annotations

from collections.abc import Collection

from wslb.model.balancer import LbMethod, Listener, Mount, ProcessModel, Site
from wslb.model.sites import LIBERTY, NODE, TLS_LIBERTY, TLS_NODE, cluster

__all__ = ["ECHO_PATH", "load_site"]

ECHO_PATH = {Listener.PLAIN: "/ws-echo", Listener.TLS: "/wss-echo"}


def load_site(
    tunnels: int,
    *,
    listener: Listener,
    lbmethod: LbMethod,
    idle_seconds: float = 300,
    backends: Collection[str] | None = None,
) -> Site:
    """The article's balancer on its own path and, for messages, on a path that leads to the echo endpoints.

    Args:
        tunnels: most at a time.
        listener: side of the proxy; members are of the same scheme.
        lbmethod: of the balancer.
        idle_seconds: how long a silent tunnel is kept; mod_proxy_http goes by the server's Timeout.
        backends: real servers that there are, of which nobody knows an echo endpoint; None for the stand-ins.
    """
    members = (LIBERTY, NODE) if listener is Listener.PLAIN else (TLS_LIBERTY, TLS_NODE)
    kept = [one for one in members if backends is None or one.backend in backends]
    further = [name for name in backends or () if name not in {LIBERTY.backend, NODE.backend}]
    balancer = cluster(*kept, lbmethod=lbmethod).widened(further)
    echoing = Mount(path=ECHO_PATH[listener], target=balancer, target_path="/echo", listener=listener)
    return Site(
        mounts=(
            *((echoing,) if backends is None else ()),
            Mount(path=f"/{listener.value}", target=balancer, target_path="/CLRunner", listener=listener),
        ),
        process_model=ProcessModel.for_tunnels(tunnels),
        # A burst of connects waits in the kernel's queue: 511, the default, would refuse part of it (ListenBacklog).
        directives=("ListenBacklog 4096",),
        timeout_seconds=idle_seconds,
    )
