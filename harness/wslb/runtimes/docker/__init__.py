"""Apache httpd in a container. This package, and nothing else, imports the ``docker`` SDK."""

from __future__ import annotations

from wslb.runtimes.docker.leftovers import ContainerLeftover, sweep_containers
from wslb.runtimes.docker.runtime import DockerRuntime, open_docker

__all__ = ["ContainerLeftover", "DockerRuntime", "open_docker", "sweep_containers"]
