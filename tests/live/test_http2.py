"""The client that opens WebSockets over HTTP/2, against a real Apache httpd."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wslb.connectors.http2 import Http2Connector
from wslb.lab.lab import Lab
from wslb.model.handshake import one_header
from wslb.model.sites import CLUSTER, TLS_CLUSTER, balanced
from wslb.runtimes.local.local_runtime import ports_to_listen
from wslb.scenarios.carrier import over_http2

pytestmark = pytest.mark.live


async def test_messages_wider_than_the_flow_control_window_pass_both_ways(lab: Lab) -> None:
    site = over_http2(balanced(CLUSTER, echo=True))
    await lab.begin("", site, balancer=site.balancers[0])
    tunnel = await lab.open(via="http2", greeting=False)
    for message in ("x" * 300_000, b"\0" * 70_000, "", "ä"):
        assert await tunnel.send(message)
        assert await tunnel.receive() == message
    await tunnel.close(4001, "enough")
    assert tunnel.handshake.closed is not None
    assert (tunnel.handshake.closed.code, tunnel.handshake.closed.by) == (4001, "client")


async def test_a_length_in_the_answer_to_connect_is_ignored(lab: Lab) -> None:
    site = over_http2(balanced(CLUSTER, echo=True))
    await lab.begin("", site, balancer=site.balancers[0])
    lengths = []
    for _ in range(2):
        tunnel = await lab.open(via="http2", greeting=False)
        lengths.append(one_header(tunnel.handshake.response, "Content-Length"))
        assert await tunnel.send("more than no bytes")
        assert await tunnel.receive() == "more than no bytes"
        await tunnel.close()
    assert sorted(map(str, lengths)) == ["0", "None"], "liberty's 101 has a Content-Length of 0, node's has none"


async def test_a_ping_is_answered_and_an_ended_tunnel_says_so(lab: Lab) -> None:
    site = over_http2(balanced(CLUSTER))
    await lab.begin("", site, balancer=site.balancers[0])
    _, tunnel = await Http2Connector().open(lab.proxy.front.url(site.mounts[0].listener, "/ws"))
    assert tunnel is not None
    await tunnel.ping(timeout_seconds=5)
    await tunnel.close()
    for use in (tunnel.send("x"), tunnel.ping(timeout_seconds=1)):
        with pytest.raises(ConnectionError):
            await use


async def test_over_tls_the_protocol_is_agreed_by_alpn(lab: Lab) -> None:
    plain = balanced(TLS_CLUSTER)
    site = replace(plain, modules=("http2",), directives=("Protocols h2 http/1.1", "H2WebSockets on"))
    await lab.begin("", site, balancer=site.balancers[0])
    tunnel = await lab.open(via="http2", greeting=False)
    assert tunnel.accepted, tunnel.handshake.error
    assert await tunnel.send("WRKSBS")
    assert await tunnel.receive() is not None


async def test_a_server_without_http2_is_a_result_not_an_exception(lab: Lab) -> None:
    site = balanced(CLUSTER)
    await lab.begin("", site, balancer=site.balancers[0])
    opened = await lab.open(via="http2", timeout_seconds=5)
    assert not opened.accepted
    assert opened.handshake.error


async def test_nobody_listening_is_a_result_not_an_exception() -> None:
    opened, tunnel = await Http2Connector().open(f"ws://127.0.0.1:{ports_to_listen(0)[0]}/ws", timeout_seconds=5)
    assert tunnel is None
    assert opened.error is not None
    assert "refused" in opened.error.lower()
