"""Apache httpd in a container. This package, and nothing else, imports the ``docker`` SDK."""

from __future__ import annotations

from wslb.runtimes.docker.docker_runtime import DockerRuntime, open_docker
from wslb.runtimes.docker.leftovers import ContainerLeftover, sweep_containers

__all__ = ["ContainerLeftover", "DockerRuntime", "open_docker", "sweep_containers"]
