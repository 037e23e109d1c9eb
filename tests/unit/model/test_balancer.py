from __future__ import annotations

import pytest

from tests.evidence import ADDRESSES, CLUSTER, LIBERTY, NODE
from wslb.errors import ConfigError
from wslb.model.balancer import (
    CARRIERS,
    MOST_THREADS,
    SPARE_THREADS,
    Balancer,
    Listener,
    Member,
    Mount,
    ProcessModel,
    Site,
    resolve_url,
)


@pytest.mark.parametrize(
    "bad",
    [{"loadfactor": 0}, {"loadfactor": 101}, {"route": "a.b"}, {"route": ""}, {"url": "ftp://x"}, {"url": "liberty"}],
    ids=str,
)
def test_a_member_that_httpd_would_misread_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="must be"):
        Member(**{"route": "a", "url": "ws://a", **bad})  # type: ignore[arg-type]


def test_two_members_of_one_route_are_refused() -> None:
    with pytest.raises(ConfigError, match="different routes"):
        Balancer(name="b", members=(LIBERTY, LIBERTY))


@pytest.mark.parametrize(
    ("url", "resolved"),
    [
        ("ws://liberty/WSConsole", "ws://127.0.0.101:10000/WSConsole"),
        ("ws://node", "ws://127.0.0.102:8888"),
        ("http://node/x", "http://127.0.0.102:8888/x"),
        ("ws://192.0.2.1:80/x", "ws://192.0.2.1:80/x"),
    ],
)
def test_a_backends_name_becomes_its_address(url: str, resolved: str) -> None:
    assert resolve_url(url, ADDRESSES) == resolved


def test_a_backend_without_that_listener_is_an_error_and_not_a_host_name() -> None:
    with pytest.raises(ConfigError, match="wss://node"):
        resolve_url("wss://node", ADDRESSES)


def test_a_site_knows_its_balancers_backends_and_mounts() -> None:
    mount = Mount(path="/ws", target=CLUSTER, target_path="/CLRunner")
    direct = Mount(path="/direct", target="wss://node/x", listener=Listener.TLS)
    site = Site(mounts=(mount, direct))
    assert site.balancers == (CLUSTER,)
    assert site.backends == {"liberty", "node"}
    assert site.mount("/direct") is direct
    with pytest.raises(KeyError):
        site.mount("/nowhere")


def test_changes_make_copies() -> None:
    site = Site(mounts=(Mount(path="/ws", target=CLUSTER),))
    heavy = CLUSTER.with_member(Member(route="node", url="ws://node", loadfactor=2))
    assert site.with_balancer(heavy).balancers[0].member("node").loadfactor == 2
    assert site.balancers[0].member("node").loadfactor == 1
    assert CLUSTER.route_of("node") == "node"
    assert CLUSTER.route_of("nobody") is None
    assert NODE.backend == "node"


def test_threads_bound_the_tunnels() -> None:
    assert ProcessModel(children=3, threads=50).workers == 150


def test_carriers_are_named_as_the_manual_names_them() -> None:
    assert [carrier.module for carrier in CARRIERS] == ["mod_proxy_wstunnel", "mod_proxy_http"]


@pytest.mark.parametrize(
    ("path", "mounted"), [("/ws", "/ws"), ("/ws/more?x=1", "/ws"), ("/wsx", None), ("/ws/deep/er", "/ws"), ("/", None)]
)
def test_a_path_falls_under_the_first_mount_that_fits_whole_segments(path: str, mounted: str | None) -> None:
    site = Site(mounts=(Mount(path="/ws", target=CLUSTER), Mount(path="/ws/deep/", target=CLUSTER)))
    found = site.mount_of(path)
    assert (found.path if found else None) == mounted


@pytest.mark.parametrize("tunnels", [1, 100, 400, 401, 449, 1000, 5000, 10_000])
def test_there_is_a_thread_for_every_tunnel(tunnels: int) -> None:
    model = ProcessModel.for_tunnels(tunnels)
    assert model.workers >= tunnels + SPARE_THREADS
    assert model.threads <= MOST_THREADS
    assert model.workers <= tunnels + SPARE_THREADS + max(model.threads, 256)
