"""The Docker engine and the images that tests may use: found once, and loud about what is missing."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from typing import Any, NoReturn

import docker
import docker.errors
import psutil
import pytest
import requests

OFFICIAL = "wslb/httpd:2.4-official-layout"
DEBIAN = "wslb/httpd:2.4-debian"
PUBLIC = "httpd:2.4"
PYTHON = "wslb/python:3.11"
BUILD = "tests/images/engine.sh up && for what in official debian others; do tests/images/build-$what.sh; done"


@cache
def client() -> docker.DockerClient | str:
    """A client, or why there is none."""
    try:
        return docker.from_env(timeout=60)
    except (docker.errors.DockerException, requests.exceptions.RequestException) as exc:
        return f"no Docker engine answers ({exc}); on Debian as root: {BUILD}"


@cache
def present(name: str) -> bool:
    engine = client()
    if isinstance(engine, str):
        return False
    try:
        engine.images.get(name)
    except docker.errors.ImageNotFound:
        return False
    return True


@cache
def images() -> tuple[str, ...]:
    """Images of httpd in the engine; the public one is pulled where none is."""
    found = tuple(name for name in (OFFICIAL, DEBIAN, PUBLIC) if present(name))
    engine = client()
    if not found and isinstance(engine, docker.DockerClient):
        try:
            engine.images.pull(PUBLIC)
        except docker.errors.APIError:
            return ()
        return (PUBLIC,)
    return found


def engine() -> docker.DockerClient:
    """The engine, else the test is skipped, or fails where an engine is required."""
    found = client()
    return _without(found) if isinstance(found, str) else found


def image(name: str | None = None) -> str:
    """An image of httpd in the engine, or the one of this name."""
    engine()
    if name is not None and not present(name):
        _without(f"the image {name} is not in the engine; on Debian as root: {BUILD}")
    if name is None and not images():
        _without(f"no image of httpd is in the engine or can be pulled; on Debian as root: {BUILD}")
    return name or images()[0]


def _without(reason: str) -> NoReturn:
    if os.environ.get("WSLB_REQUIRE_DOCKER") == "1":
        pytest.fail(f"WSLB_REQUIRE_DOCKER=1, but {reason}", pytrace=False)
    pytest.skip(reason)


def missing(reason: str) -> NoReturn:
    """Something beside the engine is not here."""
    _without(reason)


def everything() -> dict[str, set[str]]:
    """What the engine holds that a run could leave behind."""
    here = engine()
    ours = {process.pid for process in (psutil.Process(), *psutil.Process().children(recursive=True))}
    return {
        "containers": {item["Id"] for item in here.api.containers(all=True) if not _of_others(item, ours)},
        "networks": {item["Name"] for item in here.api.networks()},
        "volumes": {item["Name"] for item in (here.api.volumes().get("Volumes") or ())},
    }


def _of_others(item: dict[str, Any], ours: set[int]) -> bool:
    """Whether this is the container of a run that somebody else has going at the same time."""
    pid = int((item.get("Labels") or {}).get("wslb.owner.pid", 0))
    return pid not in ours and pid > 1 and psutil.pid_exists(pid)


def compose() -> list[str]:
    """Command of Docker Compose, version 2."""
    engine()
    command = ["docker", "compose"]
    try:
        done = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, timeout=30, check=False)
    except OSError as exc:
        _without(f"there is no docker command ({exc})")
    version = done.stdout.strip().lstrip("v")
    if done.returncode != 0 or int(version.partition(".")[0] or 0) < 2:
        _without(f"Docker Compose 2 is not here (found {version or 'none'}); tests/images/compose.sh installs it")
    return command
