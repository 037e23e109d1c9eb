"""The questions of ``wslb compare --proxies``, and the scenarios that ask them of each product."""

from __future__ import annotations

from collections.abc import Iterator

from wslb.reports.contrast_rows import CHANGES, ContrastTopic

__all__ = ["TOPICS", "asked"]

TOPICS: tuple[ContrastTopic, ...] = (
    ContrastTopic(
        group="Turns",
        title="In which order are members of 3 to 1 elected?",
        scenarios=("weights-3-1",),
        shows=("repeats",),
    ),
    ContrastTopic(
        group="Turns",
        title="Does an ordinary GET steal a turn?",
        scenarios=("thieves-get",),
        shows=("served_by", "turns_taken"),
    ),
    ContrastTopic(
        group="Turns",
        title="Does a handshake without a key steal one?",
        scenarios=("thieves-malformed",),
        shows=("served_by", "turns_taken"),
    ),
    ContrastTopic(
        group="Turns",
        title="Does a TCP health check steal one?",
        scenarios=("thieves-tcp",),
        shows=("served_by", "turns_taken"),
    ),
    ContrastTopic(
        group="Dead members",
        title="What does a member that refuses connects cost a client?",
        scenarios=("failover-refused",),
        of={"haproxy": ("failover-refused", "failover-own-defaults")},
        shows=("answers", "waited", "elected_as_modelled", "elected_between"),
    ),
    ContrastTopic(
        group="Dead members",
        title="Does a member that stops tell its clients?",
        scenarios=("failover-stop",),
        shows=("lost", "answered"),
    ),
    ContrastTopic(
        group="Dead members",
        title="Is a member that answers 503 passed over?",
        scenarios=("failover-http-error",),
        shows=("answers",),
    ),
    ContrastTopic(
        group="Idle time",
        title="What ends an idle tunnel, and how?",
        scenarios=("timeouts-idle-limit",),
        of={"apache": ("timeouts-idle-wstunnel", "timeouts-idle-http")},
        shows=("lasted", "idle_until"),
    ),
    ContrastTopic(
        group="Idle time",
        title="Which limit wins?",
        of={
            "apache": ("timeouts-member-wins-http", "timeouts-member-shorter-http"),
            "nginx": ("timeouts-other-limits",),
            "haproxy": ("timeouts-tunnel-wins", "timeouts-client-wins"),
        },
        shows=("lasted", "idle_until"),
    ),
    ContrastTopic(
        group="Idle time",
        title="Do pings keep an idle tunnel open?",
        scenarios=("timeouts-idle-pings",),
        of={"apache": ("timeouts-pings-http",)},
        shows=("pinged",),
    ),
    ContrastTopic(
        group="Reload",
        title="What becomes of open tunnels, and where do the turns begin?",
        scenarios=("restart-graceful",),
        shows=("answered", "served_by"),
    ),
    ContrastTopic(
        group="Reload",
        title="Are clients lost that arrive meanwhile?",
        scenarios=("restart-graceful-arriving",),
        shows=("answered_101", "still_open"),
    ),
    ContrastTopic(
        group="Reload",
        title="Is there a limit on tunnels from before?",
        scenarios=("restart-old-limit",),
        why={
            "apache": "httpd has none for a restart: GracefulShutdownTimeout is about a stop alone (manual: mpm_common)"
        },
        shows=("lasted", "still_open"),
    ),
    ContrastTopic(
        group="Handshake",
        title="What does the backend see of it, and the client of the answer?",
        scenarios=("headers-handshake",),
        shows=(CHANGES,),
    ),
    ContrastTopic(
        group="Handshake",
        title="Do fields of the client's own connection stay behind?",
        scenarios=("headers-hop-fields",),
        shows=("nominated_fields_dropped", "hop_fields_through"),
    ),
)


def asked(product: str) -> tuple[str, ...]:
    """Names of all scenarios that a product is asked."""
    return tuple(dict.fromkeys(_names(product)))


def _names(product: str) -> Iterator[str]:
    for topic in TOPICS:
        yield from topic.asked(product)
